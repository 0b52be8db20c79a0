"""The peers' own Python environment: `python -m benchmarks.peers.environment` makes it.

Peers need packages that this suite must not depend on, torch among them. They live in
`.cache/peers-venv`, made from `requirements.txt` once and made again when that file changes.
"""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
from pathlib import Path

from benchmarks import ROOT
from guided_rl.runtime.errors import UserError

HERE = Path(__file__).resolve().parent
REQUIREMENTS = HERE / "requirements.txt"
FOLDER = ROOT / ".cache" / "peers-venv"
SOURCES = {  # peers that are no package: where they are published, and the commit that is compared with
    "IQL-PyTorch": ("https://github.com/gwthomas/IQL-PyTorch", "71ea1aa313bb9d4bc4526bbb1824c9d6f4a46b92"),
}
OWN = "GUIDED_RL_PEERS_PYTHON"


def peers_python() -> Path:
    """The peers' interpreter, `$GUIDED_RL_PEERS_PYTHON` or ours; installs them first where that has not been done.

    Raises:
      UserError: the installation failed.
    """
    if OWN in os.environ:
        return Path(os.environ[OWN])
    python, stamp = FOLDER / "bin" / "python", FOLDER / "requirements.sha256"
    requirements = wanted_packages(REQUIREMENTS.read_text(), _on_gpu())
    wanted = hashlib.sha256("\n".join(requirements).encode()).hexdigest()
    if python.exists() and stamp.exists() and stamp.read_text() == wanted:
        return python
    print(f"installing the peers into {FOLDER} (once, some minutes)", file=sys.stderr)
    _run(sys.executable, "-m", "venv", str(FOLDER))
    for group in (requirements[:1], requirements):
        _run(str(python), "-m", "pip", "install", "--quiet", *group)
    stamp.write_text(wanted)
    return python


def wanted_packages(text: str, gpu: bool) -> list[str]:
    """The requirements' lines; on a GPU the peers get JAX's CUDA build too, or they would run on the CPU beside it."""
    lines = [line for line in text.splitlines() if line and not line.startswith("#")]
    return [line.replace("jax==", "jax[cuda13]==", 1) if gpu and line.startswith("jax==") else line for line in lines]


def _on_gpu() -> bool:
    import jax

    return jax.default_backend() == "gpu"


def peer_source(name: str) -> Path:
    """A checkout of one of SOURCES, fetched where that has not been done.

    Raises:
      UserError: it cannot be fetched.
    """
    address, commit = SOURCES[name]
    folder = FOLDER.parent / "peers-source" / name
    git = ["git", "-C", str(folder)]
    head = subprocess.run([*git, "rev-parse", "HEAD"], capture_output=True, text=True) if folder.exists() else None
    if head is None or head.stdout.strip() != commit:
        folder.mkdir(parents=True, exist_ok=True)
        _run(*git, "init", "--quiet")
        _run(*git, "fetch", "--quiet", "--depth", "1", address, commit)
        _run(*git, "checkout", "--quiet", "--force", commit)
    return folder


def peer_variables() -> dict[str, str]:
    """This process' variables, less the Python ones that would mix the two environments.

    On a GPU, JAX must use it in the peer too: one that cannot ends early instead of being timed on the CPU.
    """
    same = {"JAX_PLATFORMS": "cuda"} if _on_gpu() else {}
    if OWN in os.environ:
        return {**os.environ, **same}
    return {name: value for name, value in os.environ.items() if name not in ("PYTHONPATH", "PYTHONHOME")} | same


def _run(*command: str) -> None:
    done = subprocess.run(command, capture_output=True, text=True, env=peer_variables())
    if done.returncode:
        last = (done.stderr.strip().splitlines() or ["no output"])[-1]
        raise UserError(f"could not install the peers with `{' '.join(command)}`: {last}")


if __name__ == "__main__":
    print(peers_python())
