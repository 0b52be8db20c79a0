"""Replay in half precision, and the precision of matrix products: options that records keep."""

from __future__ import annotations

import jax
import numpy as np
import pytest

from guided_rl.training.run import Run
from tests.training.small import learned, run, small


def parameters(result) -> np.ndarray:
    return np.concatenate([np.asarray(leaf, np.float64).ravel() for leaf in jax.tree.leaves(result.agents.params)])


@pytest.mark.parametrize("kept", ["float16", "bfloat16"])
def test_half_precision_halves_the_replay(kept):
    whole, half = (Run(small(capacity=100_000, **more)) for more in ({}, {"replay_dtype": kept}))
    saved = whole.plan.state_bytes - half.plan.state_bytes
    assert saved == 2 * whole.plan.width * 100_000 * whole.trainer.layout.width
    assert "replay_dtype" not in whole.config.to_json()
    assert half.config.to_json()["replay_dtype"] == kept


@pytest.mark.trains
def test_half_precision_rounds_what_is_learned_from_and_little_else():
    exact, rounded = run(small()), run(small(replay_dtype="float16"))
    assert learned(rounded)
    assert (rounded.died_at < 0).all()
    difference = np.abs(parameters(exact) - parameters(rounded))
    assert 0 < difference.max() < 0.05


@pytest.mark.parametrize(("asked", "products"), [("default", "DEFAULT"), ("highest", "HIGHEST")])
def test_the_precision_of_products_reaches_the_program(asked, products):
    run = Run(small(matmul_precision=asked))
    text = run.lowered("chunk", run.plan.width).as_text()
    found = {line.split("precision = [")[1].split(",")[0] for line in text.splitlines() if "precision = [" in line}
    assert found == {products}
