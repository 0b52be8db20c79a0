"""Offline agents for tests: untrained networks of a known size, as a guide or in a file."""

from __future__ import annotations

import functools

import jax
import jax.numpy as jnp

from guided_rl.envs.spaces import Box
from guided_rl.guides.base import Guide
from guided_rl.guides.offline_agents import propose
from guided_rl.methods.base import Agent, Context, Setup
from guided_rl.methods.bases import cql, iql
from guided_rl.methods.hparams import defaults

SETUP = Setup(observation_size=4, action_space=Box(1), hidden=(16, 16), budget=200)


def context(setup: Setup = SETUP, step: int = 0, guide: Guide | None = None, **hp: float) -> Context:
    values = {k: jnp.float32(v) for k, v in {**defaults(iql.HPARAMS), "inverse_temperature": 10.0, **hp}.items()}
    return Context(values, jnp.int32(step), guide, setup=setup)


@functools.cache
def offline_agents(n: int, setup: Setup = SETUP, seed: int = 7) -> Agent:
    """Leaves [n, ...]; the targets differ from the critics."""
    keys = jax.random.split(jax.random.key(seed), n)
    agents = jax.jit(jax.vmap(lambda key: iql.init(key, context(setup))))(keys)
    shifted = jax.tree.map(lambda leaf: leaf + 0.01, agents.targets)
    return agents.replace(targets=shifted)


def networks(agent: Agent) -> dict:
    return {**agent.params, "target": agent.targets["critic"]}


def offline_guide(n: int = 2, setup: Setup = SETUP, seed: int = 7) -> Guide:
    return Guide(networks(offline_agents(n, setup, seed)), propose, name="offline", size=n)


@functools.cache
def ensemble_guide(members: int, setup: Setup = SETUP) -> Guide:
    """One ensemble of CQL agents."""
    ctx = Context({k: jnp.float32(v) for k, v in defaults(cql.HPARAMS).items()}, jnp.int32(0), None, setup=setup)
    agent = jax.jit(lambda key: cql.members_init(key, ctx, members=members))(jax.random.key(7))
    return Guide(networks(agent), propose, name="offline", source="untrained")
