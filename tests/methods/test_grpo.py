"""GRPO against NumPy, and where what is best is known: a bandit and a chain."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from guided_rl.envs.spaces import Box, Discrete
from guided_rl.methods import build
from guided_rl.methods.base import Context, Setup, Start
from guided_rl.methods.bases import grpo
from guided_rl.methods.hparams import defaults
from guided_rl.networks import policies

TIME, GROUP, OBS, ACTIONS = 5, 4, 3, 3
SETUP = Setup(OBS, Discrete(ACTIONS), (8,), activation="tanh")


def context(setup=SETUP, method="grpo", **hparams):
    hp = {**defaults(build(method).hparams), **hparams}
    return Context({name: jnp.float32(value) for name, value in hp.items()}, jnp.int32(0), None, setup)


def some_batch(seed=0, returns=(0.0, 1.0, 1.0, 0.0), setup=SETUP):
    rng = np.random.default_rng(seed)
    lengths = rng.integers(1, TIME + 1, GROUP)
    discrete = isinstance(setup.action_space, Discrete)
    action = rng.integers(0, ACTIONS, (TIME, GROUP)) if discrete else rng.normal(size=(TIME, GROUP, 2))
    batch = {
        "obs": rng.normal(size=(TIME, GROUP, OBS)).astype(np.float32),
        "action": action.astype(np.int32 if discrete else np.float32),
        "log_prob": rng.uniform(-2.0, -0.5, (TIME, GROUP)).astype(np.float32),
        "mask": (np.arange(TIME)[:, None] < lengths).astype(np.float32),
        "return": np.array(returns, np.float32),
    }
    none = jnp.int32(0)
    return {**jax.tree.map(jnp.asarray, batch), "start": Start(none, none), "trace_length": none}


def some_agent(ctx, seed=0):
    """A learner away from its uniform start, and a reference that is another one."""
    agent = grpo.init(jax.random.key(seed), ctx, None)
    moved = lambda tree, by: jax.tree.map(lambda x: x + by * jnp.cos(jnp.arange(x.size)).reshape(x.shape), tree)
    params = moved(agent.params["policy"], 0.3)
    return agent.replace(params={"policy": params}, targets={"reference": moved(params, 0.1)})


def numpy_loss(ctx, params, reference, batch, advantage, aggregate):
    """-J of equation 3, roll-out by roll-out and step by step."""
    log = lambda p: np.asarray(grpo.network(ctx.setup).apply(p, batch["obs"]))
    now, before = log(params), log(reference)
    total, count = [], 0
    for i in range(GROUP):
        terms = []
        for t in range(int(batch["mask"][:, i].sum())):
            a = int(batch["action"][t, i])
            ratio = np.exp(now[t, i, a] - float(batch["log_prob"][t, i]))
            low, high = 1.0 - float(ctx.hp["clip_low"]), 1.0 + float(ctx.hp["clip_high"])
            gain = min(ratio * advantage[i], np.clip(ratio, low, high) * advantage[i])
            apart = before[t, i, a] - now[t, i, a]
            terms.append(gain - float(ctx.hp["kl"]) * (np.exp(apart) - apart - 1.0))
        total.append(np.mean(terms) if aggregate == "roll-out" else np.sum(terms))
        count += len(terms)
    return -np.mean(total) if aggregate == "roll-out" else -np.sum(total) / count


@pytest.mark.parametrize("aggregate", ["roll-out", "token"])
def test_the_loss_is_equation_3(aggregate):
    ctx, batch = context(kl=0.3, clip_high=0.28), some_batch()
    agent, returns = some_agent(ctx), np.array([0.0, 1.0, 1.0, 0.0])
    advantage = (returns - returns.mean()) / (returns.std() + 1e-6)
    _, metrics = grpo.update(agent, batch, jax.random.key(0), ctx, 1, aggregate)
    expected = numpy_loss(ctx, agent.params["policy"], agent.targets["reference"], batch, advantage, aggregate)
    np.testing.assert_allclose(metrics["loss"], expected, rtol=2e-5)
    assert 0.0 < metrics["clipped"] < 1.0


def test_the_clip_binds_on_the_side_that_would_gain():
    ratio, advantage = jnp.array([0.5, 1.5, 0.5, 1.5]), jnp.array([1.0, 1.0, -1.0, -1.0])
    np.testing.assert_allclose(grpo.clipped(ratio, advantage, 0.2, 0.28), [0.5, 1.28, -0.8, -1.5], rtol=1e-6)


@pytest.mark.parametrize("level", [0.0, 1.0])
def test_a_group_whose_returns_are_equal_gives_no_gradient(level):
    ctx, batch = context(), some_batch(returns=[level] * GROUP)
    agent = some_agent(ctx)
    after, _ = grpo.update(agent, batch, jax.random.key(0), ctx, 1, "roll-out")
    for new, old in zip(jax.tree.leaves(after.params), jax.tree.leaves(agent.params), strict=True):
        np.testing.assert_array_equal(new, old)


def test_what_lies_behind_the_end_of_a_roll_out_is_not_read():
    ctx, batch = context(), some_batch()
    agent, behind = some_agent(ctx), batch["mask"] == 0
    assert behind.any()
    other = {**batch, "obs": jnp.where(behind[..., None], 7.0, batch["obs"])}
    other["log_prob"] = jnp.where(behind, -3.0, batch["log_prob"])
    one, two = (grpo.update(agent, b, jax.random.key(0), ctx, 2, "roll-out")[0] for b in (batch, other))
    for new, old in zip(jax.tree.leaves(one.params), jax.tree.leaves(two.params), strict=True):
        np.testing.assert_allclose(new, old, atol=1e-7)


@pytest.mark.parametrize("space", [Discrete(3), Box(2)])
def test_a_fresh_policy_knows_nothing_and_its_numbers_are_those_of_its_distribution(space):
    setup = Setup(OBS, space, (8,))
    out = grpo.network(setup).apply(
        grpo.init(jax.random.key(0), context(setup), None).params["policy"], jnp.ones((4, OBS))
    )
    if isinstance(space, Discrete):
        np.testing.assert_allclose(jnp.exp(out), 1 / 3, rtol=1e-6)
        np.testing.assert_allclose(policies.entropy(out), np.log(3), rtol=1e-6)
        np.testing.assert_allclose(policies.log_prob(out, jnp.array([0, 1, 2, 0])), -np.log(3), rtol=1e-6)
        return
    drawn = jax.vmap(lambda key: policies.sample(out, key))(jax.random.split(jax.random.key(1), 20_000))
    assert abs(float(drawn.mean())) < 0.02 and abs(float(drawn.std()) - 1) < 0.02
    np.testing.assert_allclose(policies.log_prob(out, jnp.zeros((4, 2))), -np.log(2 * np.pi), rtol=1e-5)
    np.testing.assert_allclose(-policies.log_prob(out, drawn).mean(), policies.entropy(out)[0], rtol=0.02)


def test_on_a_bandit_the_expected_gradient_is_the_known_one():
    """One step, two arms of a uniform policy, a pair as a group: the better arm's logit gains, the other's loses."""
    setup = Setup(1, Discrete(2), (8,), activation="tanh")
    ctx = context(setup, lr=0.05)
    agent = grpo.init(jax.random.key(0), ctx, None)

    def group(agent, key):
        choice = jax.vmap(lambda k: grpo.act(agent, jnp.ones(1), k, ctx))(jax.random.split(key, GROUP))
        none = jnp.int32(0)
        batch = {
            "obs": jnp.ones((1, GROUP, 1)),
            "action": choice.action[None],
            "log_prob": choice.extras["log_prob"][None],
            "mask": jnp.ones((1, GROUP)),
            "return": (choice.action == 1).astype(jnp.float32),
            "start": Start(none, none),
            "trace_length": none,
        }
        agent, _ = grpo.update(agent, batch, key, ctx, 1, "roll-out")
        out = grpo.network(setup).apply(agent.params["policy"], jnp.ones(1))
        return agent, jnp.exp(out[1])

    _, right = jax.jit(lambda a: jax.lax.scan(group, a, jax.random.split(jax.random.key(1), 100)))(agent)
    assert right[0] >= 0.5 and right[-1] > 0.99 and (np.diff(right) > -1e-3).all()
