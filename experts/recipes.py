"""How each task's experts are trained: SAC populations of this suite, seeds no learner uses.

Eight a task, because a claim's interval can be no narrower than its experts' spread allows, and all eight ship.
The settings were chosen once, from literature and earlier experts of this suite, and not searched: 64 units as in its
tables, 128 where 64 fell far short; critics with layer normalisation, as in RLPD (Ball et al. 2023, arXiv 2302.02948),
except on HalfCheetah, which needs none. Wide experts have clones of 64 units, so that what ships stays small.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from experts.clone import Cloning
from guided_rl.config import RunConfig

FIRST_SEED = 1_000_000
EXPERTS = 8


@dataclass(frozen=True)
class Recipe:
    """How a task's experts are trained.

    Attributes:
      steps: environment steps, and updates, of each expert.
      hours: expected wall time of all eight on two idle cores, from measured rates.
      hidden: widths of the actor and the critics.
      points: evenly spaced ladder points, at which policies are kept and evaluated.
      episodes: evaluation episodes per point.
      critic_layer_norm: whether the critics' hidden layers are normalised.
      capacity: replay rows, None for all of the run; replay_dtype: how they are kept.
      cloning: how clones are made.
    """

    steps: int
    hours: float
    hidden: tuple[int, ...] = (64, 64)
    points: int = 50
    episodes: int = 10
    critic_layer_norm: bool = True
    capacity: int | None = None
    replay_dtype: str = "float32"
    cloning: Cloning = field(default_factory=Cloning)


WIDE = (128, 128)
NARROW_CLONES = Cloning(hidden=(64, 64))
# In the order in which claims need them. DeepMind Control's hopper starts lying at any angle and gets up or does not:
# its episodes differ by half of the range, so more of them are played. Ant's and Humanoid's observations are long: in
# half precision, and of Humanoid the newest half million, eight replays take 3.5 and 5.7 GB.
RECIPES = {
    "HalfCheetah-v5": Recipe(
        1_000_000, 0.5, points=20, critic_layer_norm=False, cloning=Cloning(demonstrations=20, epochs=100)
    ),
    "Walker2d-v5": Recipe(1_000_000, 1.4, WIDE, cloning=NARROW_CLONES),
    "Hopper-v5": Recipe(1_000_000, 0.6),
    "Ant-v5": Recipe(1_000_000, 2.1, WIDE, replay_dtype="float16", cloning=NARROW_CLONES),
    "Humanoid-v5": Recipe(1_000_000, 2.0, capacity=500_000, replay_dtype="float16"),
    "cheetah-run": Recipe(1_000_000, 0.6),
    "walker-run": Recipe(1_000_000, 0.6),
    "walker-walk": Recipe(300_000, 0.2),
    "walker-stand": Recipe(200_000, 0.1),
    "AntReach": Recipe(1_000_000, 0.9),
    "hopper-stand": Recipe(1_000_000, 1.4, WIDE, episodes=50, cloning=NARROW_CLONES),
    "hopper-hop": Recipe(1_000_000, 1.4, WIDE, episodes=50, cloning=NARROW_CLONES),
}


def cloning(task: str) -> Cloning:
    """How the clones of `task`'s experts are made."""
    return RECIPES[task].cloning


def config_of(task: str) -> RunConfig:
    """SAC on `task` for the expert seeds."""
    recipe = RECIPES[task]
    return RunConfig(
        task=task,
        method="sac",
        steps=recipe.steps,
        seeds=EXPERTS,
        first_seed=FIRST_SEED,
        hparams={"critic_lr": 1e-3, "actor_lr": 5e-4, "temperature_lr": 5e-4},
        hidden=recipe.hidden,
        critic_layer_norm=recipe.critic_layer_norm,
        batch=128,
        warmup=0.02,
        capacity=recipe.capacity,
        evaluations=recipe.points,
        episodes=recipe.episodes,
        replay_dtype=recipe.replay_dtype,
    )
