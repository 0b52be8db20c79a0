"""MENTOR's table: when an expert is mixed into roll-outs, by entropy, at random, by time, always, or as a prefix.

Arithmetic of preset cpu, in millions of seed-steps (cells × seeds × steps):
  main      3 sparse tasks × {grpo, 5 gates} × 20 × 0.1 = 36.0
  CartPole  {grpo, 5 gates} × 20 × 0.2                  = 24.0
  experts   GridMaze-large-4 × {25, 50 %} × 20 × 0.1    =  4.0
  switches  GridMaze-large-4 × {floor, mixture's ratio} × 20 × 0.1 = 4.0
  together 68.0 seed-steps, minutes.

The expert is a softmax over the exact values, whose temperatures give about 25, 50 and 100 % of the normalised return
(`TEMPERATURES`); CartPole's is a linear controller. A prefix is half of the expert's way. Presets `long` and `paper`
have no cells, since the paper's own scale is language models.
"""

from __future__ import annotations

from benchmarks.papers.mentor.claims import BASE, CLAIMS, GATES, LIVE, MENTOR, SPARSE, TASKS
from benchmarks.papers.mentor.figures import figures
from benchmarks.runner.cells import Cell, PaperTable
from guided_rl.config import RunConfig

MAZE = "GridMaze-large-4"
STEPS = {"CartPole-v1": 200_000}
RATES = {"CartPole-v1": 1e-2}  # GRPO's, by five tuning seeds
TEMPERATURES = {25: 0.5, 50: 0.3}  # on MAZE; 400 episodes return 0.33 and 0.52, where chance returns 0.08
PREFIX = {"GridMaze-medium-4": 6.0, "GridMaze-large-4": 8.0, "DistractorChain-8": 4.0, "CartPole-v1": 250.0}
SCALE = {
    "smoke": {"steps": 4_000, "seeds": 2, "evaluations": 4, "episodes": 2},
    "quick": {"steps": 40_000, "seeds": 10, "evaluations": 20, "episodes": 10},
    "cpu": {"seeds": 20, "evaluations": 20, "episodes": 32},
}
NETWORK = {"hidden": (64,), "activation": "tanh"}


def cell(preset: str, task: str, method: str, variant: str = "", **changes) -> Cell:
    """One population; returns of CartPole are scaled to [0, 1] in the mixed advantage."""
    few = {"episodes": min(10, SCALE[preset]["episodes"])} if task == "CartPole-v1" else {}  # pass@k is not asked of it
    settings = {"steps": STEPS.get(task, 100_000), **NETWORK, **SCALE[preset], **few, **changes}
    hparams = {"lr": RATES.get(task, 3e-3)}
    if method == MENTOR:
        settings.setdefault("guide", "exact")
        hparams |= {"return_scale": 1 / 500} if task == "CartPole-v1" else {}
    settings["hparams"] = {**hparams, **settings.get("hparams", {})}
    return Cell(RunConfig(task=task, method=method, **settings), variant)


def gated(preset: str, task: str, gate: str) -> Cell:
    """One of the gates that are no part of the paper."""
    more = {"hparams": {"prefix": PREFIX[task]}} if gate == "prefix" else {}
    return cell(preset, task, MENTOR, GATES[gate], options={"gate": gate}, **more)


def cells(preset: str) -> list[Cell]:
    """GRPO and the entropy gate, then the other gates; worse experts and switches on one maze."""
    if preset not in SCALE:
        return []
    task = SPARSE[-1]
    if preset == "quick":
        return [cell(preset, task, BASE), cell(preset, task, MENTOR)]
    if preset == "smoke":
        return [cell(preset, task, BASE), cell(preset, task, MENTOR), gated(preset, task, "random")]
    found = [cell(preset, task, method) for task in TASKS for method in (BASE, MENTOR)]
    found += [gated(preset, task, gate) for task in TASKS for gate in GATES]
    found += [
        cell(preset, MAZE, MENTOR, f"expert {level} %", guide=f"exact,temperature={heat}")
        for level, heat in TEMPERATURES.items()
    ]
    found.append(cell(preset, MAZE, MENTOR, "floor of 1.5 nats", hparams={"floor": 1.5}))
    found.append(cell(preset, MAZE, MENTOR, "ratio to the mixture", options={"old_log_prob": "mixture"}))
    return found


TABLE = PaperTable(
    name="mentor",
    title="MENTOR",
    cells=cells,
    claims=CLAIMS,
    pairs=((MENTOR, BASE),),
    sweeps=(),
    figures=figures,
    live=LIVE,
)
