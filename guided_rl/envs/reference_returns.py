"""Reference returns per task, in one place, each with its source.

A normalised return is 100 · (R − floor) / (expert − floor). The floor is what needs no learning: the random policy's
return, or that of the zero action where that is better, as it is wherever standing still pays. D4RL's constants
stand beside ours because papers quote them; they belong to the `-v2` bodies of older simulators and are never mixed
with our own.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from guided_rl.envs.discrete import chain
from guided_rl.runtime.errors import UserError, unknown_name

CLEAR_ERRORS = 3.0  # standard errors by which the zero action must return more than random to count as better
EXPERT_RETURNS = Path(__file__).with_name("expert_returns.json")
_RANDOM = "measure_random(make(task, 'native')), 1,000 episodes, MuJoCo 3.17.0"
_ZERO = "measure_zero(make(task, 'native')), {:,} episodes, MuJoCo 3.17.0"
_DISCRETE = "measure_random(make(task)), 1,000 episodes"
_INFORMED = "the best policy for the true reward, discounted as the planner discounts; its return within the time limit"
_D4RL = "d4rl/infos.py, REF_MIN_SCORE and REF_MAX_SCORE, the same for all versions and qualities"


@dataclass(frozen=True)
class Return:
    """An undiscounted episode return: mean, standard error over episodes, and where it comes from."""

    mean: float
    stderr: float
    source: str


_NEVER = Return(0.0, 0.0, "D4RL's scale of success: 0; random actions reached no goal of umaze in 100 episodes")
_ALWAYS = Return(1.0, 0.0, "the goal reached in every episode")


@dataclass(frozen=True)
class Reference:
    """What policies without learning and the task's expert return; `d4rl` holds D4RL's own (random, expert) pair."""

    random: Return
    expert: Return | None = None
    d4rl: tuple[float, float] | None = None
    d4rl_source: str = _D4RL
    zero: Return | None = None

    @property
    def floor(self) -> Return:
        """What counts as 0: the zero action's return where it is better than the random policy's, beyond noise."""
        if self.zero is None:
            return self.random
        noise = float(np.hypot(self.zero.stderr, self.random.stderr))
        return self.zero if self.zero.mean - self.random.mean > CLEAR_ERRORS * noise else self.random


def _measured(references: dict[str, Reference]) -> dict[str, Reference]:
    """`references` with the zero action's returns, and the experts', which `python -m experts.register` writes."""
    experts = json.loads(EXPERT_RETURNS.read_text(encoding="utf-8")) if EXPERT_RETURNS.exists() else {}
    expert = {task: Return(**found) for task, found in experts.items()}
    zero = {task: Return(mean, se, _ZERO.format(episodes)) for task, (mean, se, episodes) in _ZERO_ACTION.items()}
    return {
        task: replace(reference, zero=zero.get(task), expert=expert.get(task, reference.expert))
        for task, reference in references.items()
    }


# Mean, standard error and episodes of `measure_zero`; in the mazes nobody succeeds by it, as by random actions.
_ZERO_ACTION = {
    "HalfCheetah-v5": (-0.1819, 0.022, 1000),
    "Hopper-v5": (146.8, 1.3, 1000),
    "Walker2d-v5": (95.45, 0.31, 1000),
    "Ant-v5": (994.3, 0.34, 200),
    "Humanoid-v5": (198.8, 0.21, 200),
    "InvertedPendulum-v5": (24.04, 0.38, 200),
    "Reacher-v5": (-11.64, 0.33, 200),
    "cheetah-run": (0.1202, 0.0045, 200),
    "hopper-stand": (1.935, 0.35, 200),
    "hopper-hop": (0.03502, 0.027, 200),
    "walker-stand": (115.1, 3.1, 200),
    "walker-walk": (19.92, 0.52, 200),
    "walker-run": (19.28, 0.51, 200),
    "cartpole-swingup": (0.01399, 0.0013, 200),
    "ball_in_cup-catch": (127.7, 23.0, 200),
    "point_mass-easy": (5.216, 5.0, 200),
    "PointFall": (-1.0, 0.0, 200),
    "PointFall-block": (-1.0, 0.0, 200),
    "PointReach-like": (0.0, 0.0, 200),
    "PointCircle": (0.0, 0.0, 200),
    "cartpole-safe": (0.01399, 0.0013, 200),
    "ball_in_cup-low": (0.0, 0.0, 200),
    "point_mass-sparse": (5.0, 5.0, 200),
    "AntReach": (-0.006185, 0.011, 200),
}
_WITHOUT_EXPERTS = {
    "HalfCheetah-v5": Reference(Return(-282.17, 2.58, _RANDOM), d4rl=(-280.178953, 12135.0)),
    "Hopper-v5": Reference(Return(16.93, 0.50, _RANDOM), d4rl=(-20.272305, 3234.3)),
    "Walker2d-v5": Reference(Return(1.64, 0.19, _RANDOM), d4rl=(1.629008, 4592.3)),
    "Ant-v5": Reference(Return(-52.29, 2.81, _RANDOM), d4rl=(-325.6, 3879.7)),
    "Humanoid-v5": Reference(Return(112.09, 1.00, _RANDOM)),
    "InvertedPendulum-v5": Reference(Return(5.00, 0.10, _RANDOM)),
    "Reacher-v5": Reference(Return(-43.06, 0.13, _RANDOM)),
    "cheetah-run": Reference(Return(3.705, 0.044, _RANDOM)),
    "hopper-stand": Reference(Return(1.801, 0.15, _RANDOM)),
    "hopper-hop": Reference(Return(0.04924, 0.012, _RANDOM)),
    "walker-stand": Reference(Return(130.1, 0.38, _RANDOM)),
    "walker-walk": Reference(Return(32.35, 0.13, _RANDOM)),
    "walker-run": Reference(Return(23.02, 0.057, _RANDOM)),
    "cartpole-swingup": Reference(Return(27.31, 0.64, _RANDOM)),
    "ball_in_cup-catch": Reference(Return(107.5, 9.3, _RANDOM)),
    "point_mass-easy": Reference(Return(3.297, 0.9, _RANDOM)),
    "PointFall": Reference(Return(4.28, 1.04, _RANDOM)),
    "PointFall-block": Reference(Return(297.2, 7.7, _RANDOM)),
    "PointReach-like": Reference(Return(-3.854, 0.018, _RANDOM)),
    "PointCircle": Reference(Return(-231.9, 13.4, _RANDOM)),
    "cartpole-safe": Reference(Return(27.31, 0.64, _RANDOM)),
    "ball_in_cup-low": Reference(Return(0.0, 0.0, _RANDOM)),
    "point_mass-sparse": Reference(Return(1.016, 0.39, _RANDOM)),
    "AntReach": Reference(Return(-0.07, 0.06, _RANDOM.replace("1,000", "300"))),
    **{f"PointMaze-{name}": Reference(Return(0.0, 0.0, _RANDOM), _ALWAYS) for name in ("umaze", "medium", "large")},
    **{f"AntMaze-{name}": Reference(_NEVER, _ALWAYS, d4rl=(0.0, 1.0)) for name in ("umaze", "medium", "large")},
    "CartPole-v1": Reference(Return(21.55, 0.36, _DISCRETE), Return(500.0, 0.0, "the time limit, the most there is")),
    "Acrobot-v1": Reference(Return(-499.0, 0.33, _DISCRETE)),
    **{
        f"GridMaze-{name}": Reference(Return(mean, stderr, _DISCRETE), _ALWAYS)
        for name, mean, stderr in (
            ("umaze-4", 0.390, 0.015),
            ("umaze-8", 0.374, 0.015),
            ("medium-4", 0.109, 0.010),
            ("medium-8", 0.186, 0.012),
            ("large-4", 0.081, 0.009),
            ("large-8", 0.150, 0.011),
        )
    },
    **{
        task: Reference(Return(mean, stderr, _DISCRETE), _ALWAYS)
        for task, mean, stderr in (
            ("JumpChain-6-expert", 0.056, 0.0073),
            ("JumpChain-8-expert", 0.029, 0.0053),
            ("JumpChain-10-expert", 0.017, 0.0041),
            ("JumpChain-12-expert", 0.008, 0.0028),
            ("JumpChain-16-expert", 0.001, 0.001),
            ("JumpChain-20-expert", 0.0, 0.0),
            ("DistractorChain-6", 0.007, 0.0026),
            ("DistractorChain-8", 0.002, 0.0014),
            ("DistractorChain-10", 0.001, 0.001),
            ("PushMaze-umaze", 0.004, 0.002),
            ("PushMaze-umaze-turned", 0.011, 0.0033),
            ("PushMaze-medium", 0.0, 0.0),
            ("PushMaze-medium-turned", 0.0, 0.0),
            ("PushMaze-large", 0.0, 0.0),
            ("PushMaze-large-turned", 0.001, 0.001),
        )
    },
    **{
        task: Reference(Return(mean, stderr, _DISCRETE), Return(informed, 0.0, _INFORMED))
        for task, mean, stderr, informed in (
            ("RobustGrid-5", -10.64, 0.24, 0.76),
            ("RobustGrid-10", -7.351, 0.19, 0.66),
            ("RobustGrid-layouts", -7.518, 0.27, 0.8485),
            ("RobustCartPole", 4.112, 0.074, 90.08),
        )
    },
}
for _n in chain.LENGTHS:  # each of n actions is one of three
    _WITHOUT_EXPERTS[f"Chain-{_n}"] = _WITHOUT_EXPERTS[f"JumpChain-{_n}"] = Reference(
        Return(3.0**-_n, 0.0, f"3^-{_n}, exactly"), _ALWAYS
    )
REFERENCES = _measured(_WITHOUT_EXPERTS)


@dataclass(frozen=True)
class Published:
    """What SAC is known to return on a task, and what an expert must return to be fit for claims.

    Attributes:
      required: the least mean return of a fit expert, about `PUBLISHED_SHARE` of the published one where there is one.
      mean: the published mean return, or None where no single figure for this version was read.
      source: where it was read, or what `required` rests on.
    """

    required: float
    mean: float | None
    source: str


PUBLISHED_SHARE = 0.7
_BAR = "this suite's bar, 300 of the 1,000 that an episode of DeepMind Control can return"
_CARD = "model card of farama-minari/{}-v5-SAC-expert (Stable-Baselines3), mean_reward"
PUBLISHED_RETURNS = {
    "HalfCheetah-v5": Published(8000.0, 11448.22, _CARD.format("HalfCheetah")),
    "Walker2d-v5": Published(4900.0, 6956.61, _CARD.format("Walker2d")),
    "Hopper-v5": Published(2800.0, 4098.17, _CARD.format("Hopper")),
    "Ant-v5": Published(
        3500.0,
        None,
        "70 % of 5,000; SAC's model cards say 5,181 on Ant-v3 (sb3/sac-Ant-v3) and 4,623 and 6,007 on Ant-v4 "
        "(sdpkjc/Ant-v4-sac_continuous_action, seeds 5 and 3)",
    ),
    "Humanoid-v5": Published(
        4500.0,
        None,
        "this suite's bar; SAC's model card says 5,742 on Humanoid-v4 "
        "(sdpkjc/Humanoid-v4-sac_continuous_action, seed 5)",
    ),
    **{
        task: Published(300.0, None, _BAR)
        for task in ("cheetah-run", "hopper-hop", "hopper-stand", "walker-run", "walker-stand", "walker-walk")
    },
}


# The mean score of D4RL's `medium` data, about, on D4RL's own scale: what the policy `sac@medium` is to return.
D4RL_MEDIUM = {"HalfCheetah-v5": 41.0, "Hopper-v5": 44.0, "Walker2d-v5": 62.0}


def d4rl_return(task: str, score: float) -> float:
    """The return whose D4RL score, 100 · (R − random) / (expert − random) with D4RL's constants, is `score`."""
    scale = REFERENCES[task].d4rl
    if scale is None:
        raise ValueError(f"D4RL has no constants for {task}")
    low, high = scale
    return low + score / 100.0 * (high - low)


def normalised(task: str, returns: np.ndarray | float) -> np.ndarray:
    """Returns on the scale where the task's floor is 0 and its expert 100.

    Raises:
      UserError: the task has no references, or none for its expert yet, or that is no better than the floor.
    """
    if task not in REFERENCES:
        raise unknown_name("task with reference returns", task, REFERENCES)
    reference = REFERENCES[task]
    if reference.expert is None:
        raise UserError(
            f"{task} has no expert return in guided_rl/envs/expert_returns.json; report raw returns or `make experts`"
        )
    floor, expert = reference.floor.mean, reference.expert.mean
    if expert <= floor:
        raise UserError(
            f"the expert of {task} returns {expert:g}, no more than a policy without learning ({floor:g}); "
            "report raw returns"
        )
    return 100.0 * (np.asarray(returns, np.float64) - floor) / (expert - floor)
