"""Notes on what numbers rest on: evaluations, and experts behind intervals."""

from __future__ import annotations

import dataclasses

import pytest

from benchmarks.report import build
from guided_rl.results import table_notes
from guided_rl.results.records import Expert
from guided_rl.results.scales import Scale
from tests.results.synthetic import make_record


def taught(experts: int, **changes):
    return make_record("dai-sac", experts=[Expert(f"e{i}", 1.0, 1, f"{i}") for i in range(experts)], **changes)


def evaluated(task: str, evaluations: int, episodes: int):
    return make_record("sac", task, config={"evaluations": evaluations, "episodes": episodes})


def test_evaluations_are_told_by_task_where_tasks_differ():
    alike = [evaluated("Ant-v5", 20, 10), evaluated("Hopper-v5", 20, 10)]
    assert table_notes.evaluations(alike) == ["Evaluations of each seed and policy: 20 points of 10 episodes."]
    assert table_notes.evaluations([*alike, evaluated("Walker2d-v5", 20, 5)]) == [
        "Evaluations of each seed and policy: "
        "20 points of 10 episodes (Ant-v5, Hopper-v5); 20 points of 5 episodes (Walker2d-v5)."
    ]
    assert table_notes.evaluations([make_record("sac")]) == []


def test_other_lengths_than_the_main_runs_are_told_unless_a_variant_is_named_by_its_own():
    main = [make_record("sac", budget=1000), make_record("sac", "Ant-v5", budget=4000)]
    alike = [make_record("dai-sac", budget=1000, variant="expert 50 %"), make_record("bc", "Walker2d-v5", budget=7)]
    named = make_record("sac", budget=2_000_000, variant="2M steps")
    assert table_notes.lengths([*main, *alike, named]) == []
    short = make_record("sac-eo", budget=500, grid={"beta": (1.0, 2.0)}, variant="beta sweep")
    (note,) = table_notes.lengths([*main, *alike, named, short])
    assert note.endswith(": sac-eo (beta sweep) 500 instead of 1k.")


@pytest.mark.parametrize(("experts", "told"), [(0, False), (1, False), (2, True), (3, True), (7, True), (8, False)])
def test_few_experts_are_told_where_there_are_several_but_not_enough(experts, told):
    assert bool(table_notes.few_experts([taught(experts)])) == told


def test_the_note_names_every_number_of_experts():
    (note,) = table_notes.few_experts([taught(3), taught(2), taught(1)])
    assert "only 2 or 3 experts" in note


def test_offline_agents_of_one_source_are_one_expert():
    record = taught(3)
    same = tuple(dataclasses.replace(expert, source="data") for expert in record.experts)
    assert table_notes.few_experts([dataclasses.replace(record, experts=same)]) == []


def test_every_table_with_intervals_says_what_they_rest_on():
    found = [taught(3, config={"evaluations": 20, "episodes": 5}), make_record("sac")]
    content = build.build(found, "X", "cpu", pairs=[("dai-sac", "sac")], scale=lambda task: Scale(0.0, 200.0))
    tables = content.tables()
    for name in ("overview", "returns", "gains", "claims", "behaviour"):
        assert set(table_notes.few_experts(found)) <= set(tables.get(name, content.overview).notes), name
    for name in ("overview", "returns", "gains", "claims"):
        assert any("20 points of 5 episodes" in note for note in tables[name].notes), name
