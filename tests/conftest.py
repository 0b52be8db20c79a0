"""What all tests share: compiled programs on disk, few of them in memory, and no W&B unless a test asks for it.

Markers. `slow`: a long proof, in `make test-all` alone. `trains`: trains or compiles a learner, which `make test-fast`
leaves out; a test that calls `Run.execute` without that marker fails, so that the quick set stays quick.

Most of the suite's time is XLA's compilation. Asking it for less optimisation is no way out: at backend level 0,
learners on the native engine turn non-finite.
"""

from __future__ import annotations

import ctypes
import functools
import gc
import os
import sys

import hypothesis
import pytest

os.environ.setdefault("WANDB_MODE", "disabled")

# The first example of a property compiles; no deadline can tell that from slowness.
hypothesis.settings.register_profile("suite", deadline=None)
hypothesis.settings.load_profile("suite")


def pytest_configure(config):
    from guided_rl.training.cache import enable_compile_cache

    enable_compile_cache()
    refuse_unmarked_training()


running: list[pytest.Item] = []


def refuse_unmarked_training() -> None:
    """Let `Run.execute` fail in a test, or in a fixture for it, that is not marked `trains` or `slow`."""
    from guided_rl.training.run import Run

    train = Run.execute

    @functools.wraps(train)
    def marked(self, *arguments, **settings):
        unmarked = [item.nodeid for item in running if not any(map(item.get_closest_marker, ("trains", "slow")))]
        assert not unmarked, f"{unmarked[0]} trains; mark it with pytest.mark.trains"
        return train(self, *arguments, **settings)

    Run.execute = marked


@pytest.hookimpl(wrapper=True)
def pytest_runtest_protocol(item, nextitem):
    running.append(item)
    try:
        return (yield)
    finally:
        running.remove(item)
        if nextitem is None or nextitem.module is not item.module:
            forget_programs(item.module)


def forget_programs(module) -> None:
    """Drop what a finished module compiled and cached, else every worker grows by gigabytes."""
    import jax

    for value in vars(module).values():
        if callable(getattr(value, "cache_clear", None)) and getattr(value, "__module__", None) == module.__name__:
            value.cache_clear()
    jax.clear_caches()
    gc.collect()
    if sys.platform == "linux":
        ctypes.CDLL(None).malloc_trim(0)
