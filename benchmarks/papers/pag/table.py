"""PAG's table: Daoudi et al. 2023, "Enhancing Reinforcement Learning Agents with Local Guides", arXiv 2402.13930.

Row `pag` is the authors' released code, row `pag-text` the paper's text, which differs from it as soon as Φ acts. A
claim about PAG gets a verdict only where both rows agree.

Networks, actor head, initialisation, batch (256) and update ratio are the authors' at every preset but smoke; what is
shortened is the number of steps. Preset long is therefore the paper's own scale, on the tasks that two cores can do.
Schedules are not shortened: δ acts every 50k steps, as in the paper (at smoke and quick, at the same share of the
budget, 2.5 %). In the first 50k steps PAG is therefore SAG wherever δ acts; the studies of λ and of PAG's open points
let δ act every 10k steps on the cart-pole, beside a cell that differs in this alone.

Φ and δ are the middle of the authors' grids (the lower of two). The authors plot the best of the grid instead, so a
second row, `best of the grid`, has what ends highest on tuning seeds: over 50k steps where Φ acts from the start, and
on the cart-pole over 500k steps.

Arithmetic of preset cpu, in millions of seed-updates (cells × seeds × steps):
  main      3 attractive tasks × {sac, sag, naive-sag, pig, pag, rg} × 10 × 0.05       =  9.0
            3 repulsive tasks × {sac, sag, pig, pag} × 100 × 0.05                      = 60.0
            3 repulsive tasks × {naive-sag, rg} × 10 × 0.05                            =  3.0
  text      3 attractive tasks × {pag-text} × 10 × 0.05                                =  1.5
  best      3 attractive tasks × {pag} × 10 × 0.05                                     =  1.5
  extra     dense point mass × {sac, sag, pig, pag} × 10 × 0.05                        =  2.0
  target    3 attractive tasks × {pag, pag-text} with θ-target × 10 × 0.05             =  3.0
  open      cart-pole × {pag-text, pag-text bootstrapping from a_PAG} × 10 × 0.05      =  1.0
            PointFall × {pag-text bootstrapping from a_PAG} × 10 × 0.05                =  0.5
  ours      2 tasks × {learned-sag} × 10 × 0.05                                        =  1.0
  λ         cart-pole × {as stated, 4 regions, 2 others} × 10 × 0.05                   =  3.5
  guide     PointFall × {unweakened, noisy, sampled} × 10 × 0.05                       =  1.5
  timeouts  2 tasks × {sac, pag} bootstrapping through the limit × 10 × 0.05           =  2.0
  head      2 tasks × {sac, pag} with this suite's head and initialisation × 10 × 0.05 =  2.0
  longer    2 tasks × {sac, sag, pig, pag, pag-text} × 10 × 0.2                        = 20.0
  grid      cart-pole × {pag, pag-text} × 9 points of Φ × δ × 10 × 0.2                 = 36.0
  together 147.5; tuning: 3 tasks × 4 values of Φ × 5 × 0.05                           =  3.0
Of preset long:
  a         cart-pole × {sac, sag, pag, pag-text, pag-text from a_PAG, best} × 10 × 2  = 120.0
  e         {PointFall, PointCircle} × {sac, sag, pag, pag-text} × 10 × 2              = 160.0
  together 280; tuning: cart-pole × 9 points of Φ × δ × 5 × 0.5                        =  22.5

A point has 4 episodes at preset cpu, since training goes in blocks of 1,000 steps: half as many episodes a seed as in
the other tables, where learning costs more and an episode less.

Taken over from the authors' code as well: widths, activation, rates, blocks of 1,000 steps and as many updates, no
random warm-up (the authors collect 1,000 steps more before the first update), time limits that end an episode, and
unscaled rewards.
"""

from __future__ import annotations

from benchmarks.papers.pag import figures as local_figures
from benchmarks.papers.pag.claims import (
    ATTRACTIVE,
    CLAIMS,
    LIVE,
    LIVE_TASK,
    LONG,
    REPULSIVE,
    SWEEP,
    TASKS,
    THETA_TARGET,
)
from benchmarks.report.replacements import Replacement
from benchmarks.runner.cells import TUNING_SEED, Cell, PaperTable, Tuning
from guided_rl.config import RunConfig

DENSE = "point_mass-easy"
FORMS = ("pag", "pag-text")
GUIDED = ("sag", "naive-sag", "pig", *FORMS, "rg", "learned-sag")
COMPARED = ("sac", "sag", "pig", "pag")
DECAY_STEPS, DECAY_SHARE, STUDY_STEPS = 50_000, 0.025, 10_000
SOONER, FROM_PAG, BEST, OUR_HEAD = "δ every 10k steps", "target of what acts", "best of the grid", "our head"
NARROW = ("cartpole-safe", "PointFall")
FULL_TASKS = {
    "cartpole-safe": ("sac", "sag", *FORMS),
    "PointFall": ("sac", "sag", *FORMS),
    "PointCircle": ("sac", "sag", *FORMS),
}
SMALL_REPLAY = ("ball_in_cup-low", "point_mass-sparse", "point_mass-easy", "PointCircle")
# The authors' grids. PointReach's Φ and δ are those of the environment that ours is like.
PHI = {
    **dict.fromkeys((*ATTRACTIVE, DENSE), (0.5, 0.8, 1.0, 1.5)),
    "cartpole-safe": (0.5, 0.7, 0.9),
    "PointCircle": (0.1, 0.3, 0.5, 1.0),
    "PointReach-like": (0.2, 0.6, 0.8),
}
DELTA = {"cartpole-safe": (0.7, 0.8, 0.9), "PointCircle": (0.5, 0.8, 0.9), "PointReach-like": (0.5, 0.9)}
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
    "quick": {"steps": 4_000, "seeds": 10, "evaluations": 4, "episodes": 2},
    "cpu": {"steps": 50_000, "seeds": 10, "evaluations": 25, "episodes": 4},
    "long": {"steps": 2_000_000, "seeds": 10, "evaluations": 40, "episodes": 10},
    "paper": {"steps": 2_000_000, "seeds": 10, "evaluations": 40, "episodes": 10},
}
LONGER = {"steps": 200_000, "evaluations": 20}
SETTINGS = {"batch": 256, "warmup": 0.0, "block": 1_000, "timeout_is_terminal": True}
HEAD = {"initialization": "pytorch", "actor_head": "affine"}
TUNED_STEPS = {"cpu": 50_000, "long": 500_000, "paper": 2_000_000}
POWER = 100  # seeds where a cell of 50k steps takes minutes and the spread is wide


def middle(grid: tuple[float, ...]) -> float:
    """The middle value, of an even number the lower."""
    return grid[(len(grid) - 1) // 2]


def decay_interval(preset: str, steps: int, every: int) -> float:
    """The share of the budget after which δ acts once more: `every` steps, where there are that many."""
    return DECAY_SHARE if preset in ("smoke", "quick") else every / steps


def hyper_parameters(preset: str, task: str, method: str, steps: int, every: int) -> dict[str, float]:
    """The middle of the authors' grids; δ does not act with attractive guides."""
    if method not in FORMS:
        return {}
    if task in REPULSIVE:
        interval = decay_interval(preset, steps, every)
        return {"phi": middle(PHI[task]), "delta": middle(DELTA[task]), "decay_interval": interval}
    return {"phi": middle(PHI[task]), "decay_interval": 0.0}


def cell(
    preset: str,
    task: str,
    method: str,
    variant: str = "",
    every: int = DECAY_STEPS,
    tuning: Tuning | None = None,
    **changes,
) -> Cell:
    """One population of this table; guided methods listen to the task's own local guide unless told otherwise."""
    settings = {**SETTINGS, **HEAD, **SCALE[preset], **changes}
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
    return Cell(RunConfig(task=task, method=method, **settings), variant, tuning=tuning)


def study(preset: str, task: str, variant: str, method: str = "pag", **changes) -> Cell:
    """PAG with one thing changed, δ acting soon enough to be seen."""
    return cell(preset, task, method, variant, STUDY_STEPS if preset == "cpu" else DECAY_STEPS, **changes)


def grid_of(task: str) -> dict[str, tuple[float, ...]]:
    """The authors' grid of Φ and, where it acts, δ."""
    return {"phi": PHI[task], **({"delta": DELTA[task]} if task in REPULSIVE else {})}


def best(preset: str, task: str) -> Cell:
    """PAG with what ends highest of the authors' grid on tuning seeds, as executed."""
    steps = TUNED_STEPS[preset]
    sweep = cell(
        preset,
        task,
        "pag",
        "tuning Φ",
        grid=grid_of(task),
        first_seed=TUNING_SEED,
        seeds=5,
        steps=steps,
        evaluations=25,
    )
    return cell(preset, task, "pag", BEST, tuning=Tuning(sweep, "final", "switched"))


def cells(preset: str) -> list[Cell]:
    """Main comparison first, then ablations, our method, longer runs and the grid."""
    if preset == "quick":
        return [cell(preset, LIVE_TASK, method) for method in ("sac", *FORMS)]
    if preset == "smoke":
        return [cell(preset, "cartpole-safe", method) for method in (*COMPARED, "pag-text")]
    if preset == "long":
        return in_full(preset)
    short = preset == "cpu"
    many = lambda task, method: {"seeds": POWER} if short and task in REPULSIVE and method in COMPARED else {}
    main = [
        cell(preset, task, m, **many(task, m))
        for task in TASKS
        for m in ("sac", "sag", "naive-sag", "pig", "pag", "rg")
    ]
    where_phi_acts = ATTRACTIVE if short else TASKS
    text = [cell(preset, task, "pag-text") for task in where_phi_acts]
    tuned = [best(preset, task) for task in where_phi_acts]
    longer = LONGER if short else {}
    grid = [cell(preset, "cartpole-safe", form, SWEEP, grid=grid_of("cartpole-safe"), **longer) for form in FORMS]
    more = [cell(preset, task, m, LONG, **LONGER) for task in NARROW for m in (*COMPARED, "pag-text")] if short else []
    return [*main, *text, *tuned, *studies(preset, where_phi_acts), *grid, *more]


def studies(preset: str, where_phi_acts: tuple[str, ...]) -> list[Cell]:
    """Ablations of the target, the guide, its confidence and the table's settings, and our method."""
    sooner = [] if preset != "cpu" else [study(preset, "cartpole-safe", SOONER, form) for form in FORMS]
    return [
        *[cell(preset, DENSE, method) for method in COMPARED],
        *[cell(preset, t, f, THETA_TARGET, options={"target": "theta"}) for t in where_phi_acts for f in FORMS],
        *sooner,
        *[study(preset, task, FROM_PAG, "pag-text", options={"target": "pag"}) for task in NARROW],
        *[cell(preset, task, "learned-sag") for task in NARROW],
        *[study(preset, "cartpole-safe", variant, guide=guide) for variant, guide in WRONG_TRUST.items()],
        *[study(preset, "PointFall", variant, guide=guide) for variant, guide in GUIDES.items()],
        *[
            cell(preset, task, method, "limits not terminal", timeout_is_terminal=False)
            for task in NARROW
            for method in ("sac", "pag")
        ],
        *[
            cell(preset, task, method, OUR_HEAD, initialization="lecun", actor_head="clipped")
            for task in NARROW
            for method in ("sac", "pag")
        ],
    ]


def in_full(preset: str) -> list[Cell]:
    """The paper's 2M steps, on the tasks where the guide caps SAG."""
    main = {task: [cell(preset, task, method) for method in methods] for task, methods in FULL_TASKS.items()}
    open_points = [
        cell(preset, "cartpole-safe", "pag-text", FROM_PAG, options={"target": "pag"}),
        best(preset, "cartpole-safe"),
    ]
    return [*main.pop("cartpole-safe"), *open_points, *(cell for cells in main.values() for cell in cells)]


TABLE = PaperTable(
    name="pag",
    title="PAG",
    cells=cells,
    claims=CLAIMS,
    pairs=(("pag", "sac"), ("sag", "sac"), ("pig", "sac")),
    sweeps=(),
    ours=(Replacement("learned-sag", "sag"),),
    figures=local_figures.figures,
    paper_networks=True,
    live=(LIVE,),
)
