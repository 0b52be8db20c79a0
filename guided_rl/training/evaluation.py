"""Evaluation: fresh environments, own key stream, every protocol of a method at once.

Episodes of all members and protocols run side by side; ended ones are masked, and the loop
stops when the last one ends. No training step is ever counted or influenced.
"""

from __future__ import annotations

import jax
import jax.numpy as jnp
from flax import struct
from jax.sharding import Mesh

from guided_rl.data.rollout import play_episodes
from guided_rl.envs.base import Env, State
from guided_rl.guides.base import Guide
from guided_rl.methods.acts import as_act
from guided_rl.methods.base import Agent, Context, HParams, Method, Setup
from guided_rl.runtime.rng import KEYS
from guided_rl.training.execution import over_members
from guided_rl.training.outcomes import of_act, of_task
from guided_rl.training.sharding import SAME, SPLIT, sharded
from guided_rl.training.state import INPUTS, Inputs

EVALUATION_STREAM = 1_000_003


class Episodes(struct.PyTreeNode):
    """Evaluation episodes, each [population, protocol, episode].

    `outcomes` are of the task, 1 where an episode had one, and of the method, summed over its steps; NaN under a
    protocol that does not tell.
    """

    episode_return: jax.Array
    length: jax.Array
    failed: jax.Array
    outcomes: dict[str, jax.Array] = struct.field(default_factory=dict)


def add_outcomes(found: Episodes, counts: dict[str, jax.Array], after: State, active: jax.Array) -> Episodes:
    """What was found so far, with one more step, of which the method `counts`."""
    live = active.astype(jnp.float32)
    failed = live * after.done * (1.0 - after.info["truncation"])
    had = {n: jnp.maximum(found.outcomes[n], live * value) for n, value in of_task(after.metrics).items()}
    done = {n: found.outcomes[n] + jnp.where(active, value, 0.0) for n, value in counts.items()}
    total, length = found.episode_return + live * after.reward, found.length + live
    return Episodes(total, length, found.failed + failed, {**had, **done})


def evaluator(env: Env, method: Method, setup: Setup, episodes: int, execution: str, mesh: Mesh):
    """A compiled `(seeds, agents, inputs, step) -> Episodes` for `episodes` per protocol."""
    protocols = tuple(method.policies.values())

    def start(seed, step):
        """The same starts for every protocol and every method that shares the seed."""
        key = jax.random.fold_in(jax.random.fold_in(jax.random.key(EVALUATION_STREAM, impl=KEYS), seed), step)
        start_key, act_key = jax.random.split(key)
        keys = jax.random.split(start_key, episodes)
        state = jax.vmap(lambda _: jax.vmap(env.reset)(keys))(jnp.arange(len(protocols)))
        return state, act_key

    def run(seeds: jax.Array, agents: Agent, inputs: Inputs, step: jax.Array) -> Episodes:
        def act(agent: Agent, hp: HParams, guide: Guide | None, obs, key):
            """Actions [protocol, episode, action] of one member, and their outcomes [protocol, episode]."""
            ctx = Context(hp, step - 1, guide, setup)  # schedules as in the last step that was taken
            keys = jax.random.split(key, episodes)
            acts = [
                jax.vmap(lambda o, k, policy=policy: as_act(policy(agent, o, k, ctx)))(obs[i], keys)
                for i, policy in enumerate(protocols)
            ]
            counted, uncounted = [of_act(act.extras) for act in acts], jnp.full(episodes, jnp.nan)
            names = {name for counts in counted for name in counts}
            counts = {name: jnp.stack([counts.get(name, uncounted) for counts in counted]) for name in names}
            return jnp.stack([act.action for act in acts]), counts

        each = over_members(execution, jnp.sum(inputs.real))
        state, keys = jax.vmap(start, in_axes=(0, None))(seeds, step)

        def everyone(state: State, time: jax.Array) -> tuple[jax.Array, dict[str, jax.Array]]:
            step_keys = jax.vmap(lambda k: jax.random.fold_in(k, time))(keys)
            return each(act)(agents, inputs.hp, inputs.guide, state.obs, step_keys)

        zeros = jnp.zeros(state.reward.shape)
        real = jnp.broadcast_to(inputs.real[:, None, None], zeros.shape)
        counted = jax.eval_shape(each(act), agents, inputs.hp, inputs.guide, state.obs, keys)[1]
        none = dict.fromkeys((*of_task(state.metrics), *counted), zeros)
        return play_episodes(env, everyone, state, add_outcomes, Episodes(zeros, zeros, zeros, none), real)

    return sharded(run, mesh, (SPLIT, SPLIT, INPUTS, SAME), SPLIT)
