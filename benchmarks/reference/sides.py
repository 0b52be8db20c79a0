"""The two sides of a comparison of returns: a peer's seed, from the cache where it ran before, and our population."""

from __future__ import annotations

import hashlib
import json
import shutil
import subprocess
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from benchmarks import ROOT
from benchmarks.peers.environment import HERE, peer_variables, peers_python
from guided_rl.config import RunConfig
from guided_rl.runtime.errors import UserError
from guided_rl.runtime.files import replace_file

ONE_THREAD = {"XLA_FLAGS": "--xla_cpu_multi_thread_eigen=false", "OMP_NUM_THREADS": "1"}


def flags(values: Mapping[str, Any]) -> list[str]:
    """A command line, `--some-name value …`, of names and values; a tuple's entries follow each other."""
    parts = lambda value: value if isinstance(value, tuple) else (value,)
    return [word for name, value in values.items() for word in (f"--{name.replace('_', '-')}", *map(str, parts(value)))]


def peer_seed(script: str, arguments: Sequence[str], label: str) -> dict[str, Any]:
    """What `benchmarks/peers/<script>` prints for these arguments, as JSON.

    Raises:
      UserError: it failed.
    """
    path = HERE / script
    key = hashlib.sha256(repr(list(arguments)).encode() + path.read_bytes()).hexdigest()[:12]
    kept = ROOT / ".cache" / "reference" / f"{label}-{key}.json"
    if not kept.exists():
        command = [str(peers_python()), str(path), *arguments]
        done = subprocess.run(command, capture_output=True, text=True, env=peer_variables() | ONE_THREAD)
        if done.returncode:
            last = (done.stderr.strip().splitlines() or ["no output"])[-1]
            raise UserError(f"{script} failed for {label}: {last}")
        replace_file(kept, done.stdout.encode())
    return json.loads(kept.read_text())


def our_returns(config: RunConfig, protocols: Iterable[str] = ("policy",)) -> dict[str, np.ndarray]:
    """Protocol to evaluation returns [points, seeds, episodes] of our population.

    Raises:
      UserError: a seed turned non-finite.
    """
    from guided_rl.api import train  # imports JAX's backend, which the pages do not need

    last = config.first_seed + config.seeds
    name = f"{config.method}-{config.task}-{config.first_seed}-{last}-{config.steps}"
    folder = ROOT / "runs" / "reference" / name
    result = train(config, folder=folder)
    shutil.rmtree(folder)
    if (result.died_at >= 0).any():
        dead = result.seeds[result.died_at >= 0].tolist()
        raise UserError(f"seeds {dead} of {config.method} on {config.task} turned non-finite")
    found = result.history.evaluation["episode_return"]
    return {protocol: found[:, :, result.protocols.index(protocol)] for protocol in protocols}
