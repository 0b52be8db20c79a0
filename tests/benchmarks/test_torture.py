"""The campaign of kills: a short one, and what it says of work that does not survive."""

from __future__ import annotations

import json
import random

import pytest

from benchmarks import torture
from benchmarks.torture import Torture
from guided_rl.runtime.errors import UserError


@pytest.mark.trains
def test_a_dataset_survives_a_kill(tmp_path, monkeypatch):
    monkeypatch.setattr(random.Random, "uniform", lambda self, low, high: high / 2)  # that meets it at work
    torture.main(Torture(kills=1, jobs=["dataset"], out=tmp_path))
    found = json.loads((tmp_path / "torture.json").read_text())["jobs"]["dataset"]
    assert found["kills"] == 1 and found["identical"] and not found["left"]


@pytest.mark.slow
@pytest.mark.parametrize("job", torture.JOBS)
def test_every_job_survives_kills(job, tmp_path):
    torture.main(Torture(kills=3, jobs=[job], out=tmp_path))


@pytest.mark.parametrize(("result", "left"), [({"rows": "other"}, []), ({"rows": "same"}, ["x.part"])])
def test_work_that_ends_otherwise_is_named(result, left, tmp_path, monkeypatch):
    monkeypatch.setattr(torture, "finished", lambda job, folder: {"rows": "same"})
    monkeypatch.setattr(torture, "tortured", lambda *how: (result, 3))
    monkeypatch.setattr(torture, "half_written", lambda folder: left)
    with pytest.raises(UserError, match="dataset did not end as unbroken work does"):
        torture.main(Torture(kills=3, jobs=["dataset"], out=tmp_path))
    assert json.loads((tmp_path / "torture.json").read_text())["jobs"]["dataset"]["kills"] == 3


def test_a_job_that_breaks_by_itself_is_told_from_one_that_was_killed(tmp_path):
    with pytest.raises(UserError, match="the job nothing ended with 1"):
        torture.tortured("nothing", tmp_path, 1, 60.0, random.Random(1))


def test_what_cannot_be_asked(tmp_path):
    with pytest.raises(UserError, match="unknown job"):
        torture.main(Torture(jobs=["sleep"], out=tmp_path))
    with pytest.raises(UserError, match="at least 1"):
        torture.main(Torture(kills=0, out=tmp_path))
