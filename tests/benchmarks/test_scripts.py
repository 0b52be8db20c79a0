"""Every script of the benchmarks still runs, on the least that it can be given."""

from __future__ import annotations

import json
import subprocess
import sys

import jax
import pytest

from benchmarks.parity import run
from benchmarks.parity.run import Parity
from benchmarks.reference import ppo
from benchmarks.reference import run as reference
from benchmarks.reference.run import Reference
from benchmarks.runner.cells import PRESETS, Cell, PaperTable
from benchmarks.runner.tables import TABLES, run_table
from benchmarks.speed import gpu
from benchmarks.speed.gpu import Gpu
from guided_rl.results import plot_style
from guided_rl.runtime.errors import UserError
from tests.training.small import small

TINY = PaperTable("tiny", "Tiny", lambda preset: [Cell(small()), Cell(small(method="td3"))], (), (("td3", "sac"),), ())


@pytest.mark.trains
@pytest.mark.parametrize("name", ["tiny", *(pytest.param(name, marks=pytest.mark.slow) for name in TABLES)])
def test_a_table_runs_at_its_smallest_preset_and_then_only_reports(name, tmp_path, monkeypatch):
    monkeypatch.setitem(TABLES, "tiny", TINY)
    monkeypatch.setenv("WANDB_MODE", "disabled")
    monkeypatch.chdir(tmp_path)
    said = []
    content = run_table(name, PRESETS[0], say=said.append, root=tmp_path)
    assert content.returns.rows
    assert len(content.claims.rows) == len(TABLES[name].claims)
    report = tmp_path / "runs" / "records" / name / PRESETS[0] / "report"
    drawn = {path.name for path in report.glob("*.svg")}
    assert drawn
    (report / "left_from_before.svg").write_text("a figure that the records no longer support")
    again = []
    run_table(name, PRESETS[0], say=again.append, root=tmp_path)
    assert len(again) == 1 < len(said)
    assert {path.name for path in report.glob("*.svg")} == drawn


@pytest.mark.parametrize("preset", PRESETS)
@pytest.mark.parametrize("table", TABLES.values(), ids=TABLES)
def test_every_method_of_a_table_has_a_colour_of_its_own(table, preset):
    names = [cell.config.method for cell in table.cells(preset)]
    assert len(set(plot_style.colours(names).values())) == len(set(names))


@pytest.mark.slow
def test_the_parity_page_is_written(tmp_path):
    settings = Parity(tasks=["InvertedPendulum-v5"], engines=["native"], steps=50, outcome=3, out=tmp_path)
    run.measure_all(settings)
    native, outcome = json.loads((tmp_path / "parity.json").read_text())["rows"]
    assert native["state"] == 0 and outcome["policy"] == "random matrix"
    assert abs(outcome["difference"][0]) < 2, (
        "three episodes of some twenty steps, in both engines from the same starts"
    )
    text = (tmp_path / "parity.md").read_text()
    assert "Free-running outcome" in text and "nan" not in text and text.count("InvertedPendulum-v5") == 2


@pytest.mark.slow
def test_the_accelerators_speed_is_measured(tmp_path):
    gpu.main(Gpu(parts=["updates"], repeats=1, smoke=True, out=tmp_path))
    rows = json.loads((tmp_path / "gpu.json").read_text())["rows"]
    assert len(rows) == 2
    assert all(row["share"] > 0 for row in rows)
    assert "of the limit" in (tmp_path / "gpu.md").read_text()


def test_an_accelerators_speed_without_one_is_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(jax, "default_backend", lambda: "cpu")
    with pytest.raises(UserError, match="no accelerator"):
        gpu.main(Gpu(out=tmp_path))


@pytest.mark.slow
def test_the_profile_says_where_the_time_goes(tmp_path):
    command = [sys.executable, "-m", "benchmarks.speed.profile", "--smoke", "--out", str(tmp_path)]
    subprocess.run(command, check=True, capture_output=True)
    (case,) = json.loads((tmp_path / "profile.json").read_text())["cases"]
    assert all(case["microseconds"][group] > 0 for group in ("matrix products", "physics engine", "random numbers"))
    assert "copies" in (tmp_path / "profile.md").read_text()


@pytest.mark.slow
def test_the_accelerators_speed_is_measured_beside_the_peers(tmp_path):
    gpu.main(Gpu(parts=["engines", "peers"], repeats=1, smoke=True, out=tmp_path))
    rows = json.loads((tmp_path / "gpu.json").read_text())["rows"]
    assert [list(row["ratio"]) for row in rows] == [["native", "SBX"], ["rejax", "brax"]]


@pytest.mark.slow
def test_the_returns_beside_sbx_are_measured(tmp_path):
    """Installs the peers first, where that has not been done."""
    reference.main(Reference(smoke=True, out=tmp_path))
    assert len(json.loads((tmp_path / "sbx.json").read_text())["verdicts"]) == len(reference.PAIRS)


@pytest.mark.slow
def test_the_returns_beside_ppo_are_measured(tmp_path):
    """Installs the peers first, where that has not been done."""
    ppo.main(ppo.Reference(seeds=2, steps=16_000, points=2, episodes=2, out=tmp_path))
    returns = json.loads((tmp_path / "ppo.json").read_text())["returns"]
    assert all(len(returns[side][name]) == 2 for side in ("grpo", "ppo") for name in ppo.PROTOCOLS)
    assert "| PPO, sampled |" in (tmp_path / "ppo.md").read_text()
