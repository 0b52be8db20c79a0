"""What `speed.run` measured, as a page: rates, ratios, targets, limits, and what follows for larger budgets."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from benchmarks.speed.parts import OURS

OURS_ALONE = ("collect", "groups", "members", "execution", "grid", "compile")


def machine(facts: dict) -> str:
    """The kind of machine that a run's provenance tells of, on which alone rates can be compared."""
    named = facts.get("processor", f"{facts['platform']}, processor not recorded")
    return f"{named}, {facts['cores']} cores" + ("" if facts["backend"] == "cpu" else f", {facts['device']}")


def runs(entry: dict) -> list[dict]:
    """The figures of a row's own run and of those kept from before it on the same kind of machine, newest first."""
    here = machine(entry["provenance"])
    return [entry, *(run for run in entry.get("earlier", []) if run["machine"] == here)]


def ratios(entry: dict) -> dict[str, list[float]]:
    """The ratio of ours to each of the others in every run that has it."""
    return _of_each(entry, runs(entry))


def _of_each(entry: dict, told: list[dict]) -> dict[str, list[float]]:
    return {name: [run["ratio"][name] for run in told if name in run["ratio"]] for name in entry["ratio"]}


def our_rate(entry: dict) -> float:
    """The median over runs of our median rate."""
    ours = next(iter(entry["rates"]))
    return float(np.median([np.median(run["rates"][ours]) for run in runs(entry)]))


def shares(entry: dict) -> list[float]:
    """Our share of the limit in every run that has it."""
    return [run["share"] for run in runs(entry) if "share" in run]


def met(entry: dict) -> bool:
    """Whether a row's ratios reach their targets, and our rate, share of the limit and number of programs theirs.

    Of what several runs measured, the median decides.
    """
    over = ratios(entry)
    reached = all(np.median(over[name]) >= least for name, least in entry["targets"].items())
    reached &= our_rate(entry) >= entry.get("least_rate", 0.0)
    # More than all of it would only show that the probe was slower than what it bounds.
    reached &= "least_share" not in entry or bool(entry["least_share"] <= np.median(shares(entry)) <= 1)
    for name, seconds in entry.get("most", {}).items():
        reached &= entry["slowest"][name][1] <= seconds
    return reached and entry.get("programs", 1) == 1


def page(rows: list[dict]) -> str:
    """The rows as Markdown."""
    lines = [
        "# Speed, side by side\n",
        "Competitors take turns on the same machine; rates are the last run's, medians over turns (lowest and highest "
        "in brackets). A run's ratio is the median of each turn's own; the one shown, and judged, is the median of as "
        "many runs as stand beside it (lowest and highest in brackets: of the runs, or of the turns of a single one). "
        "Compile time is not in the rates, except of whole runs; for peers it is given with their warm-up.\n",
        "| what | competitors, rate per second | ratio | runs | target | met | compile, s |",
        "|---|---|---|---|---|---|---|",
        *(line(entry) for entry in rows),
        "",
        *_limits(rows),
        *_computed(rows),
        *_others(rows),
        *sorted({_origin(entry["provenance"]) for entry in rows}),
        "",
    ]
    return "\n".join(lines)


def beside_others(rows: list[dict]) -> str:
    """The rows that set us beside somebody else, in few words, as Markdown: medians over runs, and their range."""
    shown = [entry for entry in rows if entry["part"] not in OURS_ALONE]
    more = any(_elsewhere(entry) for entry in shown)
    lines = [
        "| what | ours | against |" + " on other kinds of machine |" * more + " asked |",
        "|---" * (4 + more) + "|",
    ]
    for entry in shown:
        unit = entry["unit"] if " per " in entry["unit"] else f"{entry['unit']} a second"
        cells = [entry["what"], f"{_number(our_rate(entry))} {unit}{_as(entry)}", _against(ratios(entry))]
        cells += ["; ".join(text for _, _, text in _elsewhere(entry))] * more
        asked, said = _asked(entry)
        cells.append(f"{', '.join(asked)}: {said}" if asked else "–")
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines)


def _as(entry: dict) -> str:
    """How ours ran, where its name says so: `guided-rl, cached`."""
    return "".join(f", {how}" for how in next(iter(entry["rates"])).split(", ")[1:])


def _against(over: dict[str, list[float]]) -> str:
    """Ratios to each of the others, medians and ranges over runs."""
    return ", ".join(f"{_over_runs(values)} {name}" for name, values in over.items() if values)


def _elsewhere(entry: dict) -> list[tuple[str, int, str]]:
    """Another kind of machine, its number of runs, and the ratios that it had."""
    theirs: dict[str, list[dict]] = {}
    for run in entry.get("earlier", []):
        theirs.setdefault(run["machine"], []).append(run)
    theirs.pop(machine(entry["provenance"]), None)
    found = [(named, len(told), _against(_of_each(entry, told))) for named, told in theirs.items()]
    return [one for one in found if one[2]]


def _over_runs(values: list[float]) -> str:
    """A ratio's median over runs, and its range where there are several."""
    short = lambda value: f"{value:#.2g}" if value < 10 else f"{value:.0f}"
    low, high = short(min(values)), short(max(values))
    return f"{short(np.median(values))}×" + (f" ({low}–{high})" if low != high else "")


def line(entry: dict) -> str:
    """A row of the whole table, as Markdown."""
    spread = lambda v: f"{_number(np.median(v))} [{_number(min(v))}, {_number(max(v))}]"
    rates = "<br>".join(f"{name}: {spread(values)}" for name, values in entry["rates"].items())
    ranges = {name: over if len(over) > 1 else entry["ratio_range"][name] for name, over in ratios(entry).items()}
    ratio = "<br>".join(
        f"{np.median(over):.2f}× {name} [{min(ranges[name]):.2f}, {max(ranges[name]):.2f}]"
        for name, over in ratios(entry).items()
    )
    compiled = "<br>".join(f"{name}: {seconds:.1f}" for name, seconds in entry["compile_seconds"].items())
    asked, said = _asked(entry)
    what = f"{entry['what']} ({entry['unit']})"
    if "slowest" in entry:
        what += "; slowest " + ", ".join(f"{name} {program}" for name, (program, _) in entry["slowest"].items())
    if "memory" in entry:
        what += "; memory " + ", ".join(f"{name} {size / 2**30:.3g} GiB" for name, size in entry["memory"].items())
        what += f"; within a tenth of the most from {_knee(entry)} on"
    for name, shares in entry.get("parts", {}).items():
        rest = {**shares, "rest": 1 - sum(shares.values())}
        what += f"; of {name}'s time " + ", ".join(f"{part} {share:.0%}" for part, share in rest.items())
    if "returns" in entry:
        what += "; mean return " + ", ".join(f"{name} {value:,.0f}" for name, value in entry["returns"].items())
    return f"| {what} | {rates} | {ratio} | {len(runs(entry))} | {', '.join(asked) or '–'} | {said} | {compiled} |"


def _knee(entry: dict) -> str:
    """The smallest population whose rate is within a tenth of the largest rate."""
    rates = {name: float(np.median(values)) for name, values in entry["rates"].items()}
    near = [name for name, rate in rates.items() if rate >= 0.9 * max(rates.values())]
    return min(near, key=lambda name: int(name.split()[0]))


def _asked(entry: dict) -> tuple[list[str], str]:
    """The row's targets in words, and whether they are met."""
    asked = [f"≥ {least:.3g}× {name}" for name, least in entry["targets"].items()]
    asked += [f"≥ {entry['least_share']:.0%} of the limit"] if "least_share" in entry else []
    asked += [f"≥ {entry['least_rate']:,.0f} a second"] if "least_rate" in entry else []
    asked += [f"{entry['programs']} program"] if "programs" in entry else []
    asked += [f"{name} ≤ {seconds:.0f} s" for name, seconds in entry.get("most", {}).items()]
    return asked, "–" if not asked else "yes" if met(entry) else "no"


def _number(x: float) -> str:
    return f"{x:,.0f}" if x >= 100 else f"{x:.3g}"


def _limits(rows: list[dict]) -> Iterator[str]:
    """What an update costs at least, by this machine's own rates."""
    for entry in rows:
        if "limit" not in entry:
            continue
        work = entry["work"]
        rates = ", ".join(f"{name} {value:.3g} {unit}" for name, (value, unit) in entry["machine"].items())
        older = ", ".join(f"{share:.0%}" for share in shares(entry)[1:])
        before = f" (in the runs before: {older})" if older else ""
        yield (
            f"- {entry['what']}, updates alone: {np.median(entry['rates'][OURS]):,.0f} a second, "
            f"{entry['share']:.0%} of the limit of {entry['limit']:,.0f}{before}. An update is "
            f"{work['FLOP'] / 1e6:.1f} MFLOP of matrix products, {work['bytes'] / 1e6:.2f} MB and "
            f"{work['numbers']:,.0f} random numbers; this machine's rates, measured in the same turns at this "
            f"layer's size, the best of them: {rates}.\n"
        )


def _computed(rows: list[dict]) -> Iterator[str]:
    """What larger budgets would take at the measured rates."""
    for entry in rows:
        if entry["part"] == "loop" and "SBX" in entry["rates"]:
            hours = {name: 64e6 / np.median(values) / 3600 for name, values in entry["rates"].items()}
            text = ", ".join(f"{name} {value:,.1f} h" for name, value in hours.items())
            yield f"- Computed, not run: 64 seeds of a million steps at the rates of {entry['what']}: {text}.\n"


def _others(rows: list[dict]) -> Iterator[str]:
    """What the same rows said on other kinds of machines."""
    for entry in rows:
        for named, count, text in _elsewhere(entry):
            runs = f"{count} run{'s'[: count > 1]}"
            yield f"- {entry['what']}, on another machine ({named}; {runs}): {text}.\n"


def _origin(facts: dict) -> str:
    dirty = " with local changes" if facts["dirty"] else ""
    versions = ", ".join(f"{name} {facts['versions'][name]}" for name in ("jax", "mujoco", "mujoco-mjx"))
    commit = str(facts["commit"])[:7]
    return f"Measured {facts['date'][:10]} at commit {commit}{dirty}, {machine(facts)}, {versions}."
