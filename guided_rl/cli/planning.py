"""`plan`: what a run or a whole table will take, said before anything compiles."""

from __future__ import annotations

import json
import math

from guided_rl import api
from guided_rl.cli.running import show
from guided_rl.config import RunConfig, check
from guided_rl.methods import Method, build, switches
from guided_rl.results.tables import Table, steps
from guided_rl.runtime import checkout
from guided_rl.runtime.checkout import tables
from guided_rl.runtime.progress import duration
from guided_rl.training.cost import expected_seconds
from guided_rl.training.run import Run


def show_run(config: RunConfig) -> None:
    """Print what the method can be told, before its guide or dataset is asked for, and the population's cost."""
    method = build(config.method, config.options)
    check(config, method)
    show(hparams_table(config, method), switches_table(config))
    show(run_table(api.make_run(config)))


def run_table(run: Run) -> Table:
    """Two columns: what, and how much."""
    config, plan, loop, method = run.config, run.plan, run.loop, run.method
    points = len(config.points())
    waves = len(plan.waves())
    seconds = expected_seconds(run)
    rows = [
        ("population", f"{config.seeds} seeds × {points} grid points = {plan.population} members"),
        ("waves", f"{waves} of {plan.width} members on {plan.devices} devices, {loop.execution} over members"),
        ("budget", f"{config.steps:,} steps a member, {plan.updates:,} updates in all"),
        ("chunk", f"{plan.chunk:,} steps between two returns to the host"),
        ("warm-up", f"{loop.learning_starts:,} steps, {loop.random_steps:,} of them uniformly random"),
        ("evaluation", f"every {config.interval:,} steps, {config.episodes} episodes of {', '.join(method.policies)}"),
        *[(name, text) for name, text in schedules(run)],
        *engine(run),
        ("live state", f"{plan.state_bytes:,} bytes ({megabytes(plan.state_bytes)}), exact"),
        ("inputs", f"{plan.input_bytes:,} bytes ({megabytes(plan.input_bytes)}), exact"),
        ("temporaries", f"about {megabytes(plan.temporary_bytes)}"),
        ("available", megabytes(plan.available_bytes)),
        ("time", "not known on this device and engine" if seconds is None else f"about {duration(seconds)}, compiled"),
    ]
    return Table(f"{method.name} on {config.task}", ("", ""), tuple(rows), 2)


def engine(run: Run) -> list[tuple[str, str]]:
    """Which engine was found to be faster, where that had to be found."""
    rates = ", ".join(f"{name} {rate:,.0f}" for name, rate in run.engine_rates.items())
    return [("engine", f"{run.env.backend}, by env steps a second: {rates}")] if rates else []


def schedules(run: Run) -> list[tuple[str, str]]:
    """Hyper-parameters that are shares of the budget, in steps."""
    shown = []
    for name in (name for name, hparam in run.method.hparams.items() if hparam.share_of_budget):
        values = sorted({float(v) for v in run.hparams[name]})
        shown.append((name, ", ".join(f"{v:g} = step {round(v * run.config.steps):,}" for v in values)))
    return shown


def hparams_table(config: RunConfig, method: Method) -> Table:
    """Every hyper-parameter of the method: its default, its values in this run, its range, and what it is."""
    rows, given = [], config.member_hparams(method)
    for name, hparam in method.hparams.items():
        here = ", ".join(f"{value:g}" for value in sorted({float(v) for v in given[name]}))
        doc = f"share of the budget: {hparam.doc}" if hparam.share_of_budget else hparam.doc
        rows.append((name, f"{hparam.default:g}", here, allowed(hparam.low, hparam.high), doc))
    columns = ("Hyper-parameter (--set, --grid)", "Default", "Here", "Allowed", "What it is")
    return Table(f"Hyper-parameters of {config.method}", columns, tuple(rows), len(columns))


def switches_table(config: RunConfig) -> Table:
    """Every static switch of the method: its default, and its value in this run."""
    rows = [
        (name, _spelled(default), _spelled(config.options.get(name, default)))
        for name, default in switches(config.method).items()
    ]
    return Table(f"Static switches of {config.method}", ("Switch (--option)", "Default", "Here"), tuple(rows), 1)


def allowed(low: float, high: float) -> str:
    """A closed interval as one reads it."""
    if math.isinf(low) and math.isinf(high):
        return "any number"
    if math.isinf(high):
        return f"at least {low:g}"
    return f"at most {high:g}" if math.isinf(low) else f"{low:g} to {high:g}"


def _spelled(value: object) -> str:
    """A switch's value as `--option` takes it."""
    return value if isinstance(value, str) else json.dumps(value)


def show_table(name: str, preset: str, seeds: int | None, physics: str) -> None:
    """Print every cell of a paper's table with its size and its hours, and the sums."""
    module, rates = tables(), checkout.module("runner.rates")
    title, rows, total, known, time = module.find_table(name).title, [], 0, rates.heads(), 0.0
    for cell, standing in module.planned(name, preset, seeds, physics):
        config = cell.config
        size = f"{config.seeds} × {len(config.points())} × {steps(config.steps)}"
        hours, source = rates.hours(cell, known)
        shown = "–" if hours is None else f"{hours:.2f}"
        rows.append((cell.name, size, f"{cell.updates / 1e6:.2f}M", shown, source, standing))
        total, time = total + cell.updates, time + (hours or 0.0)
    rows.append((f"{len(rows)} cells", "", f"{total / 1e6:.2f}M", f"{time:.2f}", "", ""))
    columns = ("Cell", "Seeds × points × steps", "Seed-updates", "Hours", "From", "Record")
    show(Table(f"{title}, preset {preset}", columns, tuple(rows), 1, (rates.HOURS,)))


def megabytes(size: int) -> str:
    """Bytes in MiB or GiB."""
    return f"{size / 2**30:.2f} GiB" if size >= 2**30 else f"{size / 2**20:.1f} MiB"
