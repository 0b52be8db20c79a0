"""What a finished run leaves for others: its learners' own policies, which `--guide run:FOLDER` plays.

They lie in the run's folder as `policies.npz`, in the format of expert weights (`guides.expert_weights`), with facts
beside them: task, returns, environment steps and seeds. Kept are policies that are one MLP of the observation; others,
such as PEX's, which chooses between two, or one with an affine actor head, are not.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import jax
import numpy as np

from guided_rl.guides.expert_weights import Layers, write_weights
from guided_rl.guides.spec import POLICIES
from guided_rl.methods.bases import dqn, sac, sac_discrete, td3, unsquashed
from guided_rl.results.agents import healthy_members
from guided_rl.runtime.errors import UserError

if TYPE_CHECKING:
    from guided_rl.training.run import Result

KINDS: Mapping[Callable[..., Any], tuple[str, str]] = {
    sac.mode: ("sac", "actor"),
    td3.mode: ("bc", "actor"),
    unsquashed.mode: ("bc", "actor"),
    sac_discrete.mode: ("dqn", "actor"),
    dqn.mode: ("dqn", "critic"),
}
"""By the function of the learner's own policy: how its layers are played, and which network has them."""


def keep_policies(result: Result, folder: Path) -> Path | None:
    """Write every healthy learner's policy into the run's folder, in the order of seeds; None where it has no such one.

    Raises:
      UserError: the folder cannot be written.
    """
    kind, network = KINDS.get(result.method.policies["policy"], ("", ""))
    healthy, returns = healthy_members(result)
    layers = _layers(result.agents.params[network]["params"], healthy) if network else None
    if layers is None or not healthy.size or len(result.config.points()) > 1:
        return None
    facts = {
        "task": result.env.name,
        "method": result.method.name,
        "observation_size": result.env.observation_size,
        "action_size": result.env.action_size,
        "activation": result.config.activation,
        "seeds": result.seeds[healthy].tolist(),
        "final_returns": returns,
        "steps": result.config.steps,
    }
    path = folder / POLICIES
    try:
        write_weights(path, {kind: layers}, facts)
    except OSError as error:
        raise UserError(f"cannot save the policies in {path}: {error.strerror or error}") from error
    return path


def _layers(params: Mapping[str, Any], members: np.ndarray) -> Layers | None:
    """The layers of an MLP, leaves [members, ...]; None where there is more to it, such as a layer's norm.

    Of an unsquashed Gaussian the standard deviation is left out: it is played by its mean.
    """
    if "MLP_0" in params:
        if set(params) - {"MLP_0", "log_std"}:
            return None
        params = params["MLP_0"]
    if set(params) != {f"Dense_{i}" for i in range(len(params))}:
        return None
    return [jax.tree.map(lambda x: np.asarray(x)[members], dict(params[f"Dense_{i}"])) for i in range(len(params))]
