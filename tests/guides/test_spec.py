"""The one parser of guides' names."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from guided_rl.guides.find import NAMES
from guided_rl.guides.spec import graded, is_offline, kind_and_level, parse, parse_one


@pytest.mark.parametrize(
    ("text", "kind", "name", "policy", "settings"),
    [
        ("bc", "expert", "bc", "", {}),
        ("sac@medium", "expert", "sac@medium", "", {}),
        ("a,b.npz#bc@50", "file", "a,b.npz", "bc@50", {}),
        ("experts.npz", "file", "experts.npz", "bc", {}),
        ("local", "local", "", "", {}),
        ("local, grow=0.3, literal", "local", "", "", {"grow": "0.3", "literal": ""}),
        ("local:sac@50,noise=0.1", "local", "sac@50", "", {"noise": "0.1"}),
        ("exact,noise=0.25", "exact", "", "", {"noise": "0.25"}),
        ("localise", "expert", "localise", "", {}),
        ("offline:runs/agents.npz", "offline", "runs/agents.npz", "", {}),
        ("brax:a,b/policy", "brax", "a,b/policy", "", {}),
        ("brax:policy,activation=tanh", "brax", "policy", "", {"activation": "tanh"}),
        ("sb3:model.zip,vecnormalize=x,y.pkl", "sb3", "model.zip", "", {"vecnormalize": "x,y.pkl"}),
        ("my_guides.py:act", "own", "my_guides.py:act", "", {}),
        ("package.module:act", "own", "package.module:act", "", {}),
    ],
)
def test_what_is_written_is_taken_apart(text, kind, name, policy, settings):
    spec = parse_one(text)
    assert (spec.text, spec.kind, spec.name, spec.policy, dict(spec.settings)) == (text, kind, name, policy, settings)


def test_a_panel_is_its_members_in_order_and_nothing_is_nobody():
    assert [spec.text for spec in parse("bc@25 + offline:a.npz")] == ["bc@25", "offline:a.npz"]
    assert parse(None) == parse("") == []


def test_an_offline_guide_is_known_by_its_first_member():
    assert is_offline("offline:a.npz+bc") and not is_offline("bc+offline:a.npz") and not is_offline(None)


@pytest.mark.parametrize("name", NAMES)
def test_every_expert_has_a_kind_and_those_with_levels_have_one(name):
    kind, level = kind_and_level(graded(name))
    assert name.startswith(kind) and (level != "") == (name != "medium")


@given(st.text())
def test_no_text_is_an_error(text):
    assert all(spec.text in text for spec in parse(text))
