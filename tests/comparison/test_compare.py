"""A comparison from nothing: guides, data and offline agents are made; what is there is not trained again."""

from __future__ import annotations

import csv
import json

import jax.numpy as jnp
import pytest

from guided_rl.comparison import compare
from guided_rl.config import RunConfig
from guided_rl.envs.jax_env import JaxTask
from guided_rl.runtime.errors import UserError
from guided_rl.training.run import Run

pytestmark = pytest.mark.trains


def corridor() -> JaxTask:
    """x moves by a tenth of the action, and its place is the reward."""
    return JaxTask(
        name="corridor",
        twin="none",
        action_size=1,
        start=lambda key: jnp.zeros(1),
        advance=lambda x, action: x + 0.1 * action,
        observe=lambda x: x,
        reward=lambda before, action, after: (after[0], {}),
        terminated=lambda x: jnp.bool_(False),
        episode_length=10,
    )


def forwards(obs):
    return jnp.ones(1)


CONFIG = RunConfig(
    task=f"{__file__}:corridor",
    guide=f"{__file__}:forwards",
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
    assert found.teacher.mean == pytest.approx(5.5) and found.rows[2].returns["final"].value == pytest.approx(5.5)


def test_files_hold_what_was_found(found, folder):
    told = json.loads((folder / "comparison.json").read_text())
    assert told["answer"] == found.sentence and told["competitors"][0]["method"] == "sac"
    rows = list(csv.DictReader((folder / "comparison.csv").open()))
    assert float(rows[2]["final_value"]) == pytest.approx(5.5)
    episodes = list(csv.DictReader((folder / "episodes.csv").open()))
    assert {row["method"] for row in episodes} == {row.record.method for row in found.rows}
    page = (folder / "index.html").read_text()
    assert found.sentence in page and page.count("<svg") == len(list(folder.glob("*.svg")))


def test_the_same_again_trains_nothing_and_more_seeds_only_those(found, folder, monkeypatch):
    trained = []
    execute = Run.execute
    monkeypatch.setattr(Run, "execute", lambda self, *a: trained.append(self.seeds.tolist()) or execute(self, *a))
    again = compare(["sac", "bc"], CONFIG, folder=folder)
    assert trained == [] and again.rows[0].returns == found.rows[0].returns
    more = RunConfig(**{**vars(CONFIG), "seeds": 3})
    assert compare(["sac", "bc"], more, folder=folder).rows[0].record.seeds == (0, 1, 2) and trained == [[2], [2]]


def test_records_may_compete(found, folder):
    other = compare([str(folder / "sac" / "0-1"), "bc"], CONFIG, folder=folder)
    assert other.rows[0].returns == found.rows[0].returns


def test_records_under_other_settings_may_not(found, folder, tmp_path):
    other = RunConfig(**{**vars(CONFIG), "batch": 4})
    with pytest.raises(UserError, match="differ in batch"):
        compare([str(folder / "sac" / "0-1"), "bc"], other, folder=tmp_path)
