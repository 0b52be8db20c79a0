"""mentor-control: the gate, the mixed advantage, and who acts; off stands in `tests/training/test_on_policy.py`."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from guided_rl.guides.base import Guide
from guided_rl.methods import build
from guided_rl.methods.entropy_gate import mentor_control as mentor
from guided_rl.methods.loops import RollOut
from guided_rl.runtime.errors import UserError
from tests.methods.test_grpo import ACTIONS, OBS, context, some_agent, some_batch

LAST = Guide(jnp.array([0.0, 0.0, 1.0]), lambda params, obs, key: params, name="the last action")


def test_a_uniform_policy_at_the_floor_of_its_entropy_leaves_all_to_the_expert_and_a_certain_one_nothing():
    most = jnp.log(4.0)
    assert mentor.entropy_weight(most, most) == 1.0
    assert mentor.entropy_weight(jnp.float32(0), most) == 0.0 and mentor.entropy_weight(jnp.float32(0), 0.0) == 0.0
    np.testing.assert_allclose(mentor.entropy_weight(0.25 * most, most), 0.25)
    assert mentor.entropy_weight(most, jnp.float32(mentor.FIRST_THRESHOLD)) < 0.002


def test_the_mixed_advantage_fades_and_never_penalises():
    returns = jnp.array([0.0, 1.0, 0.0, 1.0, 0.0])
    own = (np.array([0.0, 1.0, 0.0]) - 1 / 3) / (np.std([0.0, 1.0, 0.0]) + 1e-6)
    for progress, alpha in ((0.0, 1.0), (0.5, 0.5), (1.0, 0.0)):
        found = mentor.advantages(returns, 3, jnp.float32(progress), jnp.float32(1))
        np.testing.assert_allclose(found[:3], own, rtol=1e-5)
        np.testing.assert_allclose(found[3:], [alpha * 2 / 3, 0.0], atol=1e-6)
    assert mentor.advantages(returns, 3, jnp.float32(0), jnp.float32(0.5))[3] == pytest.approx(1 / 3)


def test_the_quantile_is_of_what_the_mask_shows():
    values = jnp.arange(20.0).reshape(4, 5)
    mask = jnp.ones((4, 5)).at[3].set(0.0)
    assert mentor.quantile(values, mask, 0.95) == 13.0 and mentor.quantile(values, jnp.ones((4, 5)), 0.5) == 9.0
    assert mentor.quantile(values, jnp.zeros((4, 5)).at[2, 2].set(1.0), 0.95) == 12.0


def acted(gate, number, time=0, memory=None, **hparams):
    """How often the expert is asked, and log probabilities, of many keys."""
    ctx = context(method="mentor-control", **hparams).replace(guide=LAST)
    ctx = ctx.replace(roll_out=RollOut(jnp.int32(number), jnp.int32(time)))
    agent = some_agent(ctx).replace(memory=memory or {"threshold": jnp.float32(999.0), "share": jnp.float32(0.3)})
    act = build("mentor-control", {"gate": gate, "on": 2, "mixed": 2}).act
    choice = jax.vmap(lambda key: act(agent, jnp.ones(OBS), key, ctx))(jax.random.split(jax.random.key(0), 2_000))
    assert (choice.action[choice.extras["expert_share"] == 1] == 2).all()
    return float(choice.extras["expert_share"].mean()), choice


def test_who_acts_follows_the_gate_in_mixed_roll_outs_alone():
    assert acted("always", 1)[0] == 0.0 and acted("always", 2)[0] == 1.0
    assert acted("random", 3)[0] == pytest.approx(0.3, abs=0.04) and acted("time", 2)[0] == 1.0
    assert acted("prefix", 2, 3, prefix=4)[0] == 1.0 and acted("prefix", 2, 4, prefix=4)[0] == 0.0
    entropy = float(acted("entropy", 2)[1].extras["entropy"][0])
    memory = {"threshold": jnp.float32(2 * entropy), "share": jnp.float32(0)}
    assert acted("entropy", 2, memory=memory)[0] == pytest.approx(0.5, abs=0.04)


def test_the_random_gate_has_the_share_that_the_entropy_gate_would_have_had():
    ctx, batch = context(method="mentor-control"), some_batch()
    entropy = jnp.asarray(np.random.default_rng(1).uniform(0, np.log(ACTIONS), batch["mask"].shape), jnp.float32)
    batch = {**batch, "entropy": entropy, "expert_share": jnp.zeros_like(entropy)}
    agent = some_agent(ctx).replace(memory={"threshold": jnp.float32(999.0), "share": jnp.float32(0)})
    after, metrics = mentor.update(agent, batch, jax.random.key(0), ctx, 2, 1, "roll-out")
    shown = np.asarray(batch["mask"], bool)
    threshold = np.sort(np.asarray(entropy)[shown])[int(0.95 * (shown.sum() - 1))]
    assert after.memory["threshold"] == pytest.approx(threshold)
    weights = np.minimum(1.0, np.asarray(entropy) / threshold)
    assert after.memory["share"] == pytest.approx(weights[:, 2:][shown[:, 2:]].mean(), rel=1e-5)
    assert metrics["entropy"] == pytest.approx(np.asarray(entropy)[:, :2][shown[:, :2]].mean(), rel=1e-5)


@pytest.mark.parametrize("old", ["learner", "mixture"])
def test_the_ratio_of_an_advised_step_is_to_the_learner_or_to_the_mixture(old):
    ctx = context(method="mentor-control").replace(guide=LAST, roll_out=RollOut(jnp.int32(5), jnp.int32(0)))
    agent = some_agent(ctx).replace(memory={"threshold": jnp.float32(999.0), "share": jnp.float32(0.3)})
    method = build("mentor-control", {"gate": "random", "old_log_prob": old})
    choice = jax.vmap(lambda key: method.act(agent, jnp.ones(OBS), key, ctx.replace(roll_out=RollOut(9, 0))))(
        jax.random.split(jax.random.key(1), 200)
    )
    own = np.exp(np.asarray(mentor.network(ctx.setup).apply(agent.params["policy"], jnp.ones(OBS))))
    mixed = 0.7 * own + 0.3 * np.array([0.0, 0.0, 1.0])
    expected = np.log((own if old == "learner" else mixed)[np.asarray(choice.action)])
    np.testing.assert_allclose(choice.extras["log_prob"], expected, rtol=1e-4)


@pytest.mark.parametrize(
    ("options", "said"), [({"gate": "mood"}, "gate"), ({"old_log_prob": "none"}, "old_log_prob"), ({"on": 0}, "on=0")]
)
def test_unknown_switches_are_refused(options, said):
    with pytest.raises(UserError, match=said):
        build("mentor-control", options)
