"""C MuJoCo on host threads, entered from inside compiled programs.

All simulations of a call, whatever they were vmapped over, arrive as one batch; a pool of
threads steps them with `mj_step`, which releases the GIL. The state is opaque to JAX: the
float64 vector of `mj_getState(mjSTATE_INTEGRATION)`, warm start included, bit-cast to
uint32. Nothing is rounded between steps, and no result depends on which thread ran it.
"""

from __future__ import annotations

import hashlib
import queue
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import jax
import jax.numpy as jnp
import mujoco
import numpy as np

from guided_rl.devices import cores
from guided_rl.physics import ffi
from guided_rl.physics.base import Data, Simulation, width

STATE = mujoco.mjtState.mjSTATE_INTEGRATION
LEAST_PER_THREAD = 2  # handing fewer simulations to a thread costs more than stepping them
_engines: dict[int, NativeEngine] = {}


class _Worker:
    """One `MjData` with views of its arrays, so that a step touches no attribute lookups."""

    def __init__(self, sim: Simulation):
        self.sim, self.model, self.data = sim, sim.model, mujoco.MjData(sim.model)
        self.fields = [getattr(self.data, name).reshape(-1) for name in sim.fields]
        self.precise = [getattr(self.data, name).reshape(-1) for name in sim.precise]
        self.ctrl, self.qpos, self.qvel = self.data.ctrl, self.data.qpos, self.data.qvel

    def step(self, state: np.ndarray, ctrl: np.ndarray, state_out: np.ndarray, packed_out: np.ndarray) -> None:
        mujoco.mj_setState(self.model, self.data, state, STATE)
        self.ctrl[:] = ctrl
        mujoco.mj_step(self.model, self.data, self.sim.frame_skip)
        if self.sim.rne_post_constraint:
            mujoco.mj_rnePostConstraint(self.model, self.data)
        self._read(state_out, packed_out)

    def start(self, qpos: np.ndarray, qvel: np.ndarray, state_out: np.ndarray, packed_out: np.ndarray) -> None:
        mujoco.mj_resetData(self.model, self.data)
        self.qpos[:], self.qvel[:] = qpos, qvel
        mujoco.mj_forward(self.model, self.data)
        self._read(state_out, packed_out)

    def _read(self, state_out: np.ndarray, packed_out: np.ndarray) -> None:
        mujoco.mj_getState(self.model, self.data, state_out, STATE)
        offset = 0
        for field in self.fields:
            packed_out[offset : offset + field.size] = field
            offset += field.size
        for field in self.precise:
            packed_out[offset : offset + field.size] = field - field.astype(np.float32)
            offset += field.size


class NativeEngine:
    """C MuJoCo behind the `Engine` interface."""

    name = "native"

    def __init__(self, sim: Simulation, threads: int | None = None):
        self.sim = sim
        self.options: dict[str, Any] = {"mujoco": mujoco.__version__, "solver": int(sim.model.opt.solver)}
        self.slots, self.width = sim.slots(), width(sim.slots())
        self.state_words = 2 * mujoco.mj_stateSize(sim.model, STATE)
        self.threads = threads or cores()
        self._pool: ThreadPoolExecutor | None = None
        self._idle: queue.SimpleQueue[_Worker] = queue.SimpleQueue()
        for _ in range(self.threads):
            self._idle.put(_Worker(sim))
        self.key = _content_key(sim)
        _engines[self.key] = self
        for name, function in _TARGETS.items():
            ffi.register(name, function)

    def init(self, qpos: jax.Array, qvel: jax.Array) -> Data:
        empty = Data(jnp.zeros(self.state_words, jnp.uint32), jnp.zeros(self.width), self.slots)
        return self.reset_where(jnp.bool_(True), empty, qpos, qvel)

    def step(self, data: Data, ctrl: jax.Array, active: jax.Array | bool = True) -> Data:
        return self._call("guided_rl_native_step", data, jnp.asarray(active, bool), ctrl.astype(jnp.float32))

    def reset_where(self, mask: jax.Array, data: Data, qpos: jax.Array, qvel: jax.Array) -> Data:
        start = jnp.concatenate([qpos, qvel]).astype(jnp.float32)
        return self._call("guided_rl_native_start", data, mask, start)

    def _call(self, target: str, data: Data, mask: jax.Array, values: jax.Array) -> Data:
        shapes = (
            jax.ShapeDtypeStruct((self.state_words,), jnp.uint32),
            jax.ShapeDtypeStruct((self.width,), jnp.float32),
        )
        call = jax.ffi.ffi_call(target, shapes, vmap_method="broadcast_all", input_output_aliases={0: 0, 1: 1})
        raw, packed = call(data.raw, data.packed, mask, values, engine=np.int64(self.key))
        return data.replace(raw=raw, packed=packed)

    def run(self, method: str, inputs: list[np.ndarray], outputs: list[np.ndarray]) -> None:
        """Apply a worker's `method` to every masked row, spread over the threads."""
        raw, packed, mask, values = inputs
        raw_out, packed_out = outputs
        if raw.ctypes.data != raw_out.ctypes.data:
            raw_out[...] = raw
        if packed.ctypes.data != packed_out.ctypes.data:
            packed_out[...] = packed
        states = raw_out.reshape(-1, self.state_words).view(np.float64)
        rows = packed_out.reshape(-1, self.width)
        values = values.reshape(len(states), -1)
        active = np.flatnonzero(mask)

        def work(worker: _Worker, indices: np.ndarray) -> None:
            function = getattr(worker, method)
            if method == "step":
                for i in indices:
                    function(states[i], values[i], states[i], rows[i])
            else:
                nq = self.sim.model.nq
                for i in indices:
                    function(values[i, :nq], values[i, nq:], states[i], rows[i])

        workers = self._take(len(active))
        try:
            parts = np.array_split(active, len(workers))
            helpers = [self._threads().submit(work, *pair) for pair in zip(workers[1:], parts[1:], strict=True)]
            work(workers[0], parts[0])
            for helper in helpers:
                helper.result()
        finally:
            for worker in workers:
                self._idle.put(worker)

    def _take(self, simulations: int) -> list[_Worker]:
        """One worker, waiting for it if need be, and as many idle ones as pay their way."""
        workers = [self._idle.get()]
        while len(workers) * LEAST_PER_THREAD < simulations:
            try:
                workers.append(self._idle.get_nowait())
            except queue.Empty:
                break
        return workers

    def _threads(self) -> ThreadPoolExecutor:
        if self._pool is None:
            self._pool = ThreadPoolExecutor(self.threads, thread_name_prefix="guided-rl-physics")
        return self._pool


def _content_key(sim: Simulation) -> int:
    """A number that names the simulation's content, the same in every process."""
    buffer = np.empty(mujoco.mj_sizeModel(sim.model), np.uint8)
    mujoco.mj_saveModel(sim.model, None, buffer)
    settings = repr((sim.frame_skip, sim.fields, sim.precise, sim.rne_post_constraint)).encode()
    return int.from_bytes(hashlib.sha256(buffer.tobytes() + settings).digest()[:8], "little") >> 1


_TARGETS = {
    "guided_rl_native_step": lambda key, inputs, outputs: _engines[key].run("step", inputs, outputs),
    "guided_rl_native_start": lambda key, inputs, outputs: _engines[key].run("start", inputs, outputs),
}
