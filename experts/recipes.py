"""How each task's experts are trained: SAC populations of this suite, seeds no learner uses."""

from __future__ import annotations

from experts.clone import Cloning
from guided_rl.config import RunConfig

FIRST_SEED = 1_000_000
EXPERTS = 4
STEPS = {
    "HalfCheetah-v5": 200_000,
    "Hopper-v5": 150_000,
    "Walker2d-v5": 300_000,
    "Ant-v5": 300_000,
    "Humanoid-v5": 250_000,
    "cheetah-run": 300_000,
    "hopper-stand": 2_000_000,
    "hopper-hop": 2_000_000,
    "walker-stand": 100_000,
    "walker-walk": 150_000,
    "walker-run": 300_000,
    "AntReach": 300_000,
}
# DeepMind Control's hopper starts lying at any angle and gets up or does not: its episodes differ by half of the range.
EPISODES = {"hopper-stand": 50, "hopper-hop": 50}
# HalfCheetah's clones came first and fell far short of no expert, so that, when other tasks' needed more to see, the
# guides behind most of DAI's table could stay as they were.
CLONING = {"HalfCheetah-v5": Cloning(demonstrations=20, epochs=100)}


def cloning(task: str) -> Cloning:
    """How the clones of `task`'s experts are made."""
    return CLONING.get(task, Cloning())


def recipe(task: str) -> RunConfig:
    """SAC on `task` for the expert seeds; a ladder of 20 policies each is kept."""
    return RunConfig(
        task=task,
        method="sac",
        steps=STEPS[task],
        seeds=EXPERTS,
        first_seed=FIRST_SEED,
        hparams={"critic_lr": 1e-3, "actor_lr": 5e-4, "temperature_lr": 5e-4},
        hidden=(64, 64),
        batch=128,
        warmup=0.02,
        evaluations=20,
        episodes=EPISODES.get(task, 10),
    )
