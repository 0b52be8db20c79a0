"""Claims that hinge on what the paper leaves open, judged under every reading of it.

A reading is one value of an open setting, such as DAI's T_change, together with one evaluation
protocol. A judge of `claim_tests` reads a method's main cell by the learner's own policy. Here it
is asked once a reading, of a view in which another cell, or one point of a sweep, takes the main
cell's place. A verdict is given only where the readings agree, and never from our default alone.
"""

from __future__ import annotations

import dataclasses
import itertools
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field

import pyarrow as pa
import pyarrow.compute as pc

from benchmarks.claims.ledger import MORE_EXPERTS, UNDECIDED, Judge, Missing, Outcome, View
from guided_rl.results.records import POLICY, Record
from guided_rl.results.summaries import protocols
from guided_rl.results.tables import estimate, percent

Over = Callable[[Sequence[str]], Judge]
"""`tasks -> judge`, of a claim about those tasks."""
WORDS = {POLICY: "own policy", "mixture": "executed mixture"}


@dataclass(frozen=True)
class Source:
    """Where a setting was run: the cells of a variant, and of a sweep the grid point."""

    variant: str = ""
    point: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True)
class Setting:
    """One value of what the paper leaves open.

    Attributes:
      name: as notes say it, such as "T_change 0.1".
      sources: where it was run, the best evidence first; each task takes the first that it has.
      default: whether it is our own choice, from which alone no verdict follows.
    """

    name: str
    sources: tuple[Source, ...]
    default: bool = False


@dataclass(frozen=True)
class Reading:
    """What a claim's judge says of one setting and protocol.

    Attributes:
      tasks: those that it was run on. complete: whether they are all that the claim is about.
    """

    setting: Setting
    protocol: str
    tasks: tuple[str, ...]
    complete: bool
    outcome: Outcome


def under_every_reading(
    over: Over,
    tasks: Sequence[str],
    method: str,
    settings: Sequence[Setting],
    base: str | None = None,
    base_variants: Sequence[str] = ("",),
    evaluated: Sequence[str] = (POLICY,),
    unit: str = "return",
) -> Judge:
    """`over(tasks)` under every setting of `method` and every protocol; a verdict only where all agree.

    The value is that of the first setting that is not our default and ran on all tasks, or of the first that ran.

    Args:
      settings: what the paper leaves open; the value is shown of the first, the tuned one where there is one.
      base: the method compared with, which is always read by its own policy.
      base_variants: its cells in order of preference, such as one of more seeds.
      evaluated: protocols. unit: how values read in the note, as of a `Claim`.
    """

    def judge(view: View) -> Outcome:
        found = []
        for setting, protocol in itertools.product(settings, evaluated):
            shown, there = read_as(view, tasks, method, setting, protocol, base, base_variants)
            if there:
                outcome = _judged(over(there), shown)
                found.append(Reading(setting, protocol, there, len(there) == len(tasks), outcome))
        if not found:
            return over(tasks)(view)  # which says what is missing
        best = next((r for r in found if r.complete and not r.setting.default), found[0])
        verdict, reason = agreed(found)
        detail = best.outcome.note and f"in detail, {best.setting.name}: {best.outcome.note}"
        parts = (reason, *in_words(found, unit), detail)
        p = [reading.outcome.p for reading in found if reading.complete]
        weakest = max(p) if verdict != UNDECIDED and None not in p else None
        note = "; ".join(part for part in parts if part)
        return dataclasses.replace(best.outcome, verdict=verdict, p=weakest, note=note)

    return judge


def agreed(readings: Sequence[Reading]) -> tuple[str, str]:
    """The verdict that readings share, and why there is none where they do not.

    Readings on all tasks must agree, and one of them must not be our default. A reading on fewer tasks cannot
    give the verdict, but takes it away by the opposite one.
    """
    complete = [reading for reading in readings if reading.complete]
    if all(reading.setting.default for reading in complete):
        return UNDECIDED, "no setting but our default was run on every task"
    verdicts = {reading.outcome.verdict for reading in complete}
    partly = {reading.outcome.verdict for reading in readings if not reading.complete} - {UNDECIDED, MORE_EXPERTS}
    if len(verdicts | partly) > 1:
        return UNDECIDED, "the readings differ"
    (verdict,) = verdicts
    return verdict, ""


def in_words(readings: Sequence[Reading], unit: str = "return") -> list[str]:
    """The table of readings, a phrase for each setting: its value and verdict by every protocol."""
    form, phrases = percent if unit == "gain" else estimate, []
    for setting, same in itertools.groupby(readings, key=lambda reading: reading.setting):
        same = list(same)
        told = [f"{WORDS.get(r.protocol, r.protocol)} {_told(r.outcome, form)}" for r in same]
        alone = "" if same[0].complete else f" on {' and '.join(same[0].tasks)} alone"
        phrases.append(f"{setting.name}{alone}: {', '.join(told)}")
    return phrases


def read_as(
    view: View,
    tasks: Iterable[str],
    method: str,
    setting: Setting,
    protocol: str = POLICY,
    base: str | None = None,
    base_variants: Sequence[str] = ("",),
) -> tuple[View, tuple[str, ...]]:
    """The view in which the setting, evaluated by the protocol, is the method's main cell; and the tasks that have it.

    Only the main cells of `method` and `base` are replaced; on tasks that lack one of the two, both are left out.
    """
    bases = [Source(variant) for variant in base_variants]
    wanted = [(method, setting.sources, protocol), *([] if base is None else [(base, bases, POLICY)])]
    found = {task: [stand_in(view, name, task, *how) for name, *how in wanted] for task in tasks}
    there = tuple(task for task, records in found.items() if None not in records)
    kept = [r for r in view.records if not (r.main and r.method in (method, base))]
    return dataclasses.replace(view, records=(*kept, *(r for task in there for r in found[task]))), there


def stand_in(view: View, method: str, task: str, sources: Iterable[Source], protocol: str) -> Record | None:
    """The first of the sources that the task has, as a main cell; None if it has none by that protocol."""
    for source in sources:
        for record in view.records:
            named = (record.method, record.task, record.variant) == (method, task, source.variant)
            if named and dict(source.point) in record.points and protocol in protocols(record):
                return as_main(record, record.points.index(dict(source.point)), protocol)
    return None


def as_main(record: Record, point: int, protocol: str) -> Record:
    """One grid point of a record as a main cell, whose learner's own policy is what the protocol evaluated."""
    values = record.points[point]
    hparams = {**record.config.get("hparams", {}), **values}
    failed = {key.split("/")[0]: step for key, step in record.failed.items() if int(key.split("/")[1]) == point}
    mine = record.returns.filter(pc.equal(record.returns["protocol"].cast(pa.string()), protocol))
    returns = _first_point(mine.drop_columns(list(record.grid)), point)
    name = pa.array([POLICY] * len(returns)).dictionary_encode()
    return dataclasses.replace(
        record,
        variant="",
        grid={},
        config={**record.config, "grid": {}, "hparams": hparams},
        failed={f"{seed}/0": step for seed, step in failed.items()},
        returns=returns.set_column(returns.schema.get_field_index("protocol"), "protocol", name),
        training=_first_point(record.training, point),
    )


def _first_point(table: pa.Table, point: int) -> pa.Table:
    """The rows of one grid point, as those of the only one."""
    rows = table.filter(pc.equal(table["point"], point))
    zeros = pa.array([0] * len(rows), rows.schema.field("point").type)
    return rows.set_column(rows.schema.get_field_index("point"), "point", zeros)


def _judged(judge: Judge, view: View) -> Outcome:
    try:
        return judge(view)
    except Missing as reason:
        return Outcome(None, None, UNDECIDED, str(reason))


def _told(outcome: Outcome, form: Callable[..., str]) -> str:
    shown = "" if outcome.interval is None else f"{form(outcome.interval)} "
    return f"{shown}({outcome.verdict})"
