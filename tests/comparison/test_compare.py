"""A comparison from nothing: guides, data and offline agents are made; what is there is not trained again."""

from __future__ import annotations

import csv
import dataclasses
import json

import pytest

from guided_rl.comparison import compare
from guided_rl.config import RunConfig
from guided_rl.runtime.errors import UserError
from guided_rl.training.run import Run
from tests.training import corridor as world
from tests.training.corridor import WALKED

pytestmark = pytest.mark.trains


CONFIG = RunConfig(
    task=f"{world.__file__}:corridor",
    guide=f"{world.__file__}:forwards",
    steps=80,
    seeds=2,
    evaluations=4,
    episodes=2,
    hidden=(8,),
    batch=8,
)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("comparison")


@pytest.fixture(scope="module")
def found(folder):
    return compare(["sac", "dai-sac:t_change=0.3", "bc", "pex"], CONFIG, folder=folder, offline_steps=40)


def test_every_competitor_is_trained_with_what_it_needs(found, folder):
    assert [row.record.method for row in found.rows] == ["sac", "dai-sac:t_change=0.3", "bc", "pex"]
    assert found.rows[1].record.config["hparams"] == {"t_change": 0.3}
    assert found.rows[3].record.config["guide"].startswith("offline:") and list(folder.glob("offline/*/agents.npz"))
    assert found.rows[3].record.config["dataset"] == f"guide:{CONFIG.guide}"
    assert found.teacher.mean == pytest.approx(WALKED) and found.rows[2].returns["final"].value == pytest.approx(WALKED)


def test_files_hold_what_was_found(found, folder):
    told = json.loads((folder / "comparison.json").read_text())
    assert told["answer"] == found.sentence and told["competitors"][0]["method"] == "sac"
    rows = list(csv.DictReader((folder / "comparison.csv").open()))
    assert float(rows[2]["final_value"]) == pytest.approx(WALKED)
    episodes = list(csv.DictReader((folder / "episodes.csv").open()))
    assert {row["method"] for row in episodes} == {row.record.method for row in found.rows}
    page = (folder / "index.html").read_text()
    assert found.sentence in page and page.count("<svg") == len(list(folder.glob("*.svg")))


def test_the_same_again_trains_nothing_and_more_seeds_only_those(found, folder, monkeypatch):
    trained = []
    execute = Run.execute
    monkeypatch.setattr(Run, "execute", lambda self, *a: trained.append(self.seeds.tolist()) or execute(self, *a))
    again = compare(["sac", "pex"], CONFIG, folder=folder, offline_steps=40)
    assert trained == [] and again.rows[0].returns == found.rows[0].returns
    more = compare(["sac", "pex"], dataclasses.replace(CONFIG, seeds=3), folder=folder, offline_steps=40)
    assert more.rows[1].record.seeds == (0, 1, 2) and trained == [[2], [2]]


def test_records_may_compete(found, folder):
    other = compare([str(folder / "sac" / "0-1"), "bc"], CONFIG, folder=folder)
    assert other.rows[0].returns == found.rows[0].returns


def test_records_under_other_settings_may_not(found, folder, tmp_path):
    other = dataclasses.replace(CONFIG, batch=4)
    with pytest.raises(UserError, match="differ in batch"):
        compare([str(folder / "sac" / "0-1"), "bc"], other, folder=tmp_path)


def test_a_guide_that_was_edited_is_measured_again_and_no_agents_of_its_former_self_are_taken(tmp_path):
    guide = tmp_path / "walker.py"
    config = dataclasses.replace(CONFIG, guide=f"{guide}:act")
    write = lambda pace: guide.write_text(f"import jax.numpy as jnp\n\nact = lambda obs: {pace} * jnp.ones(1)\n")
    write(1.0)
    found = compare(["sac", "pex"], config, folder=tmp_path / "out", offline_steps=40)
    assert found.teacher.mean == pytest.approx(WALKED)
    write(0.25)
    found = compare(["sac", "bc"], config, folder=tmp_path / "out")
    assert found.teacher.mean == pytest.approx(sum(0.025 * step for step in range(1, 11)))
    with pytest.raises(UserError, match="another content under the same name"):
        compare(["sac", "pex"], config, folder=tmp_path / "out", offline_steps=40)
