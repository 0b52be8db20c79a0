"""A user's own tasks, methods and guides: `path/to/file.py:name` or `package.module:name`."""

from __future__ import annotations

import contextlib
import importlib
import importlib.util
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from guided_rl.runtime.errors import UserError, reason, unknown_name

_folders: set[Path] = set()  # those that hold files of the user's


def is_plugin(spec: str) -> bool:
    """Whether `spec` names an object in a file or module rather than one of ours."""
    return ":" in spec and not spec.startswith("brax:")


def file_stamp(spec: str) -> tuple[int, ...]:
    """Age and size of the file that `spec` names, empty where it names none."""
    source = Path(spec.rpartition(":")[0])
    if source.suffix != ".py" or not source.is_file():
        return ()
    found = source.stat()
    return found.st_mtime_ns, found.st_size


def load(spec: str) -> Any:
    """The object that `spec` names, as Python run in the file's folder, or here, would find it.

    Raises:
      UserError: the file, module or name does not exist, or importing it failed.
    """
    source, _, name = spec.rpartition(":")
    own_file = source.endswith(".py")
    try:
        with _importable(Path(source).resolve().parent if own_file else Path.cwd()):
            module = _from_file(Path(source)) if own_file else importlib.import_module(source)
    except UserError:
        raise
    except Exception as error:
        raise UserError(f"importing {source} failed ({reason(error)}); mend it and try again") from error
    if not hasattr(module, name):
        raise unknown_name(f"name in {source}", name, [n for n in vars(module) if not n.startswith("_")])
    return getattr(module, name)


@contextlib.contextmanager
def _importable(folder: Path) -> Iterator[None]:
    """Modules in `folder` can be imported, as beside a script; they come first while the user's file is loaded.

    Afterwards the folder stays at the path's end, because a user's function may import when it is called. A module
    of the same name beside another file of the user's is loaded anew.
    """
    importlib.invalidate_caches()
    beside = {path.stem for path in folder.glob("*.py")} | {path.parent.name for path in folder.glob("*/__init__.py")}
    for name in [name for name in sys.modules if name.partition(".")[0] in beside]:
        origin = getattr(sys.modules[name], "__file__", None) or ""
        if any(Path(origin).is_relative_to(other) for other in _folders - {folder}):
            del sys.modules[name]
    _folders.add(folder)
    sys.path.insert(0, str(folder))
    try:
        yield
    finally:
        sys.path.remove(str(folder))
        if str(folder) not in sys.path:
            sys.path.append(str(folder))


def _from_file(path: Path):
    if not path.is_file():
        raise UserError(f"no file {path}; name one that exists, as path/to/file.py:name")
    name = f"guided_rl_plugin_{path.stem}"
    spec = importlib.util.spec_from_file_location(name, path)
    assert spec is not None and spec.loader is not None  # as of any file whose name ends in .py
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    spec.loader.exec_module(module)
    return module
