"""Write the golden files anew: `python -m tests.golden.make [name ...]`, all of them where none is named.

A method's name stands for its run alone, which is added to those that are there.

Look at the differences before you commit them: each one is a promise that no longer holds. `runs` belongs to this
machine's kind of processor and version of JAX. Remove the files of machines that can no longer be asked.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from guided_rl.methods import METHODS
from guided_rl.training.cache import enable_compile_cache
from tests.golden.facts import FACTS
from tests.golden.runs import machine, runs

FOLDER = Path(__file__).parent
MAKERS: dict[str, Callable[[], Any]] = {**FACTS, "runs": runs}


def golden_file(name: str) -> Path:
    """Where a golden file lies."""
    return FOLDER / (f"runs-{machine()}.json" if name == "runs" else f"{name}.json")


def main(names: list[str]) -> None:
    enable_compile_cache()
    for name in names or MAKERS:
        path = golden_file("runs" if name in METHODS else name)
        known = json.loads(path.read_text()) if name in METHODS and path.exists() else {}
        found = {**known, **runs((name,))} if name in METHODS else MAKERS[name]()
        path.write_text(json.dumps(found, indent=1, ensure_ascii=False) + "\n")
        print(path.relative_to(FOLDER.parents[1]), flush=True)


if __name__ == "__main__":
    main(sys.argv[1:])
