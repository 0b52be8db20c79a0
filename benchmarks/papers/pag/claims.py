"""PAG's claims as data: Daoudi et al. 2023, arXiv 2402.13930.

Its figures could not be read, so no number of the paper stands here; the thresholds are ours.
PAG is the authors' code, and a verdict stands only where the paper's text agrees (`agreed`).
Methods that switch are judged as the paper evaluates them, with the guide switched in
(`switched`); claims ending in `.own` say the same of π_θ alone, which the paper never measures.
What the paper says of its first 50k steps is judged in full by any cell of 50k steps with its
networks, batch, ratio and schedules; C3 and C7 by runs of its whole 2M steps on three tasks.
"""

from __future__ import annotations

import dataclasses

from benchmarks.claims import judges
from benchmarks.claims.ledger import UNDECIDED, Claim, Judge, Missing, Outcome, View
from guided_rl.results.records import POLICY, Record
from guided_rl.results.tables import estimate

ATTRACTIVE = ("PointFall", "ball_in_cup-low", "point_mass-sparse")
REPULSIVE = ("cartpole-safe", "PointCircle", "PointReach-like")
TASKS = (*ATTRACTIVE, *REPULSIVE)
CAPPED = ("cartpole-safe", "PointCircle", "PointFall")
SWEPT = "cartpole-safe"
FIRST_STEPS, ALL_STEPS = 50_000, 2_000_000
LONG, THETA_TARGET, SWEEP = "200k steps", "θ-target", "Φ × δ"
CODE, TEXT = "pag", "pag-text"
SWITCHED = "switched"
ABSTRACT = "abstract of arXiv 2402.13930"
SUMMARY = "a machine-written summary, not checked against the paper's text"
APPENDIX = "appendix C of the paper, by a machine-written summary"
OURS = "inferred from the abstract"


def first_steps(judge, methods: tuple[str, ...], tasks: tuple[str, ...] = TASKS):
    """`judge` where each cell has the paper's first 50k steps."""
    return judges.at_full_steps(judge, [(m, task, "") for m in methods for task in tasks], FIRST_STEPS)


def in_full(judge, methods: tuple[str, ...]):
    """`judge` where the cells have the paper's 2M steps on each task where the guide caps SAG."""
    return judges.at_full_steps(judge, [(m, task, "") for m in methods for task in CAPPED], ALL_STEPS)


def alike(record: Record) -> bool:
    """Whether code and text are one here: a deterministic guide, from which Φ does not depart before δ acts."""
    return record.config.get("hparams", {}).get("decay_interval", 0.0) >= 1.0


def as_text(view: View) -> View:
    """The view in which `pag` is the paper's text; PAG's cells without such a twin are left out, unless `alike`."""
    text = {(r.task, r.variant): dataclasses.replace(r, method=CODE) for r in view.records if r.method == TEXT}
    kept = [r for r in view.records if r.method not in (CODE, TEXT)]
    code = [r for r in view.records if r.method == CODE and (r.task, r.variant) not in text and alike(r)]
    return dataclasses.replace(view, records=(*kept, *code, *text.values()))


def agreed(judge: Judge) -> Judge:
    """What `judge` says of the authors' code, with a verdict only where it says the same of the paper's text."""

    def both(view: View) -> Outcome:
        code = judge(view)
        try:
            text = judge(as_text(view))
        except Missing as reason:
            return dataclasses.replace(code, verdict=UNDECIDED, p=None, note=f"the paper's text: {reason}; {code.note}")
        said = f"the paper's text: {estimate(text.interval) if text.interval else '–'}, {text.verdict}"
        verdict = code.verdict if code.verdict == text.verdict else UNDECIDED
        if verdict != code.verdict:
            said = f"the authors' code alone: {code.verdict}; {said}"
        p = None if None in (code.p, text.p) else max(code.p, text.p)
        note = "; ".join(part for part in (said, code.note) if part)
        return dataclasses.replace(code, verdict=verdict, p=p, note=note)

    return both


def claim(
    number: str,
    statement: str,
    source: str,
    metric: str,
    threshold: str,
    judge,
    unit="return",
    at_scale=None,
    forms=True,
):
    """A row of the ledger; `forms` says whether it is about PAG, of which there are two."""
    both = agreed if forms else lambda judge: judge
    whole = at_scale and both(at_scale)
    return Claim(f"pag/{number}", "PAG", statement, source, metric, threshold, both(judge), unit=unit, at_scale=whole)


def early(suffix: str, protocol: str, who: str) -> list[Claim]:
    """C1: at 10 % and 25 % of the budget, and over the paper's own first 50k steps."""
    gain = lambda metric: judges.beats("pag", "sac", TASKS, metric, 5, protocol)
    whole = first_steps(gain("auc"), ("pag", "sac"))
    rows = (
        ("C1", "early", "25 % of the budget", gain("auc:0.25"), None),
        ("C1'", "at the very start", "10 % of the budget", gain("auc:0.1"), None),
        ("C1''", "in the first 50k steps", "2.5 % of the paper's 2M steps", gain("auc:0.025"), whole),
    )
    return [
        claim(
            f"{number}{suffix}",
            f"PAG learns faster than SAC {when}{who}",
            ABSTRACT,
            f"least difference of the AUC over the first {share}",
            "> 0 on 5 of 6 tasks, < 0 on none",
            judge,
            at_scale=at_scale,
        )
        for number, when, share, judge, at_scale in rows
    ]


def late(suffix: str, protocol: str, who: str) -> list[Claim]:
    """C3 and C7: the end of training."""
    above = judges.beats("pag", "sag", CAPPED, "final", len(CAPPED), protocol)
    kept = lambda base, tasks: judges.not_worse("pag", base, tasks, "final", 0.05, protocol)
    rest = tuple(task for task in TASKS if task not in CAPPED)
    on = f"at 2M steps judged on {', '.join(CAPPED)}"
    return [
        claim(
            f"C3{suffix}",
            f"PAG ends above SAG where the guide is sub-optimal{who}",
            SUMMARY,
            "least difference of final returns",
            "> 0 on each of three tasks",
            above,
            at_scale=in_full(above, ("pag", "sag")),
        ),
        claim(
            f"C3'{suffix}",
            f"PAG ends no worse than SAG elsewhere{who}",
            f"{SUMMARY}; the margin of 5 % is ours",
            "least PAG − SAG + 5 % of |SAG − random| at the end",
            "> 0 on each task",
            kept("sag", rest),
        ),
        claim(
            f"C7{suffix}",
            f"PAG ends no worse than SAC{who}",
            f"{OURS}; the margin of 5 % is ours; {on}",
            "least PAG − SAC + 5 % of |SAC − random| at the end",
            "> 0 on each task",
            kept("sac", TASKS),
            at_scale=in_full(kept("sac", CAPPED), ("pag", "sac")),
        ),
    ]


def safety() -> list[Claim]:
    """C2: crashes while training, summed over the run."""
    fewer = lambda base, share: judges.fewer_failures("pag", base, REPULSIVE, share)
    metric = "largest difference of crashes in training"
    return [
        claim(
            "C2",
            "PAG prevents catastrophic states: at most half of SAC's crashes",
            SUMMARY,
            f"{metric}, PAG − SAC / 2",
            "< 0 on each repulsive task",
            fewer("sac", 0.5),
        ),
        claim(
            "C2'",
            "PAG crashes less often than PIG",
            SUMMARY,
            f"{metric}, PAG − PIG",
            "< 0 on each repulsive task",
            fewer("pig", 1.0),
        ),
    ]


def start() -> list[Claim]:
    """C4: what PIG lacks, in the paper's first 50k steps."""
    scaled, whole = "auc:0.025", "auc"
    beats = lambda metric: judges.beats("pag", "pig", TASKS, metric, 5, SWITCHED)
    equal = lambda metric: judges.about_equal("pag", "sag", TASKS, metric, 0.25, SWITCHED)
    fewer = judges.fewer_failures("pag", "pig", REPULSIVE)
    return [
        claim(
            "C4",
            "PIG lacks the good start: PAG returns more in the first 50k steps",
            SUMMARY,
            "least difference of the AUC over the first 50k steps",
            "> 0 on 5 of 6 tasks, < 0 on none",
            beats(scaled),
            at_scale=first_steps(beats(whole), ("pag", "pig")),
        ),
        claim(
            "C4'",
            "PAG starts like SAG",
            f"{SUMMARY}; the margin of 25 % is ours",
            "largest |PAG − SAG| / SAG of the AUC over the first 50k steps, above random",
            "within 25 % on each task",
            equal(scaled),
            "gain",
            first_steps(equal(whole), ("pag", "sag")),
        ),
        claim(
            "C4''",
            "PIG crashes more often than PAG in the first 50k steps",
            SUMMARY,
            "largest difference of crashes in training, PAG − PIG; preset paper counts the whole run",
            "< 0 on each repulsive task",
            fewer,
            at_scale=first_steps(fewer, ("pag", "pig"), REPULSIVE),
        ),
    ]


def targets() -> list[Claim]:
    """C5: bootstrapping from who acts; PAG's where Φ acts within preset cpu's budget, since elsewhere it is SAG."""
    rows = (
        ("C5", "SAG", "sag", "naive-sag", ("", ""), TASKS, 5),
        ("C5'", "PAG", "pag", "pag", ("", THETA_TARGET), ATTRACTIVE, 3),
    )
    return [
        claim(
            number,
            f"{name}: bootstrapping from what acts beats bootstrapping from π_θ",
            APPENDIX,
            "least difference of AUC",
            f"> 0 on {least} of {len(tasks)} tasks, < 0 on none",
            judges.beats(method, base, tasks, "auc", least, SWITCHED, variants),
            forms=method == CODE,
        )
        for number, name, method, base, variants, tasks, least in rows
    ]


def robust() -> list[Claim]:
    """C6: the grid of Φ and δ."""
    worst = lambda base_variant: judges.worst_point("pag", "sac", SWEPT, "auc", SWEEP, base_variant, SWITCHED)

    def at_own_length(view):
        """The sweep of preset cpu runs as long as the cells of 200k steps."""
        return worst(LONG if view.find("sac", SWEPT, LONG) else "")(view)

    return [
        claim(
            "C6",
            "PAG is robust to Φ and δ: the worst choice of the grid is above SAC",
            f"{SUMMARY}; the grid is the authors'",
            f"AUC of PAG's worst point less SAC's, on {SWEPT}",
            "> 0 at each of 9 points",
            at_own_length,
        )
    ]


LIVE_TASK = "PointCircle"
LIVE = claim(
    "C2.live",
    "PAG leaves the circle at most half as often as SAC",
    "C2 on one task",
    "difference of crashes in training, PAG − SAC / 2",
    "< 0",
    judges.fewer_failures("pag", "sac", (LIVE_TASK,), 0.5),
)
CLAIMS = [
    *early("", SWITCHED, ""),
    *safety(),
    *late("", SWITCHED, ""),
    *start(),
    *targets(),
    *robust(),
    *early(".own", POLICY, ", by its own policy"),
    *late(".own", POLICY, ", by its own policy"),
]
