"""The pages: templates filled with what the catalogue holds. The same reports give the same bytes."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlencode

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup, escape

from benchmarks.report.site import claim_rows
from benchmarks.report.site.cards import card
from benchmarks.report.site.catalogue import Catalogue, CellHead, Paper, scale_label
from benchmarks.report.site.claim_rows import ClaimRow
from benchmarks.report.site.colours import fixed_colours
from benchmarks.report.site.curve_data import curve_name
from benchmarks.report.site.descriptions import describe, paragraphs
from benchmarks.report.site.finals import final_texts
from benchmarks.report.site.scripts import script
from benchmarks.report.site.sweeps import sweeps
from guided_rl.results.tables import steps
from guided_rl.runtime.files import file_name

TEMPLATES = Path(__file__).parent / "templates"
SHOWN = ("overview", "gains", "variants", "ours", "published")
FOLDED = ("milestones", "behaviour", "returns", "provenance")
FIGURES = (
    (r"curves", "Learning curves of every method's own policy, a panel a task"),
    (r"curves_(.+)", "Learning curves of {}, a panel a task"),
    (r"charged_(.+)", "Learning curves of {}, charged for the expert's steps"),
    (r"quality_(.+)", "Gain against the expert's own return, of {}"),
    (r"sweep_(.+)", "Final return and AUC against {}"),
    (r"heat_(.+)", "Heat map of the sweep {}"),
)


class Pages:
    """Renders pages of one catalogue.

    Args:
      catalogue: what is shown. home: folder of the site, from which records are linked.
      curves: the stored curve data by name, for the small drawings. waiting: papers without records.
    """

    def __init__(self, catalogue: Catalogue, home: Path, curves: Mapping[str, Any], waiting: Sequence[Paper] = ()):
        self.catalogue, self.home, self.curves = catalogue, home, curves
        self.waiting = [paper.title for paper in waiting]
        groups = {paper.name: {*paper.methods} for paper in (*catalogue.papers, *waiting)}
        for cell in catalogue.cells:
            groups[cell.table].add(cell.method)
        self.colours = fixed_colours(groups)
        self.finals = final_texts(catalogue.finals)
        self.environment = _environment()
        self.environment.globals |= {
            "papers": catalogue.papers,
            "colours": self.colours,
            "signs": claim_rows.SIGNS,
            "styles": claim_rows.STYLES,
            "scales": claim_rows.SCALES,
            "final_of": lambda cell: self.finals.get(
                (cell.table, cell.preset, cell.task, cell.method, cell.variant), ""
            ),
            "viewer": self._viewer_link,
            "seen_on": self._seen_on,
        }

    def all(self) -> dict[str, bytes]:
        """Every page and the index of curves, by their names below the site's folder."""
        found = {
            "index.html": self._front(),
            "claims.html": self._page("claims.html", "claims.html", claims=self.catalogue.claims, **self._names()),
            "curves.html": self._page("curves.html", "curves.html"),
            "sweeps.html": self._page("sweeps.html", "sweeps.html", sweeps=sweeps(self.catalogue.finals)),
            "methods.html": self._page("methods.html", "methods.html", methods=self._methods()),
            "tasks.html": self._page("tasks.html", "tasks.html", tasks=self._tasks()),
            "data/index.js": script("index", self._index()),
        }
        found |= {f"paper/{file_name(p.name)}.html": self._paper(p) for p in self.catalogue.papers}
        found |= {f"method/{file_name(name)}.html": self._method(name) for name in self.catalogue.methods}
        return found | {f"task/{file_name(name)}.html": self._task(name) for name in self.catalogue.tasks}

    def _page(self, template: str, path: str, **values: Any) -> bytes:
        root = "../" * path.count("/")
        place = self.home / path
        records = Path(os.path.relpath(self.catalogue.records, place.parent)).as_posix()
        shown = self.environment.get_template(template).render(root=root, path=path, records=records, **values)
        return (shown.rstrip() + "\n").encode()

    def _front(self) -> bytes:
        claims = self.catalogue.claims
        at_paper = [claim for claim in claims if claim.shown.scale == "paper" and claim.shown.decided]
        cards = [self._card(paper) for paper in self.catalogue.papers]
        return self._page(
            "index.html", "index.html", cards=cards, count=len(claims), at_paper=len(at_paper), waiting=self.waiting
        )

    def _names(self) -> dict[str, Any]:
        claims = self.catalogue.claims
        return {
            "methods": sorted({name for claim in claims for name in claim.methods}),
            "tasks": sorted({name for claim in claims for name in claim.tasks}),
        }

    def _card(self, paper: Paper) -> dict[str, Any]:
        return card(paper, self.catalogue, self._claims(paper.name), self.curves, self.colours)

    def _claims(self, paper: str = "", method: str = "", task: str = "") -> list[ClaimRow]:
        return [
            claim
            for claim in self.catalogue.claims
            if paper in ("", claim.paper)
            and (not method or method in claim.methods)
            and (not task or task in claim.tasks)
        ]

    def _paper(self, paper: Paper) -> bytes:
        reports = []
        for preset in paper.presets:
            tables = self.catalogue.tables(paper.name, preset)
            reports.append(
                {
                    "preset": preset,
                    "scale": scale_label(preset, paper.paper_networks),
                    "shown": {name: tables[name] for name in SHOWN if name in tables and tables[name].rows},
                    "folded": {name: tables[name] for name in FOLDED if name in tables and tables[name].rows},
                    "figures": [(f, figure_text(f)) for f in self.catalogue.figures(paper.name, preset)],
                    "cells": self.catalogue.of(paper.name, preset),
                }
            )
        claims = self._claims(paper.name)
        values = {"paper": paper, "about": paragraphs(paper.about), "reports": reports, "claims": claims}
        cells = self.catalogue.of(paper.name)
        names = {"methods": sorted({c.method for c in cells}), "tasks": sorted({c.task for c in cells})}
        names["ids"] = [f"{paper.name}/{preset}" for preset in paper.presets]
        return self._page(
            "paper.html", f"paper/{file_name(paper.name)}.html", card=self._card(paper), **values, **names
        )

    def _method(self, name: str) -> bytes:
        cells = self.catalogue.of(method=name)
        beside = [name]
        for paper in self.catalogue.papers:
            beside += [other for pair in paper.pairs if name in pair for other in pair if other not in beside]
        values = {"name": name, "description": describe(name), "cells": cells, "claims": self._claims(method=name)}
        return self._page("method.html", f"method/{file_name(name)}.html", beside=beside, start=_start(cells), **values)

    def _task(self, name: str) -> bytes:
        cells = self.catalogue.of(task=name)
        values = {"name": name, "cells": cells, "claims": self._claims(task=name), "start": _start(cells)}
        return self._page("task.html", f"task/{file_name(name)}.html", **values)

    def _methods(self) -> list[dict[str, Any]]:
        found = []
        for name in self.catalogue.methods:
            description, cells = describe(name), self.catalogue.of(method=name)
            papers = [p for p in self.catalogue.papers if any(c.table == p.name for c in cells)]
            first = description.first if description else ""
            claims = len(self._claims(method=name))
            found.append({"name": name, "first": first, "cells": len(cells), "papers": papers, "claims": claims})
        return found

    def _tasks(self) -> list[dict[str, Any]]:
        found = []
        for name in self.catalogue.tasks:
            cells = self.catalogue.of(task=name)
            papers = [p for p in self.catalogue.papers if any(c.table == p.name for c in cells)]
            methods = sorted({cell.method for cell in cells})
            claims = len(self._claims(task=name))
            found.append({"name": name, "cells": len(cells), "papers": papers, "methods": methods, "claims": claims})
        return found

    def _index(self) -> dict[str, Any]:
        """What the curve viewer chooses from: tables, their tasks, and the colours."""
        tables = []
        for paper in self.catalogue.papers:
            for preset in paper.presets:
                cells = [cell for cell in self.catalogue.of(paper.name, preset) if cell.points == 1]
                tasks = sorted({cell.task for cell in cells})
                named = [{"task": t, "name": curve_name(paper.name, preset, t)} for t in tasks]
                named = [one for one in named if one["name"] in self.curves]
                if named:
                    title = f"{paper.title}, preset {preset}"
                    tables.append({"id": f"{paper.name}/{preset}", "title": title, "tasks": named})
        return {"colours": self.colours, "tables": tables}

    def _seen_on(self, claim: ClaimRow) -> list[tuple[str, str]]:
        """(table and preset, task) wherever a claim's tasks have curves among its paper's records."""
        paper = next(paper for paper in self.catalogue.papers if paper.name == claim.paper)
        pairs = [(preset, task) for task in claim.tasks for preset in paper.presets]
        return [(f"{paper.name}/{p}", task) for p, task in pairs if curve_name(paper.name, p, task) in self.curves]

    def _viewer_link(self, table: str, task: str, methods: Sequence[str] = ()) -> str:
        """Where the curve viewer shows these methods, from the site's folder."""
        chosen = {"table": table, "task": task, **({"methods": "|".join(methods)} if methods else {})}
        return f"curves.html#{urlencode(chosen, quote_via=quote)}"


def figure_text(name: str) -> str:
    """What a stored figure shows, from its name."""
    for pattern, text in FIGURES:
        if found := re.fullmatch(pattern, name):
            return text.format(*(" ".join(part.split("_")) for part in found.groups()))
    return name.replace("_", " ").capitalize()


def _start(cells: Sequence[CellHead]) -> CellHead | None:
    """Where a page's viewer begins: the first main cell that has curves."""
    single = [cell for cell in cells if cell.points == 1]
    return next((cell for cell in single if cell.main), single[0] if single else None)


def _environment() -> Environment:
    """Templates with every value escaped, and what they call."""
    found = Environment(
        loader=FileSystemLoader(TEMPLATES),
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
        undefined=StrictUndefined,
    )
    found.filters |= {"slug": file_name, "steps": steps, "lines": _lines, "urlpath": quote}
    found.filters |= {
        "strong": lambda text: _marked(text, "**", "strong"),
        "code": lambda text: _marked(text, "`", "code"),
    }
    return found


def _lines(text: str) -> Markup:
    """Text whose lines stay apart."""
    return Markup("<br>").join(text.split("\n"))


def _marked(text: str, mark: str, tag: str) -> Markup:
    """Text in which what stands between two marks is an element."""
    parts = text.split(mark)
    if len(parts) % 2 == 0:
        return escape(text)
    return Markup("").join(Markup(f"<{tag}>{{}}</{tag}>").format(p) if i % 2 else p for i, p in enumerate(parts))
