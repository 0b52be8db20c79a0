"""The compile cache recovers from entries that a full disk cut short."""

from __future__ import annotations

import errno
import warnings
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import jax
import jax.numpy as jnp
import pytest
from jax._src.lru_cache import LRUCache
from jax.experimental.compilation_cache import compilation_cache

from guided_rl.training.run import Run


@pytest.fixture
def entries(tmp_path, monkeypatch):
    """An empty cache of ours that keeps every program; gives its entries."""
    monkeypatch.setenv("GUIDED_RL_CACHE", str(tmp_path))
    settings = {"jax_compilation_cache_dir": str(tmp_path), "jax_persistent_cache_min_compile_time_secs": 0.0}
    before = {name: getattr(jax.config, name) for name in settings}
    for name, value in settings.items():
        jax.config.update(name, value)
    compilation_cache.reset_cache()
    yield lambda: list(tmp_path.glob("*-cache"))
    for name, value in before.items():
        jax.config.update(name, value)
    compilation_cache.reset_cache()


def compiled() -> None:
    """A run compiles the same small program each time, which only the persistent cache knows."""
    run = object.__new__(Run)
    program = jax.jit(lambda x: jnp.sin(x) @ jnp.cos(x)).lower(jax.ShapeDtypeStruct((5, 5), jnp.float32))
    run._compilers = ThreadPoolExecutor(1)
    run._programs, run.compile_seconds, run.lowered = {}, 0.0, lambda name, width: program
    run.program("chunk", 1)


def cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-40])


def test_an_entry_cut_short_is_warned_of_once_and_replaced(entries):
    compiled()
    (entry,) = entries()
    whole = entry.stat().st_size
    cut(entry)
    with pytest.warns(UserWarning, match="Error reading persistent compilation cache"):
        compiled()
    assert not entries()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        compiled()
        compiled()
    assert entries() == [entry] and abs(entry.stat().st_size - whole) < 200


def test_a_full_disk_leaves_no_half_and_whole_entries_stay(entries, monkeypatch, tmp_path):
    compiled()
    (entry,) = entries()
    whole = entry.rename(tmp_path / "another-cache").read_bytes()

    def full(self, key, value):
        (tmp_path / f"{key}-cache").write_bytes(value[:-40])
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(LRUCache, "put", full)
    with pytest.warns(UserWarning, match="Error writing persistent compilation cache"):
        compiled()
    (kept,) = entries()
    assert kept.read_bytes() == whole


def test_a_cache_of_the_users_own_is_left_alone(entries, monkeypatch):
    compiled()
    (entry,) = entries()
    cut(entry)
    monkeypatch.setenv("GUIDED_RL_CACHE", str(entry.parent / "elsewhere"))
    with pytest.warns(UserWarning, match="Error reading"):
        compiled()
    assert entries() == [entry]
