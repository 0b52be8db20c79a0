"""A user's own tasks, methods and guides: `path/to/file.py:name` or `package.module:name`."""

from __future__ import annotations

import importlib
import importlib.util
import sys
from pathlib import Path
from typing import Any

from guided_rl.errors import UserError, unknown


def is_plugin(spec: str) -> bool:
    """Whether `spec` names an object in a file or module rather than one of ours."""
    return ":" in spec and not spec.startswith("brax:")


def load(spec: str) -> Any:
    """The object that `spec` names.

    Raises:
      UserError: the file, module or name does not exist, or importing it failed.
    """
    source, _, name = spec.rpartition(":")
    try:
        module = _from_file(Path(source)) if source.endswith(".py") else importlib.import_module(source)
    except UserError:
        raise
    except Exception as error:
        raise UserError(
            f"importing {source} failed ({type(error).__name__}: {error}); mend it and try again"
        ) from error
    if not hasattr(module, name):
        raise unknown(f"name in {source}", name, [n for n in vars(module) if not n.startswith("_")])
    return getattr(module, name)


def _from_file(path: Path):
    if not path.is_file():
        raise UserError(f"no file {path}; name one that exists, as path/to/file.py:name")
    name = f"guided_rl_plugin_{path.stem}"
    spec = importlib.util.spec_from_file_location(name, path)
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    spec.loader.exec_module(module)
    return module
