"""What a physics engine is to the rest of the suite.

An engine steps one `Simulation` (a model and what to read from it) as a pure function:
explicit state arrays in, explicit state arrays out. Engines are `native` (C MuJoCo on
host threads) and `mjx` (MJX on the accelerator); both are used through `Engine`.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import Any, Protocol

import jax
import jax.numpy as jnp
import mujoco
import numpy as np
from flax import struct

from guided_rl.runtime.errors import UserError, unknown_name

Slots = tuple[tuple[str, int, tuple[int, ...]], ...]
# Beginnings of the names of `MjData` arrays whose size follows the contacts and constraints of the moment.
VARYING = ("efc_", "iefc_", "efm_", "island_", "map_", "iacc", "ifrc_")


@dataclass(frozen=True, eq=False)
class Simulation:
    """A model, how many solver steps make one control step, and the fields to read.

    Attributes:
      model: the compiled model, the same object for every engine.
      frame_skip: physics substeps per control step.
      fields: names of `mujoco.MjData` arrays and numbers to expose, as Gymnasium would read them
        after the last substep (derived fields lag the state by one substep, as there).
      precise: the fields for which `Data.moved` is exact: their rounding error to
        float32 is carried along, so that a small difference of large numbers is not lost.
      rne_post_constraint: run `mj_rnePostConstraint` after the step, which is where
        Gymnasium's `cfrc_ext` comes from.
      synced: bring position and velocity fields up to date with the state after the last
        substep, and forward the model's reset pose before a start, as dm_control does.
      settle: substeps without control between a drawn start and the state in which its
        episode begins.
    """

    model: mujoco.MjModel
    frame_skip: int
    fields: tuple[str, ...] = ("qpos", "qvel")
    precise: tuple[str, ...] = ()
    rne_post_constraint: bool = False
    synced: bool = False
    settle: int = 0

    def slots(self) -> Slots:
        """Name, offset and shape of every field in the packed array.

        Raises:
          UserError: a field is none of `MjData`, is no number, or changes its size while the model moves.
        """
        data = mujoco.MjData(self.model)
        slots, offset = [], 0
        for name in (*self.fields, *(f"{p}.low" for p in self.precise)):
            shape = _shape(data, name.removesuffix(".low"))
            slots.append((name, offset, shape))
            offset += int(np.prod(shape))
        return tuple(slots)


def _shape(data: mujoco.MjData, name: str) -> tuple[int, ...]:
    """The shape of a readable field; () for a plain number such as `time`."""
    value = getattr(data, name, None)
    if isinstance(value, int | float):
        return ()
    if not isinstance(value, np.ndarray) or value.dtype.kind not in "fiub" or name.startswith(VARYING):
        if not hasattr(data, name):
            arrays = [n for n in dir(data) if isinstance(getattr(data, n, None), np.ndarray)]
            raise unknown_name("field of mujoco.MjData", name, [n for n in arrays if not n.startswith(VARYING)])
        raise UserError(
            f"the field {name!r} of mujoco.MjData cannot be read by a task, because it is no array of one size and no "
            "number; read another one, such as a sensor in sensordata"
        )
    return value.shape


def content_key(sim: Simulation) -> int:
    """A number that names the simulation's content, the same in every process."""
    buffer = np.empty(mujoco.mj_sizeModel(sim.model), np.uint8)
    mujoco.mj_saveModel(sim.model, None, buffer)
    settings = repr((sim.frame_skip, sim.fields, sim.precise, sim.rne_post_constraint, sim.synced, sim.settle)).encode()
    return int.from_bytes(hashlib.sha256(buffer.tobytes() + settings).digest()[:8], "little") >> 1


def width(slots: Slots) -> int:
    """Floats in one packed row."""
    return sum(int(np.prod(shape)) for _, _, shape in slots)


class Data(struct.PyTreeNode):
    """One simulation's state: `raw` is the engine's own, `packed` the readable fields."""

    raw: Any
    packed: jax.Array
    slots: Slots = struct.field(pytree_node=False)

    def __getitem__(self, name: str) -> jax.Array:
        """Field `name` as float32, in its MuJoCo shape."""
        for slot, offset, shape in self.slots:
            if slot == name:
                size = int(np.prod(shape))
                return self.packed[offset : offset + size].reshape(shape)
        raise KeyError(f"field {name!r} is not read from this simulation; it has {[s[0] for s in self.slots]}")

    def moved(self, before: Data, name: str) -> jax.Array:
        """Change of a `precise` field since `before`, without float32 cancellation."""
        low = f"{name}.low"
        return (self[name] - before[name]) + (self[low] - before[low])


class Engine(Protocol):
    """The functional interface; every method works on one simulation and vmaps.

    Attributes:
      name: as users write it. options: for records.
      most_at_once: simulations that a device may step in one call; infinite where memory alone limits them.
    """

    name: str
    options: dict[str, Any]
    most_at_once: float

    def init(self, qpos: jax.Array, qvel: jax.Array, settle: bool = False) -> Data:
        """A start at (`qpos`, `qvel`), which first takes the simulation's `settle` substeps if asked for."""
        ...

    def step(self, data: Data, ctrl: jax.Array, active: jax.Array | bool = True) -> Data:
        """`frame_skip` substeps under `ctrl` [nu]; an inactive simulation stays as it is.

        A simulation in which MuJoCo finds a position, velocity, acceleration or control that is NaN or beyond
        `mujoco.mjMAXVAL` has failed: all its fields are NaN from then on, until it is reset. C MuJoCo would put
        it back to its reset pose, or the controls to zero, and go on.
        """
        ...

    def reset_where(self, mask: jax.Array, data: Data, qpos: jax.Array, qvel: jax.Array) -> Data:
        """A fresh start from (`qpos`, `qvel`), settled, where `mask`; `data` elsewhere."""
        ...


def select(mask: jax.Array, new: Any, old: Any) -> Any:
    """Leafwise `where` for one simulation's state."""
    return jax.tree.map(lambda a, b: jnp.where(mask, a, b), new, old)
