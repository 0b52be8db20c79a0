"""Offline agents on disk: what a finished offline run leaves for the online one.

An archive `.npz` of every healthy member's actor, critic, target critic and (IQL's) value, keyed
by path, with the facts of the run that made it and a checksum of the whole. As a guide,
`offline:<file>`, learner seed k has offline agent k mod n: its actor is π_β, and `params` holds
the networks that an online learner may start from. A CQL agent is an ensemble, leaves [n, members, ...].
"""

from __future__ import annotations

import hashlib
import io
import json
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from flax.traverse_util import flatten_dict, unflatten_dict

from guided_rl.envs.base import Env
from guided_rl.guides.base import Guide
from guided_rl.networks.actors import GaussianActor, TanhMeanActor
from guided_rl.networks.distributions import averaged_moments
from guided_rl.runtime import checkout
from guided_rl.runtime.errors import UserError
from guided_rl.runtime.files import replace_file
from guided_rl.runtime.rng import normal


def write_agents(path: Path, agent: Any, facts: Mapping[str, Any]) -> str:
    """Write an `Agent` with leaves [n, ...] and return the archive's checksum.

    Args:
      facts: at least `task`, `returns` [n] of the agents' own policies and `rows` of the dataset.
    """
    networks = {"actor": agent.params["actor"], "critic": agent.params["critic"], "target": agent.targets["critic"]}
    if "value" in agent.params:
        networks["value"] = agent.params["value"]
    flat = flatten_dict(networks, sep="/")
    arrays: dict[str, Any] = {name: np.asarray(leaf, np.float32) for name, leaf in flat.items()}
    buffer = io.BytesIO()
    np.savez(buffer, facts=json.dumps(facts), sha256=_checksum(arrays, facts), **arrays)
    path.parent.mkdir(parents=True, exist_ok=True)
    replace_file(path, buffer.getvalue())
    return _checksum(arrays, facts)


def read_agents(path: Path) -> tuple[dict[str, Any], dict[str, Any]]:
    """The networks, leaves [n, ...], and the facts, with their `sha256`.

    Raises:
      UserError: the file is missing, truncated, altered or no such archive.
    """
    try:
        with np.load(path, allow_pickle=False) as archive:
            arrays = {name: archive[name] for name in archive.files}
        facts, checksum = json.loads(str(arrays.pop("facts"))), str(arrays.pop("sha256"))
    except FileNotFoundError:
        raise UserError(f"there are no offline agents {path}; train them first, with --method iql-offline") from None
    except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile) as error:
        raise UserError(f"the offline agents {path} cannot be read ({error}); train them again") from error
    if _checksum(arrays, facts) != checksum:
        raise UserError(f"the offline agents {path} were altered after they were written; train them again")
    networks = unflatten_dict({tuple(name.split("/")): array for name, array in arrays.items()})
    return networks, {**facts, "sha256": checksum}


def load_offline(named: str, env: Env) -> Guide:
    """The guide `offline:<named>`, a file that is looked for from here and from the checkout.

    Raises:
      UserError: as `read_agents`, or the agents are for another task.
    """
    path = find_agents(named)
    networks, facts = read_agents(path)
    if facts["task"] != env.name:
        raise UserError(f"the offline agents {path} are for {facts['task']}, not for {env.name}; name others")
    size = len(facts["returns"])
    return Guide(jax.tree.map(jnp.asarray, networks), propose, name="offline", size=size, source=facts["sha256"])


def find_agents(named: str) -> Path:
    """The file `named`, from here or else from the checkout."""
    path = Path(named)
    return path if path.exists() or path.is_absolute() else checkout.HERE / path


def propose(params: Mapping[str, Any], obs: jax.Array, key: jax.Array | None) -> jax.Array:
    """π_β's mode; with a key a sample, in [-1, 1]."""
    layers = params["actor"]["params"]["MLP_0"]
    widths = [layers[f"Dense_{i}"]["bias"].shape[-1] for i in range(len(layers))]
    if "log_std" in params["actor"]["params"]:
        mean, log_std = TanhMeanActor(tuple(widths[:-1]), widths[-1]).apply(params["actor"], obs)
        squash = lambda action: jnp.clip(action, -1.0, 1.0)
    else:  # an ensemble of squashed Gaussians
        head = "affine" if "log_std_scale" in params["actor"]["params"] else "clipped"
        actor = GaussianActor(tuple(widths[:-1]), widths[-1] // 2, head=head)
        mean, log_std = averaged_moments(*jax.vmap(lambda p: actor.apply(p, obs))(params["actor"]))
        squash = jnp.tanh
    return squash(mean if key is None else mean + jnp.exp(log_std) * normal(key, mean.shape))


def networks_of(guide: Guide | None, fresh: Mapping[str, Any], method: str = "iql-offline") -> dict[str, Any]:
    """The offline agent's networks that `fresh` names, of a panel's first member, each shaped as there.

    Args:
      method: that trains such agents.

    Raises:
      UserError: the guide is no offline agent, lacks such a network, or has another kind or other widths of it.
    """
    known = _known(guide)
    if not isinstance(known, Mapping) or not fresh.keys() <= known.keys():
        raise UserError(
            f"the method starts from an offline agent's {', '.join(fresh)}, which the guide "
            f"{guide and guide.name!r} does not have; train one with --method {method} and give --guide offline:FILE"
        )
    found = {name: known[name] for name in fresh}
    shapes = lambda tree: [leaf.shape for leaf in jax.tree.leaves(tree)]
    kind = lambda tree: (jax.tree.structure(tree), [len(shape) for shape in shapes(tree)])
    for name in fresh:
        if kind(found[name]) != kind(fresh[name]):
            raise UserError(
                f"the {name} of the offline agent is of another kind than this method's; give the agents of "
                f"--method {method}, trained with the same --critic-layer-norm as this run"
            )
        if shapes(found[name]) != shapes(fresh[name]):
            raise UserError(
                f"the {name} of the offline agent has layers of other widths than this run's; give the --hidden and "
                "--task that it was trained with"
            )
    return found


def members_of(guide: Guide | None) -> int:
    """How many agents there are in the offline agent, if it is an ensemble; else 0."""
    known = _known(guide)
    critic = known.get("critic", ()) if isinstance(known, Mapping) else ()
    kernels = [leaf for leaf in jax.tree.leaves(critic) if leaf.ndim == 4]  # [members, twin, in, out]
    return kernels[0].shape[0] if kernels else 0


def _known(guide: Guide | None) -> Any:
    """What the guide's (or a panel's first) parameters are."""
    return None if guide is None else guide.params[0] if guide.panel > 1 else guide.params


def _checksum(arrays: Mapping[str, np.ndarray], facts: Mapping[str, Any]) -> str:
    digest = hashlib.sha256(json.dumps(facts, sort_keys=True).encode())
    for name in sorted(arrays):
        digest.update(f"{name}{arrays[name].shape}".encode() + np.ascontiguousarray(arrays[name]).tobytes())
    return digest.hexdigest()
