"""Success by distance of a goal-reaching ant."""

import jax.numpy as jnp
import numpy as np
import pytest

from experts.reach import arrivals, by_distance
from guided_rl.envs import make
from guided_rl.guides.base import Guide


def test_rings_count_every_episode_once():
    distance = np.array([0.5, 1.9, 3.0, 9.99, 10.0])
    reached = np.array([True, False, True, False, True])
    rings = by_distance(distance, reached)
    assert sum(n for *_, n in rings) == 5
    assert [rate for _, _, rate, _ in rings] == [0.5, 1.0, 0.5]


def test_an_ant_that_rests_arrives_only_where_it_already_is():
    still = Guide(jnp.zeros(2), lambda params, obs, key: jnp.zeros(8) * params, name="still", size=2)
    distance, reached = arrivals(still, make("AntReach", "native"), episodes=30)
    assert distance.shape == reached.shape == (2, 30)
    assert distance.max() <= 10.2
    assert not reached[distance > 1.0].any()
    assert float(np.mean(distance)) == pytest.approx(6.67, abs=1.5)
