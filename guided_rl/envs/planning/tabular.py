"""Tasks that are a table: the world is a state's number, and the learner may read the whole table."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np

from guided_rl.envs.jax_env import JaxEnv, JaxTask
from guided_rl.planning.problem import RewardProblem
from guided_rl.runtime.rng import KEYS

IMPOSSIBLE = 1e-38


class PlanningEnv(JaxEnv):
    """A `JaxTask` whose table is known, `problem`."""

    def __init__(self, task: JaxTask, problem: RewardProblem):
        self.problem = problem
        super().__init__(task)


def planning_env(name: str, problem: RewardProblem, episode_length: int) -> PlanningEnv:
    """The test process of `problem` as a task; its last state, where an episode is over, is an end.

    The reward of a step is w* · φ(s) of the state that is left, as the planner counts it; observed is the state, one
    entry for each.
    """
    mdp, single = problem.test, lambda table: np.asarray(table, np.float32)
    reward, unseen = single(mdp.features @ problem.truth), single(mdp.features[:, problem.unseen])
    first, likely = (single(np.log(np.maximum(table, IMPOSSIBLE))) for table in (mdp.start, mdp.probability))
    states, actions, _ = mdp.following.shape

    def start(rng: jax.Array) -> dict[str, jax.Array]:
        own, moves = jax.random.split(rng)
        state = jax.random.categorical(own, first).astype(jnp.int32)
        return {"state": state, "key": jax.random.key_data(moves)}

    def advance(world: dict[str, jax.Array], action: jax.Array) -> dict[str, jax.Array]:
        now, later = jax.random.split(jax.random.wrap_key_data(world["key"], impl=KEYS))
        branch = jax.random.categorical(now, jnp.asarray(likely)[world["state"], action])
        after = jnp.asarray(mdp.following)[world["state"], action, branch].astype(jnp.int32)
        return {"state": after, "key": jax.random.key_data(later)}

    def earned(before: dict[str, jax.Array], action: jax.Array, after: dict[str, jax.Array]):
        return jnp.asarray(reward)[before["state"]], {"unseen": jnp.asarray(unseen)[before["state"]]}

    task = JaxTask(
        name=name,
        twin="none",
        action_size=actions,
        start=start,
        advance=advance,
        observe=lambda world: jax.nn.one_hot(world["state"], states),
        reward=earned,
        terminated=lambda world: world["state"] == states - 1,
        episode_length=episode_length,
        discrete=True,
    )
    return PlanningEnv(task, problem)
