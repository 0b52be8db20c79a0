"""Which OpenGL can draw here. MuJoCo decides by `$MUJOCO_GL` when it is imported, so this must come before."""

from __future__ import annotations

import os
import subprocess
import sys

KINDS = ("egl", "osmesa")
INSTALL = "install libegl1 and set MUJOCO_GL=egl, or install libosmesa6 and set MUJOCO_GL=osmesa"
_TRY = (
    "import os, mujoco\n"
    "mujoco.Renderer(mujoco.MjModel.from_xml_string('<mujoco/>'), 8, 8)\n"
    "print('drawn', flush=True)\n"
    "os._exit(0)"
)


def choose() -> None:
    """Set `$MUJOCO_GL` to a kind that works without a screen, unless there is a screen or a choice already."""
    if "MUJOCO_GL" not in os.environ and "DISPLAY" not in os.environ and (kind := first_working()):
        os.environ["MUJOCO_GL"] = kind


def first_working() -> str | None:
    """The first kind that draws, each tried in a process of its own; None if none does."""
    return next((kind for kind in KINDS if works(kind)), None)


def works(kind: str) -> bool:
    """Whether MuJoCo can draw with this kind of OpenGL."""
    environment = {**os.environ, "MUJOCO_GL": kind}
    command = [sys.executable, "-c", _TRY]
    try:
        done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=60)
    except (OSError, subprocess.SubprocessError):
        return False
    return "drawn" in done.stdout
