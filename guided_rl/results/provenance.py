"""Where a number came from: code, versions, device, engine and precision."""

from __future__ import annotations

import platform
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import jax

from guided_rl.runtime import limits
from guided_rl.runtime.versions import code

KINDS = {"family": "cpu family", "model": "model"}


def provenance(engine: Any = None) -> dict[str, Any]:
    """Facts about this process, as plain JSON; nothing that names the machine or its user.

    Args:
      engine: a `guided_rl.physics.Engine`, or None where no physics ran.
    """
    return {
        **code(),
        "python": platform.python_version(),
        "platform": f"{platform.system()} {platform.machine()}",
        "processor": _processor(),
        "device": f"{jax.device_count()} × {jax.devices()[0].device_kind}",
        "backend": jax.default_backend(),
        "cores": int(limits.cores().amount),
        "engine": getattr(engine, "name", None),
        "engine_options": dict(getattr(engine, "options", None) or {}),
        "precision": _precision(),
        "date": datetime.now(UTC).isoformat(timespec="seconds"),
    }


def _processor(facts: Path = Path("/proc/cpuinfo")) -> str:
    """The processor's kind: compiled programs differ with it, and so do rates and results' last bits."""
    lines = (
        facts.read_text(encoding="utf-8", errors="replace").partition("\n\n")[0].splitlines() if facts.exists() else []
    )
    told = {name.strip(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
    named = told.get("model name") or platform.processor() or platform.machine()
    return ", ".join([named, *(f"{name} {told[key]}" for name, key in KINDS.items() if key in told)])


def _precision() -> str:
    width = "float64" if jax.config.jax_enable_x64 else "float32"
    return f"{width}, matmul {jax.config.jax_default_matmul_precision or 'default'}"
