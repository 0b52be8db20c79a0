"""Ablations beside what they change, where the answer is known."""

from __future__ import annotations

import numpy as np

from benchmarks.report.variants import nearest, pairs, variants_table
from tests.results.synthetic import constant, make_record


def cell(variant: str, value: float = 100.0, failures: float | None = None, **options):
    around = lambda seed, point, share: constant(value + np.random.default_rng(seed).normal())(seed, point, share)
    return make_record("pag", curve=options.pop("curve", around), variant=variant, failures=failures, **options)


MAIN = cell("", 100.0, 3.0, config={"hparams": {"delta": 0.8}})
SOONER = cell("sooner", 120.0, 3.0, config={"hparams": {"delta": 0.8, "every": 0.2}})
SMALLER = cell("λ smaller", 90.0, 5.0, config={"hparams": {"delta": 0.8, "every": 0.2}, "guide": "local,grow=-1"})
NOISY = cell("noisy", 100.0, 3.0, config={"hparams": {"delta": 0.8}, "guide": "local,noise=1"})


def test_a_variant_stands_beside_the_cell_with_the_fewest_other_settings():
    same = {name: SMALLER.config[name] for name in ("hparams", "guide")}
    others = [
        cell("short", config=same, budget=500),
        cell("swept", config=same, grid={"phi": (0.1, 0.2)}),
        make_record("sag", config=same),
        make_record("pag", "Ant-v5", config=same),
    ]
    found = [MAIN, SOONER, SMALLER, NOISY, *others]
    assert nearest(SMALLER, found) is SOONER
    assert nearest(SOONER, found) is MAIN
    assert nearest(MAIN, found) is None
    assert nearest(others[1], found) is None, "a sweep has no one result"


def test_of_equally_near_cells_the_main_one_is_taken():
    twin = cell("a twin", config={"hparams": {"delta": 0.8}, "guide": "local"})
    assert nearest(NOISY, [twin, NOISY, MAIN]) is MAIN


def test_how_many_seeds_were_run_is_no_change():
    few = cell("few", 100.0, 3.0, config={"hparams": {"delta": 0.9}, "seeds": 5}, seeds=tuple(range(5)))
    (facts,) = variants_table([MAIN, few], "Variants").data
    assert facts["changed"] == ["delta"]
    assert not facts["paired"]
    assert facts["final"].n == 5 and not facts["final"].decisive


def test_differences_are_of_the_variant_less_what_it_stands_beside():
    table = variants_table([SMALLER, MAIN, SOONER], "Variants")
    assert [(row[1], row[2], row[3]) for row in table.rows] == [
        ("pag (sooner)", "pag", "every"),
        ("pag (λ smaller)", "pag (sooner)", "guide"),
    ]
    sooner, smaller = table.data
    assert abs(sooner["final"].value - 20.0) < 1e-3 and abs(sooner["auc"].value - 20.0) < 1e-3
    assert abs(smaller["final"].value + 30.0) < 1e-3
    assert abs(smaller["failures"].value - 40.0) < 1e-3, "two more in each of twenty intervals"
    assert table.rows[1][-1].endswith(" *") and table.rows[0][-1].startswith("0.00")


def test_two_variants_that_only_have_each_other_are_compared_once():
    first, second = cell("offline"), cell("offline, τ 0.9", config={"hparams": {"expectile": 0.9}})
    assert pairs([second, first]) == [(second, first)]


def test_what_never_failed_shows_no_failures():
    (row,) = variants_table([cell("", config={}), cell("other", config={"a": 1})], "Variants").rows
    assert row[-1] == "–"
