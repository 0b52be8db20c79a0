"""The report of one paper's table at one preset: everything computed from records alone."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from matplotlib.figure import Figure

from benchmarks.claims.ledger import Claim
from benchmarks.report.claims_table import ledger_table
from benchmarks.report.overview import overview_table
from benchmarks.report.replacements import Replacement, replacements_table
from benchmarks.report.variants import variants_table
from guided_rl.results import figures, plot_style, summary_tables, training_figures
from guided_rl.results.records import Record
from guided_rl.results.scales import ScaleOf, scale_of
from guided_rl.results.sources import with_sources
from guided_rl.results.summaries import protocols
from guided_rl.results.tables import Table, to_json, to_markdown
from guided_rl.runtime import files
from guided_rl.runtime.errors import UserError

TABLES = (
    "overview",
    "returns",
    "gains",
    "variants",
    "milestones",
    "behaviour",
    "ours",
    "published",
    "claims",
    "provenance",
)
NOT_ALWAYS = ("variants", "behaviour", "ours", "published")
MoreFigures = Callable[[Sequence[Record], str], dict[str, Figure]]
"""`(records, title) -> figures by file name`."""
Published = Callable[[Sequence[Record], str], Table]
"""`(records, title) -> table`."""


@dataclass(frozen=True)
class Content:
    """What a table's records amount to; figures that no record supports are left out."""

    name: str
    preset: str
    overview: Table
    returns: Table
    gains: Table
    variants: Table
    milestones: Table
    behaviour: Table
    ours: Table
    published: Table
    claims: Table
    provenance: Table
    figures: dict[str, Figure]

    def tables(self) -> dict[str, Table]:
        found = {name: getattr(self, name) for name in TABLES}
        return {name: table for name, table in found.items() if table.rows or name not in NOT_ALWAYS}


def build(
    records: Sequence[Record],
    name: str,
    preset: str,
    claims: Sequence[Claim] = (),
    pairs: Sequence[tuple[str, str]] = (),
    sweeps: Sequence[tuple[str, str]] = (),
    ours: Sequence[Replacement] = (),
    scale: ScaleOf = scale_of,
    more: MoreFigures | None = None,
    published: Published | None = None,
    paper_networks: bool = False,
    ledger: Mapping[str, Sequence[Record]] | None = None,
    draw: bool = True,
) -> Content:
    """Tables and figures of one paper.

    Args:
      records: of one table and preset. name: the paper's short name, for titles.
      pairs: (guided method, its base). sweeps: (grid axis, the base to compare with).
      ours: our own methods with what they replace.
      more: the paper's own figures. published: our numbers beside other code bases'.
      paper_networks: as for `ledger_table`. ledger: by preset, the records that the claims are judged from together;
        these alone if None. draw: whether the figures too.

    Raises:
      UserError: there are no records.
    """
    if not records:
        raise UserError(f"there are no records of {name} at preset {preset}; run its table first")
    records, title = with_sources(records), f"{name}, preset {preset}"
    claims_of, ledger = (title, {preset: records}) if ledger is None else (name, ledger)
    return Content(
        name,
        preset,
        overview_table(records, f"{title}: where every method ended", scale),
        summary_tables.returns_table(records, f"{title}: returns", scale),
        summary_tables.gains_table(records, pairs, f"{title}: what guidance gained", scale),
        variants_table(records, f"{title}: what one change made"),
        summary_tables.milestones_table(records, f"{title}: steps to a share of the expert's return", scale),
        summary_tables.behaviour_table(records, f"{title}: what training itself returned"),
        replacements_table(records, ours, f"{title}: our methods and what they replace"),
        (published or _nothing)(records, f"{title}: beside published numbers"),
        ledger_table(ledger, claims, f"{claims_of}: claims", scale, paper_networks),
        summary_tables.provenance_table(records, f"{title}: provenance"),
        _figures(records, title, pairs, sweeps, scale, more) if draw else {},
    )


def write(content: Content, folder: str | Path, claims: bool = True) -> list[Path]:
    """Write `<table>.md` and `<table>.json` for each table, and each figure as SVG and PNG.

    Args:
      claims: whether its own ledger too.

    Raises:
      UserError: the folder cannot be written.
    """
    tables = {name: table for name, table in content.tables().items() if claims or name != "claims"}
    written = write_tables(tables, folder)
    for name, figure in content.figures.items():
        written += plot_style.save(figure, Path(folder), name)
    return written


def write_tables(tables: Mapping[str, Table], folder: str | Path) -> list[Path]:
    """Write `<name>.md` and `<name>.json` for each table.

    Raises:
      UserError: the folder cannot be written.
    """
    folder, written = Path(folder), []
    try:
        for name, table in tables.items():
            for suffix, text in ((".md", to_markdown(table)), (".json", to_json(table))):
                files.replace_file(folder / f"{name}{suffix}", text.encode())
                written.append(folder / f"{name}{suffix}")
    except OSError as error:
        raise UserError(f"cannot write the tables to {folder}: {error.strerror or error}") from error
    return written


def _nothing(records: Sequence[Record], title: str) -> Table:
    return Table(title, (), ())


def _figures(records, title: str, pairs, sweeps, scale: ScaleOf, more: MoreFigures | None) -> dict[str, Figure]:
    """Every figure that these records support, by file name."""
    names, palette = figures.method_names(records), figures.method_colours(records)
    found: dict[str, Figure | None] = {}
    if len(names) > 2:
        found["curves"] = figures.learning_curves(
            records, f"{title}: every method's own policy", names, scale, own_only=True, palette=palette
        )
    for guided, base in pairs:
        two, slug = (base, guided), f"{guided}_{base}".replace("-", "_")
        tasks = set.intersection(*({r.task for r in records if r.main and r.method == name} for name in two))
        paired = [r for r in records if r.task in tasks and r.method in two]
        shown = "own policy, and what was executed" if any(len(protocols(r)) > 1 for r in paired) else "own policy"
        found[f"curves_{slug}"] = figures.learning_curves(
            paired, f"{guided} and {base}: {shown}", two, scale, palette=palette
        )
        found[f"charged_{slug}"] = figures.learning_curves(
            paired, f"{guided} charged for its expert's steps", two, scale, True, True, palette
        )
        found[f"quality_{slug}"] = figures.expert_quality(records, guided, base, scale=scale)
    for parameter, base in sweeps:
        found[f"sweep_{parameter}"] = figures.sweep(records, parameter, base, f"{title}: sweep of {parameter}")
    found["choices"] = training_figures.choices(records, title=f"{title}: how often the offline policy acted")
    found |= more(records, title) if more else {}
    return {name: figure for name, figure in found.items() if figure is not None}
