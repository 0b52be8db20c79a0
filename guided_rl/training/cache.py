"""JAX's persistent compile cache, on by default."""

from __future__ import annotations

import contextlib
import os
import warnings
from collections.abc import Iterator
from pathlib import Path

import jax

from guided_rl.runtime.env_vars import home_cache

FAILED = ("Error reading persistent compilation cache", "Error writing persistent compilation cache")


def cache_folder() -> Path:
    """`$GUIDED_RL_CACHE`, else `~/.cache/guided-rl/xla`."""
    named = os.environ.get("GUIDED_RL_CACHE")
    return Path(named) if named else home_cache() / "xla"


def enable_compile_cache() -> None:
    """Keep compiled programs across processes, unless the user chose a cache of their own."""
    if jax.config.jax_compilation_cache_dir is None:
        jax.config.update("jax_compilation_cache_dir", str(cache_folder()))
        jax.config.update("jax_persistent_cache_min_compile_time_secs", 0.3)
        jax.config.update("jax_persistent_cache_min_entry_size_bytes", 0)


@contextlib.contextmanager
def repair_cache() -> Iterator[None]:
    """Around compilation, in whatever thread: what JAX then fails to read or to write does not stay in our cache.

    JAX writes an entry in place, so that a full disk leaves half of it; from then on it warns of
    it at every start, compiles anew and keeps the half, because an entry is there.
    """
    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always")
        yield
    if any(str(one.message).startswith(FAILED) for one in said):
        drop_broken()
    for one in said:
        warnings.warn_explicit(one.message, one.category, one.filename, one.lineno)


def drop_broken() -> None:
    """Remove the entries of our cache that JAX cannot decompress; a cache of the user's own is left alone."""
    from jax._src.compilation_cache import decompress_executable  # it picks the compression, and has no public name

    if jax.config.jax_compilation_cache_dir != str(cache_folder()):
        return
    for path in cache_folder().glob("*-cache"):
        try:
            decompress_executable(path.read_bytes())
        except OSError:  # gone, or not ours to read
            continue
        except Exception:  # each compression has an error of its own
            with contextlib.suppress(OSError):
                path.unlink()
