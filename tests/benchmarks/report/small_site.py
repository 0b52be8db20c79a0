"""A site of two made-up papers with known returns, for tests of its pages."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np

from benchmarks.claims import judges
from benchmarks.claims.ledger import Claim
from benchmarks.report import build, inputs
from benchmarks.report.site.catalogue import Paper
from benchmarks.report.site.write import write_site
from guided_rl.results import records
from guided_rl.results.records import Expert
from guided_rl.results.scales import Scale
from tests.results.synthetic import make_record

ROOT = Path(__file__).parents[3]
TASKS = ("Ant-v5", "Hopper-v5")
SEEDS = tuple(range(11))
NAMES = ("one", "two")
BUDGET, EVALUATIONS = 10_000, 10


def height(method: str, protocol: str = "policy") -> float:
    """What a method returns at the end, its seed's number apart."""
    return {"sac": 100.0, "dai-sac": 300.0}[method] + (0.0 if protocol == "policy" else 40.0)


def scale(task: str) -> Scale:
    return Scale(random=0.0, expert=1_000.0)


def ramp(top: float):
    return lambda seed, point, share: top * share + seed


def claims(name: str) -> list[Claim]:
    more = lambda number, bound: Claim(
        f"{name}/{number}",
        name.upper(),
        f"dai-sac ends <{bound:.0%}> above sac",
        "made up",
        "final return",
        f"> {bound:.0%}",
        judges.mean_gain("dai-sac", "sac", list(TASKS), "final", bound),
    )
    mechanism = Claim(f"{name}/3", name.upper(), "it has no network of its own", "made up", "none", "none", test="x.py")
    return [more("1", 0.5), more("2", 50.0), mechanism]


def population(name: str) -> list[records.Record]:
    expert = (Expert("e", 9_000.0, 500, "x"),)
    common = {"table": name, "preset": "cpu", "seeds": SEEDS, "budget": BUDGET, "evaluations": EVALUATIONS}
    found = []
    for task in TASKS:
        both = {"policy": ramp(height("dai-sac")), "mixture": ramp(height("dai-sac", "mixture"))}
        found.append(make_record("sac", task, ramp(height("sac")), **common))
        found.append(make_record("dai-sac", task, both, experts=expert, **common))
    swept = lambda seed, point, share: 100 * point["t_change"] * share + seed
    grid = {"t_change": (0.1, 0.5, 1.0)}
    found.append(make_record("dai-sac", "Ant-v5", swept, grid=grid, variant="t_change sweep", experts=expert, **common))
    return found


def reports(root: Path) -> Path:
    """Records and reports below `root / "results"`."""
    kept = root / "results"
    for name in NAMES:
        made = population(name)
        for record in made:
            records.write(record, records.cell_folder(kept, name, "cpu", record.cell))
        content = build.build(
            made,
            name,
            "cpu",
            claims(name),
            [("dai-sac", "sac")],
            [("t_change", "sac")],
            scale=scale,
            ledger={"cpu": made},
        )
        ledger = build.write_tables({"claims": content.claims}, kept / name / "report")
        written = build.write(content, kept / name / "cpu" / "report", claims=False)
        inputs.keep(kept / name / "cpu" / "report", "made up", [*ledger, *written])
    return root


def site(root: Path, names: tuple[str, ...] = NAMES, say=lambda line: None) -> Path:
    """The site of those reports; its folder."""
    papers = [Paper("none", "Nobody")]
    for name in names:
        answer = f"**{name}**: guidance helps in <made-up> records."
        about = f"The table of {name}.\n\nMore."
        papers.append(Paper(name, name.capitalize(), about, answer, ("cpu",), (("dai-sac", "sac"),)))
    kept = root / "results"
    return write_site(kept / "site", kept, papers, ROOT, say).parent


def mean_at(method: str, evaluation: int, protocol: str = "policy") -> float:
    """The mean over seeds at an evaluation, counted from 0."""
    return height(method, protocol) * (evaluation + 1) / EVALUATIONS + float(np.mean(SEEDS))


def data(home: Path, name: str):
    """What a data script of the site hands over."""
    text = (home / "data" / f"{name}.js").read_text(encoding="utf-8")
    return json.loads(text.partition(",")[2].removesuffix(");\n"))
