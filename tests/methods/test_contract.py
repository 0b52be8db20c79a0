"""What every method says about itself, and what is refused of a user's own."""

from __future__ import annotations

import math

import pytest

from guided_rl.methods import METHODS, HParam, build
from guided_rl.methods.base import Offline, OffPolicy
from guided_rl.methods.hparams import defaults, with_defaults
from guided_rl.runtime.errors import UserError

OWN = """
import dataclasses
from guided_rl.methods.bases.sac import SAC
LIMITED = dataclasses.replace(SAC, hparams={**SAC.hparams, "limit": 2.0})
"""


def test_other_defaults_leave_ranges_and_documentation_as_they_are():
    known = {"share": HParam(0.5, 0.0, 1.0, share_of_budget=True, doc="what it is"), "rate": HParam(1e-3)}
    changed = with_defaults(known, share=0.25)
    assert changed == {"share": HParam(0.25, 0.0, 1.0, share_of_budget=True, doc="what it is"), "rate": HParam(1e-3)}
    assert defaults(changed) == {"share": 0.25, "rate": 1e-3}
    assert (known["rate"].low, known["rate"].high) == (-math.inf, math.inf)


@pytest.mark.parametrize("name", METHODS)
def test_what_a_method_does_with_a_dataset_it_also_asks_for(name):
    """Offline learning, mixed batches, an expert's rows and observations alone: none goes without a dataset."""
    method = build(name)
    assert method.needs.actions in ("continuous", "discrete", "any")
    loop = method.loop
    replays = isinstance(loop, OffPolicy)
    if (
        isinstance(loop, Offline)
        or (replays and (loop.mixes_dataset or loop.expert_batch))
        or method.needs.observations_only
    ):
        assert method.needs.dataset
    if getattr(loop, "begin", None) is not None:
        assert method.needs.traces
    if method.needs.traces:
        assert method.needs.guide
    assert ("offline_ratio" in method.hparams) == (replays and loop.mixes_dataset)


def test_a_plain_number_as_a_hyper_parameter_of_ones_own_is_refused(tmp_path):
    (tmp_path / "own.py").write_text(OWN)
    with pytest.raises(UserError, match=r"'limit' of .*own.py:LIMITED is 2.0; write HParam\(2.0\)"):
        build(f"{tmp_path}/own.py:LIMITED")


def test_an_offline_method_has_no_switch_for_steps_it_does_not_take():
    with pytest.raises(UserError, match="random_warmup"):
        build("iql-offline", {"random_warmup": True})
