"""Nothing that stored results rely on has changed. If a change is meant, run `python -m tests.golden.make`."""

from __future__ import annotations

import ast
import json

import numpy as np
import pytest
from flax.traverse_util import unflatten_dict

from guided_rl.config import RunConfig
from guided_rl.methods import METHODS
from guided_rl.training.checkpoint import Checkpoints
from tests.golden.facts import FACTS, ROOT
from tests.golden.make import golden_file
from tests.golden.runs import run

REPRESENTATIVE = ("sac", "dai-sac")


@pytest.mark.parametrize("name", FACTS)
def test_what_stored_results_rely_on_is_as_it_was(name):
    assert json.loads(json.dumps(FACTS[name]())) == json.loads(golden_file(name).read_text())


def test_every_stored_configuration_reads_as_it_was_written():
    stored = [json.loads(path.read_text())["config"] for path in (ROOT / "results").rglob("record.json")]
    assert len(stored) > 200
    for config in stored:
        assert RunConfig(**config).to_json() == config


def test_orbax_writes_the_frozen_paths(tmp_path):
    paths = [line.split(" ")[0] for line in json.loads(golden_file("checkpoint_trees").read_text())["sac"]]
    tree = unflatten_dict({tuple(path.split("/")): np.zeros(2) for path in paths})
    Checkpoints(tmp_path).save(0, tree)
    written = json.loads((tmp_path / "step_0" / "_METADATA").read_text())["tree_metadata"]
    assert {"/".join(ast.literal_eval(path)) for path in written} == set(paths)


@pytest.mark.trains
@pytest.mark.parametrize(
    "method", [name if name in REPRESENTATIVE else pytest.param(name, marks=pytest.mark.slow) for name in METHODS]
)
def test_a_short_run_is_the_same_bit_for_bit(method):
    path = golden_file("runs")
    if not path.exists():
        pytest.skip(f"{path.name} has not been made: bits are compared on one kind of machine")
    assert run(method) == json.loads(path.read_text())[method]
