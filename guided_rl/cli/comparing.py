"""`compare`: methods side by side on one task, on one screen."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from guided_rl.cli.running import show
from guided_rl.cli.watch import watching
from guided_rl.comparison import Comparison, compare
from guided_rl.config import RunConfig
from guided_rl.results.comparing import differences_table, returns_table
from guided_rl.results.tables import steps


def run(competitors: Sequence[str], config: RunConfig, folder: Path | None, **how) -> Comparison:
    """Compare, and print returns, differences and the answer."""
    found = compare(competitors, config, folder=folder, watch=watching, say=print, **how)
    show(returns_table(found.rows), differences_table(found.rows, found.metric))
    lost = {row.record.method: len(row.record.failed) for row in found.rows if row.record.failed}
    for method, count in lost.items():
        print(f"{method}: {count} of its seeds failed and are left out")
    if found.teacher is not None:
        print(found.teacher.sentence)
    costs = [f"{row.record.method} {steps(row.steps)}" for row in found.rows if row.steps > 0]
    if costs:
        print(f"Environment steps behind experts and data, which no curve charges: {', '.join(costs)}.")
    print(found.sentence)
    print(f"page, figures, CSV in {found.folder}/ (open {found.folder / 'index.html'})")
    return found
