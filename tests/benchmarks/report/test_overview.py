"""The overview: one row per method, one column per task."""

from __future__ import annotations

import dataclasses

from benchmarks.report.overview import EXPERT, SPENT, overview_table
from guided_rl.results.records import Expert
from guided_rl.results.scales import Scale
from tests.results.synthetic import make_record


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
    assert any("Normalised" in note and note.endswith(": Ant-v5 (200).") for note in table.notes)
    assert any("Raw" in note and "Hopper-v5" in note for note in table.notes)
    assert table.data[1]["final"]["Ant-v5"]["switched"].value == 75.0


def test_a_protocol_that_ends_where_the_policy_does_is_not_repeated():
    same = make_record("dai-sac", "Ant-v5", {"policy": level(100), "mixture": level(100)})
    assert "\n" not in overview_table([same], "X", scale).rows[0][1]


def test_the_experts_own_return_and_its_cost_close_the_table():
    """Both experts of a set are averaged; variants are no main cells; the same numbers are told once."""
    bc, sac = (
        (Expert(name, 100.0 + more, 200_000, "x"), Expert(name, 140.0 + more, 300_000, "y"))
        for name, more in (("bc", 0.0), ("sac:10", 60.0))
    )
    panel = tuple(dataclasses.replace(expert, name="bc+bc@50") for expert in bc)
    found = [
        make_record("sac", "Ant-v5", level(50)),
        make_record("dai-sac", "Ant-v5", level(50), experts=bc),
        make_record("experts-dai-sac", "Ant-v5", level(50), experts=panel),
        make_record("demos-sac", "Ant-v5", level(50), experts=sac),
        make_record("dai-sac", "Ant-v5", level(50), experts=bc[:1], variant="one expert"),
        make_record("dai-sac", "Hopper-v5", level(50), experts=bc[:1]),
        make_record("sac", "Swimmer-v5", level(50)),
    ]
    table = overview_table(found, "X", scale)
    own, spent = table.rows[-2:]
    assert own == (EXPERT, "bc 60.0\nsac 90.0", "100", "–")
    assert spent == (SPENT, "bc 250k\nsac 250k", "200k", "–")
    assert table.sections[-1] == len(table.rows) - 2
    assert table.data[-1]["experts"]["Ant-v5"]["bc"] == {"episode_return": 60.0, "steps": 250_000.0}
    assert EXPERT not in [row[0] for row in overview_table(found[:1], "X", scale).rows]
