"""BREAD's table: where groups of roll-outs begin, on chains, a grid maze, a push maze and PointMaze.

Arithmetic of preset cpu, in millions of seed-steps (cells × seeds × steps):
  chains    6 lengths × {grpo, bread, uniform-resets} × 20 × 0.1   = 36.0
  jump      1 task  × {grpo, bread, uniform-resets, sft-grpo} × 20 × 0.1 = 8.0
  mazes     2 push mazes × {grpo, bread, uniform-resets, sft-grpo} × 20 × 0.2 = 32.0
  control   GridMaze-large-4, where chance succeeds, × {grpo, bread, uniform-resets} × 20 × 0.2 = 12.0
  MuJoCo    PointMaze-umaze × {grpo, bread, uniform-resets} × 20 × 0.2 = 12.0
  SAC       2 PointMazes × {sac, sac-resets} × 20 × 0.03 = 2.4
  DQN       {Chain-16, JumpChain-12} × {dqn, dqn-resets} × 20 × 0.1 and 2 push mazes × 20 × 0.2 = 24.0
  baselines Chain-16 × {sft, sft-grpo, fixed-prefix, whole-trace} × 20 × 0.1 = 8.0
  experts   PushMaze-umaze × bread × noise {0.25, 0.5} × 20 × 0.2 = 8.0
  ranges    Chain-16 × bread × {(0.05, 1), (0.2, 0.8)} × 20 × 0.1  = 4.0
  together 146.4 seed-steps. A group of 16 roll-outs is one update of a small network, so that its steps cost little.

The paper's own models and data are language's, so that presets `long` and `paper` have no cells.
"""

from __future__ import annotations

from benchmarks.papers.bread.claims import CHAINS, CLAIMS, CONTINUOUS, EQUAL_STEPS, LIVE, OFF_POLICY
from benchmarks.papers.bread.figures import figures
from benchmarks.runner.cells import Cell, PaperTable
from guided_rl.config import RunConfig

BASELINE_TASK, MAZE, CONTROL = "Chain-16", "PushMaze-umaze", "GridMaze-large-4"
MAIN = ("grpo", "bread", "uniform-resets")
STEPS = dict.fromkeys(("PushMaze-umaze", "PushMaze-medium", CONTINUOUS, CONTROL), 200_000)
SCALE = {
    "smoke": {"steps": 4_000, "seeds": 2, "evaluations": 4, "episodes": 2},
    "quick": {"steps": 40_000, "seeds": 10, "evaluations": 20, "episodes": 10},
    "cpu": {"seeds": 20, "evaluations": 50, "episodes": 10},
}
NETWORK = {"hidden": (64,), "activation": "tanh"}
RATES = {"actor_lr": 3e-4, "critic_lr": 1e-3, "temperature_lr": 1e-3}  # those of the other tables at reduced scale
SAC = {"steps": 30_000, "hidden": (64, 64), "activation": "relu", "hparams": RATES}
DQN = {"hidden": (64, 64), "activation": "relu"}
RANGES = {"range 0.05 to 1": (0.05, 1.0), "range 0.2 to 0.8": (0.2, 0.8)}


def cell(preset: str, task: str, method: str, variant: str = "", **changes) -> Cell:
    """One population; whatever uses the expert's traces is given the exact expert's."""
    settings = {"steps": STEPS.get(task, 100_000), **NETWORK, **SCALE[preset], **changes}
    if method not in ("grpo", "sac", "dqn"):
        settings.setdefault("guide", "exact")
    return Cell(RunConfig(task=task, method=method, **settings), variant)


def cells(preset: str) -> list[Cell]:
    """Chains, the task whose expert cannot be imitated, mazes; then baselines, worse experts, and other ranges."""
    if preset not in SCALE:
        return []
    if preset in ("smoke", "quick"):
        return [cell(preset, "Chain-12", method) for method in MAIN[:2]]
    found = [cell(preset, task, method) for task in CHAINS for method in MAIN]
    beyond = [task for task in EQUAL_STEPS if task not in CHAINS]
    found += [cell(preset, task, method) for task in beyond for method in (*MAIN, "sft-grpo")]
    found += [cell(preset, CONTROL, method) for method in MAIN]
    found += [cell(preset, CONTINUOUS, method) for method in MAIN]
    found += [cell(preset, task, method, **SAC) for task in OFF_POLICY for method in ("sac", "sac-resets")]
    found += [cell(preset, task, method, **DQN) for task in EQUAL_STEPS for method in ("dqn", "dqn-resets")]
    found += [cell(preset, BASELINE_TASK, m) for m in ("sft", "sft-grpo", "fixed-prefix", "whole-trace")]
    found += [cell(preset, MAZE, "bread", f"expert noise {e}", guide=f"exact,noise={e}") for e in (0.25, 0.5)]
    limits = lambda low, high: {"success_low": low, "success_high": high}
    found += [cell(preset, BASELINE_TASK, "bread", name, hparams=limits(*r)) for name, r in RANGES.items()]
    return found


TABLE = PaperTable(
    name="bread",
    title="BREAD",
    cells=cells,
    claims=CLAIMS,
    pairs=(("bread", "grpo"), ("bread", "uniform-resets")),
    sweeps=(),
    figures=figures,
    live=(LIVE,),
)
