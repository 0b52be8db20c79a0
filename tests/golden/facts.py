"""What stored records, checkpoints and archives rely on, as plain JSON that no refactoring may change.

Nothing is trained or compiled here; `tests.golden.runs` freezes numbers.
"""

from __future__ import annotations

import importlib
import json
import pkgutil
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from unittest import mock

import jax
import numpy as np

import guided_rl
from benchmarks.runner.cells import PRESETS, agents_file
from benchmarks.runner.tables import TABLES
from guided_rl import envs
from guided_rl.data.replay import Layout
from guided_rl.datasets import demonstrations
from guided_rl.datasets.lookup import find_dataset
from guided_rl.runtime.rng import KEYS
from guided_rl.training.plan import abstract_population
from guided_rl.training.run import Run
from guided_rl.training.streams import STREAMS
from tests.golden.runs import run_of

ROOT = Path(__file__).parents[2]
FREE = ("failed", "files", "grid")  # objects of a record whose keys are names that a run chose
CHECKPOINTED = ("sac", "td3", "dai-sac", "pag", "iql-offline", "pex", "off2on", "sac-eo", "gaifo-sac", "bread")


def key_paths(value: Any, depth: int = 2, path: str = "") -> Iterator[str]:
    """`provenance.versions`, `rows[].state`, ...: the keys of a JSON document down to `depth`."""
    if isinstance(value, list):
        for item in value:
            yield from key_paths(item, depth, f"{path}[]")
    elif isinstance(value, Mapping) and depth:
        for name, item in value.items():
            below = f"{path}.{name}" if path else name
            yield below
            if name not in FREE:
                yield from key_paths(item, depth - 1, below)


def record_keys() -> dict[str, dict[str, list[str]]]:
    """Of every kind of committed record, by file name: the keys of all of them, and those of some."""
    kinds: dict[str, list[set[str]]] = {}
    for path in sorted((ROOT / "results").rglob("*.json")):
        kinds.setdefault(path.name, []).append(set(key_paths(json.loads(path.read_text()))))
    always = {kind: set.intersection(*found) for kind, found in kinds.items()}
    sometimes = {kind: set.union(*found) - always[kind] for kind, found in kinds.items()}
    return {kind: {"always": sorted(always[kind]), "sometimes": sorted(sometimes[kind])} for kind in sorted(kinds)}


def cell_names() -> dict[str, dict[str, dict[str, str]]]:
    """Table to preset to the name of each cell, in order, with its variant."""
    return {
        name: {preset: {cell.name: cell.variant for cell in table.cells(preset)} for preset in PRESETS}
        for name, table in TABLES.items()
    }


def agents_files() -> dict[str, dict[str, str]]:
    """Table and preset to each cell that others need, with the file, named by a digest, that its agents are kept in."""
    found: dict[str, dict[str, str]] = {}
    for name, table in TABLES.items():
        for preset in PRESETS:
            needed = [cell.needs for cell in table.cells(preset) if cell.needs is not None]
            if needed:
                found[f"{name}/{preset}"] = {cell.name: str(agents_file(cell.config)) for cell in needed}
    return found


@contextmanager
def looked_for() -> Iterator[list[str]]:
    """The names of the dataset files that are asked for meanwhile; each is said to hold zeros of any width."""
    asked: list[str] = []

    def rows(path: Path, recipe: str) -> np.ndarray:
        asked.append(path.stem)
        return np.zeros((1, 1, 1), np.float32)

    with mock.patch("importlib.metadata.version", lambda name: "any"), mock.patch.object(demonstrations, "_read", rows):
        yield asked


def dataset_digests() -> dict[str, list[str]]:
    """Task and dataset of every table to the digests that name its files, with the packages' versions left out."""
    used = {
        (cell.config.task, cell.config.dataset)
        for table in TABLES.values()
        for preset in PRESETS
        for cell in table.cells(preset)
        if cell.config.dataset is not None
    }
    found = {}
    for task, named in sorted(used):
        env = envs.make(task, "native")
        with looked_for() as asked:
            find_dataset(named, env, Layout.of(env.observation_size, env.action_space.width))
        found[f"{task} {named}"] = asked
    return found


def tree_paths(built: Run) -> list[str]:
    """`path dtype[shape]` of every array of the run's checkpoint."""
    width = 2  # not the plan's, which follows the machine
    tree = {"population": abstract_population(built, width), "history": built.empty_history(width).tree()}
    leaves, _ = jax.tree_util.tree_flatten_with_path(tree)
    name = lambda path: jax.tree_util.keystr(path, simple=True, separator="/")
    return [f"{name(path)} {leaf.dtype}{list(leaf.shape)}" for path, leaf in leaves]


def checkpoint_trees() -> dict[str, list[str]]:
    """A method of every sort to what its checkpoint holds."""
    return {method: tree_paths(run_of(method)) for method in CHECKPOINTED}


def random_streams() -> dict[str, Any]:
    """The order of the loop's streams, every constant that is folded into a key, and some numbers drawn."""
    constants: dict[str, set[int]] = {}
    for module in pkgutil.walk_packages(guided_rl.__path__, "guided_rl."):
        for name, value in vars(importlib.import_module(module.name)).items():
            if name.endswith(("_STREAM", "SEED")) and isinstance(value, int):
                constants.setdefault(name, set()).add(value)
    key = jax.random.fold_in(jax.random.key(3, impl=KEYS), 5)
    return {
        "loop": list(STREAMS),
        "constants": {name: sorted(values) for name, values in sorted(constants.items())},
        "split": jax.random.key_data(jax.random.split(key, 2)).tolist(),
        "bits": jax.random.bits(key, (3,)).tolist(),
        "many bits": jax.random.bits(key, (101,))[-3:].tolist(),
    }


def weight_keys() -> dict[str, list[str]]:
    """Shipped archive to `key[shape]` of its arrays."""
    found = {}
    for path in sorted((ROOT / "experts").glob("*.npz")):
        with np.load(path) as archive:
            found[path.name] = [f"{name}{list(archive[name].shape)}" for name in archive.files]
    return found


FACTS: dict[str, Callable[[], Any]] = {
    "record_keys": record_keys,
    "cell_names": cell_names,
    "agents_files": agents_files,
    "dataset_digests": dataset_digests,
    "checkpoint_trees": checkpoint_trees,
    "random_streams": random_streams,
    "weight_keys": weight_keys,
}
