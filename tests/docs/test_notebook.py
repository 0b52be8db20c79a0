"""The notebook's cells run from the first to the last, in an empty folder, and say what they promise."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

NOTEBOOK = Path(__file__).parents[2] / "docs" / "sixty_seconds.ipynb"


@pytest.mark.trains
def test_the_notebook_runs(tmp_path):
    cells = json.loads(NOTEBOOK.read_text(encoding="utf-8"))["cells"]
    code = ["".join(cell["source"]) for cell in cells if cell["cell_type"] == "code"]
    assert len(code) >= 3 and all(not cell.get("outputs") for cell in cells)
    script = tmp_path / "cells.py"
    script.write_text("import matplotlib\nmatplotlib.use('Agg')\n" + "\n".join(code), encoding="utf-8")
    done = subprocess.run([sys.executable, str(script)], cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert "final return per seed: [" in done.stdout and "Guidance helped" in done.stdout
