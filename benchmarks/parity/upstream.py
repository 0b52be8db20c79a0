"""A task and its twin on the same action tape, compared step by step.

`record` plays the twin alone. `native_errors` plays our environment over the whole tape;
`mjx_errors` takes one MJX step from every state of it, so that errors do not accumulate.
Both the parity tests and the parity page read these errors.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import jax
import jax.numpy as jnp
import mujoco
import numpy as np

from guided_rl.envs import TASKS, MujocoEnv, State, Task
from guided_rl.envs.upstream import twin_of
from guided_rl.physics.mjx import CARRIED, MjxEngine
from guided_rl.physics.native import STATE, NativeEngine

Edit = Callable[[mujoco.MjModel], None]


@dataclass(frozen=True, eq=False)
class Tape:
    """What the twin did, one row per step; `carried` and `first` are before the step, the rest after.

    Attributes:
      task: our side, with `edit` applied to its model as to the twin's.
      action: [steps, action] in [-1, 1].
      first: [steps] bool, an episode starts with this step, from `carried`'s qpos and qvel.
      carried: the physics state before the step by MuJoCo's names, each [steps, n].
      state: [steps, n], MuJoCo's whole integration state in float64.
      observation, reward, terminated, truncated, terms: as the twin returned them.
      initial: [steps, observation], what the twin's reset observed where `first`.
    """

    task: Task
    action: np.ndarray
    first: np.ndarray
    carried: dict[str, np.ndarray]
    state: np.ndarray
    observation: np.ndarray
    reward: np.ndarray
    terminated: np.ndarray
    truncated: np.ndarray
    terms: dict[str, np.ndarray]
    initial: np.ndarray


@dataclass(frozen=True, eq=False)
class Errors:
    """Ours minus the twin's, [steps] each: the largest over components.

    `state` is absolute, in MuJoCo's units; `observation`, `reward` and `terms` are relative
    to 1 + |twin|; `termination` and `truncation` are true where the two disagree.
    """

    state: np.ndarray
    observation: np.ndarray
    reward: np.ndarray
    terms: np.ndarray
    termination: np.ndarray
    truncation: np.ndarray

    def share_above(self, bound: float = 1e-3) -> float:
        """Share of steps whose state differs by more than `bound`."""
        return float(np.mean(self.state > bound))


def record(name: str, steps: int = 1000, seed: int = 0, edit: Edit | None = None) -> Tape:
    """Play uniform random actions in the twin of task `name`."""
    task, twin = TASKS[name](), twin_of(name)
    data, model = twin.data, twin.model
    if edit:
        edit(task.simulation.model)
        edit(model)
    actions = np.random.default_rng(seed).uniform(-1, 1, (steps, model.nu)).astype(np.float32)
    twin.start(seed)
    rows, ended = [], True
    for action in actions:
        first, initial = ended, np.zeros(twin.observation_size)
        if first:
            initial = twin.restart()
        row = {name: np.array(getattr(data, name)) for name in CARRIED}
        after = twin.step(action * ((twin.high - twin.low) / 2) + (twin.high + twin.low) / 2)
        row |= {"first": first, "initial": initial, "observation": after.observation, "reward": after.reward}
        row |= {"terminated": after.terminated, "truncated": after.truncated, "state": _state(model, data)}
        rows.append(row | after.terms)
        ended = after.terminated or after.truncated
    columns = {name: np.stack([row[name] for row in rows]) for name in rows[0]}
    carried = {name: columns.pop(name) for name in CARRIED}
    terms = {name: columns.pop(name) for name in list(columns) if name.startswith("reward_")}
    return Tape(task=task, action=actions, carried=carried, terms=terms, **columns)


def native_errors(tape: Tape, threads: int | None = None) -> Errors:
    """Our environment over the whole tape, without any correction on the way."""
    _, after = _play(tape, MujocoEnv(tape.task, NativeEngine(tape.task.simulation, threads)))
    state = np.asarray(after.pipeline_state.raw).view(np.float64)
    return _compare(tape, after, _largest(state - tape.state))


def mjx_errors(tape: Tape, preset: str = "xml", compiler_options: dict | None = None) -> Errors:
    """One MJX control step from every state of the tape, all at once.

    Args:
      compiler_options: for XLA; a lower optimisation level compiles several times faster.
    """
    before, _ = _play(tape, MujocoEnv(tape.task, NativeEngine(tape.task.simulation)))
    env = MujocoEnv(tape.task, MjxEngine(tape.task.simulation, preset))
    before = before.replace(pipeline_state=before.pipeline_state.replace(raw=_mjx_state(tape)))
    after = _compiled(env, compiler_options, before, tape.action)
    model = tape.task.simulation.model
    return _compare(tape, after, _largest(_mjx_position(after) - tape.state[:, 1 : 1 + model.nq + model.nv]))


def mjx_substep_errors(tape: Tape, preset: str = "xml", compiler_options: dict | None = None) -> np.ndarray:
    """State errors [steps] of one physics substep, the first of each control step of the tape."""
    task = replace(tape.task, simulation=replace(tape.task.simulation, frame_skip=1))
    native = MujocoEnv(task, NativeEngine(task.simulation))
    mjx = MujocoEnv(task, MjxEngine(task.simulation, preset))
    before, _ = _play(tape, MujocoEnv(tape.task, NativeEngine(tape.task.simulation)))
    truth = jax.jit(jax.vmap(native.step))(before, tape.action)
    before = before.replace(pipeline_state=before.pipeline_state.replace(raw=_mjx_state(tape)))
    after = _compiled(mjx, compiler_options, before, tape.action)
    model = task.simulation.model
    state = np.asarray(truth.pipeline_state.raw).view(np.float64)[:, 1 : 1 + model.nq + model.nv]
    return _largest(_mjx_position(after) - state)


def _mjx_state(tape: Tape) -> dict[str, jax.Array]:
    return {name: jnp.asarray(x, jnp.float32) for name, x in tape.carried.items() if x.size}


def _mjx_position(state: State) -> np.ndarray:
    """qpos and qvel [steps, nq + nv] of MJX states, in float64."""
    raw = state.pipeline_state.raw
    return np.concatenate([raw["qpos"], raw["qvel"]], axis=1).astype(np.float64)


def _compiled(env: MujocoEnv, options: dict | None, state: State, action: np.ndarray) -> State:
    """One step from every state, as many at once as the engine may."""
    steps = len(action)
    piece = max(n for n in range(1, steps + 1) if steps % n == 0 and n <= env.engine.most_at_once)
    parts = [jax.tree.map(lambda x, i=i: x[i : i + piece], (state, action)) for i in range(0, steps, piece)]
    program = jax.jit(jax.vmap(env.step)).lower(*parts[0]).compile(options)
    return jax.tree.map(lambda *x: jnp.concatenate(x), *(program(*part) for part in parts))


def _state(model: mujoco.MjModel, data: mujoco.MjData) -> np.ndarray:
    state = np.empty(mujoco.mj_stateSize(model, STATE))
    mujoco.mj_getState(model, data, state, STATE)
    return state


def _play(tape: Tape, env: MujocoEnv) -> tuple[State, State]:
    """Our states before and after each step of the tape, [steps, ...]."""

    def step(state: State, row: tuple) -> tuple[State, tuple[State, State]]:
        first, qpos, qvel, action = row
        fresh = env.init(qpos, qvel)
        before = jax.tree.map(lambda a, b: jnp.where(first, a, b), fresh, state)
        after = env.step(before, action)
        return after, (before, after)

    qpos, qvel = (jnp.asarray(tape.carried[name], jnp.float32) for name in ("qpos", "qvel"))
    start = jax.jit(env.init)(qpos[0], qvel[0])
    before, after = jax.jit(lambda s, rows: jax.lax.scan(step, s, rows)[1])(
        start, (tape.first, qpos, qvel, tape.action)
    )
    initial = np.asarray(before.obs)[tape.first]
    np.testing.assert_allclose(initial, tape.initial[tape.first], rtol=1e-6, atol=1e-6, err_msg="reset observation")
    return before, after


def _compare(tape: Tape, ours: State, state: np.ndarray) -> Errors:
    truncated = np.asarray(ours.info["truncation"]) > 0
    terminated = (np.asarray(ours.done) > 0) & ~truncated
    terms = [_relative(ours.metrics[name], value)[:, None] for name, value in tape.terms.items()]
    return Errors(
        state=state,
        observation=_largest(_relative(ours.obs, tape.observation)),
        reward=_relative(ours.reward, tape.reward),
        terms=_largest(np.concatenate([np.zeros((len(tape.action), 1)), *terms], axis=1)),
        termination=terminated != tape.terminated,
        truncation=truncated != (tape.truncated & ~tape.terminated),
    )


def _relative(ours: jax.Array, twin: np.ndarray) -> np.ndarray:
    return np.abs(np.asarray(ours, np.float64) - twin) / (1 + np.abs(twin))


def _largest(errors: np.ndarray) -> np.ndarray:
    return np.max(np.abs(errors), axis=-1)
