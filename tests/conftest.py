"""What all tests share: the compile cache that users have, and no W&B unless a test asks for it."""

from __future__ import annotations

import os

os.environ.setdefault("WANDB_MODE", "disabled")


def pytest_configure(config):
    from guided_rl.training.cache import enable_compile_cache

    enable_compile_cache()
