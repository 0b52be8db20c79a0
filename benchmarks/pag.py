"""PAG's table: Daoudi et al. 2023, "Enhancing Reinforcement Learning Agents with Local Guides", arXiv 2402.13930.

The paper's own networks, batch (256) and update ratio at every preset but smoke; what is
shortened is the number of steps. Schedules are not shortened: δ acts every 50k steps, as in the
paper (at smoke and quick, at the same share of the budget, 2.5 %). In the first 50k steps PAG is
therefore SAG wherever δ acts; the studies of λ and of PAG's open points, which would then say
nothing about PAG, let δ act every 10k steps on the cart-pole, beside a cell that differs in this alone.

Arithmetic of preset cpu, in millions of seed-updates (cells × seeds × steps):
  main      6 tasks × {sac, sag, naive-sag, pig, pag, rg} × 10 × 0.05            = 18.0
  extra     dense point mass × {sac, sag, pig, pag} × 10 × 0.05                  =  2.0
  target    6 tasks × {pag with θ-target} × 10 × 0.05                            =  3.0
  literal   2 tasks × {the authors' code, target of a_PAG} × 10 × 0.05           =  2.0
  ours      2 tasks × {learned-sag} × 10 × 0.05                                  =  1.0
  λ         cart-pole × {as stated, 4 regions, 2 others} × 10 × 0.05             =  3.5
  guide     PointFall × {unweakened, noisy, sampled} × 10 × 0.05                 =  1.5
  timeouts  2 tasks × {sac, pag} bootstrapping through the limit × 10 × 0.05     =  2.0
  longer    2 tasks × {sac, sag, pig, pag} × 10 × 0.2                            = 16.0
  grid      cart-pole × 9 points of Φ × δ × 5 × 0.2                              =  9.0
  in full   cart-pole × {sac, sag, pag} × 10 × 2.0                               = 60.0
  together 118.0: what the claims ask for; without the runs in full 58.0.

Evaluations are 25 at preset cpu, since training goes in blocks of 1,000 steps, of 4 episodes each:
half as many episodes a seed as in the other tables, where learning costs more and an episode less.

All methods share one SAC, this suite's: LeCun initialisation, log σ clipped to [-5, 2] as the
network gives it. The authors' has PyTorch's initialisation and two learnt scalars on log σ.
Those differences touch every method of the table alike; to put them into a base that other
tables share would only make its SAC another one. Taken over are widths, activation, batch,
rates, blocks of 1,000 steps and as many updates, no random warm-up (the authors collect 1,000
steps more before the first update), time limits that end an episode, and unscaled rewards.
"""

from __future__ import annotations

from benchmarks.cells import Cell, PaperTable
from benchmarks.pag_claims import CLAIMS, FULL, LONG, REPULSIVE, TASKS, THETA_TARGET
from guided_rl.config import RunConfig
from guided_rl.reporting import local_figures
from guided_rl.reporting.replacements import Replacement

DENSE = "point_mass-easy"
GUIDED = ("sag", "naive-sag", "pig", "pag", "rg", "learned-sag")
DECAY_STEPS, DECAY_SHARE, STUDY_STEPS = 50_000, 0.025, 10_000
SOONER = "δ every 10k steps"
NARROW = ("cartpole-safe", "PointFall")
SMALL_REPLAY = ("ball_in_cup-low", "point_mass-sparse", "point_mass-easy", "PointCircle")
GRID = {"phi": (0.5, 0.7, 0.9), "delta": (0.7, 0.8, 0.9)}
# λ of the cart-pole is 1 where |x| > 0.2; its soft stop is at 1.8 and the crash at 1.9.
WRONG_TRUST = {
    "λ too large": "local,grow=0.15",
    "λ too small": "local,grow=-0.7",
    "λ far too small": "local,grow=-1.4",
    "λ shifted": "local,shift=0.4",
    "λ smooth": "local,smooth=0.4",
    "λ halved": "local,scale=0.5",
}
GUIDES = {
    "guide unweakened": "local:medium",
    "guide with noise": "local,noise=0.5",
    "guide sampled": "local,sample=1",
}
SCALE = {
    "smoke": {"steps": 1_000, "seeds": 2, "evaluations": 5, "episodes": 1, "batch": 32, "block": 100},
    "quick": {"steps": 8_000, "seeds": 3, "evaluations": 8, "episodes": 5},
    "cpu": {"steps": 50_000, "seeds": 10, "evaluations": 25, "episodes": 4},
    "paper": {"steps": 2_000_000, "seeds": 10, "evaluations": 40, "episodes": 10},
}
LONGER = {"steps": 200_000, "evaluations": 20}
IN_FULL = {"steps": 2_000_000, "evaluations": 40}
SETTINGS = {"batch": 256, "warmup": 0.0, "block": 1_000, "timeout_is_terminal": True}


def decay_interval(preset: str, steps: int, every: int) -> float:
    """The share of the budget after which δ acts once more: `every` steps, where there are that many."""
    return DECAY_SHARE if preset in ("smoke", "quick") else every / steps


def hyper_parameters(preset: str, task: str, method: str, steps: int, every: int) -> dict[str, float]:
    """The middle of the authors' grids: Φ = 0.5, δ = 0.8 with repulsive guides, Φ = 0.8 without decay with others."""
    if method != "pag":
        return {}
    if task in REPULSIVE:
        return {"phi": 0.5, "delta": 0.8, "decay_interval": decay_interval(preset, steps, every)}
    return {"phi": 0.8, "decay_interval": 0.0}


def cell(preset: str, task: str, method: str, variant: str = "", every: int = DECAY_STEPS, **changes) -> Cell:
    """One population of this table; guided methods listen to the task's own local guide unless told otherwise."""
    settings = {**SETTINGS, **SCALE[preset], **changes}
    settings.setdefault("hidden", (32, 32) if task in NARROW else (64, 64))
    if preset == "smoke":
        settings["hidden"] = (16, 16)
    if task == "cartpole-safe":
        settings["activation"] = "tanh"
    if task in SMALL_REPLAY:
        settings["capacity"] = min(100_000, settings["steps"])
    if method in GUIDED:
        settings.setdefault("guide", "local")
    settings["hparams"] = hyper_parameters(preset, task, method, settings["steps"], every)
    return Cell(RunConfig(task=task, method=method, **settings), variant)


def study(preset: str, task: str, variant: str, **changes) -> Cell:
    """PAG with one thing changed, δ acting soon enough to be seen."""
    return cell(preset, task, "pag", variant, STUDY_STEPS if preset == "cpu" else DECAY_STEPS, **changes)


def cells(preset: str) -> list[Cell]:
    """Main comparison first, then ablations, our method, longer runs, the grid, and the runs in full."""
    if preset in ("smoke", "quick"):
        return [cell(preset, "cartpole-safe", method) for method in ("sac", "sag", "pig", "pag")]
    main = [cell(preset, task, m) for task in TASKS for m in ("sac", "sag", "naive-sag", "pig", "pag", "rg")]
    extra = [cell(preset, DENSE, method) for method in ("sac", "sag", "pig", "pag")]
    target = [cell(preset, task, "pag", THETA_TARGET, options={"target": "theta"}) for task in TASKS]
    literal = [
        study(preset, task, variant, options=options)
        for task in NARROW
        for variant, options in (
            ("authors' code", {"repo_literal": True}),
            ("target of what acts", {"target": "pag"}),
        )
    ]
    ours = [cell(preset, task, "learned-sag") for task in NARROW]
    trust = [study(preset, "cartpole-safe", variant, guide=g) for variant, g in WRONG_TRUST.items()]
    if preset == "cpu":
        trust.insert(0, study(preset, "cartpole-safe", SOONER))
    guides = [study(preset, "PointFall", variant, guide=g) for variant, g in GUIDES.items()]
    limits = [
        cell(preset, task, method, "limits not terminal", timeout_is_terminal=False)
        for task in NARROW
        for method in ("sac", "pag")
    ]
    few = {"seeds": 5} if preset == "cpu" else {}
    longer = LONGER if preset == "cpu" else {}
    grid = [cell(preset, "cartpole-safe", "pag", "Φ × δ", grid=GRID, **few, **longer)]
    more = []
    if preset == "cpu":
        more = [cell(preset, task, m, LONG, **LONGER) for task in NARROW for m in ("sac", "sag", "pig", "pag")]
        more += [cell(preset, "cartpole-safe", method, FULL, **IN_FULL) for method in ("sac", "sag", "pag")]
    return [*main, *extra, *target, *literal, *ours, *trust, *guides, *limits, *grid, *more]


TABLE = PaperTable(
    name="pag",
    title="PAG",
    cells=cells,
    claims=CLAIMS,
    pairs=(("pag", "sac"), ("sag", "sac"), ("pig", "sac")),
    sweeps=(),
    ours=(Replacement("learned-sag", "sag"),),
    figures=local_figures.figures,
)
