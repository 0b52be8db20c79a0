"""The overview: one row per method, one column per task."""

from __future__ import annotations

import dataclasses

from guided_rl.reporting.overview import overview_table
from guided_rl.reporting.scales import Scale
from tests.reporting.synthetic import make_record


def level(value: float):
    return lambda seed, point, share: value + 0 * share


def scale(task: str) -> Scale:
    return Scale(random=0.0, expert=200.0) if task == "Ant-v5" else Scale(random=0.0)


def test_every_method_has_one_row_and_every_task_one_column():
    guided = make_record("a-guide", "Ant-v5", {"policy": level(100), "switched": level(150)})
    found = [
        dataclasses.replace(guided, config={**guided.config, "guide": "local"}),
        make_record("sac", "Ant-v5", level(50)),
        make_record("sac", "Hopper-v5", level(50)),
        make_record(
            "sac", "Hopper-v5", lambda seed, point, share: point["gamma"] + 0 * share, grid={"gamma": (0.5, 0.9)}
        ),
    ]
    table = overview_table(found, "X", scale)
    assert table.columns == ("Method", "Ant-v5", "Hopper-v5")
    assert [row[0] for row in table.rows] == ["sac", "a-guide", "sac (gamma 0.5)", "sac (gamma 0.9)"]
    assert table.sections == (2,)
    (_, ant, hopper), (_, taught, none) = table.rows[:2]
    assert ant.startswith("25.0 [") and hopper.startswith("50.0 [") and none == "–"
    own, switched = taught.splitlines()
    assert own.startswith("50.0 [") and switched.startswith("switched 75.0 [")
    assert table.rows[3][2].startswith("0.90 [")
    assert any("Normalised" in note and "Ant-v5" in note for note in table.notes)
    assert any("Raw" in note and "Hopper-v5" in note for note in table.notes)
    assert table.data[1]["final"]["Ant-v5"]["switched"].value == 75.0


def test_a_protocol_that_ends_where_the_policy_does_is_not_repeated():
    same = make_record("dai-sac", "Ant-v5", {"policy": level(100), "mixture": level(100)})
    assert "\n" not in overview_table([same], "X", scale).rows[0][1]
