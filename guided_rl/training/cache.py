"""JAX's persistent compile cache, on by default."""

from __future__ import annotations

import os
from pathlib import Path

import jax


def cache_folder() -> Path:
    """`$GUIDED_RL_CACHE`, else `~/.cache/guided-rl/xla`."""
    return Path(os.environ.get("GUIDED_RL_CACHE") or Path.home() / ".cache" / "guided-rl" / "xla")


def enable_compile_cache() -> None:
    """Keep compiled programs across processes, unless the user chose a cache of their own."""
    if jax.config.jax_compilation_cache_dir is None:
        jax.config.update("jax_compilation_cache_dir", str(cache_folder()))
        jax.config.update("jax_persistent_cache_min_compile_time_secs", 0.3)
        jax.config.update("jax_persistent_cache_min_entry_size_bytes", 0)
