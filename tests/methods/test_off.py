"""What a method's docstring calls off is its base, bit for bit: same parameters, same returns.

Here are those that no other test has: DAI's own, the local guides', SAC-EO's and PEX's stand in theirs.
"""

from __future__ import annotations

import functools

import jax.numpy as jnp
import numpy as np
import pytest

from guided_rl.api import train
from guided_rl.config import RunConfig
from guided_rl.data.replay import Layout
from guided_rl.guides.base import Guide
from guided_rl.training.run import Result
from tests.methods.offline_agents import offline_guide
from tests.training.small import assert_same, learned, small

pytestmark = pytest.mark.trains

WARM = {"random_warmup": True}
OFF = {  # method: (its hyper-parameters, its options, the base)
    "step-dai-sac": ({"t_change": 0.0}, WARM, "sac"),
    "progress-dai-sac": ({"hold": 0.0}, WARM, "sac"),
    "experts-dai-sac": ({"t_change": 0.0}, WARM, "sac"),
    "demos-sac": ({"offline_ratio": 0.0}, {}, "sac"),
    "sac-resets": ({"reach": 0.0}, {}, "sac"),
    "buffer": ({"offline_ratio": 0.0}, {}, "iql"),
    "jsrl": ({"offline_ratio": 0.0, "handover": 0.0}, {}, "iql"),
}
REST = [method for method in OFF if method != "progress-dai-sac"]


def panel() -> Guide:
    return Guide(jnp.array([[-0.5], [0.5]]), lambda params, obs, key: params, name="two", panel=2)


def adviser(method: str) -> Guide | None:
    """Somebody whose advice would be noticed."""
    constant = Guide(jnp.float32(0.5), lambda params, obs, key: jnp.full(1, params), name="constant")
    guides = {"experts-dai-sac": panel(), "jsrl": offline_guide(3)}
    return guides.get(method, constant if "dai" in method or "resets" in method else None)


def rows() -> np.ndarray:
    return np.random.default_rng(0).uniform(-0.2, 0.2, (2, 40, Layout.of(4, 1).width)).astype(np.float32)


def run(config: RunConfig) -> Result:
    result = train(config, guide=adviser(config.method), offline=rows())
    assert learned(result)
    return result


@functools.cache
def base(method: str) -> Result:
    return run(small(method=method))


@pytest.mark.parametrize("method", ["progress-dai-sac", *(pytest.param(m, marks=pytest.mark.slow) for m in REST)])
def test_off_is_the_base_bit_for_bit(method):
    hparams, options, name = OFF[method]
    off, plain = run(small(method=method, hparams=hparams, options=options)), base(name)
    assert_same({part: off.agents.params[part] for part in plain.agents.params}, plain.agents.params)
    own = lambda result: {name: result.history.evaluation[name][:, :, 0] for name in plain.history.evaluation}
    assert_same(own(off), own(plain))
