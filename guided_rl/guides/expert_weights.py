"""Expert weights on disk: `<task>.npz`, and beside it `<task>.json` with where they come from.

The archive holds policies such as `bc@50` or `sac@100`, each an MLP for n experts: arrays
`<policy>/<layer>/kernel` [n, in, out] and `<policy>/<layer>/bias` [n, out], in float32, or the
kernels in float16 (`as_stored`); they are read as float32. A `bc` policy is tanh(MLP(s)); the MLP
of a `sac` one gives mean and log standard deviation of a Gaussian before tanh, that of a `dqn` one
the values of discrete actions, of which the best is taken. The facts beside it name the task, its
sizes, the archive's SHA-256 and, where it is not ReLU, the activation.
"""

from __future__ import annotations

import functools
import hashlib
import io
import json
import zipfile
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from guided_rl.envs.base import Env
from guided_rl.guides.base import Guide
from guided_rl.guides.spec import kind_and_level
from guided_rl.networks.distributions import LOG_STD_MAX, LOG_STD_MIN, sample_squashed
from guided_rl.networks.mlp import ACTIVATIONS
from guided_rl.runtime.errors import UserError, unknown_name
from guided_rl.runtime.files import replace_file

LEVELS = (25, 50, 75, 100)
Layers = list[dict[str, Any]]


def mlp(layers: Sequence[Mapping[str, jax.Array]], obs: jax.Array, activation: str = "relu") -> jax.Array:
    """Layers with an activation, a key of ACTIVATIONS, then a linear one: obs [obs] -> [out]."""
    for layer in layers[:-1]:
        obs = ACTIVATIONS[activation](obs @ layer["kernel"] + layer["bias"])
    return obs @ layers[-1]["kernel"] + layers[-1]["bias"]


def bc_action(layers: Layers, obs: jax.Array, key: jax.Array | None, activation: str = "relu") -> jax.Array:
    """tanh(MLP(s)); deterministic, so the key is ignored."""
    return jnp.tanh(mlp(layers, obs, activation))


def sac_action(layers: Layers, obs: jax.Array, key: jax.Array | None, activation: str = "relu") -> jax.Array:
    """A sample of the tanh-Gaussian policy, or its mode tanh(μ(s)) without a key."""
    mean, log_std = jnp.split(mlp(layers, obs, activation), 2, axis=-1)
    if key is None:
        return jnp.tanh(mean)
    return sample_squashed(mean, jnp.clip(log_std, LOG_STD_MIN, LOG_STD_MAX), key)[0]


def dqn_action(layers: Layers, obs: jax.Array, key: jax.Array | None, activation: str = "relu") -> jax.Array:
    """The distribution [actions] of the greedy policy argmax_a MLP(s)_a; deterministic, so the key is ignored."""
    q = mlp(layers, obs, activation)
    return jax.nn.one_hot(jnp.argmax(q), q.shape[-1])


ACTIONS = {"bc": bc_action, "sac": sac_action, "medium": sac_action, "dqn": dqn_action}
D4RL_LEVEL = "medium"  # a task's `sac@medium` returns about what D4RL's medium data do


def as_stored(layers: Layers) -> Layers:
    """`layers` with kernels in half precision, which halves an archive; biases are few and stay as they are."""
    return [{"kernel": np.asarray(x["kernel"], np.float16), "bias": np.asarray(x["bias"], np.float32)} for x in layers]


@functools.cache  # one function for one kind of network, so that programs are compiled for it once
def action_of(kind: str, activation: str) -> Callable[..., jax.Array]:
    """`(layers, obs, key) -> advice` of a kind of policy."""
    return ACTIONS[kind] if activation == "relu" else functools.partial(ACTIONS[kind], activation=activation)


def guide_of(kind: str, layers: Layers, name: str, source: str | None = None, activation: str = "relu") -> Guide:
    """The guide that plays `layers` (leaves [n, ...]) as a policy of `kind`."""
    size = layers[0]["bias"].shape[0]
    return Guide(
        jax.tree.map(lambda leaf: jnp.asarray(leaf, jnp.float32), layers),
        action_of(kind, activation),
        name=name,
        size=size,
        source=source,
    )


def write_weights(path: Path, policies: Mapping[str, Layers], facts: Mapping[str, Any]) -> None:
    """Write the archive `path` and its facts, which get the archive's checksum; each file whole.

    Raises:
      OSError: one could not be written; it is as it was.
    """
    buffer = io.BytesIO()
    np.savez_compressed(buffer, **_flat(policies))
    content = buffer.getvalue()
    facts = {**facts, "policies": sorted(policies, key=_order), "sha256": hashlib.sha256(content).hexdigest()}
    replace_file(path, content)
    replace_file(path.with_suffix(".json"), (json.dumps(facts, indent=1, ensure_ascii=False) + "\n").encode())


def read_facts(path: Path) -> dict[str, Any]:
    """What `<task>.json` says about the archive `path`.

    Raises:
      UserError: there is none, or it cannot be read.
    """
    beside = path.with_suffix(".json")
    try:
        facts = json.loads(beside.read_text(encoding="utf-8"))
        missing = {"task", "observation_size", "action_size", "sha256"} - facts.keys()
    except FileNotFoundError:
        raise UserError(f"{path} has no {beside.name} beside it with its task and checksum; restore it") from None
    except (OSError, ValueError, AttributeError) as error:
        raise UserError(f"{beside} cannot be read ({error}); restore it") from error
    if missing:
        raise UserError(f"{beside} says nothing about {', '.join(sorted(missing))}; restore it")
    return facts


def read_weights(path: Path) -> tuple[dict[str, Layers], dict[str, Any]]:
    """Every policy in the archive `path`, and its facts.

    Raises:
      UserError: it is missing, truncated, altered or not in this format.
    """
    try:
        content = path.read_bytes()
    except OSError as error:
        raise UserError(f"cannot read the expert weights {path} ({error.strerror}); name a file that exists") from error
    facts = read_facts(path)
    if hashlib.sha256(content).hexdigest() != facts["sha256"]:
        raise UserError(
            f"the expert weights {path} were truncated or altered, because their checksum is not the one in "
            f"{path.with_suffix('.json').name}; restore both files"
        )
    try:
        with np.load(io.BytesIO(content), allow_pickle=False) as archive:
            return _nested({name: archive[name] for name in archive.files}), facts
    except (OSError, ValueError, KeyError, zipfile.BadZipFile) as error:
        raise UserError(f"{path} is no archive of expert weights ({error}); name one made by `make experts`") from error


def load_guide(path: Path, policy: str, env: Env) -> Guide:
    """The experts of `policy`, such as `bc@50`, in the archive `path`, as a guide for `env`.

    Raises:
      UserError: as `read_weights`; it is for another task or size, or lacks the policy.
    """
    policies, facts = read_weights(path)
    if facts["task"] != env.name:
        raise UserError(f"the expert weights {path} are for {facts['task']}, not for {env.name}; name others")
    for kind in ("observation", "action"):
        theirs, ours = facts[f"{kind}_size"], getattr(env, f"{kind}_size")
        if theirs != ours:
            raise UserError(f"the expert weights {path} are for {theirs} {kind} entries, but {env.name} has {ours}")
    if policy not in policies:
        raise unknown_name(f"guide in {path.name}", policy, policies)
    activation = facts.get("activation", "relu")
    if activation not in ACTIVATIONS:
        raise UserError(
            f"{path.with_suffix('.json')} has the activation {activation!r}, which is not known; restore it"
        )
    kind = kind_and_level(policy)[0]
    return guide_of(kind, policies[policy], policy, f"{facts['sha256']}#{policy}", activation)


def _order(policy: str) -> tuple[str, bool, int]:
    """By kind, then by level; `sac@medium`, which is no share of the expert's return, comes last."""
    kind, level = kind_and_level(policy)
    return (kind, False, int(level)) if level.isdigit() else (kind, bool(level), 0)


def _flat(policies: Mapping[str, Layers]) -> dict[str, Any]:
    return {
        f"{policy}/{i}/{part}": _storable(np.asarray(layer[part]))
        for policy, layers in policies.items()
        for i, layer in enumerate(layers)
        for part in ("kernel", "bias")
    }


def _storable(array: np.ndarray) -> np.ndarray:
    return array if array.dtype == np.float16 else array.astype(np.float32)


def _nested(arrays: Mapping[str, np.ndarray]) -> dict[str, Layers]:
    policies: dict[str, dict[int, dict[str, np.ndarray]]] = {}
    for name, array in arrays.items():
        policy, layer, part = name.split("/")
        policies.setdefault(policy, {}).setdefault(int(layer), {})[part] = array.astype(np.float32)
    return {policy: [layers[i] for i in range(len(layers))] for policy, layers in policies.items()}
