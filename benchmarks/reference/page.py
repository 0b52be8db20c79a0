"""What the returns beside SBX's say: verdicts, table, page and figure, from the stored rows alone."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import matplotlib
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from guided_rl.results import plot_style
from guided_rl.results.statistics import Sample, difference, mean_band
from guided_rl.runtime.files import replace_file

ABOUT = 0.25
NAMES = {"ours": "ours", "sbx": "SBX, the papers' losses", "sbx-published": "SBX as published"}


def of_pair(algorithm: str, task: str) -> pc.Expression:
    """Which rows are of one pair."""
    return (pc.field("algorithm") == algorithm) & (pc.field("task") == task)


def curves(table: pa.Table, side: str, algorithm: str, task: str) -> tuple[np.ndarray, np.ndarray]:
    """Steps [points] and mean return [seeds, points] of one side of one pair; empty where it did not run."""
    part = table.filter((pc.field("side") == side) & of_pair(algorithm, task))
    seed, step = (np.asarray(part[name].to_numpy()) for name in ("seed", "step"))
    seeds, steps = np.unique(seed), np.unique(step)
    values = np.asarray(part["episode_return"].to_numpy(), np.float64)
    means = [[values[(seed == s) & (step == t)].mean() for t in steps] for s in seeds]
    return steps, np.array(means).reshape(len(seeds), len(steps))


def pairs(table: pa.Table) -> list[tuple[str, str]]:
    """(algorithm, task) in the order in which they first appear."""
    both = zip(table["algorithm"].to_pylist(), table["task"].to_pylist(), strict=True)
    return list(dict.fromkeys(both))


def verdict(ours: np.ndarray, sbx: np.ndarray, random: float) -> dict[str, Any]:
    """One pair's comparison of mean AUC.

    Args:
      ours, sbx: AUC (mean return over the evaluation points) of each seed.
      random: the task's mean return of uniformly random actions.

    Returns:
      means, the 95 % interval of ours − SBX's, whether it contains 0, and whether it lies within
      ±25 % of SBX's mean and of SBX's mean above random. `holds` needs 0 inside and the latter:
      a quarter of a return near 0, as HalfCheetah's is this early, is no yardstick.
    """
    gap = difference(Sample(ours), Sample(sbx))
    widest = max(abs(gap.low), abs(gap.high))
    contains = gap.contains(0.0)
    plain = bool(widest <= ABOUT * abs(sbx.mean()))
    above = bool(widest <= ABOUT * abs(sbx.mean() - random))
    return {
        "ours": float(ours.mean()),
        "ours_seeds": len(ours),
        "sbx": float(sbx.mean()),
        "sbx_seeds": len(sbx),
        "random": random,
        "difference": gap.value,
        "low": gap.low,
        "high": gap.high,
        "interval": gap.kind,
        "contains_zero": bool(contains),
        "within_quarter_of_return": plain,
        "within_quarter_above_random": above,
        "holds": bool(contains and above),
    }


def verdicts(table: pa.Table, random: Mapping[str, float]) -> list[dict[str, Any]]:
    """Every pair's verdict, in the table's order."""
    found = []
    for algorithm, task in pairs(table):
        returns = [curves(table, side, algorithm, task)[1] for side in NAMES]
        ours, sbx, published = (of.mean(1) if of.size else np.empty(0) for of in returns)
        extra = {"published": float(published.mean()), "published_seeds": len(published)} if len(published) else {}
        found.append({"algorithm": algorithm, "task": task, **verdict(ours, sbx, random[task]), **extra})
    return found


def figure(table: pa.Table) -> Any:
    """Learning curves of both sides, mean and 95 % band over seeds."""
    colours = plot_style.colours(NAMES)
    with matplotlib.rc_context(plot_style.STYLE):
        titles = [f"{algorithm.upper()}, {task}" for algorithm, task in pairs(table)]
        drawn, axes = plot_style.panels(titles, "Returns beside SBX, identical settings")
        for axis, pair in zip(axes, pairs(table), strict=True):
            for side, name in NAMES.items():
                steps, values = curves(table, side, *pair)
                if not len(values):
                    continue
                dashed = side == "sbx-published"
                label = f"{name} ({len(values)} seeds)"
                axis.plot(steps, values.mean(0), color=colours[side], ls="--" if dashed else "-", label=label)
                if len(values) > 1 and not dashed:
                    low, high = mean_band(values, np.arange(len(values)))
                    axis.fill_between(steps, low, high, color=colours[side], alpha=0.18, lw=0)
            plot_style.steps_axis(axis)
        plot_style.label_rows(axes, "evaluation return")
        plot_style.shared_legend(drawn, axes)
    return drawn


def page(facts: Mapping[str, Any]) -> str:
    """The Markdown page."""
    settings = facts["settings"]
    head = "| algorithm | task | ours (seeds) | SBX (seeds) | random | ours − SBX [95 %] | 0 inside | within ±25 % of "
    lines = [head + "return | … of return above random | verdict | SBX as published (seeds) |", "|---" * 11 + "|"]
    lines += [_row(v) for v in facts["verdicts"]]
    listed = "\n".join(f"- {name}: {value}" for name, value in settings.items())
    origins: dict[str, list[str]] = {}
    for pair, parts in facts["origins"].items():
        origins.setdefault("; then ".join(_origin(**part) for part in parts), []).append(pair)
    sources = "\n".join(f"- {', '.join(names)}: {text}." for text, names in origins.items())
    return (
        "# Returns beside SBX\n\nMean AUC, the mean return over all evaluation points, of our SAC and TD3 and of SBX's "
        f"at the same settings.\n\n{chr(10).join(lines)}\n\n{EXPLANATION}\n![Learning curves](sbx-curves.png)\n\n"
        f"## Settings\n\n{listed}\n\n{DIFFERENCES}\n## Provenance\n\n{sources}\n\nEvery evaluation episode of every "
        "seed is in `sbx.parquet`; `tests/benchmarks/test_reference.py` computes the table anew from it.\n"
    )


def _origin(seeds: Mapping[str, int], provenance: Mapping[str, Any], peers: Mapping[str, str]) -> str:
    """Which seeds one run of the command added, by what."""
    counts = ", ".join(f"{count} of {NAMES[side]}" for side, count in seeds.items())
    versions = ", ".join(f"{name} {version}" for name, version in peers.items())
    ours = ", ".join(f"{name} {provenance['versions'][name]}" for name in ("jax", "mujoco", "gymnasium"))
    dirty = " with local changes" if provenance["dirty"] else ""
    commit, cores, date = str(provenance["commit"])[:7], provenance["cores"], provenance["date"][:10]
    theirs = f"; SBX's {versions}" if peers else ""
    return f"{counts}, {date}, {cores} cores, at commit {commit}{dirty}, {ours}{theirs}"


def _row(v: Mapping[str, Any]) -> str:
    yes = lambda flag: "yes" if flag else "no"
    said = "holds" if v["holds"] else "does not hold"
    published = f"{v['published']:.0f} ({v['published_seeds']})" if "published" in v else ""
    cells = [
        v["algorithm"].upper(),
        v["task"],
        f"{v['ours']:.0f} ({v['ours_seeds']})",
        f"{v['sbx']:.0f} ({v['sbx_seeds']})",
    ]
    cells += [f"{v['random']:.0f}", f"{v['difference']:.0f} [{v['low']:.0f}, {v['high']:.0f}]", yes(v["contains_zero"])]
    cells += [yes(v["within_quarter_of_return"]), yes(v["within_quarter_above_random"]), said, published]
    return f"| {' | '.join(cells)} |"


def write(folder: Path, facts: Mapping[str, Any], table: pa.Table) -> None:
    """`sbx.md` and the figure."""
    plot_style.save(figure(table), folder, "sbx-curves")
    replace_file(folder / "sbx.md", page(facts).encode())


EXPLANATION = """The verdict holds when the interval of the difference contains 0 and lies within ±25 % of SBX's mean
return **above random**. A quarter of the plain return is shown as well, but returns have no
zero of their own: HalfCheetah's random policy is at -282, and a quarter of a mean near 0 is no bound.
Intervals are over seeds: bootstrap for ten or more on both sides, Welch's t below that.
"""
DIFFERENCES = """Both sides: ReLU networks with Flax's default initialisation, Adam at optax's defaults, replay sampled
with replacement, uniformly random actions for the first `warmup` steps, the first update after the
step that follows them, one update per environment step, no bootstrapping at terminations and
bootstrapping through time limits, tanh-Gaussian actor with log σ in [`log_std_min`, 2], initial
temperature 1, target entropy -|A|; for TD3 target noise 0.2 clipped at 0.5 and a policy delay of 2.
Evaluation: the deterministic policy in environments of its own, 0 training steps counted.

Where SBX's source differs, and what was done about it:

- log σ is bounded by -20; set to ours through its actor class.
- SB3 adds TD3's exploration noise to warm-up's random actions too; the noise object returns 0 there.
- SBX's TD3 moves its targets at every update, the paper's at every second; SBX gets the rate
  1 - √(1 - `tau`), two moves of which are one of `tau`.
- SBX's TD3 has -min(Q₁, Q₂) as the actor's loss, the paper -Q₁; replaced by the paper's.
- SBX's temperature loss is log α (H - H̄), the paper's (equation 18) and ours α (H - H̄): Adam then
  moves α more slowly, since past gradients were larger; replaced by the paper's.
- TD3's critic loss has a factor ½ that Adam cancels; the delayed update falls on odd updates there and
  on even ones here; left as they are.

"SBX as published" keeps its own log σ bound, target rate and losses.
"""
