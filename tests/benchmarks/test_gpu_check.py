"""The check of a borrowed card: one broken stage costs no other, and none begins when the time is spent."""

from __future__ import annotations

import json

import jax
import pytest

from benchmarks.speed import gpu_check
from benchmarks.speed.gpu_check import GpuCheck
from guided_rl.results import records
from guided_rl.runtime.errors import UserError


def stages(out) -> dict[str, str]:
    return json.loads((out / "check.json").read_text())["stages"]


@pytest.mark.skipif(jax.default_backend() != "cpu", reason="an accelerator is here")
def test_without_a_card_it_says_so(tmp_path):
    with pytest.raises(UserError, match="no accelerator here"):
        gpu_check.main(GpuCheck(out=tmp_path))
    assert not list(tmp_path.iterdir())


def test_a_stage_that_breaks_costs_no_other(tmp_path, monkeypatch):
    def broken(options):
        raise RuntimeError("no kernel\nmore")

    monkeypatch.setattr(gpu_check, "STAGES", {"parity": broken, "speed": lambda options: "fast"})
    with pytest.raises(UserError, match="parity failed"):
        gpu_check.main(GpuCheck(smoke=True, out=tmp_path))
    assert stages(tmp_path) == {"parity": "failed: RuntimeError: no kernel", "speed": "fast"}


def test_no_stage_begins_when_the_time_is_spent(tmp_path, monkeypatch):
    monkeypatch.setattr(gpu_check, "STAGES", {"parity": lambda options: "alike", "piece": lambda options: "trained"})
    gpu_check.main(GpuCheck(minutes=-1.0, smoke=True, out=tmp_path))
    assert all(said.startswith("not begun") for said in stages(tmp_path).values())


@pytest.mark.trains
def test_the_piece_leaves_a_record(tmp_path):
    said = gpu_check.check_piece(GpuCheck(smoke=True, out=tmp_path))
    assert "2 seeds" in said and "seed-steps/s" in said
    assert records.read(tmp_path / "piece").config["hidden"] == [16, 16]


@pytest.mark.slow
def test_all_of_it_at_smoke_size(tmp_path):
    gpu_check.main(GpuCheck(smoke=True, out=tmp_path))
    assert not any("failed" in said for said in stages(tmp_path).values())
    assert {"parity.json", "gpu.json", "piece"} <= {path.name for path in tmp_path.iterdir()}
