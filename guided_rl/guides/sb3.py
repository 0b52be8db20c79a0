"""A Stable-Baselines3 SAC, TD3 or DDPG model as a guide; neither it nor PyTorch is needed.

The archive's `policy.pth` is PyTorch's zipped state dictionary: a pickle that names tensors,
and one file of raw numbers for each. Only the few names that such a pickle needs are
understood, so that a file cannot run code. The statistics of a `VecNormalize` wrapper, which SB3
keeps in a file of their own, are applied where such a file lies beside the archive (see
`vec_normalize`) or is named; a model of which a part is not understood is refused.

| written | is |
|---|---|
| `sb3:model.zip` | the model, with the statistics that lie beside it, if any |
| `sb3:model.zip,vecnormalize=file.pkl` | with these statistics |
| `sb3:model.zip,vecnormalize=none` | without any |
"""

from __future__ import annotations

import collections
import io
import json
import pickle
import re
import zipfile
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from guided_rl.envs.base import Env
from guided_rl.guides.base import Guide
from guided_rl.guides.expert_weights import Layers, bc_action, mlp
from guided_rl.guides.vec_normalize import Statistics, read_statistics, statistics_beside
from guided_rl.networks.distributions import sample_squashed
from guided_rl.runtime.errors import UserError, note

LOG_STD_MIN, LOG_STD_MAX = -20.0, 2.0  # SB3's own, wider than ours
STORAGES = {"FloatStorage": np.float32, "DoubleStorage": np.float64, "LongStorage": np.int64}


def load_sb3(path: Path, chosen: str, env: Env) -> Guide:
    """The actor of the model at a path, see the module's table; a SAC actor is stochastic where a key is given.

    Args:
      chosen: the file of its observation statistics, or none; empty for those beside the model.

    Raises:
      UserError: it is missing, unreadable, another algorithm's, uses another activation than
        ReLU or state-dependent exploration, or is of another size than `env`.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            settings = json.loads(archive.read("data"))
            weights = read_state_dict(archive.read("policy.pth"))
    except FileNotFoundError:
        raise UserError(f"there is no Stable-Baselines3 model {path}; name a .zip that its `save` wrote") from None
    except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile, pickle.UnpicklingError) as error:
        raise UserError(
            f"the Stable-Baselines3 model {path} cannot be read ({error}); save it again with a current version"
        ) from error
    _refuse_settings(settings, path)
    guide = _guide(weights, path)
    _refuse_unknown(weights, guide.params, path)
    halves = 2 if guide.action_fn is _sac_action else 1
    theirs = guide.params[0]["kernel"].shape[0], guide.params[-1]["bias"].shape[0] // halves
    if theirs != (env.observation_size, env.action_size):
        raise UserError(
            f"the Stable-Baselines3 model {path} is for {theirs[0]} observation and {theirs[1]} action entries, "
            f"but {env.name} has {env.observation_size} and {env.action_size}"
        )
    return _normalising(guide, _statistics(path, chosen), env)


def _statistics(path: Path, chosen: str) -> Statistics | None:
    """Those that were `chosen` (a file, or none), else those beside the model."""
    if chosen:
        return (
            None
            if chosen == "none"
            else read_statistics(Path(chosen), f"{path} needs them; give another file, or none")
        )
    found = statistics_beside(path)
    if found is not None:
        note(f"sb3:{path} plays with the observation statistics that lie beside it")
    return found


def _normalising(guide: Guide, statistics: Statistics | None, env: Env) -> Guide:
    """`guide`, given observations as its training saw them."""
    if statistics is None:
        return guide
    if statistics.mean.shape != (env.observation_size,):
        raise UserError(
            f"the statistics of {guide.name} are for {statistics.mean.size} observation entries, but {env.name} has "
            f"{env.observation_size}; give others with ,vecnormalize=FILE"
        )
    numbers = {name: jnp.asarray(getattr(statistics, name), jnp.float32) for name in ("mean", "std", "bound")}

    def action(params: Any, obs: jax.Array, key: jax.Array | None) -> jax.Array:
        scaled = (obs - params["mean"]) / params["std"]
        return guide.action_fn(params["policy"], jnp.clip(scaled, -params["bound"], params["bound"]), key)

    return guide.replace(params={"policy": guide.params, **numbers}, action_fn=action)


def _guide(weights: dict[str, np.ndarray], path: Path) -> Guide:
    """The actor found in a state dictionary."""
    hidden = [k for k in weights if k.startswith("actor.latent_pi.") and k.endswith(".weight")]
    if hidden and "actor.log_std.weight" in weights:
        heads = [_layer(weights, "actor.mu"), _layer(weights, "actor.log_std")]
        last = {part: jnp.concatenate([h[part] for h in heads], axis=-1) for part in heads[0]}
        return Guide([*_stack(weights, hidden), last], _sac_action, name=f"sb3:{path.stem}")
    hidden = [k for k in weights if k.startswith("actor.mu.") and k.endswith(".weight")]
    if not hidden:
        raise UserError(f"{path} holds no SAC, TD3 or DDPG actor; other algorithms' policies cannot be read")
    return Guide(_stack(weights, hidden), bc_action, name=f"sb3:{path.stem}")


def _sac_action(layers: Layers, obs: jax.Array, key: jax.Array | None) -> jax.Array:
    mean, log_std = jnp.split(mlp(layers, obs), 2, axis=-1)
    if key is None:
        return jnp.tanh(mean)
    return sample_squashed(mean, jnp.clip(log_std, LOG_STD_MIN, LOG_STD_MAX), key)[0]


def _stack(weights: dict[str, np.ndarray], names: list[str]) -> Layers:
    ordered = sorted(names, key=lambda name: int(name.split(".")[-2]))  # between two of them lies an activation
    return [_layer(weights, name.removesuffix(".weight")) for name in ordered]


def _layer(weights: dict[str, np.ndarray], name: str) -> dict[str, jax.Array]:
    kernel, bias = weights[f"{name}.weight"].T, weights[f"{name}.bias"]
    with np.errstate(over="ignore"):  # what is infinite then is refused
        return {"kernel": jnp.asarray(kernel, jnp.float32), "bias": jnp.asarray(bias, jnp.float32)}


def _refuse_unknown(weights: dict[str, np.ndarray], layers: Layers, path: Path) -> None:
    """Refuse an actor with more than plain layers and an activation between each two.

    Raises:
      UserError: it has other layers or statistics, or weights that are no finite numbers in float32.
    """
    of_actor = {name for name in weights if name.startswith("actor.")}
    plain = {name for name in of_actor if re.fullmatch(r"actor\.(latent_pi|mu|log_std)(\.\d+)?\.(weight|bias)", name)}
    numbers = sorted({int(found[1]) for name in plain if (found := re.search(r"\.(\d+)\.weight$", name))})
    flat = {name for name in plain if weights[name].ndim != (2 if name.endswith("weight") else 1)}
    if (odd := (of_actor - plain) | flat) or numbers != list(range(0, 2 * len(numbers), 2)):
        what = ", ".join(sorted(odd)[:3]) or f"numbers {', '.join(map(str, numbers))}"
        raise UserError(
            f"the actor of the Stable-Baselines3 model {path} has layers that cannot be read ({what}); only plain "
            "networks can"
        )
    if not all(np.isfinite(leaf).all() for leaf in jax.tree.leaves(layers)):
        raise UserError(f"the Stable-Baselines3 model {path} holds NaN or infinity in float32; give a sound one")


def _refuse_settings(settings: dict[str, Any], path: Path) -> None:
    given = settings.get("policy_kwargs") or {}
    activation = str(given.get("activation_fn", "ReLU"))
    if "ReLU" not in activation or "Leaky" in activation:
        raise UserError(f"the Stable-Baselines3 model {path} uses {activation}; only ReLU networks can be read")
    extractor = str(given.get("features_extractor_class", "FlattenExtractor"))
    if "FlattenExtractor" not in extractor:
        raise UserError(f"the Stable-Baselines3 model {path} reads observations by {extractor}, which cannot be read")
    if settings.get("use_sde"):
        raise UserError(f"the Stable-Baselines3 model {path} uses state-dependent exploration, which cannot be read")


def read_state_dict(content: bytes) -> dict[str, np.ndarray]:
    """The named tensors of a zipped PyTorch state dictionary.

    Raises:
      zipfile.BadZipFile, pickle.UnpicklingError, KeyError: it is no such file.
    """
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        root = next(name for name in archive.namelist() if name.endswith("data.pkl")).removesuffix("data.pkl")
        return dict(_Tensors(archive, root).load())


class _Tensors(pickle.Unpickler):
    """Reads tensors as NumPy arrays and understands nothing else."""

    def __init__(self, archive: zipfile.ZipFile, root: str):
        super().__init__(io.BytesIO(archive.read(f"{root}data.pkl")))
        self._archive, self._root = archive, root

    def find_class(self, module: str, name: str) -> Any:
        if module == "collections" and name == "OrderedDict":
            return collections.OrderedDict
        if module == "torch._utils" and name == "_rebuild_tensor_v2":
            return _tensor
        if module == "torch" and name in STORAGES:
            return STORAGES[name]
        raise pickle.UnpicklingError(f"it names {module}.{name}, which no network's weights need")

    def persistent_load(self, named: Any) -> np.ndarray:
        _, dtype, key, *_ = named
        return np.frombuffer(self._archive.read(f"{self._root}data/{key}"), np.dtype(dtype).newbyteorder("<"))


def _tensor(storage: np.ndarray, offset: int, size: tuple[int, ...], stride: tuple[int, ...], *_: Any) -> np.ndarray:
    """A view of `storage` as PyTorch describes tensors, strides in elements, copied."""
    reach = offset + sum((n - 1) * s for n, s in zip(size, stride, strict=True)) + 1
    if offset < 0 or min((*size, *stride), default=1) < 0 or (0 not in size and reach > storage.size):
        raise pickle.UnpicklingError("a tensor reaches beyond its numbers")
    steps = tuple(s * storage.itemsize for s in stride)
    return np.lib.stride_tricks.as_strided(storage[offset:], size, steps).copy()
