"""What is compared is read as it was meant, or refused in a sentence that says what to write."""

from __future__ import annotations

import dataclasses

import pytest

from guided_rl.comparison.compare import compare, default_folder
from guided_rl.comparison.entries import config_of, parse_entry
from guided_rl.comparison.gather import _spans, with_data
from guided_rl.config import RunConfig
from guided_rl.results import records
from guided_rl.runtime.errors import UserError
from tests.results.synthetic import make_record

BASE = RunConfig(task="HalfCheetah-v5", guide="bc", dataset="demos", steps=1000)


def test_a_method_may_have_settings_of_its_own():
    entry = parse_entry("dai-sac:t_change=0.25,stored=policy,stochastic_expert=true")
    assert (entry.method, entry.hparams) == ("dai-sac", {"t_change": 0.25})
    assert entry.options == {"stored": "policy", "stochastic_expert": True}
    assert parse_entry("off2on:members=2").options == {"members": 2}


def test_a_folder_is_its_record(tmp_path):
    records.write(make_record("sac", "task"), tmp_path / "run" / "record")
    assert parse_entry(str(tmp_path / "run")).record == tmp_path / "run" / "record"
    assert parse_entry(str(tmp_path / "run" / "record")).record == tmp_path / "run" / "record"


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("dai-sack", "dai-sac"),
        ("dai-sac:t_chang=0.2", "t_change"),
        ("dai-sac:t_change", "NAME=VALUE"),
        ("dai-sac:t_change=soon", "'soon' where a number is needed"),
        ("dai-sac:t_change=0.1,t_change=0.2", "twice"),
        ("iql-offline", "learns offline"),
        ("runs/nowhere", "no record in runs/nowhere"),
    ],
)
def test_what_is_no_competitor_is_refused(text, words):
    with pytest.raises(UserError, match=words):
        parse_entry(text)


@pytest.mark.parametrize(
    ("competitors", "settings", "words"),
    [
        (["sac"], {}, "at least two competitors"),
        (["sac", "sac"], {}, "named twice"),
        (["sac", "td3"], {"metric": "best"}, "metric"),
        (["sac", "td3"], {"until_decided": True, "config": RunConfig(seeds=3)}, "begin with as many"),
    ],
)
def test_what_is_no_comparison_is_refused_before_anything_trains(competitors, settings, words):
    with pytest.raises(UserError, match=words):
        compare(competitors, **settings)


def test_a_method_is_given_only_what_it_reads():
    plain, guided, both = (config_of(parse_entry(name), BASE) for name in ("sac", "dai-sac", "pex"))
    assert (plain.guide, plain.dataset) == (None, None)
    assert (guided.guide, guided.dataset) == ("bc", None)
    assert (both.guide, both.dataset) == ("bc", "demos")


def test_rows_that_nobody_gave_are_the_guides_own():
    bare = dataclasses.replace(BASE, dataset=None)
    assert with_data(parse_entry("demos-sac"), bare).dataset == "guide:bc"
    assert with_data(parse_entry("sac"), bare).dataset is None
    with pytest.raises(UserError, match="--guide or --dataset"):
        with_data(parse_entry("demos-sac"), dataclasses.replace(bare, guide=None))


def test_more_seeds_are_the_same_comparison_and_other_settings_are_not():
    folder = default_folder(BASE)
    assert default_folder(dataclasses.replace(BASE, seeds=50)) == folder
    assert default_folder(dataclasses.replace(BASE, steps=2000)) != folder


def test_missing_seeds_are_trained_in_stretches():
    assert list(_spans([0, 1, 4, 5, 6, 9])) == [(0, 1), (4, 6), (9, 9)]
    assert list(_spans([])) == []
