"""Medium guides: bands decide who may be one, and a shipped one is still in them."""

from __future__ import annotations

import numpy as np
import pytest

from experts import medium
from experts.ladder import Ladder
from experts.register import FOLDER
from guided_rl import envs
from guided_rl.envs import OWN_TASKS
from guided_rl.guides import find_guide
from guided_rl.guides.expert_weights import read_facts, read_weights
from guided_rl.guides.find import weights_name
from guided_rl.guides.local import LOCAL_GUIDES, MEDIUM
from guided_rl.runtime.errors import UserError

SHIPPED = [task for task in medium.RECIPES if (FOLDER / weights_name(task)).exists()]


def ladder(points: int, seeds: int) -> Ladder:
    return Ladder(np.arange(1, points + 1) * 100, np.zeros((points, seeds, 1)), [])


def found(shares: list[list[float]]) -> dict[str, np.ndarray]:
    """Policies [points, seeds] that leave their region in so many of 100 episodes."""
    flat = np.asarray(shares).ravel()
    left = (np.arange(100) < 100 * flat[:, None]).astype(float)
    return {"left": left, "return": np.zeros_like(left)}


def test_of_each_seed_the_policy_nearest_the_middle_is_taken():
    shares = [[0.1, 0.58, 0.2], [0.66, 0.9, 0.3], [0.70, 0.63, 0.4]]
    points, seeds = medium.candidates("PointFall", ladder(3, 3), found(shares))
    assert seeds.tolist() == [1, 0] and points.tolist() == [2, 1]


def test_nobody_within_the_bands_is_an_error_that_says_how_far():
    with pytest.raises(UserError, match=r"nearest 3\.30"):
        medium.candidates("PointFall", ladder(1, 2), found([[0.1, 0.3]]))


def test_every_attractive_task_has_a_recipe_for_its_guide():
    needed = {region.experts for task, region in LOCAL_GUIDES.items() if region.script is None}
    assert needed == set(medium.RECIPES)
    assert needed <= set(OWN_TASKS)


@pytest.mark.parametrize("task", SHIPPED)
def test_a_shipped_guide_lies_within_the_specifications_bands(task):
    """Fifty fresh episodes of each, acting everywhere; three standard errors of a share are 20 points."""
    env = envs.make(task)
    facts, guide = read_facts(FOLDER / weights_name(task)), find_guide("local", env)
    played = medium.try_out(guide, env, seed=7)
    for name, (middle, half) in medium.RECIPES[task].bands.items():
        quoted = [q["left" if name == "left" else "mean"] for q in facts["returns"][MEDIUM]]
        assert np.all(np.abs(np.array(quoted) - middle) <= half)
        slack = 0.2 if name == "left" else half
        assert np.all(np.abs(played[name].mean(-1) - middle) <= half + slack)


@pytest.mark.parametrize("task", SHIPPED)
def test_what_ships_is_what_its_recipe_makes(task):
    policies, facts = read_weights(FOLDER / weights_name(task))
    recipe, config = medium.RECIPES[task], medium.config_of(task)
    assert facts["recipe"] == config.to_json()
    assert facts["bands"] == {name: list(band) for name, band in recipe.bands.items()}
    assert facts["selection"] == medium.SELECTION
    assert set(facts["seeds"]) <= set(range(config.first_seed, config.first_seed + config.seeds))
    assert 1 <= len(facts["seeds"]) <= medium.KEPT
    assert [quote["episodes"] for quote in facts["returns"][MEDIUM]] == [medium.EPISODES] * len(facts["seeds"])
    assert tuple(layer["bias"].shape[-1] for layer in policies[MEDIUM][:-1]) == recipe.hidden
