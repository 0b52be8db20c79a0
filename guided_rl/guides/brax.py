"""A brax SAC or PPO policy as a guide.

Read from a checkpoint folder of brax's own (`<path>/<step>`, with its network configuration),
or from a file written by `brax.io.model.save_params`, whose network is then brax's default
for as many hidden layers of as many units as the parameters have. Such a file does not say its
activation: brax's default is assumed, and said, unless it is written as `brax:file,activation=tanh`.
Parameters that are not just those of the network are refused.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from brax.training import checkpoint
from brax.training.acme import running_statistics
from brax.training.agents.ppo import networks as ppo
from brax.training.agents.sac import networks as sac
from brax.training.networks import ACTIVATION

from guided_rl.envs.base import Env
from guided_rl.guides.base import Guide
from guided_rl.guides.brax_pickle import load_params
from guided_rl.runtime.errors import UserError, note, unknown_name

ASSUMED = {"sac": "relu", "ppo": "swish"}  # brax's own defaults
FACTORIES = {"sac": sac.make_sac_networks, "ppo": ppo.make_ppo_networks}


def load_brax(path: Path, activation: str, env: Env) -> Guide:
    """The policy at a path; stochastic where a key is given, as brax's own inference function.

    Args:
      activation: its network's, where the path does not say; empty for brax's default.

    Raises:
      UserError: it is missing, unreadable, or of another observation size than `env`.
    """
    if not path.exists():
        raise UserError(f"there is no brax policy {path}; name a checkpoint folder or a file of saved parameters")
    try:
        if activation and (path.is_dir() or activation not in ACTIVATION):
            refuse_activation(path, activation)
        params, networks = _from_folder(path.resolve()) if path.is_dir() else _from_file(path, env, activation)
        params = jax.tree.map(jnp.asarray, (params[0], params[1]))
        refuse_other_observations(params[0], path, env)
        refuse_other_parameters(params[1], networks.policy_network, path)
    except UserError:
        raise
    except Exception as error:  # brax, orbax and pickle each raise their own
        reason = (str(error).strip() or type(error).__name__).splitlines()[0]
        raise UserError(f"the brax policy {path} cannot be read ({reason}); save it with this brax version") from error
    policy, distribution = networks.policy_network, networks.parametric_action_distribution

    def act(params: Any, obs: jax.Array, key: jax.Array | None) -> jax.Array:
        logits = policy.apply(*params, obs)
        action = distribution.mode(logits) if key is None else distribution.sample(logits, key)
        return jnp.clip(action, -1.0, 1.0)  # as brax environments do

    assumed = "" if path.is_dir() else f",activation={activation}" if activation else " (activation assumed)"
    return Guide(params, act, name=f"brax:{path.name}{assumed}")


def refuse_activation(path: Path, activation: str) -> None:
    """Refuse an activation that brax does not have, or for a folder, which says its own.

    Raises:
      UserError: always.
    """
    if path.is_dir():
        raise UserError(f"the folder {path} says its own activation; leave out ,activation={activation}")
    raise unknown_name("activation of a brax policy", activation, ACTIVATION)


def refuse_other_observations(normaliser: Any, path: Path, env: Env) -> None:
    """Refuse statistics of several observations by name, of none, or of another size than the task's.

    Raises:
      UserError: what they are.
    """
    mean = getattr(normaliser, "mean", None)
    if isinstance(mean, Mapping):
        raise UserError(
            f"the brax policy {path} takes observations by name ({', '.join(map(str, mean))}), but tasks here give one "
            "array; train one on a single array of observations"
        )
    if mean is None or len(np.shape(mean)) != 1:
        raise UserError(
            f"the brax policy {path} has no statistics of one array of observations; save (normaliser, policy)"
        )
    if mean.shape[0] != env.observation_size:
        raise UserError(
            f"the brax policy {path} is for {mean.shape[0]} observation entries, but {env.name} has "
            f"{env.observation_size}"
        )


def refuse_other_parameters(params: Any, network: Any, path: Path) -> None:
    """Refuse parameters that are not just those of the network that would play them.

    Raises:
      UserError: where they differ.
    """
    shapes = lambda tree: {jax.tree_util.keystr(at): x.shape for at, x in jax.tree_util.tree_leaves_with_path(tree)}
    ours, theirs = shapes(jax.eval_shape(network.init, jax.random.key(0))), shapes(params)
    if odd := sorted(name for name in ours.keys() | theirs.keys() if ours.get(name) != theirs.get(name)):
        raise UserError(
            f"the brax policy {path} is of another network than brax's own with its layers (they differ in "
            f"{', '.join(odd[:3])}); give a checkpoint folder, which says its network"
        )
    if not all(np.isfinite(leaf).all() for leaf in jax.tree.leaves(params)):
        raise UserError(f"the brax policy {path} holds NaN or infinity; give a sound one")


def _from_folder(path: Path) -> tuple[tuple, Any]:
    """Parameters and networks of brax's checkpoint folder."""
    for name, factory in FACTORIES.items():
        config = path / f"{name}_network_config.json"
        if config.exists():
            return checkpoint.load(path), checkpoint.get_network(checkpoint.load_config(config), factory)
    raise UserError(f"the folder {path} has no SAC or PPO network configuration; name a brax checkpoint's step folder")


def _from_file(path: Path, env: Env, activation: str) -> tuple[tuple, Any]:
    """Parameters from brax's pickle: (normaliser, policy) of SAC; PPO adds the value network."""
    params = load_params(path)
    refuse_other_observations(params[0], path, env)
    name = "sac" if len(params) == 2 else "ppo"
    layers = params[1]["params"]
    if odd := layers.keys() - {f"hidden_{i}" for i in range(len(layers))}:
        raise UserError(
            f"the brax policy {path} has layers other than plain ones ({', '.join(sorted(odd))}), and a file of "
            "parameters does not say how they are joined; give a checkpoint folder, which says its network"
        )
    widths = [layers[f"hidden_{i}"]["kernel"].shape[1] for i in range(len(layers))]
    if widths[-1] != 2 * env.action_size:
        raise UserError(
            f"the brax policy {path} gives {widths[-1]} numbers, mean and deviation of {widths[-1] / 2:g} action "
            f"entries, but {env.name} has {env.action_size}"
        )
    if not activation:
        note(
            f"the file {path} does not say its activation, so that brax's default for {name.upper()}, {ASSUMED[name]}, "
            f"is assumed; write brax:{path},activation=tanh for another"
        )
    sizes = {"sac": "hidden_layer_sizes", "ppo": "policy_hidden_layer_sizes"}[name]
    networks = FACTORIES[name](
        params[0].mean.shape[-1],
        env.action_size,
        preprocess_observations_fn=running_statistics.normalize,
        activation=ACTIVATION[activation or ASSUMED[name]],
        **{sizes: tuple(widths[:-1])},
    )
    return params, networks
