"""What a method is, in the words of its own module, with its hyper-parameters."""

from __future__ import annotations

import functools
import inspect
import math
import re
import sys
from dataclasses import dataclass
from typing import Any

from guided_rl import methods
from guided_rl.methods.base import HParam, Method


@dataclass(frozen=True)
class Description:
    """A method for people.

    Attributes:
      paragraphs: (text, whether it is an equation or a list to be shown as it stands).
      needs: words such as `a guide`. hparams: (name, default, range, what it is). module: where it is defined.
    """

    paragraphs: tuple[tuple[str, bool], ...]
    needs: tuple[str, ...]
    hparams: tuple[tuple[str, str, str, str], ...]
    module: str

    @property
    def first(self) -> str:
        """Its first sentence or paragraph."""
        return self.paragraphs[0][0] if self.paragraphs else ""


def describe(name: str) -> Description | None:
    """The description of a method; None for a name that the suite does not know."""
    if name not in methods.METHODS:
        return None
    method, module = methods.build(name), module_of(name)
    return Description(paragraphs(module.__doc__ or ""), needs_of(method), hparams_of(method), module.__name__)


def needs_of(method: Method) -> tuple[str, ...]:
    """What must be given to it, in words."""
    asked = {"a guide": method.needs.guide, "a dataset": method.needs.dataset}
    return tuple(words for words, needed in asked.items() if needed)


def hparams_of(method: Method) -> tuple[tuple[str, str, str, str], ...]:
    """Name, default, range and meaning of each hyper-parameter."""
    share = " (share of the budget)"
    return tuple(
        (key, f"{h.default:g}", _range(h), h.doc + share * h.share_of_budget) for key, h in method.hparams.items()
    )


def paragraphs(docstring: str) -> tuple[tuple[str, bool], ...]:
    """The parts of a docstring between empty lines, and whether each is indented, so that its lines stay apart."""
    parts = [part for part in re.split(r"\n\s*\n", inspect.cleandoc(docstring)) if part.strip()]
    found = []
    for part in parts:
        apart = [line for line in part.splitlines() if line.startswith(("  ", "- "))]
        if apart and not part.startswith(" "):  # a sentence, then lines that stay as they are
            lines = part.splitlines()
            at = lines.index(apart[0])
            found += [(" ".join(lines[:at]), False), (inspect.cleandoc("\n" + "\n".join(lines[at:])), True)]
        else:
            found.append((inspect.cleandoc("\n" + part), True) if apart else (" ".join(part.split()), False))
    return tuple((text, as_is) for text, as_is in found if text)


def module_of(name: str) -> Any:
    """The module that defines a method: of the function that builds it, or the one that assigns the value."""
    entry: Any = methods.METHODS[name]
    while isinstance(entry, functools.partial):
        entry = entry.func
    if inspect.isfunction(entry):
        return inspect.getmodule(entry)
    for place, module in sorted(sys.modules.items()):
        if place.startswith("guided_rl.methods.") and any(value is entry for value in vars(module).values()):
            own = [key for key, value in vars(module).items() if value is entry]
            if any(re.search(rf"^{key} = ", inspect.getsource(module), re.MULTILINE) for key in own):
                return module
    raise LookupError(f"no module of guided_rl.methods defines {entry.name}")


def _range(hparam: HParam) -> str:
    low, high = hparam.low, hparam.high
    if math.isinf(low) and math.isinf(high):
        return "any"
    return f"{low:g} and more" if math.isinf(high) else f"{low:g} to {high:g}"
