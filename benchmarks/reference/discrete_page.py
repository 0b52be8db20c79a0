"""What the returns of discrete learners beside their peers say: verdicts, page and figure, from the stored rows."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import matplotlib
import pyarrow as pa

from benchmarks.reference.page import curves, of_pair, pairs, verdict
from guided_rl.results import plot_style
from guided_rl.results.statistics import mean_band
from guided_rl.runtime.files import replace_file

__all__ = ["of_pair", "page", "verdicts", "write"]

PEERS = {"dqn": "SB3's DQN", "sac-discrete": "discrete SAC in PyTorch"}


def verdicts(table: pa.Table, random: Mapping[str, float]) -> list[dict[str, Any]]:
    """Every pair's comparison of mean AUC, as `page.verdict` has it, in the table's order."""
    found = []
    for algorithm, task in pairs(table):
        ours, peer = (curves(table, side, algorithm, task)[1] for side in ("ours", "peer"))
        judged = verdict(ours.mean(1), peer.mean(1), random[task])
        judged = {key.replace("sbx", "peer"): value for key, value in judged.items()}
        last = {"ours_last": float(ours[:, -1].mean()), "peer_last": float(peer[:, -1].mean())}
        found.append({"algorithm": algorithm, "task": task, **judged, **last})
    return found


def figure(table: pa.Table) -> Any:
    """Learning curves of both sides, mean and 95 % band over seeds."""
    colours = plot_style.colours(["ours", "peer"])
    with matplotlib.rc_context(plot_style.STYLE):
        titles = [f"{algorithm}, {task}" for algorithm, task in pairs(table)]
        drawn, axes = plot_style.panels(titles, "Returns beside SB3 and PyTorch, identical settings")
        for axis, pair in zip(axes, pairs(table), strict=True):
            for side in ("ours", "peer"):
                steps, values = curves(table, side, *pair)
                axis.plot(steps, values.mean(0), color=colours[side], label=f"{side} ({len(values)} seeds)")
                axis.fill_between(steps, *mean_band(values, range(len(values))), color=colours[side], alpha=0.18, lw=0)
            plot_style.steps_axis(axis)
        plot_style.label_rows(axes, "evaluation return")
        plot_style.shared_legend(drawn, axes)
    return drawn


def page(facts: Mapping[str, Any]) -> str:
    """The Markdown page."""
    lines = ["| learner | task | peer | ours: AUC, last | peer: AUC, last | random | ours − peer [95 %] | 0 inside | "]
    lines[0] += "within ±25 % of return above random | verdict |"
    lines += ["|---" * 10 + "|", *(_row(v) for v in facts["verdicts"])]
    settings = [f"- {pair}: {', '.join(f'{k} {v}' for k, v in s.items())}." for pair, s in facts["settings"].items()]
    origins = [f"- {pair}: {_origin(**origin)}." for pair, origin in facts["origins"].items()]
    return (
        "# Returns of discrete learners beside their peers\n\nAUC is the mean return over all evaluation points, last "
        f"the mean at the last one.\n\n{chr(10).join(lines)}\n\n{EXPLANATION}\n![Learning curves](discrete-curves.png)"
        f"\n\n## Settings\n\n{chr(10).join(settings)}\n\n## Provenance\n\n{chr(10).join(origins)}\n\nEvery evaluation "
        "episode of every seed is in `discrete.parquet`; `tests/benchmarks/test_reference_discrete.py` computes the "
        "table anew from it.\n"
    )


def _origin(provenance: Mapping[str, Any], peers: Mapping[str, str]) -> str:
    """By what a pair's numbers were made."""
    versions = ", ".join(f"{name} {version}" for name, version in peers.items())
    dirty = " with local changes" if provenance["dirty"] else ""
    commit, cores, date = str(provenance["commit"])[:7], provenance["cores"], provenance["date"][:10]
    return f"{date}, {cores} cores, at commit {commit}{dirty}, jax {provenance['versions']['jax']}; peer's {versions}"


def _row(v: Mapping[str, Any]) -> str:
    yes = lambda flag: "yes" if flag else "no"
    said = "holds" if v["holds"] else "too few seeds" if v["contains_zero"] else "does not hold"
    cells = [v["algorithm"], v["task"], PEERS[v["algorithm"]]]
    cells += [f"{v[side]:.3g}, {v[f'{side}_last']:.3g} ({v[f'{side}_seeds']} seeds)" for side in ("ours", "peer")]
    cells += [f"{v['random']:.3g}", f"{v['difference']:.3g} [{v['low']:.3g}, {v['high']:.3g}]"]
    cells += [yes(v["contains_zero"]), yes(v["within_quarter_above_random"]), said]
    return f"| {' | '.join(cells)} |"


def write(folder: Path, facts: Mapping[str, Any], table: pa.Table) -> None:
    """`discrete.md` and the figure."""
    plot_style.save(figure(table), folder, "discrete-curves")
    replace_file(folder / "discrete.md", page(facts).encode())


EXPLANATION = """The verdict holds when the 95 % interval of the difference in AUC contains 0 and lies within ±25 % of
the peer's return above random. Where it contains 0 but is wider, there are too few seeds to tell.

Both sides: ReLU networks at PyTorch's default initialisation, Adam, uniformly random actions for the first `warmup`
steps, bootstrapping through time limits but not through terminations, greedy evaluation in environments of its own.
DQN: Huber's loss; `block` steps are taken before block / train_every updates; SB3's clipping of the gradient's norm is
set aside. Discrete SAC: initial temperature 1, an update of everything per step, a target entropy of
`target_entropy` · log|A|. Its peer is written for this comparison with the losses and the order of steps of CleanRL's
`sac_atari.py`, since no package has the method for vectors; it shares no code with ours.
"""
