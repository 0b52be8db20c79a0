"""The scale on which a task's returns are read: the better of random and zero action is 0, the task's expert 100."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

from guided_rl.envs.reference_returns import REFERENCES
from guided_rl.results.tables import number


@dataclass(frozen=True)
class Scale:
    """Reference returns of one task; NaN or None where nobody has measured them.

    Attributes:
      zero_counts: whether the zero action is measurably better than the random policy, so that its return is 0.
    """

    random: float = math.nan
    expert: float | None = None
    d4rl: tuple[float, float] | None = None
    zero_action: float = math.nan
    zero_counts: bool = False

    @property
    def floor(self) -> float:
        """The return that counts as 0: the better of the random policy's and the zero action's."""
        return self.zero_action if self.zero_counts else self.random

    @property
    def floor_name(self) -> str:
        return "zero action" if self.zero_counts else "random"

    @property
    def normalises(self) -> bool:
        """Whether both ends are known, and the expert is better than what needs no learning."""
        return self.expert is not None and self.expert > self.floor

    def normalise(self, returns):
        """100 · (R − floor) / (expert − floor), or the returns themselves where that is no scale."""
        return 100.0 * (returns - self.floor) / (self.expert - self.floor) if self.normalises else returns

    def share(self, returns):
        """(R − floor) / (expert − floor)."""
        return (returns - self.floor) / (self.expert - self.floor)

    def normalise_d4rl(self, returns):
        """The same with D4RL's constants, or None where D4RL has none."""
        if self.d4rl is None:
            return None
        low, high = self.d4rl
        return 100.0 * (returns - low) / (high - low)


ScaleOf = Callable[[str], Scale]


def scale_of(task: str) -> Scale:
    """The scale from `envs.reference_returns`, of the task before any `/setting`; empty for one it does not know."""
    reference = REFERENCES.get(task.partition("/")[0])
    if reference is None:
        return Scale()
    expert = None if reference.expert is None else reference.expert.mean
    zero = math.nan if reference.zero is None else reference.zero.mean
    counts = reference.floor is reference.zero
    return Scale(reference.random.mean, expert, reference.d4rl, zero, counts)


def scale_note(task: str, here: Scale) -> str:
    """What 0 and 100 are on a task, and what the other policy without learning returns."""
    named = {"random": f"random {number(here.random)}"}
    if math.isfinite(here.zero_action):
        named["zero action"] = f"zero action {number(here.zero_action)}"
    if here.expert is None or not math.isfinite(here.floor):
        return f"{task}: raw returns, no expert reference ({', '.join(named.values())})."
    floor, expert = named.pop(here.floor_name), number(here.expert)
    other = f" ({', '.join(named.values())})" if named else ""
    if here.normalises:
        return f"{task}: normalised, {floor} is 0{other} and expert {expert} is 100."
    return f"{task}: raw returns, because the expert's {expert} is no better than {floor}{other}."
