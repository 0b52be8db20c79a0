"""What is to be on record first, over all tables: read from above, the next missing cell is the next to run.

Tables that minutes complete come before cells of days. Letters are those of the work order; what has no cells at a
preset is passed over.
"""

from __future__ import annotations

from typing import NamedTuple


class Wanted(NamedTuple):
    """Cells of a table at a preset, by a shell pattern of their names."""

    letter: str
    table: str
    preset: str
    cells: str = "*"


PRIORITIES = (
    Wanted("–", "bread", "cpu"),
    Wanted("–", "mentor", "cpu"),
    Wanted("–", "robust", "cpu"),
    Wanted("–", "gorl", "cpu", "*__medium-expert__*"),
    Wanted("–", "gorl", "cpu"),
    Wanted("a", "pag", "long", "cartpole-safe__*"),
    Wanted("c", "dai", "cpu", "HalfCheetah-v5__*"),
    Wanted("c", "dai", "cpu", "Walker2d-v5__*"),
    Wanted("d", "dai", "long", "HalfCheetah-v5__*"),
    Wanted("d", "dai", "long", "Walker2d-v5__*"),
    Wanted("e", "pag", "long", "PointFall__*"),
    Wanted("e", "pag", "long", "PointCircle__*"),
    Wanted("e", "pag", "cpu"),
    Wanted("f", "sac-eo", "cpu", "*__the_paper_s_sizes"),
    Wanted("f", "sac-eo", "cpu"),
    Wanted("f", "sac-eo", "long", "cheetah-run__*"),
    Wanted("f", "sac-eo", "long", "walker-*"),
    Wanted("g", "dai", "long", "Humanoid-v5__*"),
    Wanted("g", "dai", "long", "Ant-v5__*"),
    Wanted("h", "pex", "long", "AntMaze-umaze*"),
    Wanted("h", "pex", "long", "AntMaze-medium*"),
    Wanted("i", "pex", "long", "*__medium-replay__*"),
    Wanted("–", "dai", "cpu"),
    Wanted("–", "pex", "cpu"),
    Wanted("–", "dai", "long"),
    Wanted("–", "pag", "long"),
    Wanted("–", "sac-eo", "long"),
    Wanted("–", "pex", "long"),
)
