"""Statistics that a Stable-Baselines3 model was trained with, which its archive does not hold.

A `VecNormalize` wrapper is pickled to a file of its own, beside the archive: `<model>/vecnormalize.pkl`
where rl-zoo lays it, `<name>_vecnormalize_<n>_steps.pkl` where SB3's callback does. It is read without
running anything: every class and function that the pickle names is a stand-in that only remembers what
it was given, and arrays are taken out of those.
"""

from __future__ import annotations

import io
import pickle
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from guided_rl.runtime.errors import UserError, reason

NAMED = re.compile(r"vec_?norm", re.IGNORECASE)
NORMALISES = re.compile(r"^[-\s]*['\"]?normalize['\"]?\s*[-:,\n]\s*[-\s]*+(?!false|\{\}|none|null)\S", re.M | re.I)


@dataclass(frozen=True)
class Statistics:
    """How observations are normalised: clip((s - mean) / std, ±bound), where std = √(variance + ε); [obs] each."""

    mean: np.ndarray
    std: np.ndarray
    bound: float


def statistics_beside(model: Path) -> Statistics | None:
    """What the archive `model` was trained with, by the files beside it; None where nothing says that it was.

    Raises:
      UserError: there are such statistics, but they cannot be read, or it cannot be told which are the model's.
    """
    way_out = f"or sb3:{model},vecnormalize=none to play it without"
    found = _files(model)
    if len(found) > 1 or (found and _steps(found[0]) not in ("", _steps(model))):
        raise UserError(
            f"which statistics the Stable-Baselines3 model {model} was trained with cannot be told "
            f"({', '.join(map(str, found[:3]))}); give sb3:{model},vecnormalize=FILE, {way_out}"
        )
    if found:
        return read_statistics(
            found[0], f"the Stable-Baselines3 model {model} needs them; give a readable file, {way_out}"
        )
    for config in _nearby(model, "config.yml"):
        if NORMALISES.search(config.read_text(encoding="utf-8", errors="replace")):
            raise UserError(
                f"the Stable-Baselines3 model {model} was trained on normalised observations, as {config} says, but "
                f"their statistics are not beside it; give sb3:{model},vecnormalize=FILE, {way_out}"
            )
    return None


def read_statistics(path: Path, whose: str) -> Statistics | None:
    """The statistics in a pickled `VecNormalize`; None where it leaves observations as they are.

    Raises:
      UserError: it cannot be read; `whose` says of what model it is, and what to do.
    """
    try:
        wrapper = _state(_Remembering(io.BytesIO(path.read_bytes())).load())
        if not wrapper.get("norm_obs", True):
            return None
        moments = _state(wrapper["obs_rms"])
        mean, variance = (array_of(moments[name]) for name in ("mean", "var"))
        epsilon, bound = (number_of(wrapper[name]) for name in ("epsilon", "clip_obs"))
        std = np.sqrt(variance + epsilon)
        if mean.ndim != 1 or mean.shape != std.shape or not (np.isfinite(mean).all() and (std > 0).all() and bound > 0):
            raise ValueError("its mean and variance are no numbers for one array of observations")
    except Exception as error:  # a pickle's bytes may lead anywhere
        raise UserError(f"the statistics {path} cannot be read ({reason(error)}), and {whose}") from error
    return Statistics(mean, std, bound)


def _files(model: Path) -> list[Path]:
    """The pickles that may be the model's, the surest ones alone."""
    near = _nearby(model, "*.pkl")
    found = [path for path in near if NAMED.search(path.stem)]
    surest = (
        [path for path in found if path.parent.name == model.stem],
        [path for path in found if _without(path) == model.stem],
        [path for path in found if _steps(path) and _steps(path) == _steps(model)],
        [path for path in found if not _steps(path)],
    )
    return next((paths for paths in surest if paths), found)


def _nearby(model: Path, pattern: str) -> list[Path]:
    """Files in the model's folder and in the folders there."""
    return sorted({*model.parent.glob(pattern), *model.parent.glob(f"*/{pattern}")})


def _without(path: Path) -> str:
    """A name without the word for its statistics: `rl_model_1000_steps` for `rl_model_vecnormalize_1000_steps`."""
    return re.sub(r"_{2,}", "_", re.sub(r"vec_?norm\w*?(?=_|$)", "", path.stem, flags=re.IGNORECASE)).strip("_")


def _steps(path: Path) -> str:
    """The number of steps in a checkpoint's name, empty where there is none."""
    found = re.search(r"(\d+)_steps", path.stem)
    return found[1] if found else ""


class _Inert:
    """Stands for anything that a pickle names: it keeps what it is given and does nothing."""

    named = ""

    def __init__(self, *given: Any, **more: Any):
        self.given, self.state = given, None

    def __setstate__(self, state: Any) -> None:
        self.state = state


class _Remembering(pickle.Unpickler):
    """Reads a pickle of which nothing is imported or run."""

    def find_class(self, module: str, name: str) -> Any:
        return type("Inert", (_Inert,), {"named": f"{module}.{name}"})


def _state(value: Any) -> Mapping[str, Any]:
    """An object's attributes."""
    state = getattr(value, "state", None)
    if not isinstance(state, Mapping):
        raise ValueError("it holds no VecNormalize of a single array of observations")
    return state


def array_of(value: Any) -> np.ndarray:
    """The float64 array that a stand-in for one remembers."""
    if value.named.endswith("_frombuffer"):
        content, kind, shape, order = value.given
        return np.frombuffer(_content(content), _dtype(kind)).reshape(shape, order=order).astype(np.float64)
    _, shape, kind, in_columns, content = value.state
    return (
        np.frombuffer(_content(content), _dtype(kind))
        .reshape(shape, order="F" if in_columns else "C")
        .astype(np.float64)
    )


def number_of(value: Any) -> float:
    """A number, or the one that a stand-in for NumPy's remembers."""
    if isinstance(value, int | float):
        return float(value)
    kind, content = value.given
    return float(np.frombuffer(_content(content), _dtype(kind))[0])


def _content(value: Any) -> bytes:
    """Bytes, which the second protocol writes as Latin-1 text to be encoded."""
    return value.given[0].encode("latin-1") if isinstance(value, _Inert) else value


def _dtype(value: Any) -> np.dtype:
    kind = np.dtype(str(value.given[0]))
    if kind.kind not in "fiu":
        raise ValueError(f"it holds {kind} where numbers should be")
    return kind.newbyteorder("<" if value.state is None or value.state[1] != ">" else ">")
