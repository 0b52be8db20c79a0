"""IQL's offline scores beside other code bases' published ones.

D4RL's scale on both sides, but not D4RL's data: ours come from this suite's own policies on Gymnasium's
v5 bodies, and the column "Our data's own" says how good those were, so the columns show the order of
magnitude and no agreement is claimed.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from benchmarks.papers.pex.claims import OFFLINE
from guided_rl.results.records import Record
from guided_rl.results.scales import scale_of
from guided_rl.results.summaries import sample
from guided_rl.results.tables import Table, number

CORL, GWTHOMAS = "CORL, README", "gwthomas/IQL-PyTorch, README"
# task and dataset: (mean, standard deviation) of the normalised score, v2 data.
PUBLISHED = {
    "HalfCheetah-v5/medium": {CORL: (48.31, 0.22), GWTHOMAS: (47.7, 0.2)},
    "HalfCheetah-v5/medium-replay": {CORL: (44.46, 0.22), GWTHOMAS: (42.9, 1.7)},
    "HalfCheetah-v5/medium-expert": {CORL: (94.74, 0.52), GWTHOMAS: (88.3, 2.8)},
    "Hopper-v5/medium": {CORL: (67.53, 3.78), GWTHOMAS: (61.2, 6.4)},
    "Hopper-v5/medium-replay": {CORL: (97.43, 6.39), GWTHOMAS: (86.8, 15.5)},
    "Hopper-v5/medium-expert": {CORL: (107.42, 7.80), GWTHOMAS: (76.6, 34.9)},
    "Walker2d-v5/medium": {CORL: (80.91, 3.17), GWTHOMAS: (78.7, 4.5)},
    "Walker2d-v5/medium-replay": {CORL: (82.15, 3.03), GWTHOMAS: (68.3, 6.4)},
    "Walker2d-v5/medium-expert": {CORL: (111.72, 0.86), GWTHOMAS: (108.7, 2.2)},
    "AntMaze-umaze/fixed": {CORL: (77.00, 5.52)},
    "AntMaze-umaze/diverse": {CORL: (54.25, 5.54)},
    "AntMaze-medium/play": {CORL: (65.75, 11.71)},
    "AntMaze-medium/diverse": {CORL: (73.75, 5.45)},
    "AntMaze-large/play": {CORL: (42.00, 4.53)},
    "AntMaze-large/diverse": {CORL: (30.25, 3.63)},
}


def published_table(records: Sequence[Record], title: str) -> Table:
    """One row per offline cell of IQL."""
    rows, data = [], []
    for record in (r for r in records if r.variant == OFFLINE and r.method == "iql-offline"):
        scale, final = scale_of(record.task), float(np.mean(sample(record, "final").values))
        behaviour = float(np.mean([expert.episode_return for expert in record.experts]))
        d4rl = [scale.normalise_d4rl(value) for value in (final, behaviour)]
        own = scale.normalise(final) if scale.normalises else None
        known = PUBLISHED.get(record.task, {})
        shown = [f"{mean:.1f} ± {std:.1f} ({name})" for name, (mean, std) in known.items()]
        texts = ["–" if value is None else number(value) for value in (d4rl[0], d4rl[1], own)]
        rows.append((record.task, *texts, "\n".join(shown) or "–"))
        data.append({"task": record.task, "d4rl": d4rl[0], "data": d4rl[1], "own": own, "published": known})
    columns = ("Task", "IQL offline,\nD4RL's scale", "Our data's own", "Ours, own scale", "Published on D4RL's data")
    notes = ("Other data, other bodies, other budgets: the order of magnitude, and no agreement is claimed.",)
    return Table(title, columns, tuple(rows), 1, notes, tuple(data))
