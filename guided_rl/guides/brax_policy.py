"""A brax SAC or PPO policy as a guide.

Read from a checkpoint folder of brax's own (`<path>/<step>`, with its network configuration),
or from a file written by `brax.io.model.save_params`, whose network is then brax's default
for as many hidden layers of as many units as the parameters have.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
from brax.io import model
from brax.training import checkpoint
from brax.training.acme import running_statistics
from brax.training.agents.ppo import networks as ppo
from brax.training.agents.sac import networks as sac

from guided_rl.envs.base import Env
from guided_rl.errors import UserError
from guided_rl.guides.base import Guide

FACTORIES = {"sac": sac.make_sac_networks, "ppo": ppo.make_ppo_networks}


def load_brax(path: Path, env: Env) -> Guide:
    """The policy at `path`; stochastic where a key is given, as brax's own inference function.

    Raises:
      UserError: it is missing, unreadable, or of another observation size than `env`.
    """
    if not path.exists():
        raise UserError(f"there is no brax policy {path}; name a checkpoint folder or a file of saved parameters")
    try:
        params, networks = _from_folder(path.resolve()) if path.is_dir() else _from_file(path, env)
        params = jax.tree.map(jnp.asarray, (params[0], params[1]))
        theirs = params[0].mean.shape[-1]
    except UserError:
        raise
    except Exception as error:  # brax, orbax and pickle each raise their own
        reason = (str(error).strip() or type(error).__name__).splitlines()[0]
        raise UserError(f"the brax policy {path} cannot be read ({reason}); save it with this brax version") from error
    if theirs != env.observation_size:
        raise UserError(
            f"the brax policy {path} is for {theirs} observation entries, but {env.name} has {env.observation_size}"
        )
    policy, distribution = networks.policy_network, networks.parametric_action_distribution

    def act(params: Any, obs: jax.Array, key: jax.Array | None) -> jax.Array:
        logits = policy.apply(*params, obs)
        action = distribution.mode(logits) if key is None else distribution.sample(logits, key)
        return jnp.clip(action, -1.0, 1.0)  # as brax environments do

    return Guide(params, act, name=f"brax:{path.name}")


def _from_folder(path: Path) -> tuple[tuple, Any]:
    """Parameters and networks of brax's checkpoint folder."""
    for name, factory in FACTORIES.items():
        config = path / f"{name}_network_config.json"
        if config.exists():
            return checkpoint.load(path), checkpoint.get_network(checkpoint.load_config(config), factory)
    raise UserError(f"the folder {path} has no SAC or PPO network configuration; name a brax checkpoint's step folder")


def _from_file(path: Path, env: Env) -> tuple[tuple, Any]:
    """Parameters from brax's pickle: (normaliser, policy) of SAC; PPO adds the value network."""
    params = model.load_params(path)
    name = "sac" if len(params) == 2 else "ppo"
    layers = params[1]["params"]
    widths = [layers[f"hidden_{i}"]["kernel"].shape[1] for i in range(len(layers))]
    sizes = {"sac": "hidden_layer_sizes", "ppo": "policy_hidden_layer_sizes"}[name]
    networks = FACTORIES[name](
        params[0].mean.shape[-1],
        env.action_size,
        preprocess_observations_fn=running_statistics.normalize,
        **{sizes: tuple(widths[:-1])},
    )
    return params, networks
