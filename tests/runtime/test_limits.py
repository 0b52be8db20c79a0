"""Cores and memory as containers and control groups allow them, on made-up file systems."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from guided_rl.runtime import limits

GIB = 2**30
HOST_CORES = len(os.sched_getaffinity(0))


def machine(root: Path, groups: str, **files: str) -> Path:
    """A root folder with `/proc/self/cgroup` and files under `/sys/fs/cgroup`, `/` written as `__`."""
    (root / "proc" / "self").mkdir(parents=True)
    (root / "proc" / "self" / "cgroup").write_text(groups)
    (root / "sys" / "fs" / "cgroup").mkdir(parents=True)
    for name, content in files.items():
        path = root / "sys" / "fs" / "cgroup" / name.replace("__", "/").replace("--", ".")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content + "\n")
    return root


@pytest.mark.parametrize(
    ("groups", "files"),
    [
        ("0::/\n", {"cpu--max": "150000 100000", "memory--max": str(GIB)}),  # a container with its own name space
        ("0::/a/b\n", {"a__cpu--max": "150000 100000", "a__memory--max": str(GIB), "a__b__memory--max": "max"}),
        ("0::/docker/x\n", {"cpu--max": "150000 100000", "memory--max": str(GIB)}),  # the host's path, not mounted
        (
            "4:memory:/pod/x\n2:cpu,cpuacct:/pod/x\n0::/\n",
            {
                "memory__pod__memory--limit_in_bytes": str(GIB),
                "memory__pod__x__memory--limit_in_bytes": str(9223372036854771712),
                "cpu,cpuacct__pod__x__cpu--cfs_quota_us": "150000",
                "cpu,cpuacct__pod__x__cpu--cfs_period_us": "100000",
            },
        ),
    ],
    ids=["own", "parent", "unmounted", "version 1"],
)
def test_the_least_of_all_groups_counts(tmp_path, groups, files):
    root = machine(tmp_path, groups, **files)
    assert limits.cores(root).amount == 1
    assert limits.memory(root).amount == GIB
    assert "control group" in limits.memory(root).by


def test_without_quotas_it_is_the_machine(tmp_path):
    root = machine(tmp_path, "0::/\n", **{"cpu--max": "max 100000", "memory--max": "max"})
    assert limits.cores(root) == (HOST_CORES, "the processor")
    assert limits.memory(root).amount <= os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    assert limits.cores(tmp_path / "nothing").amount == HOST_CORES


def test_the_process_own_limit_of_memory_counts():
    code = "import resource; from guided_rl.runtime import limits; resource.setrlimit(resource.RLIMIT_AS, ({0}, {0})); "
    code = code.format(2**33) + "print(limits.memory())"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=True)
    assert "ulimit -v" in done.stdout or limits.memory().amount < 2**33


def test_a_machine_without_affinity_counts_its_processors(monkeypatch):
    monkeypatch.delattr(os, "sched_getaffinity")
    assert limits.cores(Path("/nowhere")).amount == os.cpu_count()
