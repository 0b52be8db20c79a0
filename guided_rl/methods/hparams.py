"""Hyper-parameters: one object each, from which the checks, `plan` and the documentation are made.

A method's `hparams` are {name: HParam}. What its functions read, `ctx.hp`, are the values of one
member under the same names, traced floats: each may be a grid axis without a second compile.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True)
class HParam:
    """One hyper-parameter.

    Attributes:
      default: its value where nobody sets it.
      low, high: the closed interval in which it makes sense.
      share_of_budget: whether it is a share of the run's steps, which the plan then says in steps.
      doc: one line on what it is.
    """

    default: float
    low: float = -math.inf
    high: float = math.inf
    share_of_budget: bool = False
    doc: str = ""


def defaults(hparams: Mapping[str, HParam]) -> dict[str, float]:
    """The default of each."""
    return {name: hparam.default for name, hparam in hparams.items()}


def with_defaults(hparams: Mapping[str, HParam], **values: float) -> dict[str, HParam]:
    """The same hyper-parameters, some of them with other defaults."""
    return {**hparams, **{name: dataclasses.replace(hparams[name], default=v) for name, v in values.items()}}


def learning_rate(default: float, network: str) -> HParam:
    """Adam's learning rate for a part of the learner."""
    return HParam(default, doc=f"Adam's learning rate of {network}")


def share_of_budget(default: float, doc: str, high: float = 1.0) -> HParam:
    """A share of the run's steps, from 0 to `high`."""
    return HParam(default, 0.0, high, share_of_budget=True, doc=doc)


GAMMA = HParam(0.99, 0.0, 1.0, doc="discount γ of a step")
TAU = HParam(0.005, 0.0, 1.0, doc="by how much an update moves the target networks to the learned ones")
OFFLINE_RATIO = HParam(0.5, 0.0, 1.0, doc="share of every batch that comes from the dataset")
REWARD_SHIFT = HParam(0.0, doc="added to every reward")
