"""What one change made: ablations, each beside the cell of its method that it differs from in the fewest settings."""

from __future__ import annotations

from collections.abc import Sequence

from guided_rl.config import differences
from guided_rl.results import statistics
from guided_rl.results.records import Record
from guided_rl.results.statistics import Interval
from guided_rl.results.summaries import counted, protocols, sample, shared
from guided_rl.results.summary_tables import EVALUATED, label, ordered
from guided_rl.results.table_notes import few_experts
from guided_rl.results.tables import Table, estimate, few_seeds, number, section_starts

NOTES = (
    "Differences, variant less what it stands beside: the cell of the same task, method and budget from which its "
    "configuration differs in the fewest settings, seeds apart. Those settings are named.",
    "Final is the mean of the last 10 % of evaluations, AUC the mean of all; failures are episodes of a seed's "
    "training that ended in a terminal state.",
    "Starred (*) are differences whose 95 % interval excludes 0; none is corrected for how many there are.",
)


def variants_table(records: Sequence[Record], title: str) -> Table:
    """Differences of final return, AUC and failures in training to each variant's nearest cell, per protocol."""
    rows, data = [], []
    for variant, base in pairs(records):
        changed, paired = settings(base, variant), shared(variant, base)
        for protocol in (name for name in protocols(variant) if name in protocols(base)):
            final = number(float(sample(variant, "final", protocol).values.mean()))
            found = gaps(variant, base, protocol)
            names = {"task": variant.task, "variant": label(variant), "beside": label(base)}
            words = (*names.values(), ", ".join(changed), EVALUATED.get(protocol, protocol), final)
            rows.append((*words, *(separated(gap) if gap else "–" for gap in found.values())))
            data.append({**names, "changed": changed, "protocol": protocol, "paired": paired, **found})
    columns = ("Task", "Variant", "Beside", "Changed", "Policy", "Final\nreturn", "Final", "AUC", "Failures")
    notes = (*NOTES, *few_experts(records), *few_seeds(rows))
    return Table(title, columns, tuple(rows), 5, notes, tuple(data), section_starts([row[0] for row in rows]))


def gaps(variant: Record, base: Record, protocol: str) -> dict[str, Interval | None]:
    """Differences of final return, AUC and failures; None where nothing failed in either."""
    paired, both = shared(variant, base), (variant, base)
    found = {
        metric: statistics.difference(*(sample(record, metric, protocol) for record in both), paired)
        for metric in ("final", "auc")
    }
    failures = [counted(record, "failures") for record in both]
    any_failed = any(counts.values.any() for counts in failures)
    return {**found, "failures": statistics.difference(*failures) if any_failed else None}


def pairs(records: Sequence[Record]) -> list[tuple[Record, Record]]:
    """Each variant with its nearest cell, in order; of two that are each other's, the later is the variant."""
    found, seen = [], ordered(records)
    for variant in seen:
        base = nearest(variant, records)
        if base is not None and not (nearest(base, records) is variant and seen.index(base) > seen.index(variant)):
            found.append((variant, base))
    return found


def nearest(variant: Record, records: Sequence[Record]) -> Record | None:
    """What a variant is compared with; its method's main cell where several are as near. A sweep has no such cell."""
    alike = lambda r: (r.task, r.method, r.budget, len(r.points)) == (variant.task, variant.method, variant.budget, 1)
    found = [r for r in records if alike(r) and r is not variant]
    if not variant.variant or len(variant.points) > 1 or not found:
        return None
    return min(found, key=lambda r: (len(settings(r, variant)), not r.main, r.cell))


def settings(a: Record, b: Record) -> list[str]:
    """Names of the settings in which two cells differ, seeds apart."""
    names = [change.split(":")[0] for change in differences(a.config, b.config)]
    return [name.removeprefix("hparams.").removeprefix("options.") for name in names if name != "seeds"]


def separated(gap: Interval) -> str:
    """The difference, starred where it is separated from 0 by enough seeds."""
    return f"{estimate(gap)}{' *' if gap.decisive and (gap.low > 0 or gap.high < 0) else ''}"
