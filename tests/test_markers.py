"""The quick set stays quick: what trains without its mark fails."""

from __future__ import annotations

import pytest

from guided_rl.training.run import Run


def test_training_without_the_mark_is_refused():
    with pytest.raises(AssertionError, match=r"test_training_without_the_mark_is_refused trains; mark it"):
        Run.execute(None, None, (), 0.0)
