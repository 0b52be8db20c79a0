"""Which devices JAX shows: on a CPU, one for every core that this process may use."""

from __future__ import annotations

import os

import jax


def cores() -> int:
    """`$GUIDED_RL_THREADS`, else the cores this process may use."""
    return int(os.environ.get("GUIDED_RL_THREADS", 0)) or len(os.sched_getaffinity(0))


def one_device_per_core() -> None:
    """Let JAX's CPU backend show one device per core, unless it has already started."""
    try:
        if jax.config.jax_num_cpu_devices <= 0 and "host_platform_device_count" not in os.environ.get("XLA_FLAGS", ""):
            jax.config.update("jax_num_cpu_devices", cores())
    except RuntimeError:  # the backend is running: keep the devices it has
        pass
