"""A user's own guide and own demonstrations, from the outside to a trained population."""

from pathlib import Path

import numpy as np
import pytest

from guided_rl.api import train
from guided_rl.config import RunConfig
from guided_rl.runtime.errors import UserError
from guided_rl.training.run import Run

OWN = f"{Path(__file__).parent / 'advisers.py'}:"
TINY = {
    "task": "InvertedPendulum-v5",
    "steps": 40,
    "seeds": 2,
    "hidden": (8,),
    "batch": 8,
    "evaluations": 2,
    "episodes": 1,
    "warmup": 0.1,
}


@pytest.mark.trains
@pytest.mark.parametrize(
    "method, guide",
    [
        ("dai-sac", "plain"),
        pytest.param("dai-sac", "value", marks=pytest.mark.slow),
        pytest.param("experts-dai-sac", "plain+value", marks=pytest.mark.slow),
    ],
)
def test_own_guides_advise_learners(method, guide):
    named = "+".join(OWN + name for name in guide.split("+"))
    result = train(RunConfig(method=method, guide=named, **TINY))
    assert np.isfinite(result.history.evaluation["episode_return"]).all()
    assert (result.died_at == -1).all()
    assert result.guide.name == guide.replace("value", "pd")


@pytest.mark.trains
def test_own_demonstrations_reach_the_learner(tmp_path):
    draw = np.random.default_rng(0).normal
    np.savez(
        tmp_path / "mine.npz",
        observations=draw(size=(50, 4)),
        actions=np.tanh(draw(size=(50, 1))),
        rewards=np.ones(50),
        terminations=np.zeros(50, bool),
        next_observations=draw(size=(50, 4)),
    )
    result = train(RunConfig(method="demos-sac", dataset=str(tmp_path / "mine.npz"), **TINY))
    assert np.isfinite(result.history.evaluation["episode_return"]).all()


def test_bad_advice_is_refused_before_anything_trains():
    with pytest.raises(UserError, match="outside"):
        Run(RunConfig(method="dai-sac", guide=OWN + "too_far", **TINY))
