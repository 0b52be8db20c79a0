"""What this machine offers the suite, and what is wrong with it."""

from __future__ import annotations

import importlib.metadata
import os
import shutil
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import jax
import jax.numpy as jnp

from guided_rl import envs, gl
from guided_rl.cli import checkout
from guided_rl.errors import UserError
from guided_rl.guides.find import expert_folders
from guided_rl.physics import ENGINES, make_engine
from guided_rl.reporting.provenance import PACKAGES
from guided_rl.training.cache import enable_compile_cache

LITTLE_DISK = 2 * 2**30
HIT, MISS = "/jax/compilation_cache/cache_hits", "/jax/compilation_cache/cache_misses"


@dataclass(frozen=True)
class Finding:
    """One line of the examination: what it is about, what was found, and what to mend, if anything."""

    about: str
    found: str
    wrong: str = ""


def examine(say: Callable[[str], None] = print) -> list[str]:
    """Print every finding and then what is wrong; returns the latter."""
    findings = [
        check() for check in (python, packages, devices, engines, cache, disk, wandb, experts, tables, pictures)
    ]
    for finding in findings:
        say(f"{finding.about:<10} {finding.found}")
    wrong = [finding.wrong for finding in findings if finding.wrong]
    say("")
    for sentence in wrong:
        say(f"wrong: {sentence}")
    if not wrong:
        say("nothing is wrong")
    return wrong


def python() -> Finding:
    return Finding("python", f"{sys.version.split()[0]} in {sys.prefix}")


def packages() -> Finding:
    versions = {name: _version(name) for name in PACKAGES}
    missing = [name for name, version in versions.items() if version is None]
    wrong = f"not installed: {', '.join(missing)}; run make setup" if missing else ""
    if versions["mujoco"] != versions["mujoco-mjx"]:
        wrong = f"mujoco {versions['mujoco']} beside mujoco-mjx {versions['mujoco-mjx']}; run make setup"
    return Finding("packages", ", ".join(f"{name} {version}" for name, version in versions.items()), wrong)


def devices() -> Finding:
    found = f"{jax.device_count()} × {jax.devices()[0].device_kind} ({jax.default_backend()})"
    idle_gpu = jax.default_backend() == "cpu" and shutil.which("nvidia-smi") is not None
    wrong = "there is an NVIDIA driver but JAX runs on the CPU; run make setup DEVICE=cuda" if idle_gpu else ""
    return Finding("devices", found, wrong)


def engines() -> Finding:
    """Whether each engine takes the smallest task; MJX is only traced, since compiling it takes long."""
    states, wrong = [], ""
    simulation = envs.TASKS["InvertedPendulum-v5"]().simulation
    start = jnp.zeros(simulation.model.nq), jnp.zeros(simulation.model.nv)
    for name in ENGINES:
        try:
            init = make_engine(simulation, name).init
            jax.block_until_ready(init(*start)) if name == "native" else jax.eval_shape(init, *start)
            states.append(f"{name} works")
        except Exception as error:  # whatever is wrong with an engine is what we are here to say
            states.append(f"{name} fails")
            wrong = f"the engine {name} fails ({type(error).__name__}: {error})"
    return Finding("engines", ", ".join(states), wrong)


def cache() -> Finding:
    """Size of the compile cache, and whether a small program is found in it or can be put there."""
    enable_compile_cache()
    folder = Path(jax.config.jax_compilation_cache_dir)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        files = [path for path in folder.iterdir() if path.is_file()]
        size, programs = sum(p.stat().st_size for p in files), sum(p.name.endswith("-cache") for p in files)
    except OSError as error:
        return Finding("cache", str(folder), f"the compile cache {folder} cannot be read ({error.strerror})")
    found = f"{folder}: {programs} programs, {size / 2**20:.0f} MiB, at most {_limit()}"
    if not os.access(folder, os.W_OK):
        return Finding("cache", found, f"the compile cache {folder} cannot be written; set GUIDED_RL_CACHE elsewhere")
    return Finding("cache", f"{found}; a small program was {_probe()}")


def _limit() -> str:
    limit = jax.config.jax_compilation_cache_max_size
    return "what the disk holds" if limit < 0 else f"{limit / 2**20:.0f} MiB"


def _probe() -> str:
    """Compile a small program with the cache on: it is found there from the second time on."""
    seen: list[str] = []
    listen = lambda event, **_: seen.append(event)
    jax.monitoring.register_event_listener(listen)
    least = jax.config.jax_persistent_cache_min_compile_time_secs
    jax.config.update("jax_persistent_cache_min_compile_time_secs", 0.0)
    try:
        jax.jit(lambda x: jnp.sin(x) @ jnp.cos(x)).lower(jnp.zeros((7, 7))).compile()
    finally:
        jax.config.update("jax_persistent_cache_min_compile_time_secs", least)
        jax.monitoring.unregister_event_listener(listen)
    return "found in it" if HIT in seen else "put into it" if MISS in seen else "not looked for in it"


def disk() -> Finding:
    free = shutil.disk_usage(Path.cwd()).free
    wrong = f"only {free / 2**30:.1f} GiB of disk are free here; checkpoints may not fit" if free < LITTLE_DISK else ""
    return Finding("disk", f"{free / 2**30:.0f} GiB free", wrong)


def wandb() -> Finding:
    """The mode that a run would log in; nobody is asked and no server is called."""
    from guided_rl.reporting.wandb_log import _asked_mode, _login_mode

    try:
        import wandb
    except ImportError:
        return Finding("W&B", "not installed", "W&B is not installed, so runs are not logged to it; run make setup")
    asked = _asked_mode()
    return Finding("W&B", f"{asked} by the environment" if asked else f"{_login_mode(wandb)} by login")


def experts() -> Finding:
    found = {path.stem: path.parent for folder in expert_folders() for path in sorted(folder.glob("*.npz"))}
    if not found:
        return Finding("experts", "none", "there are no experts, so guides such as bc are missing; run make experts")
    return Finding("experts", ", ".join(sorted(found)))


def tables() -> Finding:
    try:
        return Finding("tables", ", ".join(checkout.tables().TABLES))
    except UserError as error:
        return Finding("tables", "none", str(error))


def pictures() -> Finding:
    kind = os.environ.get("MUJOCO_GL") or ("a screen" if "DISPLAY" in os.environ else gl.first_working())
    return Finding("pictures", f"by {kind}" if kind else f"none, so no videos; {gl.INSTALL}")


def _version(name: str) -> str | None:
    try:
        return importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        return None


CHECKS = (python, packages, devices, engines, cache, disk, wandb, experts, tables, pictures)
