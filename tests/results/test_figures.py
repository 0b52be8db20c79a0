"""Figures: what is drawn is what the records say, and every file is a picture."""

from __future__ import annotations

import dataclasses
import xml.etree.ElementTree as ElementTree

import matplotlib.image
import numpy as np
import pytest

from benchmarks.papers.pag import figures as local_figures
from guided_rl.results import figures, plot_style, record_tables, training_figures
from guided_rl.results.records import Expert
from guided_rl.results.scales import Scale
from guided_rl.runtime.errors import UserError
from tests.results.synthetic import constant, make_record

TASKS = ("Ant-v5", "HalfCheetah-v5")


def scale(task: str) -> Scale:
    return Scale(random=-100.0)


def expert(quality: float, steps: int = 500) -> tuple[Expert, ...]:
    return (Expert("e", quality, steps, "x"),)


def ramp(height: float):
    return lambda seed, point, share: height * share + seed


def population():
    main = [make_record("sac", task, ramp(100)) for task in TASKS]
    both = {"policy": ramp(300), "mixture": ramp(400)}
    main += [make_record("dai-sac", task, both, experts=expert(350)) for task in TASKS]
    weak = make_record("dai-sac", "Ant-v5", ramp(200), experts=expert(150), variant="expert 50 %")
    by_value = lambda seed, point, share: 100 * point["t_change"] + seed + 0 * share
    swept = make_record("dai-sac", "Ant-v5", by_value, grid={"t_change": (0.1, 0.5, 1.0)}, variant="sweep")
    return [*main, weak, swept]


def lines(axis) -> dict[str, np.ndarray]:
    return {line.get_label(): np.stack(line.get_data()) for line in axis.get_lines()}


def test_learning_curves_show_both_protocols_the_expert_and_the_random_line():
    figure = figures.learning_curves(population(), scale=scale)
    assert len(figure.axes) == 2
    found = lines(figure.axes[0])
    assert set(found) == {"sac", "dai-sac", "dai-sac, mixture", figures.EXPERT_LINE, figures.RANDOM_LINE}
    np.testing.assert_allclose(found["dai-sac"][0], np.arange(50, 1001, 50))
    np.testing.assert_allclose(found["dai-sac"][1], 300 * np.arange(1, 21) / 20 + 4.5, rtol=1e-5)
    assert set(found[figures.EXPERT_LINE][1]) == {350.0}
    assert set(found[figures.RANDOM_LINE][1]) == {-100.0}
    band = figure.axes[0].collections[0].get_paths()[0].get_extents()
    assert band.height > 0
    assert [text.get_text() for text in figure.legends[0].get_texts()][-2:] == [
        figures.EXPERT_LINE,
        figures.RANDOM_LINE,
    ]


def test_charged_curves_start_after_the_experts_steps():
    figure = figures.learning_curves(population(), scale=scale, charged=True, own_only=True)
    found = lines(figure.axes[0])
    assert found["sac"][0][0] == 50
    assert found["dai-sac"][0][0] == 550
    assert "dai-sac, mixture" not in found


def test_a_sweep_shows_each_value_beside_the_base():
    figure = figures.sweep(population(), "t_change", "sac")
    axis = figure.axes[0]
    assert [text.get_text() for text in axis.get_xticklabels()] == ["0.1", "0.5", "1"]
    final = next(c for c in axis.containers if c.get_label() == "final")
    np.testing.assert_allclose(final.lines[0].get_ydata(), [14.5, 54.5, 104.5], rtol=1e-5)
    assert "sac, final" in lines(axis)
    assert figures.sweep(population(), "beta") is None


@pytest.mark.parametrize("warmup, drawn", [(0.02, True), (0.01, False)])
def test_a_shorter_sweep_stands_beside_as_many_steps_of_the_base_that_began_alike(warmup, drawn):
    base = make_record("sac", "Ant-v5", ramp(100), config={"warmup": 0.01})
    swept = make_record("sac-eo", "Ant-v5", grid={"beta": (1.0, 2.0)}, budget=500, config={"warmup": warmup})
    found = lines(figures.sweep([base, swept], "beta", "sac").axes[0])
    assert ("sac in 500 steps, final" in found) == drawn
    assert not any(label.startswith("sac,") for label in found)
    if drawn:
        np.testing.assert_allclose(found["sac in 500 steps, final"][1], 50 + 4.5, rtol=1e-5)
        np.testing.assert_allclose(found["sac in 500 steps, AUC"][1], 100 * 11 / 40 + 4.5, rtol=1e-5)


def test_expert_quality_is_against_gain_over_the_base():
    figure = figures.expert_quality(population(), "dai-sac", "sac", scale=scale)
    axis = figure.axes[0]
    final = next(c for c in axis.containers if c.get_label() == "final").lines[0]
    # Above random: (195 + 4.5 + 100) / (97.5 + 4.5 + 100) − 1 and the same for 292.5.
    np.testing.assert_allclose(final.get_ydata(), [100 * (299.5 / 202 - 1), 100 * (397 / 202 - 1)], rtol=1e-4)
    np.testing.assert_allclose(final.get_xdata(), [150, 350], atol=5)
    assert figures.expert_quality(population()[:4], "dai-sac", "sac", scale=scale) is None


def test_expert_quality_leaves_out_a_task_whose_base_is_no_better_than_random():
    two = lambda task, expected: [
        make_record("sac", task, expected),
        *(make_record("dai-sac", task, ramp(q), experts=expert(q), variant=f"expert {q}") for q in (200, 300)),
    ]
    no_better = two("Hopper-v5", constant(-500.0))
    assert figures.expert_quality(no_better, "dai-sac", "sac", scale=scale) is None
    both = figures.expert_quality([*no_better, *two("Ant-v5", ramp(100))], "dai-sac", "sac", scale=scale)
    assert [axis.get_title(loc="left") for axis in both.axes] == ["Ant-v5"]


def test_figures_of_nothing_or_of_one_seed_do_not_fail():
    assert figures.learning_curves([]) is None
    assert figures.learning_curves(population(), methods=["ppo"]) is None
    single = make_record("sac", "my-task", constant(1.0), seeds=(0,))
    assert len(figures.learning_curves([single]).axes) == 1
    lost = make_record("sac", "my-task", constant(float("nan")), seeds=(0,))
    assert figures.learning_curves([lost]) is not None


def test_files_are_pictures_and_the_same_every_time(tmp_path):
    draw = lambda: figures.sweep(population(), "t_change", "sac")
    vector, pixels = plot_style.save(draw(), tmp_path, "sweep")
    assert ElementTree.fromstring(vector.read_text()).tag.endswith("svg")
    assert matplotlib.image.imread(pixels).std() > 0.01
    assert plot_style.svg(draw()) == vector.read_text()
    (tmp_path / "file").write_text("")
    with pytest.raises(UserError, match="cannot save figure"):
        plot_style.save(draw(), tmp_path / "file", "sweep")


def test_colours_stay_with_their_names():
    palette = plot_style.colours(["sac", "dai-sac", "sac"])
    assert list(palette) == ["sac", "dai-sac"]
    assert len(set(plot_style.PALETTE)) == len(plot_style.PALETTE)


def test_a_method_has_one_colour_in_all_figures_of_a_table():
    silent = lambda record: dataclasses.replace(record, training=record.training.slice(0, 0))
    found = [silent(r) if r.method == "sac" else r for r in population()]
    drawn = [figures.learning_curves(found), training_figures.training_metric(found, "critic_loss", "losses")]
    curve, metric = ({line.get_label(): line.get_color() for line in figure.axes[1].lines} for figure in drawn)
    assert curve["dai-sac"] == metric["dai-sac"] != curve["sac"]


def test_choices_are_drawn_from_training_metrics_and_only_where_they_are():
    plain = make_record("sac", "Ant-v5", ramp(100))
    assert training_figures.choices([plain]) is None
    share = np.linspace(0.9, 0.2, 20)[:, None] * np.ones((1, 10))
    training = {"chosen_0": share, "chosen_1": 1 - share}
    steps = (np.arange(1, 21) * 50).astype(np.int64)
    seeds = np.arange(10)
    table = record_tables.training_table(seeds, np.zeros(10, int), steps, training)
    drawn = training_figures.choices(
        [plain, dataclasses.replace(make_record("pex", "Ant-v5", ramp(100)), training=table)]
    )
    (axis,) = [a for a in drawn.axes if a.get_visible()]
    (line,) = axis.get_lines()
    np.testing.assert_allclose(line.get_ydata(), share[:, 0], rtol=1e-6)
    assert line.get_label() == "pex, offline policy"


def test_a_training_metric_is_drawn_for_the_cells_that_have_it():
    drawn = training_figures.training_metric(population(), "critic_loss", "losses")
    lines = {line.get_label(): line.get_ydata() for line in drawn.axes[0].lines}
    assert set(lines) == {"sac", "dai-sac"}
    np.testing.assert_allclose(lines["sac"][-1], 100 + np.mean(range(10)))
    assert training_figures.training_metric(population(), "epsilon", "none") is None


def test_returns_while_training_are_drawn_where_every_seed_ended_an_episode():
    trained = lambda seed, point, share: np.where(share > 0.2 + 0.05 * (seed == 3), 10 * share, np.nan)
    found = local_figures.figures([make_record("sac", trained=trained), make_record("pag")], "PAG")["behaviour"]
    (line,) = found.axes[0].lines
    np.testing.assert_array_equal(line.get_xdata(), np.arange(300, 1001, 50))
    assert "behaviour" not in local_figures.figures([make_record("sac")], "PAG")


def test_longer_runs_of_several_methods_have_curves_of_their_own_in_the_same_colours():
    cells = [
        *(make_record(method, curve=constant(height)) for method, height in (("sac", 1.0), ("sag", 2.0), ("pag", 3.0))),
        *(make_record(method, variant="long", budget=4000, curve=constant(9.0)) for method in ("sac", "pag")),
        make_record("pag", variant="alone", budget=8000),
        make_record("pag", variant="as long", curve=constant(5.0)),
    ]
    found = local_figures.figures(cells, "PAG")
    assert {name for name in found if name.startswith("executed")} == {"executed", "executed_long"}
    short, long = (
        {line.get_label(): line for line in found[name].axes[0].lines} for name in ("executed", "executed_long")
    )
    assert set(short) == {"sac", "sag", "pag"} and set(long) == {"sac", "pag"}
    assert long["pag"].get_color() == short["pag"].get_color()
    np.testing.assert_array_equal(long["pag"].get_ydata(), 9.0)
    assert long["pag"].get_xdata()[-1] == 4000
