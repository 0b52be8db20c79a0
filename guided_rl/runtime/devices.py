"""Which devices JAX shows: on a CPU, one for every core that this process may use."""

from __future__ import annotations

import os
import sys

import jax

from guided_rl.runtime import env_vars, limits
from guided_rl.runtime.errors import UserError


def cores() -> int:
    """`$GUIDED_RL_THREADS`, else the cores this process may use, those of its container counted."""
    return env_vars.threads() or int(limits.cores().amount)


def backend() -> str:
    """The platform that JAX runs on: `cpu`, `gpu` or `tpu`.

    Raises:
      UserError: JAX finds no device, as where `$JAX_PLATFORMS` names one that is not there.
    """
    try:
        return jax.default_backend()
    except (AssertionError, RuntimeError) as error:
        asked = os.environ.get("JAX_PLATFORMS")
        why = f" ({str(error).splitlines()[0]})" if str(error) else ""
        mend = f"unset JAX_PLATFORMS={asked}, or run make setup for that device" if asked else "run make setup anew"
        raise UserError(f"JAX finds no device to run on{why}; {mend}") from error


def join_processes() -> None:
    """Become one of `$GUIDED_RL_PROCESSES` processes that share a population, where that is set.

    `auto` leaves it to JAX to find out from Slurm, Open MPI or Kubernetes. Otherwise it is their
    number, `$GUIDED_RL_PROCESS` this one's, from 0, and `$JAX_COORDINATOR_ADDRESS` the host and
    port of process 0.
    """
    count = os.environ.get("GUIDED_RL_PROCESSES")
    if not count or jax.distributed.is_initialized():
        return
    try:
        if count == "auto":
            jax.distributed.initialize()
        else:
            own = int(os.environ["GUIDED_RL_PROCESS"])
            jax.distributed.initialize(num_processes=int(count), process_id=own)
    except (ValueError, KeyError, RuntimeError):
        print(
            f"cannot join the processes that GUIDED_RL_PROCESSES={count} asks for; it must be their number, with this "
            "one's GUIDED_RL_PROCESS, from 0, and JAX_COORDINATOR_ADDRESS=host:port of the first, or auto on a cluster",
            file=sys.stderr,
        )
        raise SystemExit(2) from None


def one_device_per_core() -> None:
    """Let JAX's CPU backend show one device per core, unless it has already started."""
    try:
        if jax.config.jax_num_cpu_devices <= 0 and "host_platform_device_count" not in os.environ.get("XLA_FLAGS", ""):
            jax.config.update("jax_num_cpu_devices", cores())
    except RuntimeError:  # the backend is running: keep the devices it has
        pass
    except UserError:  # GUIDED_RL_THREADS cannot be read: whatever runs next says so, an import must not
        pass
