"""MJX, MuJoCo written in JAX, for accelerators; the JAX implementation only, never Warp.

The model is the one that the native engine steps, with the XML's own solver settings in
float32. What MJX must do otherwise (no PGS solver: Newton instead) and any faster, less
exact preset are recorded in `MjxEngine.options`. Derived fields are those of the last
substep, and of its last Runge-Kutta stage, as C MuJoCo leaves them in `MjData`.
"""

from __future__ import annotations

import contextlib
import copy
import io
import math
from typing import Any

import jax
import jax.numpy as jnp
import mujoco
import numpy as np

from guided_rl.physics.base import Data, Simulation, select
from guided_rl.runtime.errors import UserError, unknown_name

with contextlib.redirect_stdout(io.StringIO()):  # it prints that Warp is absent, which is what we want
    from mujoco import mjx

PRESETS: dict[str, dict[str, int]] = {"xml": {}, "fast": {"iterations": 1, "ls_iterations": 4}}
CARRIED = ("time", "qpos", "qvel", "act", "qacc_warmstart")
# Simulations × degrees of freedom³ on a CPU: half of where it was seen to hang, or less. MJX factorises a matrix for
# each simulation. jaxlib (0.10.2) gives a large batch of factorisations to the thread pool that it is called from, and
# waits; when all threads of the pool wait so, they wait for ever.
AT_ONCE = 300_000


class MjxEngine:
    """MJX behind the `Engine` interface.

    `Data.raw` holds only what persists between steps (`CARRIED`); contacts and the like are
    recomputed, so a population's state stays small. `precise` fields carry no more than
    float32 here: their `.low` parts are zero.

    Args:
      sim: what to step.
      preset: a key of `PRESETS`; `xml` keeps the XML's solver settings.

    Raises:
      UserError: the preset is unknown, or the model needs something that MJX lacks.
    """

    name = "mjx"

    def __init__(self, sim: Simulation, preset: str = "xml"):
        if preset not in PRESETS:
            raise unknown_name("MJX preset", preset, PRESETS)
        self.sim, self.slots = sim, sim.slots()
        self.most_at_once = max(1, AT_ONCE // sim.model.nv**3) if jax.default_backend() == "cpu" else math.inf
        model, self.options = _adapted(sim.model, preset)
        try:
            self._model = mjx.put_model(model, impl="jax")
            self._empty = mjx.make_data(model, impl="jax")
        except NotImplementedError as error:
            raise _missing(error) from error
        for field, _, shape in self.slots:
            here = _find(self._empty, field.removesuffix(".low"))
            if not isinstance(here, jax.Array | np.ndarray) or here.size != math.prod(shape):
                raise _missing(f"the field {field.removesuffix('.low')!r}")

    def init(self, qpos: jax.Array, qvel: jax.Array, settle: bool = False) -> Data:
        qpos, qvel = (jnp.asarray(x, jnp.float32) for x in (qpos, qvel))
        start = self._empty.replace(qpos=qpos, qvel=qvel)
        sound = jnp.bool_(True)
        if settle and self.sim.settle:
            start, sound = self._substeps(start, self.sim.settle)
            start = start.replace(time=jnp.zeros_like(start.time))
        # The compiler drops whatever of `forward` no field is read from, the solver first of all.
        return self._read(mjx.forward(self._model, start), start, sound)

    def step(self, data: Data, ctrl: jax.Array, active: jax.Array | bool = True) -> Data:
        state = self._empty.replace(ctrl=ctrl.astype(jnp.float32), **data.raw)
        try:
            state, sound = self._substeps(state, self.sim.frame_skip)
            derived = self._synced(state) if self.sim.synced else state
            if self.sim.rne_post_constraint:
                derived = mjx.rne_postconstraint(self._model, derived)
        except NotImplementedError as error:
            raise _missing(error) from error
        return select(jnp.asarray(active), self._read(derived, state, sound), data)

    def reset_where(self, mask: jax.Array, data: Data, qpos: jax.Array, qvel: jax.Array) -> Data:
        return select(mask, self.init(qpos, qvel, settle=True), data)

    def _substeps(self, state: mjx.Data, count: int) -> tuple[mjx.Data, jax.Array]:
        """The state after `count` substeps, and whether C MuJoCo would have found nothing bad on the way."""

        def substep(_: jax.Array, carry: tuple[mjx.Data, jax.Array]) -> tuple[mjx.Data, jax.Array]:
            before, sound = carry
            after = mjx.step(self._model, before)
            return after, sound & _calm(before.qpos, before.qvel, after.qacc)

        return jax.lax.fori_loop(0, count, substep, (state, _calm(state.ctrl)))

    def _synced(self, state: mjx.Data) -> mjx.Data:
        """Position and velocity fields of `state` itself; what depends on accelerations is the last substep's."""
        fresh = mjx.forward(self._model, state)
        last = self.sim.model.sensor_needstage == mujoco.mjtStage.mjSTAGE_ACC
        kept = np.repeat(last, self.sim.model.sensor_dim)
        return fresh.replace(sensordata=jnp.where(kept, state.sensordata, fresh.sensordata))

    def _read(self, derived: mjx.Data, state: mjx.Data, sound: jax.Array) -> Data:
        """What persists and what is read of it; NaN where the simulation has failed."""
        fields = [jnp.ravel(_find(derived, name)) for name in self.sim.fields]
        low = [jnp.zeros_like(jnp.ravel(_find(derived, name))) for name in self.sim.precise]
        packed = jnp.concatenate([*fields, *low]).astype(jnp.float32)
        raw = {name: getattr(state, name) for name in CARRIED}
        if self.sim.synced:  # as C MuJoCo, which looks at the state whenever it computes from it
            sound = sound & _calm(state.qpos, state.qvel)
        packed = jnp.where(sound, packed, jnp.nan)
        raw |= {name: jnp.where(sound, raw[name], jnp.nan) for name in ("qpos", "qvel")}
        return Data({name: leaf for name, leaf in raw.items() if leaf.size}, packed, self.slots)


def _adapted(model: mujoco.MjModel, preset: str) -> tuple[mujoco.MjModel, dict[str, Any]]:
    """The model that MJX steps, and a record of how it differs from the XML's."""
    options: dict[str, Any] = {"mujoco": mujoco.__version__, "implementation": "jax", "preset": preset}
    model = copy.copy(model)
    model.opt.enableflags &= ~int(mujoco.mjtEnableBit.mjENBL_ENERGY)  # bookkeeping that MJX lacks and no task reads
    if model.opt.solver == mujoco.mjtSolver.mjSOL_PGS:
        model.opt.solver = mujoco.mjtSolver.mjSOL_NEWTON
        options["solver_in_xml"] = "PGS"
    for name, value in PRESETS[preset].items():
        setattr(model.opt, name, value)
    options["solver"] = mujoco.mjtSolver(model.opt.solver).name.removeprefix("mjSOL_").capitalize()
    options |= {"iterations": int(model.opt.iterations), "ls_iterations": int(model.opt.ls_iterations)}
    return model, options


def _calm(*arrays: jax.Array) -> jax.Array:
    """Whether every number is within MuJoCo's bounds; NaN is not."""
    return jnp.stack([jnp.all(jnp.abs(array) <= mujoco.mjMAXVAL) for array in arrays]).all()


def _find(data: mjx.Data, name: str) -> Any:
    """A field of `mjx.Data`, wherever this implementation of MJX keeps it."""
    return getattr(data._impl, name, None) if hasattr(data._impl, name) else getattr(data, name, None)


def _missing(what: object) -> UserError:
    return UserError(f"MJX {mujoco.__version__} lacks what this model needs ({what}); use physics='native'")
