"""What all tests share: the compile cache that users have, and no W&B unless a test asks for it."""

from __future__ import annotations

import os

import hypothesis

os.environ.setdefault("WANDB_MODE", "disabled")


def pytest_configure(config):
    from guided_rl.training.cache import enable_compile_cache

    enable_compile_cache()


# The first example of a property compiles; no deadline can tell that from slowness.
hypothesis.settings.register_profile("suite", deadline=None)
hypothesis.settings.load_profile("suite")
