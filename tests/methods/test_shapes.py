"""Shapes that would broadcast in silence, and then teach the wrong thing, are refused while a program is traced."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import pytest

from guided_rl.data.replay import Layout, insert
from guided_rl.envs.spaces import Box
from guided_rl.methods.base import Context, Setup
from guided_rl.methods.bases import dqn, iql, sac, td3
from guided_rl.methods.dai.dai import interpolate
from guided_rl.methods.hparams import defaults

SETUP = Setup(3, Box(2), (8,), 1_000)
BATCH = {"obs": jnp.zeros((4, 3)), "action": jnp.zeros((4, 2))}


def context(base) -> Context:
    return Context({k: jnp.float32(v) for k, v in defaults(base.HPARAMS).items()}, jnp.int32(0), None, SETUP)


@pytest.mark.parametrize("base", [sac, td3])
def test_a_target_with_an_axis_too_many_is_refused(base):
    """[batch, 1] beside [2, batch] would give every pair of rows an error of its own."""
    ctx = context(base)
    params = base.critic(SETUP).init(jax.random.key(0), BATCH["obs"][0], BATCH["action"][0])
    base.critic_loss(params, jnp.zeros(4), BATCH, ctx)
    with pytest.raises(AssertionError, match="shape"):
        base.critic_loss(params, jnp.zeros((4, 1)), BATCH, ctx)


def test_weights_of_another_shape_than_the_actions_are_refused():
    ctx = context(iql)
    params = iql.unsquashed.actor(SETUP).init(jax.random.key(0), BATCH["obs"][0])
    iql.actor_loss(params, BATCH["obs"], BATCH["action"], jnp.zeros(4), ctx)
    with pytest.raises(AssertionError, match="shape"):
        iql.actor_loss(params, BATCH["obs"], BATCH["action"], jnp.zeros((4, 1)), ctx)


def test_a_discrete_target_of_another_shape_is_refused():
    q, action = jnp.zeros((4, 3)), jnp.zeros(4, int)
    dqn.td_losses(q, action, jnp.zeros(4))
    with pytest.raises(AssertionError, match="shape"):
        dqn.td_losses(q, action, jnp.zeros((4, 1)))


def test_advice_of_another_shape_than_the_action_is_refused():
    with pytest.raises(AssertionError, match="shape"):
        interpolate(jnp.float32(0.5), jnp.zeros(1), jnp.zeros(2))


def test_rows_of_another_width_than_the_replay_are_refused():
    layout = Layout.of(3, 2)
    layout.unpack(jnp.zeros((4, layout.width)))
    with pytest.raises(AssertionError, match="10"):
        layout.unpack(jnp.zeros((4, layout.width + 1)))
    with pytest.raises(AssertionError, match="shape"):
        insert(jnp.zeros((2, 8, layout.width)), jnp.zeros((1, layout.width)), jnp.int32(0))
