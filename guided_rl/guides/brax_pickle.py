"""Parameters that `brax.io.model.save_params` pickled, read without running what a file may name.

A pickle can name any function and have it called. Only the few names that parameters need are let in: NumPy's and
JAX's arrays, brax's statistics, and plain containers.
"""

from __future__ import annotations

import importlib
import io
import pickle
from pathlib import Path
from typing import Any

NUMPY = ("numpy._core.multiarray", "numpy.core.multiarray")
NEEDED = {
    *((module, name) for module in NUMPY for name in ("_reconstruct", "scalar")),
    ("numpy", "ndarray"),
    ("numpy", "dtype"),
    ("jax._src.array", "_reconstruct_array"),
    ("ml_dtypes", "bfloat16"),
    ("brax.training.acme.running_statistics", "RunningStatisticsState"),
    ("brax.training.acme.running_statistics", "NestedMeanStd"),
    ("brax.training.acme.running_statistics", "NormalizationMode"),
    ("brax.training.types", "UInt64"),
    ("flax.core.frozen_dict", "FrozenDict"),
    ("collections", "OrderedDict"),
}


class Parameters(pickle.Unpickler):
    """A pickle whose names are looked up in `NEEDED` alone."""

    def find_class(self, module: str, name: str) -> Any:
        if (module, name) not in NEEDED:
            raise pickle.UnpicklingError(f"it names {module}.{name}, which no parameters need")
        return getattr(importlib.import_module(module), name)


def load_params(path: Path) -> Any:
    """The parameters in a file.

    Raises:
      pickle.UnpicklingError: it names something else than parameters; and whatever damaged bytes lead to.
    """
    return Parameters(io.BytesIO(path.read_bytes())).load()
