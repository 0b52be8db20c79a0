"""About how long a run will take on this machine's CPU, from a fraction of a second of measurement.

Not a promise: products of matrices are timed, the rest of an update is taken in proportion to
them, with constants fitted to the processor time of three short runs.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import jax
import jax.numpy as jnp
import mujoco
import numpy as np

from guided_rl.envs.base import MujocoEnv
from guided_rl.training.plan import abstract_population

if TYPE_CHECKING:
    from guided_rl.training.run import Run

UPDATE_PRODUCTS = 10  # an update's fixed work, in 64×64 times 64×64 products
CALL_SECONDS = 40e-6  # entering the native engine once, and one row's way through Python in it
ROW_SECONDS = 15e-6


def expected_seconds(run: Run) -> float | None:
    """Wall time of training and evaluation without compilation; None where no model of it is known.

    Known is learning on CPU with C MuJoCo; MJX, brax and accelerators are not.
    """
    env, plan, config = run.env, run.plan, run.config
    if jax.default_backend() != "cpu" or not isinstance(env, MujocoEnv) or env.backend != "native":
        return None
    row = physics_seconds(env) + ROW_SECONDS
    members = plan.width // plan.devices
    product = product_seconds()
    update = product * (UPDATE_PRODUCTS + products_per_update(run))
    learning = max(0, config.steps - run.loop.learning_starts)
    train = config.steps * (members * row + CALL_SECONDS) + learning * members * update
    episodes = members * config.episodes * len(run.method.policies)
    evaluate = config.evaluations * env.episode_length * (episodes * (row + product) + CALL_SECONDS)
    return len(plan.waves()) * (train + evaluate)


def products_per_update(run: Run) -> float:
    """Multiply-adds of one member's gradient step, in products of two 64×64 matrices.

    Every weight is used in about six passes per row, forward and back; the larger products of a
    batch run at about twice the speed of the small one that is timed.
    """
    agent = abstract_population(run, 1).members.agent
    weights = sum(leaf.size for leaf in jax.tree.leaves(agent.params))
    return 3.0 * weights * run.loop.batch * run.method.cost.critic_rows / 64**3


def product_seconds() -> float:
    """Seconds of one 64×64 times 64×64 product inside a compiled loop, the best of three."""
    count = 2_000
    start = jnp.full((64, 64), 1 / 64, jnp.float32)
    loop = jax.jit(lambda x: jax.lax.fori_loop(0, count, lambda _, y: y @ start, x))
    loop(start).block_until_ready()
    return min(_timed(lambda: loop(start).block_until_ready()) for _ in range(3)) / count


def physics_seconds(env: MujocoEnv) -> float:
    """Seconds of one control step in C MuJoCo under random controls, the median of forty."""
    sim = env.task.simulation
    data, rng = mujoco.MjData(sim.model), np.random.default_rng(0)

    def step() -> None:
        data.ctrl[:] = rng.uniform(*sim.model.actuator_ctrlrange.T)
        mujoco.mj_step(sim.model, data, sim.frame_skip)

    return float(np.median([_timed(step) for _ in range(40)]))


def _timed(function) -> float:
    begun = time.perf_counter()
    function()
    return time.perf_counter() - begun
