"""CQL, alone and as an ensemble: losses against NumPy, and what without its penalty is left."""

from __future__ import annotations

import functools

import jax
import jax.numpy as jnp
import numpy as np

from guided_rl.methods import build
from guided_rl.methods.bases import cql, sac
from guided_rl.networks.distributions import averaged_moments
from guided_rl.runtime.rng import normal
from tests.methods.off2on_setting import CLOSE, COUNT, context, member, seeds, single
from tests.methods.test_losses import ACTION, BATCH, mlp, q_values, squashed, transitions


@seeds
def test_cql_penalises_the_soft_maximum_over_three_kinds_of_actions(seed):
    agent, batch, ctx = single(seed), transitions(seed), context(cql_alpha=3.0)
    actions, log_density = cql.proposals(agent, batch, jax.random.key(seed), ctx, COUNT)
    assert actions.shape == (3, COUNT, BATCH, ACTION)
    assert float(jnp.abs(actions).max()) <= 1.0
    np.testing.assert_allclose(log_density[0], ACTION * np.log(0.5), rtol=1e-6)
    for kind, name in ((1, "next_obs"), (2, "obs")):
        for j in range(COUNT):
            action = np.asarray(actions[kind, j], np.float64)
            sure = np.abs(action).max(-1) < 0.999  # beyond, float32's tanh cannot be undone
            u = np.arctanh(np.clip(action, -0.999, 0.999))
            out = mlp(agent.params["actor"]["params"]["MLP_0"], np.asarray(batch[name], np.float64))
            noise = (u - out[:, :ACTION]) / np.exp(np.clip(out[:, ACTION:], -5, 2))
            expected = squashed(agent.params["actor"], batch[name], noise)[1]
            np.testing.assert_allclose(np.asarray(log_density[kind, j])[sure], expected[sure], rtol=1e-2, atol=1e-2)
    critic, target = agent.params["critic"], np.random.default_rng(seed).normal(size=BATCH)
    q = np.stack([[q_values(critic, batch["obs"], a) for a in kind] for kind in actions])  # [3, COUNT, 2, BATCH]
    ratios = np.exp(q - np.asarray(log_density, np.float64)[:, :, None])
    data = q_values(critic, batch["obs"], batch["action"])
    gap = (np.log(ratios.sum((0, 1))) - data).mean(-1)
    np.testing.assert_allclose(cql.conservatism(critic, batch, actions, log_density, ctx), gap, **CLOSE)
    loss, _ = cql.critic_loss(critic, jnp.float32(target), batch, ctx, actions=actions, log_density=log_density)
    np.testing.assert_allclose(loss, 0.5 * sum(np.mean((data - target) ** 2, -1) + 3.0 * gap), **CLOSE)


def test_without_its_penalty_cql_is_sac():
    agent, batch, key, ctx = single(0), transitions(0), jax.random.key(5), context(cql_alpha=0.0)
    plain, told = jax.jit(lambda *a: sac.update(*a, ctx))(agent, batch, key)
    ours, metrics = jax.jit(lambda *a: cql.update(*a, ctx, count=2, backup_entropy=True))(agent, batch, key)
    close = functools.partial(np.testing.assert_allclose, rtol=1e-5, atol=1e-7)
    jax.tree.map(close, ours.params, plain.params)
    close(metrics["critic_loss"], told["critic_loss"])


@seeds
def test_cql_backs_up_no_entropy(seed):
    agent, batch, key = single(seed), transitions(seed), jax.random.key(seed)
    noise = np.asarray(normal(key, (BATCH, ACTION)), np.float64)
    action, _ = squashed(agent.params["actor"], batch["next_obs"], noise)
    q = q_values(agent.targets["critic"], batch["next_obs"], action).min(0)
    expected = np.asarray(batch["reward"]) + 0.9 * (1 - np.asarray(batch["terminated"])) * q
    np.testing.assert_allclose(cql.critic_target(agent, batch, key, context(gamma=0.9)), expected, **CLOSE)


def test_members_share_neither_networks_nor_batches():
    """Two members on a batch of two halves learn what each alone learns from its own half."""
    method, ctx = build("cql-offline", {"members": 2, "actions": 2}), context()
    agent, key = jax.jit(method.init)(jax.random.key(0), ctx), jax.random.key(1)
    assert not np.array_equal(*agent.params["actor"]["params"]["MLP_0"]["Dense_0"]["kernel"])
    both = jax.tree.map(lambda a, b: jnp.concatenate([a, b]), transitions(0), transitions(1))
    after, _ = jax.jit(method.update)(agent, both, key, ctx)
    one = jax.jit(lambda *arguments: cql.update(*arguments, ctx, count=2))
    for n, own in enumerate(jax.random.split(key, 2)):
        alone, _ = one(member(agent, n), transitions(n), own)
        close = functools.partial(np.testing.assert_allclose, rtol=1e-4, atol=1e-6)
        jax.tree.map(close, member(after.params, n), alone.params)


@seeds
def test_averaged_moments_are_those_of_the_mixture(seed):
    rng = np.random.default_rng(seed)
    mu, log_std = rng.normal(size=(5, 7, 2)), rng.uniform(-1, 0.5, (5, 7, 2))
    mean, found = averaged_moments(jnp.float32(mu), jnp.float32(log_std))
    variance = (np.exp(2 * log_std) + mu**2).mean(0) - mu.mean(0) ** 2
    np.testing.assert_allclose(mean, mu.mean(0), rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(found, 0.5 * np.log(variance), rtol=1e-4, atol=1e-5)
    one = averaged_moments(jnp.float32(mu[:1]), jnp.float32(log_std[:1]))
    np.testing.assert_allclose(one, (mu[0], log_std[0]), rtol=1e-5, atol=1e-5)
