"""Run folders: one owner at a time, one configuration, and whole checkpoints only.

Orbax writes a checkpoint beside the old one and renames it, so that a run killed at any
moment finds either the old state or the new one, never a mixture.
"""

from __future__ import annotations

import contextlib
import fcntl
import functools
import json
import logging
import shutil
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from guided_rl.config import differences
from guided_rl.runtime.errors import UserError, note
from guided_rl.runtime.files import replace_file
from guided_rl.runtime.rng import KEYS
from guided_rl.training.processes import is_main_process


@contextlib.contextmanager
def claim_folder(
    folder: Path, config: dict[str, Any], advice: dict[str, str] | None = None, plan: dict[str, int] | None = None
) -> Iterator[None]:
    """Hold `folder` for this process, this configuration, these advisers and this plan.

    `advice` names the content behind the configuration's guide and dataset by hash; `plan` is
    what checkpoints take their shape from: the width of a wave, and its chunk.

    Raises:
      UserError: another process holds it, it belongs to another configuration, or it cannot
        be written.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        lock = (folder / "lock").open("w")
    except OSError as error:
        raise UserError(f"cannot write to the run folder {folder} ({error.strerror}); choose another folder") from error
    with lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except (BlockingIOError, PermissionError):
            raise UserError(f"another process is running in {folder}; wait for it or choose another folder") from None
        except OSError as error:
            note(f"{folder} lies where files cannot be locked ({error.strerror}): start no second process in it")
        _claim(folder / "config.json", config)
        if changed := content_changes(folder, advice or {}):
            raise UserError(changed)
        _claim(folder / "advice.json", {**_held(folder / "advice.json"), **(advice or {})}, replace=True)
        _claim(folder / "plan.json", plan or {}, "was begun where the population was split up otherwise")
        yield


def wait_for_owner(folder: Path, seconds: float) -> None:
    """Wait until no process holds `folder`, but no longer than so: a dead process's lock outlives it a little."""
    path, until = folder / "lock", time.monotonic() + seconds
    while path.exists() and time.monotonic() < until:
        try:
            with path.open("w") as lock:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except (BlockingIOError, PermissionError):
            time.sleep(0.2)
            continue
        except OSError:  # nothing can be locked there, so that there is no telling
            pass
        return


def content_changes(folder: Path, advice: dict[str, str]) -> str:
    """A sentence on what stands behind the names of the run in `folder` and is not what it was; empty if nothing is.

    What an older version did not keep is taken as unchanged.
    """
    held = _held(folder / "advice.json")
    changed = [name for name, content in advice.items() if held.get(name, content) != content]
    if not changed:
        return ""
    return (
        f"{folder} holds a run whose {' and '.join(changed)} had another content under the same name; its numbers do "
        "not count for this one, so choose another folder with --folder, or remove it"
    )


def _held(path: Path) -> dict[str, Any]:
    """The JSON object in a file of a run folder; empty without the file.

    Raises:
      UserError: it cannot be read.
    """
    try:
        found = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
    except ValueError as error:
        raise UserError(f"{path} was altered and cannot be read; remove {path.parent} or choose another") from error
    except OSError as error:
        raise UserError(f"cannot read {path} ({error.strerror}); choose another folder") from error
    return found if isinstance(found, dict) else {}


def _claim(
    path: Path, config: dict[str, Any], whose: str = "holds a run of another configuration", replace: bool = False
) -> None:
    """Hold a file for `config`, which an older content refuses, unless it may be replaced."""
    try:
        held = json.loads(path.read_text(encoding="utf-8")) if path.exists() and not replace else None
        if held is None:
            replace_file(path, json.dumps(config, indent=1).encode())
    except OSError as error:
        raise UserError(
            f"cannot write to the run folder {path.parent} ({error.strerror}); free some space or choose another folder"
        ) from error
    except ValueError as error:
        raise UserError(f"{path} was altered and cannot be read; remove {path.parent} or choose another") from error
    changed = [] if held is None else differences(held, config)
    if changed:
        raise UserError(f"{path.parent} {whose} ({'; '.join(changed)}); choose another folder or remove it")


class Clock:
    """Seconds that a run has taken so far, and the code that trained it, in all the processes that worked on it.

    Attributes:
      codes: what `versions.code` told in each process that kept something, in that order, repeats left out.
    """

    def __init__(self, folder: Path | None, code: dict[str, Any] | None = None):
        self.folder, self.code, self.begun = folder, code, time.monotonic()
        self.before = float(self._read("seconds.json", (int, float), 0.0))
        self.codes: list[dict[str, Any]] = self._read("code.json", list, [])

    def seconds(self) -> float:
        return self.before + time.monotonic() - self.begun

    def keep(self) -> None:
        """Write it down, as far as the disk allows: a run is worth more than its stopwatch."""
        if self.code is not None and self.codes[-1:] != [self.code]:
            self.codes.append(self.code)
        with contextlib.suppress(OSError):
            if self.folder:
                replace_file(self.folder / "seconds.json", json.dumps(round(self.seconds(), 3)).encode())
                replace_file(self.folder / "code.json", json.dumps(self.codes, indent=1).encode())

    def _read(self, name: str, kind: Any, default: Any) -> Any:
        try:
            found = json.loads((self.folder / name).read_text(encoding="utf-8")) if self.folder else default
        except (OSError, ValueError):
            return default
        return found if isinstance(found, kind) else default


class Checkpoints:
    """The latest checkpoint of one population, in `folder`."""

    def __init__(self, folder: Path):
        self.folder = folder.absolute()

    def open(self) -> None:
        """Load Orbax, which takes a second: a good time is while programs are being compiled."""
        _ = self._orbax

    @functools.cached_property
    def _orbax(self) -> Any:
        return _ocp().Checkpointer(_ocp().StandardCheckpointHandler())

    def latest(self) -> Path | None:
        """The newest complete checkpoint."""
        steps = [p for p in self.folder.glob("step_*") if p.name.removeprefix("step_").isdigit()]
        return max(steps, key=lambda p: int(p.name.removeprefix("step_")), default=None)

    def save(self, step: int, tree: Any) -> None:
        """Keep `tree` as the state at `step`, then drop the older ones.

        Raises:
          UserError: the disk is full or the folder cannot be written; older checkpoints stay.
        """
        old = [p for p in self.folder.glob("step_*") if p.name != f"step_{step}"]
        try:
            with _quiet():
                self._orbax.save(
                    self.folder / f"step_{step}", args=_ocp().args.StandardSave(_to_arrays(tree)), force=True
                )
        except (OSError, ValueError) as error:
            full = "No space left on device"
            reason = full if full in str(error) else str(error).splitlines()[0]
            raise UserError(
                f"saving a checkpoint in {self.folder} failed ({reason}); free some space or choose another folder"
            ) from error
        for path in old if is_main_process() else ():
            shutil.rmtree(path, ignore_errors=True)

    def restore(self, like: Any, shardings: Any) -> Any | None:
        """The newest state in the shape of `like` (abstract or concrete), each leaf where it belongs, or None.

        Raises:
          UserError: the checkpoint cannot be read.
        """
        path = self.latest()
        if path is None:
            return None
        shapes = jax.eval_shape(_to_arrays, like)
        abstract = jax.tree.map(lambda x, s: jax.ShapeDtypeStruct(x.shape, x.dtype, sharding=s), shapes, shardings)
        try:
            with _quiet():
                tree = self._orbax.restore(path, args=_ocp().args.StandardRestore(abstract))
        except Exception as error:
            raise UserError(
                f"the checkpoint {path} cannot be read ({str(error).splitlines()[0]}); remove it to start afresh"
            ) from error
        return _from_arrays(tree, like)

    def remove(self) -> None:
        """Delete every checkpoint."""
        shutil.rmtree(self.folder, ignore_errors=True)


def _ocp() -> Any:
    import orbax.checkpoint

    return orbax.checkpoint


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """Without the tracebacks that Orbax's own threads log; what failed is raised as well."""
    logger = logging.getLogger("absl")
    level = logger.level
    logger.setLevel(logging.CRITICAL)
    try:
        yield
    finally:
        logger.setLevel(level)


def _is_key(leaf: Any) -> bool:
    return jnp.issubdtype(leaf.dtype, jax.dtypes.prng_key)


def _to_arrays(tree: Any) -> Any:
    return jax.tree.map(lambda x: jax.random.key_data(x) if _is_key(x) else x, tree)


def _from_arrays(tree: Any, like: Any) -> Any:
    return jax.tree.map(lambda x, y: jax.random.wrap_key_data(x, impl=KEYS) if _is_key(y) else x, tree, like)


def tree_bytes(tree: Any) -> int:
    """Bytes of every array in a concrete or abstract tree."""
    return sum(int(np.prod(x.shape)) * x.dtype.itemsize for x in jax.tree.leaves(jax.eval_shape(_to_arrays, tree)))
