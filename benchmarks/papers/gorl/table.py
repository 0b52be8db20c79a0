"""GORL-style's table: after Yang et al. 2023, "Guided Offline Reinforcement Learning", arXiv 2309.01448.

Five arms on twelve sets, {HalfCheetah, Hopper, Walker2d} × {random, medium, medium-replay, medium-expert}:
  td3-bc                            the base, on the set alone
  td3-bc, expert rows in the data   the same with the 200 expert rows among its data
  td3-bc, best κ                    the same with the best of three κ, chosen on tuning seeds for each set
  gorl-style                        the guide learns from the 200 rows
  gorl-style, shuffled weights      its weights are dealt out at random within every batch

On medium-expert also gorl-style with weights of mean one, iql-offline and gorl-style-iql. CQL's constraint is one
on the critic: its weights would reach the expert's loss through a later step of the actor alone, so that there is no
such arm.

Arithmetic of preset cpu, in millions of seed-updates (cells × seeds × steps):
  arms       12 sets × 5 × 10 × 0.01          = 6.0
  tuning     12 sets × 3 κ × 3 seeds × 0.01   = 1.08
  mixed      3 sets × 3 × 10 × 0.01           = 0.9
  together 7.98. Two busy cores did some 3,000 a second of the base's; an update of gorl-style costs some 1.7 of these.

10,000 updates are far from the paper's million: rates are 1e-3 instead of 3e-4, so that the actor's imitation
converges, and the critics have seen little. What the arms share is the budget. Preset long has a hundred times as many.
"""

from __future__ import annotations

from typing import Any

from benchmarks.papers.gorl.claims import BEST, BODIES, CLAIMS, DEMOS, KINDS, LIVE, MIXED, RELATIVE, SHUFFLED
from benchmarks.papers.gorl.figures import figures
from benchmarks.runner.cells import Cell, PaperTable, Tuning
from guided_rl.config import RunConfig
from guided_rl.results.records import TUNING_SEED

KAPPAS = (0.1, 0.4, 1.6)
EXPERT_ROWS = 200
SCALE: dict[str, dict[str, Any]] = {
    "smoke": {"steps": 400, "seeds": 2, "evaluations": 2, "episodes": 1, "batch": 32},
    "quick": {"steps": 4_000, "seeds": 10, "evaluations": 4, "episodes": 2, "batch": 128},
    "cpu": {"steps": 10_000, "seeds": 10, "evaluations": 5, "episodes": 5, "batch": 128},
    "long": {"steps": 1_000_000, "seeds": 10, "evaluations": 20, "episodes": 10, "batch": 128},
    "paper": {"steps": 1_000_000, "seeds": 10, "evaluations": 20, "episodes": 10, "batch": 256, "hidden": (256, 256)},
}
ROWS: dict[str, int | None] = {"smoke": 2_000, "quick": 20_000, "cpu": 100_000, "long": None, "paper": None}
TUNING_SEEDS = {"smoke": 2, "quick": 2, "cpu": 3, "long": 3, "paper": 5}
SMALL_RATES = {"actor_lr": 1e-3, "critic_lr": 1e-3}
SMALL_GUIDE = {"guide_lr": 1e-3}
SMALL_VALUE = {"value_lr": 1e-3}


def dataset(preset: str, kind: str, tail: int = EXPERT_ROWS) -> str:
    """The recipe's name at this preset's size, `tail` expert rows behind it."""
    rows = ROWS[preset]
    named = kind if rows is None or kind == "medium-replay" else f"{kind}:{rows}"
    return f"{named}+{tail}" if tail else named


def cell(preset: str, task: str, kind: str, method: str, variant: str = "", tail: int = EXPERT_ROWS, **changes) -> Cell:
    """One arm on one set."""
    guided = method.startswith("gorl-style")
    rates = SMALL_RATES | (SMALL_GUIDE if guided else {}) | (SMALL_VALUE if "iql" in method else {})
    if preset in ("long", "paper"):
        rates = {}
    if guided:
        changes["options"] = {"rows": EXPERT_ROWS, **changes.get("options", {})}
    settings = {**SCALE[preset], "hparams": rates, **changes}
    config = RunConfig(task=task, method=method, dataset=dataset(preset, kind, tail), **settings)
    return Cell(config, variant, kind)


def best_kappa(preset: str, task: str, kind: str) -> Cell:
    """The base with the expert rows and the κ of the highest final return on tuning seeds."""
    few = {"seeds": TUNING_SEEDS[preset], "first_seed": TUNING_SEED}
    sweep = cell(preset, task, kind, "td3-bc", "tuning of κ", grid={"kappa": KAPPAS}, **few)
    chosen = cell(preset, task, kind, "td3-bc", BEST)
    return Cell(chosen.config, BEST, kind, tuning=Tuning(sweep))


def arms(preset: str, task: str, kind: str) -> list[Cell]:
    """Ours and the base first."""
    return [
        cell(preset, task, kind, "td3-bc", tail=0),
        cell(preset, task, kind, "gorl-style"),
        cell(preset, task, kind, "td3-bc", DEMOS),
        cell(preset, task, kind, "gorl-style", SHUFFLED, options={"shuffled": True}),
        best_kappa(preset, task, kind),
    ]


def cells(preset: str) -> list[Cell]:
    """Set by set, the mixed ones first, where weights have most to tell apart; two arms at presets for tests."""
    if preset in ("smoke", "quick"):
        return arms(preset, "Hopper-v5", "medium-expert")[:2]
    found = [found for kind in reversed(KINDS) for body in BODIES for found in arms(preset, body, kind)]
    for body, _, kind in (name.partition("/") for name in MIXED):
        found.append(cell(preset, body, kind, "gorl-style", RELATIVE, options={"relative": True}))
        found += [cell(preset, body, kind, "iql-offline", tail=0), cell(preset, body, kind, "gorl-style-iql")]
    return found


TABLE = PaperTable(
    name="gorl",
    title="GORL-style",
    cells=cells,
    claims=CLAIMS,
    pairs=(("gorl-style", "td3-bc"), ("gorl-style-iql", "iql-offline")),
    sweeps=(),
    figures=figures,
    live=(LIVE,),
)
