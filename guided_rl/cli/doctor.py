"""What this machine offers the suite, and what is wrong with it."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import jax
import jax.numpy as jnp

from guided_rl import envs
from guided_rl.guides.find import expert_folders
from guided_rl.physics import ENGINES, make_engine
from guided_rl.runtime import checkout, limits, opengl
from guided_rl.runtime import env_vars as given
from guided_rl.runtime.devices import backend
from guided_rl.runtime.errors import UserError, reason
from guided_rl.runtime.optional import OPTIONAL
from guided_rl.runtime.versions import PACKAGES, version
from guided_rl.training.cache import enable_compile_cache

LITTLE_DISK = 2 * 2**30
HIT, MISS = "/jax/compilation_cache/cache_hits", "/jax/compilation_cache/cache_misses"


@dataclass(frozen=True)
class Finding:
    """One line of the examination: what was found, and what to mend, if anything."""

    found: str
    wrong: str = ""


def examine(say: Callable[[str], None] = print) -> list[str]:
    """Print every finding and then what is wrong; returns the latter."""
    wrong: list[str] = []
    for about, check in CHECKS.items():
        finding = guarded(about, check)
        say(f"{about:<10} {finding.found}")
        if finding.wrong and finding.wrong not in wrong:  # one cause may fail several checks
            wrong.append(finding.wrong)
    say("")
    for sentence in wrong:
        say(f"wrong: {sentence}")
    if not wrong:
        say("nothing is wrong")
    return wrong


def guarded(about: str, check: Callable[[], Finding]) -> Finding:
    """What a check finds; that it failed is a finding too, since whatever is wrong is what we are here to say."""
    try:
        return check()
    except UserError as error:
        return Finding("cannot be examined", str(error))
    except Exception as error:
        return Finding("cannot be examined", f"{about} cannot be examined ({reason(error)})")


def python() -> Finding:
    return Finding(f"{sys.version.split()[0]} in {sys.prefix}")


def variables() -> Finding:
    """What the environment asks of the suite and of JAX."""
    asked = [f"{name}={value}" for name, value in sorted(os.environ.items()) if name.startswith(("GUIDED_RL_", "JAX_"))]
    found, wrong = ", ".join(asked) or "none that starts with GUIDED_RL_ or JAX_", ""
    try:
        given.check()
    except UserError as error:
        wrong = str(error)
    return Finding(found, wrong)


def packages() -> Finding:
    versions = {name: version(name) for name in PACKAGES}
    needed = [name for name, version in versions.items() if version is None and name not in OPTIONAL]
    wrong = f"not installed: {', '.join(needed)}; run make setup" if needed else ""
    if versions["mujoco"] != versions["mujoco-mjx"]:
        wrong = f"mujoco {versions['mujoco']} beside mujoco-mjx {versions['mujoco-mjx']}; run make setup"
    found = ", ".join(f"{name} {version}" for name, version in versions.items() if version)
    absent = [part.sentence() for name, part in OPTIONAL.items() if versions[name] is None]
    return Finding("; ".join([found, *absent]), wrong)


def devices() -> Finding:
    platform = backend()
    found = f"{jax.device_count()} × {jax.devices()[0].device_kind} ({platform})"
    idle_gpu = platform == "cpu" and shutil.which("nvidia-smi") is not None
    wrong = "there is an NVIDIA driver but JAX runs on the CPU; run make setup DEVICE=cuda" if idle_gpu else ""
    return Finding(found, wrong)


def engines() -> Finding:
    """Whether each engine takes the smallest task; MJX is only traced, since compiling it takes long."""
    backend()
    states, wrong = [], ""
    simulation = envs.TASKS["InvertedPendulum-v5"]().simulation
    start, control = (jnp.zeros(simulation.model.nq), jnp.zeros(simulation.model.nv)), jnp.zeros(simulation.model.nu)
    for name in ENGINES:
        try:
            engine = make_engine(simulation, name)
            one_step = lambda qpos, qvel, engine=engine: engine.step(engine.init(qpos, qvel), control)
            if name == "native":
                jax.block_until_ready(one_step(*start))
                states.append(f"{name} took a step")
            else:
                jax.eval_shape(one_step, *start)
                states.append(f"{name} was only traced")
        except UserError as error:
            states.append(f"{name} fails")
            wrong = wrong or str(error)
        except Exception as error:
            states.append(f"{name} fails")
            wrong = wrong or f"the engine {name} fails ({reason(error)})"
    return Finding(", ".join(states), wrong)


def cache() -> Finding:
    """Size of the compile cache, and whether a small program is found in it or can be put there."""
    backend()
    enable_compile_cache()
    folder = Path(jax.config.jax_compilation_cache_dir)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        files = [path for path in folder.iterdir() if path.is_file()]
        size, programs = sum(p.stat().st_size for p in files), sum(p.name.endswith("-cache") for p in files)
    except OSError as error:
        return Finding(str(folder), f"the compile cache {folder} cannot be read ({error.strerror})")
    found = f"{folder}: {programs} programs, {size / 2**20:.0f} MiB, at most {_limit()}"
    if not os.access(folder, os.W_OK):
        return Finding(found, f"the compile cache {folder} cannot be written; set GUIDED_RL_CACHE elsewhere")
    return Finding(f"{found}; a small program was {_probe()}")


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


def resources() -> Finding:
    """Cores and memory that this process may use, and what sets them."""
    most, size = limits.cores(), limits.memory()
    chosen = {given.THREADS: given.threads(), given.MEMORY: given.memory()}
    said = "".join(f"; {name} is set" for name, value in chosen.items() if value)
    return Finding(f"{most.amount:.0f} cores by {most.by}, {size.amount / 2**30:.1f} GiB by {size.by}{said}")


def disk() -> Finding:
    free = shutil.disk_usage(Path.cwd()).free
    wrong = f"only {free / 2**30:.1f} GiB of disk are free here; checkpoints may not fit" if free < LITTLE_DISK else ""
    return Finding(f"{free / 2**30:.0f} GiB free", wrong)


def wandb() -> Finding:
    """The mode that a run would log in; nobody is asked and no server is called."""
    from guided_rl.results.wandb_log import _login_mode
    from guided_rl.results.wandb_variables import asked_mode

    try:
        import wandb
    except ImportError:
        return Finding("not installed", "W&B is not installed, so runs are not logged to it; run make setup")
    asked = asked_mode()
    return Finding(f"{asked} by the environment" if asked else f"{_login_mode(wandb)} by login")


def experts() -> Finding:
    found = {path.stem: path.parent for folder in expert_folders() for path in sorted(folder.glob("*.npz"))}
    if not found and checkout.find() is None:
        return Finding("none, since they are part of the guided-rl checkout; GUIDED_RL_EXPERTS names a folder of them")
    if not found:
        return Finding("none", "there are no experts, so guides such as bc are missing; run make experts")
    return Finding(", ".join(sorted(found)))


def tables() -> Finding:
    """Their names, or none outside a checkout, which a run does without."""
    if checkout.find() is None:
        return Finding("none, since they are part of the guided-rl checkout")
    return Finding(", ".join(checkout.tables().TABLES))


def pictures() -> Finding:
    kind = os.environ.get("MUJOCO_GL") or ("a screen" if "DISPLAY" in os.environ else opengl.first_working())
    return Finding(f"by {kind}" if kind else f"none, so no videos; {opengl.INSTALL}")


CHECKS: dict[str, Callable[[], Finding]] = {
    "python": python,
    "variables": variables,
    "packages": packages,
    "devices": devices,
    "engines": engines,
    "resources": resources,
    "cache": cache,
    "disk": disk,
    "W&B": wandb,
    "experts": experts,
    "tables": tables,
    "pictures": pictures,
}
