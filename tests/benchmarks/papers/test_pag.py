"""PAG's table and claims: what is run at each preset, and that the claims judge what they say."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from benchmarks.claims import ledger
from benchmarks.claims.ledger import ELSEWHERE, FAILS, HOLDS, UNDECIDED, Outcome, View
from benchmarks.papers.pag import table as pag
from benchmarks.papers.pag.claims import (
    ATTRACTIVE,
    CAPPED,
    CLAIMS,
    LONG,
    REPULSIVE,
    SWEEP,
    SWEPT,
    TASKS,
    THETA_TARGET,
    agreed,
    as_text,
)
from benchmarks.papers.pag.figures import figures
from benchmarks.runner.cells import PRESETS
from guided_rl import methods
from guided_rl.config import check
from guided_rl.envs import OWN_TASKS
from guided_rl.envs import TASKS as TWINNED
from guided_rl.guides.local import LOCAL_GUIDES
from guided_rl.results.scales import Scale
from tests.results.synthetic import make_record

# A return per method, and how often it fails between two evaluations.
AS_CLAIMED = {"sac": (100, 8), "sag": (118, 1), "naive-sag": (90, 1), "pig": (105, 6), "pag": (125, 2), "rg": (95, 8)}
AS_CLAIMED["pag-text"] = AS_CLAIMED["pag"]
GRID = {"phi": (0.5, 0.9), "delta": (0.7, 0.9)}


def level(value: float):
    return lambda seed, point, share: value + 0.5 * (seed % 10 - 4.5) + 5 * share


def table(preset: str, budget: int, numbers=AS_CLAIMED, worst: float = 110) -> list:
    """Records of the whole table; `switched` returns what is given, the own policy a little less."""
    settings = {"table": "pag", "preset": preset, "budget": budget}

    def record(method: str, task: str, value: float, failures: float, **more):
        curves = {"policy": level(value - 1)}
        if method in ("sag", "naive-sag", "pag", "pag-text"):
            curves["switched"] = level(value)
        return make_record(method, task, curves, failures=failures, **{**settings, **more})

    found = [record(m, task, *pair) for m, pair in numbers.items() for task in TASKS]
    for form in ("pag", "pag-text"):
        found += [record(form, task, 100, 2, variant=THETA_TARGET) for task in ATTRACTIVE]
        found.append(record(form, SWEPT, worst, 2, variant=SWEEP, grid=GRID))
    found.append(record("sac", SWEPT, *numbers["sac"], variant=LONG))
    return found


def both_forms(numbers: dict) -> dict:
    return {**numbers, "pag-text": numbers["pag"]}


def verdicts(preset: str, budget: int, **changes) -> tuple[dict[str, str], dict[str, str]]:
    view = View(tuple(table(preset, budget, **changes)), preset, lambda task: Scale(random=0.0))
    rows = ledger.ledger(CLAIMS, view)
    return (
        {row.claim.id: row.outcome.verdict for row in rows},
        {row.claim.id: row.twin.verdict for row in rows if row.twin is not None},
    )


def test_records_that_do_what_the_paper_says_make_every_claim_hold():
    own, _ = verdicts("paper", 2_000_000)
    assert set(own.values()) == {HOLDS}, own


def test_preset_cpu_judges_the_first_steps_and_twins_of_all():
    own, twins = verdicts("cpu", 50_000)
    in_full = {name for name, verdict in own.items() if verdict == HOLDS}
    assert in_full == {"pag/C1''", "pag/C4", "pag/C4'", "pag/C4''", "pag/C1''.own"}
    assert {verdict for name, verdict in own.items() if name not in in_full} == {ELSEWHERE}
    assert set(twins.values()) == {HOLDS}, twins


def test_fewer_steps_than_the_papers_first_judge_nothing_but_twins():
    own, _ = verdicts("quick", 10_000)
    assert set(own.values()) == {ELSEWHERE}


def test_a_claim_about_pag_gets_a_verdict_only_where_code_and_text_agree():
    """The text's PAG ends below SAG here, the authors' code above it."""
    own, _ = verdicts("paper", 2_000_000, numbers={**AS_CLAIMED, "pag-text": (90, 2)})
    assert own["pag/C3"] == own["pag/C1"] == UNDECIDED
    assert own["pag/C2"] == own["pag/C5"] == HOLDS
    neither, _ = verdicts("paper", 2_000_000, numbers={**AS_CLAIMED, "pag": (100, 2), "pag-text": (100, 2)})
    assert neither["pag/C3"] == FAILS


def test_where_phi_never_acts_the_code_is_the_text_and_elsewhere_a_missing_text_is_said():
    plain = [make_record("pag", task, config={"hparams": {"decay_interval": 1.0}}) for task in REPULSIVE]
    acting = make_record("pag", CAPPED[-1], config={"hparams": {"decay_interval": 0.0}})
    seen = as_text(View((*plain, acting), "cpu"))
    assert {record.task for record in seen.records} == set(REPULSIVE)
    judged = agreed(lambda view: Outcome(view.sample("pag", CAPPED[-1], "final").values.mean(), None, HOLDS))
    outcome = judged(View((acting,), "cpu"))
    assert outcome.verdict == UNDECIDED and "the paper's text: no cell of pag" in outcome.note


@pytest.mark.parametrize(
    "changes, fails",
    [
        ({"pag": (80, 2)}, {"C1", "C1'", "C1''", "C3", "C4", "C5'", "C7"}),
        ({"pag": (125, 7)}, {"C2", "C2'", "C4''"}),
        ({"naive-sag": (150, 1)}, {"C5"}),
        ({"sag": (250, 1)}, {"C3", "C3'", "C4'"}),
    ],
)
def test_each_claim_fails_on_records_that_deny_it(changes, fails):
    own, _ = verdicts("paper", 2_000_000, numbers=both_forms({**AS_CLAIMED, **changes}))
    assert {name for name in fails if own[f"pag/{name}"] == FAILS} == fails


def test_one_bad_choice_of_the_grid_denies_robustness():
    assert verdicts("paper", 2_000_000, worst=90)[0]["pag/C6"] == FAILS


def test_a_repulsive_task_that_was_not_run_leaves_safety_undecided():
    records = [r for r in table("paper", 2_000_000) if r.task != REPULSIVE[0]]
    rows = ledger.ledger(CLAIMS, View(tuple(records), "paper", lambda task: Scale(random=0.0)))
    assert {row.claim.id: row.outcome.verdict for row in rows}["pag/C2"] == UNDECIDED


@pytest.mark.parametrize("preset", PRESETS)
def test_every_cell_can_run_and_has_a_name_of_its_own(preset):
    cells = pag.cells(preset)
    assert len({cell.name for cell in cells}) == len(cells)
    for cell in cells:
        check(cell.config, methods.build(cell.config.method, cell.config.options))
        assert cell.config.task in {**TWINNED, **OWN_TASKS}
        assert cell.config.guide is None or cell.config.task in LOCAL_GUIDES
        assert cell.config.block <= cell.config.interval


def test_the_presets_say_what_they_cost():
    for preset, cost, tuning in (("cpu", 147.5, 3.0), ("long", 280.0, 22.5)):
        cells = pag.cells(preset)
        assert sum(cell.updates for cell in cells) / 1e6 == pytest.approx(cost)
        assert sum(cell.tuning.cell.updates for cell in cells if cell.tuning) / 1e6 == pytest.approx(tuning)
        assert f"together {cost:g}" in pag.__doc__
    assert len(pag.cells("quick")) <= 8


def test_the_papers_schedule_is_kept_in_steps_and_not_shortened():
    """δ = 0.8 gives β_PAG = 0.488 between 150k and 200k steps, whatever the budget, and 0 in the first 50k."""
    studies = {pag.SOONER, pag.FROM_PAG, *pag.WRONG_TRUST}
    for cell in pag.cells("cpu"):
        hp = cell.config.hparams
        if cell.config.method in pag.FORMS and hp["decay_interval"] > 0:
            every = 10_000 if cell.variant in studies else 50_000
            assert hp["decay_interval"] * cell.config.steps == pytest.approx(every)


def test_figures_are_drawn_from_the_records():
    numbers = {name: AS_CLAIMED[name] for name in ("sac", "sag", "pag")}
    two = [r for r in table("cpu", 50_000) if r.task in ("cartpole-safe", "PointFall") and r.method in numbers]
    found = figures(two, "PAG")
    assert {"executed", "crashes", "territory"} <= found.keys()
    (heat,) = (figure for name, figure in found.items() if name.startswith("heat_"))
    texts = [text.get_text() for text in heat.axes[0].texts]
    assert {"best", "worst"} <= set(texts) and len(texts) == 6
    assert heat.axes[0].get_xlabel() == "δ" and heat.axes[0].get_ylabel() == "Φ"
    assert len(found["executed"].axes) == 2
    line = found["crashes"].axes[0].lines[0].get_ydata()
    assert np.all(np.diff(line) > 0), "failures only grow"
    np.testing.assert_array_equal(found["evaluated_crashes"].axes[0].lines[0].get_ydata(), 0.5)
    older = [dataclasses.replace(r, returns=r.returns.drop_columns(["episode_failed"])) for r in two]
    assert "evaluated_crashes" not in figures(older, "PAG")
