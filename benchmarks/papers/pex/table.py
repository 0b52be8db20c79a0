"""PEX's table: Zhang, Xu and Yu 2023, "Policy Expansion", arXiv 2302.00935.

Arithmetic of preset cpu, in millions of seed-updates (cells × seeds × steps; offline 0.06, online 0.04):
  offline    9 locomotion sets × 10 × 0.06 + 4 AntMaze sets × 5 × 0.06            =  6.6
  main       9 sets × {pex, direct, buffer} × 10 × 0.04                          = 10.8
  scratch    3 bodies × 10 × 0.04                                                =  1.2
  AntMaze    4 sets × {pex, direct, buffer} × 5 × 0.04 + 2 mazes × 5 × 0.04       =  2.8
  baselines  2 sets × ({jsrl, pex-sac, adaptive-pex, awac} × 10 × 0.04 + awac offline 10 × 0.06) = 4.4
  ensembles  2 sets × 2 agents × (cql offline 10 × 0.06 + off2on 10 × 0.04)       =  4.0
  switches   2 sets × {free, fresh critic, no offline data, replay target, uniform, argmax} × 10 × 0.04 = 4.8
  κ sweep    2 sets × 5 values × 10 × 0.04                                       =  4.0
  τ          1 set × 10 × (0.06 + 0.04)                                          =  1.0
  together 39.6, under the preset's 40.
  other β    {3 medium-replay sets, the README's set} × (offline 10 × 0.06 + {pex, direct} × 10 × 0.04) = 5.6,
             beyond the 40, because both β are asked for.

Arithmetic of preset long, in millions of seed-updates (offline 1.0; online 1.0, in mazes 0.25):
  AntMaze    2 sets × 10 × (1.0 + {pex, direct, buffer} × 0.25)                  = 35
  β 10       3 medium-replay sets × 10 × (1.0 + {pex, direct, buffer} × 1.0)     = 120
  β 3        3 medium-replay sets × 10 × (1.0 + {pex, direct} × 1.0)             = 90
  together 245. An idle fast pair of cores does 9,000 offline updates a second and 1,600 (Walker2d) to 3,900
  (Hopper) of PEX's online ones, in AntMaze 300 to 600; a slow one a third. A shard's seeds are few enough for
  90 minutes of the latter. AntMaze's data are D4RL's million rows for each of eight experts, 2.2 GB in memory, which
  the ants take 15 to 45 minutes to collect: `make datasets` does so beforehand.

Which β is the paper's: its code's parser has β 10 and τ 0.7, and both examples of its README pass β 10 and τ 0.9
(antmaze-large-play and halfcheetah-random). So β 10 is the main row of presets long and paper, and β 3, IQL's own
for locomotion, a variant beside it. The records of preset cpu were made with β 3 in the main row; there β 10 is the
variant. "README" is halfcheetah-random with that file's τ 0.9 and β 10. Claims about β find both by their value.

Locomotion has τ 0.7, AntMaze and PointMaze τ 0.9, β 10 and rewards less 1; κ is 10. At reduced scale all
learning rates are 1e-3 (actors on SAC 3e-4), since 3e-4 on a twentieth of the budget learns
too little, and in mazes the targets' rate is 0.02, since values must pass from step to step through them; presets
long and paper have the paper's. AntMaze's data are collected by the goal-reaching ants of `experts/AntReach.npz`.

At preset long AntMaze goes online for 250k steps, a quarter of the paper's, from agents of the paper's 1M updates;
its warm-up is the paper's 5,000 steps. Look at the offline cell first: where it is below the gate (50, in medium
mazes 20), no claim is made of what builds on it, and its online cells may be left out.

An ensemble of N agents costs N-fold and counts so; Off2On's has 2 agents at preset cpu, all that fits under
the ceiling with ten seeds, and the paper's 5 at preset paper. An update of CQL with its 10 sampled actions of
each kind costs some 14 of SAC's, which the count does not show, so that at preset cpu it samples 4 of each.

At preset cpu an evaluation plays 5 episodes, not 10: an update is cheap there and an episode of 1,000 steps is not.

One of the paper's baselines is not here. BT: its name is all that is known (most likely the behaviour
transfer of Campos et al. 2021, which leaves open how long a borrowed policy acts and from what it was
trained), so it cannot be pinned down.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from benchmarks.papers.pex.claims import (
    ABLATED,
    AUTHORS_BETA,
    BASELINES,
    BETA_SETS,
    BODIES,
    CLAIMS,
    DATASETS,
    FREE,
    FRESH,
    IQL_BETA,
    LIVE,
    LIVE_SET,
    LONG_MAZES,
    MAZES,
    OFFLINE,
    README,
    README_SET,
    SWEEP,
    beta_variant,
)
from benchmarks.papers.pex.published import published_table
from benchmarks.report.replacements import Replacement
from benchmarks.runner.cells import Cell, PaperTable
from guided_rl.config import RunConfig

KAPPA = (1.0, 3.0, 10.0, 30.0, 100.0)
MAZE = {"expectile": 0.9, "awr_temperature": AUTHORS_BETA, "reward_shift": -1.0}
LIKE_README = {"expectile": 0.9, "awr_temperature": AUTHORS_BETA}
SMALL_MAZE = {"tau": 0.02}
SMALL_RATES = {"actor_lr": 1e-3, "critic_lr": 1e-3, "value_lr": 1e-3}
SMALL_SAC_RATES = {"actor_lr": 3e-4, "critic_lr": 1e-3, "temperature_lr": 1e-3}
PAPER_STEPS = ("long", "paper")  # whose learning rates and main β are the paper's
ON_SAC = ("pex-sac", "cql-offline", "off2on")
LEARNERS = {"awac": "awac-offline", "off2on": "cql-offline"}  # whose agents go on; else IQL's
ONLINE = ("pex", "direct", "buffer")

SCALE: dict[str, dict[str, Any]] = {
    "smoke": {"steps": 1_000, "seeds": 2, "evaluations": 4, "episodes": 1, "batch": 32, "warmup": 0.1},
    "quick": {"steps": 4_000, "seeds": 10, "evaluations": 5, "episodes": 2, "batch": 128},
    "cpu": {"steps": 40_000, "seeds": 10, "episodes": 5, "batch": 128},
    "long": {"steps": 1_000_000, "seeds": 10, "episodes": 10, "batch": 128, "shard": 2},
    "paper": {"steps": 1_000_000, "seeds": 10, "episodes": 10, "batch": 256, "hidden": (256, 256)},
}
OFFLINE_STEPS = {"smoke": 1_000, "quick": 5_000, "cpu": 60_000, "long": 1_000_000, "paper": 1_000_000}
ROWS: dict[str, int | None] = {"smoke": 2_000, "quick": 20_000, "cpu": 100_000, "long": None, "paper": None}
ENSEMBLE: dict[str, dict[str, int]] = {"cpu": {"members": 2, "actions": 4}, "paper": {"members": 5, "actions": 10}}
ANTMAZE: dict[str, dict[str, Any]] = {
    "cpu": {"seeds": 5, "episodes": 20},
    "long": {"steps": 250_000, "episodes": 20, "warmup": 0.02, "shard": 4},
    "paper": {"episodes": 100},
}


def dataset(preset: str, kind: str) -> str:
    """The recipe's name at this preset's size; medium-replay is as long as its run."""
    rows = ROWS[preset]
    return kind if rows is None or kind == "medium-replay" else f"{kind}:{rows}"


def hparams(preset: str, task: str, method: str) -> dict[str, float]:
    """What differs from the method's defaults."""
    found = dict(MAZE) if "Maze" in task else {}
    if found and preset not in PAPER_STEPS:
        found |= SMALL_MAZE
    if method.startswith("awac"):
        found.pop("expectile", None)
    elif not found and preset in PAPER_STEPS and method not in ON_SAC:
        found["awr_temperature"] = AUTHORS_BETA
    if method in ON_SAC:
        found = {name: value for name, value in found.items() if name in ("reward_shift", "tau")}
        own = {"ratio_lr": 1e-3} if method == "off2on" else {}
        return found if preset in PAPER_STEPS else {**found, **SMALL_SAC_RATES, **own}
    if preset in PAPER_STEPS:
        return found
    return {**found, **{k: v for k, v in SMALL_RATES.items() if k != "value_lr" or "awac" not in method}}


def options(preset: str, method: str) -> dict[str, int]:
    """The sizes of the ensembles."""
    known = {"cql-offline": ("members", "actions"), "off2on": ("members",)}.get(method, ())
    return {name: ENSEMBLE[preset][name] for name in known}


def scale(preset: str, task: str) -> dict[str, Any]:
    """Settings of a run, and `shard`, the seeds that are trained at once."""
    return {**SCALE[preset], **(ANTMAZE.get(preset, {}) if task.startswith("AntMaze") else {})}


def settings(preset: str, task: str) -> dict[str, Any]:
    return {name: value for name, value in scale(preset, task).items() if name != "shard"}


def offline(
    preset: str,
    task: str,
    kind: str,
    method: str = "iql-offline",
    variant: str = OFFLINE,
    more: Mapping[str, float] = {},
) -> Cell:
    """The offline agents of a task and dataset."""
    config = RunConfig(
        task=task,
        method=method,
        dataset=dataset(preset, kind),
        hparams={**hparams(preset, task, method), **more},
        options=options(preset, method),
        **{**settings(preset, task), "steps": OFFLINE_STEPS[preset], "warmup": None},
    )
    return Cell(config, variant, kind)


def online(
    preset: str,
    task: str,
    kind: str,
    method: str,
    variant: str = "",
    agents: str = OFFLINE,
    more: Mapping[str, float] = {},
    **changes,
) -> Cell:
    """A method that goes on from the offline agents of the same task and dataset.

    Args:
      agents: the variant of the cell that trains them. more: hyper-parameters of both. changes: settings of this one.
    """
    config = RunConfig(
        task=task,
        method=method,
        dataset=None if changes.get("options", {}).get("offline_data") is False else dataset(preset, kind),
        hparams={**hparams(preset, task, method), **more},
        **{**settings(preset, task), "options": options(preset, method), **changes},
    )
    shard = scale(preset, task).get("shard")
    if method == "buffer":
        return Cell(config, variant, kind, seeds_per_shard=shard)
    needs = offline(preset, task, kind, LEARNERS.get(method, "iql-offline"), agents, more)
    return Cell(config, variant, kind, needs, seeds_per_shard=shard)


def scratch(preset: str, task: str) -> Cell:
    """IQL online from nothing, whatever data there are."""
    config = RunConfig(task=task, method="iql", hparams=hparams(preset, task, "iql"), **settings(preset, task))
    return Cell(config, seeds_per_shard=scale(preset, task).get("shard"))


def varied(preset: str, name: str, variant: str, more: Mapping[str, float]) -> list[Cell]:
    """PEX and direct fine-tuning from agents of other hyper-parameters, which both have too; the agents first."""
    task, _, kind = name.partition("/")
    agents = f"{OFFLINE}, {variant}"
    return [
        offline(preset, task, kind, variant=agents, more=more),
        *(online(preset, task, kind, method, variant, agents, more) for method in ("pex", "direct")),
    ]


def other_beta(preset: str) -> list[Cell]:
    """The β that the main rows do not have, on the medium-replay sets."""
    beta = IQL_BETA if preset in PAPER_STEPS else AUTHORS_BETA
    return [cell for name in BETA_SETS for cell in varied(preset, name, beta_variant(beta), {"awr_temperature": beta})]


def ablations(preset: str) -> list[Cell]:
    """Baselines, switches, κ and τ, on two tasks."""
    found = []
    switches = {
        FREE: {"offline_policy": "free"},
        FRESH: {"critic": "random"},
        "no offline data": {"offline_data": False},
        "replayed actions imitated": {"actor_target": "replay"},
        "uniform choice": {"weights": "uniform"},
        "argmax choice": {"weights": "argmax"},
    }
    for name in ABLATED:
        task, _, kind = name.partition("/")
        found += [offline(preset, task, kind, learner) for learner in LEARNERS.values()]
        found += [online(preset, task, kind, method) for method in (*BASELINES, "pex-sac", "adaptive-pex")]
        found += [online(preset, task, kind, "pex", variant, options=o) for variant, o in switches.items()]
        found.append(online(preset, task, kind, "pex", SWEEP, grid={"inverse_temperature": KAPPA}))
    task, _, kind = ABLATED[0].partition("/")
    other = online(preset, task, kind, "pex", "τ 0.9", f"{OFFLINE}, τ 0.9", {"expectile": 0.9})
    return [*found, other.needs, other]


def long_cells() -> list[Cell]:
    """Two mazes, offline agents first because the gate judges them; then medium-replay with both β."""
    mazes = [tuple(name.split("/")) for name in LONG_MAZES]
    sets = [tuple(name.split("/")) for name in BETA_SETS]
    return [
        *(offline("long", *pair) for pair in mazes),
        *(online("long", *pair, method) for pair in mazes for method in ONLINE),
        *(cell for pair in sets for cell in (offline("long", *pair), *(online("long", *pair, m) for m in ONLINE[:2]))),
        *other_beta("long"),
        *(online("long", *pair, "buffer") for pair in sets),
    ]


def cells(preset: str) -> list[Cell]:
    """Offline cells before what builds on them; then baselines and ablations, AntMaze, and the other β last."""
    if preset == "long":
        return long_cells()
    if preset == "quick":
        task, _, kind = LIVE_SET.partition("/")
        return [offline(preset, task, kind), online(preset, task, kind, "pex"), scratch(preset, task)]
    if preset == "smoke":
        pairs = (("PointMaze-umaze", "diverse"), ("HalfCheetah-v5", "medium"))
        return [
            cell
            for task, kind in pairs
            for cell in (offline(preset, task, kind), *(online(preset, task, kind, m) for m in ("pex", "direct")))
        ]
    sets = [(body, kind) for body in BODIES for kind in DATASETS]
    mazes = [(f"AntMaze-{maze}", kind) for maze, kinds in MAZES.items() for kind in kinds]
    main = {pair: [offline(preset, *pair), *(online(preset, *pair, m) for m in ONLINE)] for pair in (*sets, *mazes)}
    return [
        *(cell for pair in sets for cell in main[pair]),
        *(scratch(preset, body) for body in BODIES),
        *ablations(preset),
        *(cell for pair in mazes for cell in main[pair]),
        *(scratch(preset, task) for task in dict.fromkeys(task for task, _ in mazes)),
        *other_beta(preset),
        *varied(preset, README_SET, README, LIKE_README),
    ]


TABLE = PaperTable(
    name="pex",
    title="PEX",
    cells=cells,
    claims=CLAIMS,
    pairs=(("pex", "direct"), ("pex", "buffer")),
    sweeps=(("inverse_temperature", "direct"),),
    ours=(Replacement("adaptive-pex", "pex", (SWEEP, "uniform choice", "argmax choice")),),
    published=published_table,
    live=(LIVE,),
)
