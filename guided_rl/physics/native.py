"""C MuJoCo on host threads, entered from inside compiled programs.

All simulations of a call, whatever they were vmapped over, arrive as one batch; a pool of
threads steps them with `mj_step`, which releases the GIL. The state is opaque to JAX: the
float64 vector of `mj_getState(mjSTATE_INTEGRATION)`, warm start included, bit-cast to
uint32. Nothing is rounded between steps, and no result depends on which thread ran it.
"""

from __future__ import annotations

import collections
import functools
import math
import queue
import threading
import time
from typing import Any

import jax
import jax.numpy as jnp
import mujoco
import numpy as np

from guided_rl.physics import ffi
from guided_rl.physics.base import Data, Simulation, content_key, width
from guided_rl.runtime.devices import cores

STATE = int(mujoco.mjtState.mjSTATE_INTEGRATION)
STATE_FIELDS = {"qpos": int(mujoco.mjtState.mjSTATE_QPOS), "qvel": int(mujoco.mjtState.mjSTATE_QVEL)}
# The counters of `MjData.warning` after which a simulation has failed, which lie side by side.
FAILURES = [int(getattr(mujoco.mjtWarning, f"mjWARN_BAD{what}")) for what in ("QPOS", "QVEL", "QACC", "CTRL")]
WORTH_A_THREAD = 50e-6  # seconds of work; waking a thread costs about a fifth of it
_engines: dict[int, NativeEngine] = {}


class _Worker:
    """One `MjData`. The state's own fields are read from the state vector, for all rows at once."""

    def __init__(self, sim: Simulation):
        self.sim, self.model, self.data = sim, sim.model, mujoco.MjData(sim.model)
        self.ctrl, self.qpos, self.qvel = self.data.ctrl, self.data.qpos, self.data.qvel
        self.failures = _failure_counters(self.data)
        self.calm = bytes(self.failures.nbytes)
        self.moving = slice(_state_column(sim, "qpos").start, _state_column(sim, "qvel").stop)
        slots = [(name, slice(offset, offset + int(np.prod(shape))), shape) for name, offset, shape in sim.slots()]
        places = {name: place for name, place, _ in slots}
        read = [(name, shape) for name, _, shape in slots if name in sim.fields and name not in STATE_FIELDS]
        fields = {name: getattr(self.data, name).reshape(-1) for name, shape in read if shape}
        self.fields = [(places[name], field) for name, field in fields.items()]
        self.precise = [(places[f"{name}.low"], fields[name]) for name in sim.precise if name in fields]
        self.numbers = [(name, places[name], places.get(f"{name}.low")) for name, shape in read if not shape]

    def step(self, state: np.ndarray, ctrl: np.ndarray, packed: np.ndarray) -> None:
        if (first := state.item(self.moving.start)) != first:  # NaN, the quickest way: it has failed
            return
        mujoco.mj_setState(self.model, self.data, state, STATE)
        self.ctrl[:] = ctrl
        mujoco.mj_step(self.model, self.data, self.sim.frame_skip)
        if self.sim.synced:
            mujoco.mj_step1(self.model, self.data)
        if self.sim.rne_post_constraint:
            mujoco.mj_rnePostConstraint(self.model, self.data)
        self._read(state, packed)

    def start(self, state: np.ndarray, start: np.ndarray, packed: np.ndarray) -> None:
        """`start` is qpos, qvel and whether to settle."""
        mujoco.mj_resetData(self.model, self.data)
        if self.sim.synced:
            mujoco.mj_forward(self.model, self.data)
        nq = self.model.nq
        self.qpos[:], self.qvel[:] = start[:nq], start[nq:-1]
        if self.sim.settle and start[-1]:
            mujoco.mj_step2(self.model, self.data)  # dm_control's first substep still sees the reset pose
            mujoco.mj_step(self.model, self.data, self.sim.settle - 1)
            self.data.time = 0.0
        mujoco.mj_forward(self.model, self.data)
        self._read(state, packed)

    def _read(self, state: np.ndarray, packed: np.ndarray) -> None:
        mujoco.mj_getState(self.model, self.data, state, STATE)
        for place, field in self.fields:
            packed[place] = field
        for place, field in self.precise:
            packed[place] = field - field.astype(np.float32)
        for name, place, low in self.numbers:
            number = getattr(self.data, name)
            packed[place] = number
            if low:
                packed[low] = number - np.float32(number)
        if self.failures.tobytes() != self.calm:
            self.failures[:] = 0
            state[self.moving] = packed[:] = math.nan


class _Job:
    """Rows of one call; whichever thread is free takes the next."""

    def __init__(self, method: str, rows: list[int], arrays: tuple[np.ndarray, ...]):
        self.method, self.rows, self.arrays = method, iter(rows), arrays
        self.finished: queue.SimpleQueue[int] = queue.SimpleQueue()
        self.error: BaseException | None = None

    def help(self, worker: _Worker) -> int:
        """Work until no row is left; returns how many were taken."""
        apply = getattr(worker, self.method)
        states, values, packed = self.arrays
        taken = 0
        for i in self.rows:  # taking from a list iterator is atomic under the GIL
            taken += 1
            try:
                apply(states[i], values[i], packed[i])
            except BaseException as error:  # kept for the caller; other rows go on
                self.error = error
        return taken


class NativeEngine:
    """C MuJoCo behind the `Engine` interface."""

    name = "native"
    most_at_once = math.inf

    def __init__(self, sim: Simulation, threads: int | None = None, entry: str | None = None):
        """`entry`: `ffi` (programs stay cacheable; CPU only) or `callback`, by default as the device allows."""
        self.sim = sim
        self.entry = entry or ("ffi" if jax.default_backend() == "cpu" else "callback")
        self.options: dict[str, Any] = {"mujoco": mujoco.__version__, "solver": int(sim.model.opt.solver)}
        self.slots, self.width = sim.slots(), width(sim.slots())
        self.state_words = 2 * mujoco.mj_stateSize(sim.model, STATE)
        self.threads = threads or cores()
        self._columns = _state_columns(sim)
        self._idle = collections.deque([_Worker(sim)])
        self._callers = 1
        self._inbox: queue.SimpleQueue[_Job] = queue.SimpleQueue()
        self._helpers: list[threading.Thread] = []
        self._row_seconds = _time_row(self._idle[0])
        self.key = content_key(sim)
        _engines[self.key] = self
        for name, function in _TARGETS.items():
            ffi.register(name, function)

    def init(self, qpos: jax.Array, qvel: jax.Array, settle: bool = False) -> Data:
        empty = Data(jnp.zeros(self.state_words, jnp.uint32), jnp.zeros(self.width), self.slots)
        return self._start(jnp.bool_(True), empty, qpos, qvel, settle)

    def step(self, data: Data, ctrl: jax.Array, active: jax.Array | bool = True) -> Data:
        return self._call("guided_rl_native_step", data, jnp.asarray(active, bool), ctrl.astype(jnp.float32))

    def reset_where(self, mask: jax.Array, data: Data, qpos: jax.Array, qvel: jax.Array) -> Data:
        return self._start(mask, data, qpos, qvel, settle=True)

    def _start(self, mask: jax.Array, data: Data, qpos: jax.Array, qvel: jax.Array, settle: bool) -> Data:
        start = jnp.concatenate([qpos, qvel, jnp.array([settle])]).astype(jnp.float32)
        return self._call("guided_rl_native_start", data, mask, start)

    def _call(self, target: str, data: Data, mask: jax.Array, values: jax.Array) -> Data:
        shapes = (
            jax.ShapeDtypeStruct((self.state_words,), jnp.uint32),
            jax.ShapeDtypeStruct((self.width,), jnp.float32),
        )
        if self.entry == "callback":
            host = functools.partial(self._on_host, target)
            arguments = (data.raw, data.packed, mask, values)
            raw, packed = jax.pure_callback(host, shapes, *arguments, vmap_method="broadcast_all")
            return data.replace(raw=raw, packed=packed)
        call = jax.ffi.ffi_call(target, shapes, vmap_method="broadcast_all", input_output_aliases={0: 0, 1: 1})
        raw, packed = call(data.raw, data.packed, mask, values, engine=np.int64(self.key))
        return data.replace(raw=raw, packed=packed)

    def _on_host(self, target: str, raw, packed, mask, values) -> tuple[np.ndarray, np.ndarray]:
        """The same call with the learner on another device: arrays come from it and go back to it."""
        outputs = [np.array(raw), np.array(packed)]
        _TARGETS[target](self.key, [*outputs, np.asarray(mask), np.asarray(values)], outputs)
        return outputs[0], outputs[1]

    def run(self, method: str, inputs: list[np.ndarray], outputs: list[np.ndarray]) -> None:
        """Apply a worker's `method` to every masked row, spread over the threads."""
        raw, packed, mask, values = inputs
        raw_out, packed_out = outputs
        if raw_out is not raw:
            raw_out[...] = raw
        if packed_out is not packed:
            packed_out[...] = packed
        states = raw_out.reshape(-1, self.state_words).view(np.float64)
        rows = packed_out.reshape(-1, self.width)
        active = np.flatnonzero(mask).tolist()
        self._spread(_Job(method, active, (states, values.reshape(len(states), -1), rows)), len(active))
        for place, source, low in self._columns:
            column = states[:, source]
            rows[:, place] = single = column.astype(np.float32)
            if low:
                rows[:, low] = column - single

    def _spread(self, job: _Job, rows: int) -> None:
        """This thread works on the job; helpers join where they are free and it is worth it."""
        try:
            worker = self._idle.pop()
        except IndexError:  # a call from another thread, such as another CPU device's, is under way
            worker, self._callers = _Worker(self.sim), self._callers + 1
        alone = len(self._idle) == self._callers - 1
        helpers = min(self.threads, rows, int(rows * self._row_seconds / WORTH_A_THREAD)) - 1
        if alone and helpers > 0 and self._inbox.empty():
            self._hire()
            for _ in range(helpers):
                self._inbox.put(job)
        done = job.help(worker)
        while done < rows:
            done += job.finished.get()
        self._idle.append(worker)
        if job.error is not None:
            raise job.error

    def _hire(self) -> None:
        if not self._helpers:
            serve = functools.partial(_serve, self._inbox, self.sim)
            names = [f"guided-rl-physics-{i}" for i in range(1, self.threads)]
            self._helpers = [threading.Thread(target=serve, name=name, daemon=True) for name in names]
            for helper in self._helpers:
                helper.start()


def _failure_counters(data: mujoco.MjData) -> np.ndarray:
    """A view of the warnings that mean failure, in one piece, since it is read after every step.

    Between two counters lies what the first was last about, which is zero as long as the counter is.
    """
    counters = data.warning.number
    between = counters.strides[0] // counters.itemsize
    length = (max(FAILURES) - min(FAILURES)) * between + 1
    return np.lib.stride_tricks.as_strided(counters[min(FAILURES) :], (length,), (counters.itemsize,))


def _serve(inbox: queue.SimpleQueue[_Job], sim: Simulation) -> None:
    """A helper thread: join each job that comes, and say how many rows were taken, if any."""
    worker = _Worker(sim)
    while True:
        job = inbox.get()
        if taken := job.help(worker):
            job.finished.put(taken)
        del job


def _state_columns(sim: Simulation) -> list[tuple[slice, slice, slice | None]]:
    """Where the state's own fields lie: in the packed row, in the state vector, and the packed low part."""
    places = {name: slice(offset, offset + int(np.prod(shape))) for name, offset, shape in sim.slots()}
    names = [name for name in STATE_FIELDS if name in places]
    return [(places[name], _state_column(sim, name), places.get(f"{name}.low")) for name in names]


def _state_column(sim: Simulation, name: str) -> slice:
    """Where one of the state's own fields lies in the state vector."""
    bit = STATE_FIELDS[name]
    start = mujoco.mj_stateSize(sim.model, (bit - 1) & STATE)
    return slice(start, start + mujoco.mj_stateSize(sim.model, bit))


def _time_row(worker: _Worker) -> float:
    """Seconds of one control step from rest, the best of three."""
    seconds = []
    mujoco.mj_resetData(worker.model, worker.data)
    for _ in range(3):
        start = time.perf_counter()
        mujoco.mj_step(worker.model, worker.data, worker.sim.frame_skip)
        seconds.append(time.perf_counter() - start)
    return min(seconds)


_TARGETS = {
    "guided_rl_native_step": lambda key, inputs, outputs: _engines[key].run("step", inputs, outputs),
    "guided_rl_native_start": lambda key, inputs, outputs: _engines[key].run("start", inputs, outputs),
}
