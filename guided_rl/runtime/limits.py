"""What this process may use of its machine: the least of the host, of its control groups, and of its own limits.

Docker's `--cpus` and `--memory`, a Kubernetes limit, a Slurm job and a systemd quota are control groups (Linux,
`man 7 cgroups`): version 2 says `cpu.max` and `memory.max`, version 1 `cpu.cfs_quota_us` and
`memory.limit_in_bytes`, each in the process' own group and in every group above it.
"""

from __future__ import annotations

import contextlib
import math
import os
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

ROOT = Path("/")
UNLIMITED = 2**60  # version 1 writes a number near 2**63 where there is no limit


class Limit(NamedTuple):
    """An amount, and what sets it."""

    amount: float
    by: str


def cores(root: Path = ROOT) -> Limit:
    """Whole cores that this process may use, at least one."""
    affinity = getattr(os, "sched_getaffinity", None)  # Linux alone has it
    found = [Limit(len(affinity(0)) if affinity else os.cpu_count() or 1, "the processor")]
    for folder in group_folders("cpu", root):
        if (share := _cpu_share(folder)) is not None:
            found.append(Limit(share, f"the control group {folder}"))
    least = min(found, key=lambda limit: limit.amount)
    return Limit(max(1, math.floor(least.amount)), least.by)


def memory(root: Path = ROOT) -> Limit:
    """Bytes that this process may use."""
    found = [Limit(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES"), "the machine")]
    for folder in group_folders("memory", root):
        for name in ("memory.max", "memory.limit_in_bytes"):
            if (size := _number(folder / name)) is not None and size < UNLIMITED:
                found.append(Limit(size, f"the control group {folder}"))
    with contextlib.suppress(ImportError):
        import resource  # absent on Windows

        for name, word in (("RLIMIT_AS", "ulimit -v"), ("RLIMIT_DATA", "ulimit -d")):
            size, _ = resource.getrlimit(getattr(resource, name))
            if size != resource.RLIM_INFINITY:
                found.append(Limit(size, word))
    return min(found, key=lambda limit: limit.amount)


def group_folders(controller: str, root: Path = ROOT) -> Iterator[Path]:
    """The folders of this process' control group for `controller` and of all groups above it, as they are mounted.

    In a container the path may be the host's, which is not there: then what is mounted is the container's own group.
    """
    base = root / "sys" / "fs" / "cgroup"
    for line in _lines(root / "proc" / "self" / "cgroup"):
        _, _, rest = line.partition(":")
        controllers, _, path = rest.partition(":")
        if controllers and controller not in controllers.split(","):
            continue
        mounts = [base / controllers, base / controller] if controllers else [base, base / "unified"]
        for mount in dict.fromkeys(mounts):
            here = mount / path.lstrip("/")
            while mount.is_dir():
                if here.is_dir():
                    yield here
                if here in (mount, here.parent) or not here.is_relative_to(mount):
                    break
                here = here.parent


def _cpu_share(folder: Path) -> float | None:
    """Cores that a group's processes may use at a time, None where it sets no quota."""
    quota, period = [*" ".join(_lines(folder / "cpu.max")).split(), "", ""][:2]
    if not quota:
        quota, period = (" ".join(_lines(folder / f"cpu.cfs_{name}_us")) for name in ("quota", "period"))
    try:
        share = int(quota) / int(period)
    except (ValueError, ZeroDivisionError):
        return None
    return share if share > 0 else None


def _number(path: Path) -> int | None:
    try:
        return int(" ".join(_lines(path)))
    except ValueError:
        return None


def _lines(path: Path) -> list[str]:
    try:
        return path.read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return []
