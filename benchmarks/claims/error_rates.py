"""How often verdicts err, simulated: `python -m benchmarks.claims.error_rates` prints the table.

Every kind of claim is judged by its own code on made-up returns whose true value is the threshold itself,
where both "holds" and "does not hold" are hardest to avoid: just below it the first is wrong, just above
it the second. Each is meant to come in 2.5 % of runs, and must in 5 % at most. "Far" are runs in which all
tasks but those that decide are far on the claim's side, the hardest case for "holds".
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from benchmarks.claims import judges, variant_judges
from benchmarks.claims.ledger import FAILS, HOLDS, Judge, View
from guided_rl.results import record_tables
from guided_rl.results.records import Expert, Record
from guided_rl.results.scales import Scale
from guided_rl.results.statistics import Sample
from guided_rl.results.tables import Table, to_markdown

SIX = tuple(f"task {number}" for number in range(1, 7))
FOUR = SIX[:4]
BASE, SPREAD, FAR = 100.0, 10.0, 60.0
VARIANTS = ("one", "other")


@dataclass(frozen=True)
class Kind:
    """One kind of claim, about method "a" beside "b", whose mean return is 100 above random.

    Attributes:
      judge: the claim. tasks: its tasks. level: A's true return where the claim is at its threshold.
      decides: how many tasks are at the threshold in the runs called "far"; 0 where there are no such runs.
      side: +1 where larger returns of A are on the claim's side, −1 where smaller ones are.
    """

    judge: Judge
    tasks: Sequence[str]
    level: float
    decides: int = 0
    side: int = 1


KINDS: Mapping[str, Kind] = {
    "mean gain (dai/D1, D2)": Kind(judges.mean_gain("a", "b", FOUR, "final", 0.5), FOUR, 150.0),
    "gain on each (dai/D1', D2')": Kind(judges.gain_on_each("a", "b", FOUR, "final", 0.5), FOUR, 150.0, 1),
    "ratio (dai/D3, D4)": Kind(judges.ratio_above("a", "b", SIX[0], "final", 1.5), SIX[:1], 150.0),
    "spread (dai/D5)": Kind(judges.smaller_spread("a", "b", FOUR, "final"), FOUR, 100.0),
    "margin on average (dai/D6)": Kind(judges.not_worse_on_average("a", "b", FOUR, "final"), FOUR, 75.0),
    "beyond its expert (dai/D6')": Kind(judges.exceeds_expert("a", FOUR), FOUR, 100.0),
    "better on each (sac-eo/E1, E3)": Kind(judges.beats("a", "b", SIX, "final", 6), SIX, 100.0, 1),
    "90 % on four of six (sac-eo/E2)": Kind(judges.reaches_expert("a", SIX, "final", 0.9, 4), SIX, 90.0, 3),
    "margin to variants (sac-eo/E5)": Kind(
        variant_judges.not_worse_than_variants("a", VARIANTS, SIX[:2], "final", 0.1), SIX[:2], 90.0, 1
    ),
    "above mean of variants (sac-eo/E5')": Kind(
        variant_judges.beats_mean_of_variants("a", VARIANTS, SIX[:2], "final"), SIX[:2], 100.0, 1
    ),
    "five of six (pag/C1, C4, C5)": Kind(judges.beats("a", "b", SIX, "final", 5), SIX, 100.0, 2),
    "margin on each (pag/C3', C7)": Kind(judges.not_worse("a", "b", FOUR, "final", 0.05), FOUR, 95.0, 1),
    "alike (pag/C4')": Kind(judges.about_equal("a", "b", FOUR, "final", 0.25), FOUR, 125.0),
    "fewer failures (pag/C2)": Kind(judges.fewer_failures("a", "b", SIX[:3]), SIX[:3], 100.0, 1, -1),
}


def normal(rng: np.random.Generator, n: int) -> np.ndarray:
    return rng.normal(size=n)


def heavy(rng: np.random.Generator, n: int) -> np.ndarray:
    """Student's t with 4 degrees of freedom, variance 1."""
    return rng.standard_t(4, n) / np.sqrt(2.0)


def two_modes(rng: np.random.Generator, n: int) -> np.ndarray:
    """One seed in four never learns; mean 0, variance 1."""
    return np.where(rng.random(n) < 0.25, -np.sqrt(3.0), np.sqrt(1 / 3)) + 0.1 * rng.normal(size=n)


@dataclass(frozen=True)
class World:
    """How returns come about: seeds per cell, experts behind A, how much these differ beside seeds, and noise."""

    seeds: int
    experts: int = 0
    differ: float = 1.0
    noise: Callable[[np.random.Generator, int], np.ndarray] = normal


WORLDS: Mapping[str, World] = {
    "10 seeds": World(10),
    "40 seeds": World(40),
    "16 seeds, 8 experts": World(16, 8),
    "10 seeds, 3 experts": World(10, 3),
    "40 seeds, 8 experts, 3 × seeds": World(40, 8, 3.0),
    "16 seeds, 8 experts, heavy tails": World(16, 8, noise=heavy),
    "20 seeds, one in four never learns": World(20, noise=two_modes),
}


class Simulated(View):
    """A view whose cells are stubs and whose samples are drawn anew, once each."""

    def __init__(self, world: World, rng: np.random.Generator, levels: Mapping[str, float]):
        super().__init__((), "paper", lambda task: Scale(0.0, BASE))
        drawn: dict[tuple[str, str, str], Sample] = {}
        self.__dict__.update(world=world, rng=rng, levels=levels, drawn=drawn)

    def find(self, method: str, task: str, variant: str = "") -> Record:
        return _stub(method, task, variant, self.world)

    def sample(self, method: str, task: str, metric: str, protocol: str = "", variant: str = "") -> Sample:
        name = method, task, variant
        if name not in self.drawn:
            self.drawn[name] = self._draw(*name)
        return self.drawn[name]

    def counted(self, method: str, task: str, metric: str, variant: str = "") -> Sample:
        return self.sample(method, task, metric, variant=variant)

    def failed(self, methods, tasks) -> str:
        return ""

    def _draw(self, method: str, task: str, variant: str) -> Sample:
        world, seeds = self.world, np.arange(self.world.seeds)
        level = self.levels[task] if (method, variant) == ("a", "") else BASE
        noise = world.noise(self.rng, world.seeds)
        if method != "a" or not world.experts:
            return Sample(level + SPREAD * noise, seeds)
        source = seeds % world.experts
        noise = noise + world.differ * self.rng.normal(size=world.experts)[source]
        return Sample(level + SPREAD * noise / np.hypot(1.0, world.differ), seeds, source)


def _stub(method: str, task: str, variant: str, world: World) -> Record:
    """A cell that says which experts it has and nothing else."""
    experts = tuple(Expert("bc", BASE, 1, str(number)) for number in range(max(world.experts, 1)))
    nothing = record_tables.returns_table({}, np.zeros(0), np.zeros(0), np.zeros(0), {}, {})
    seeds, config = tuple(range(world.seeds)), {"steps": 1}
    taught = experts if method == "a" else ()
    return Record("", method, task, method, "paper", config, seeds, {}, nothing, nothing, taught, variant)


def rates(kind: Kind, world: World, runs: int, far: bool = False, seed: int = 0) -> tuple[float, float]:
    """The shares of runs in which the claim holds, and does not."""
    rng, found = np.random.default_rng(seed), []
    for _ in range(runs):
        away = kind.tasks[kind.decides :] if far else ()
        levels = {task: kind.level + kind.side * FAR * (task in away) for task in kind.tasks}
        found.append(kind.judge(Simulated(world, rng, levels)).verdict)
    return found.count(HOLDS) / runs, found.count(FAILS) / runs


def table(runs: int, kinds: Mapping[str, Kind] = KINDS, worlds: Mapping[str, World] = WORLDS) -> Table:
    """Rates in per cent, by kind of claim and world."""
    shown = lambda share: f"{100 * share:.1f}"
    rows, data = [], []
    for name, kind in kinds.items():
        for where, world in worlds.items():
            holds, fails = rates(kind, world, runs)
            far = rates(kind, world, runs, far=True)[0] if kind.decides else None
            rows.append((name, where, shown(holds), shown(fails), "–" if far is None else shown(far)))
            data.append({"claim": name, "world": where, "holds": holds, "does not hold": fails, "holds, far": far})
    error = 100 * np.sqrt(0.025 * 0.975 / runs)
    note = f"Each is meant to be 2.5 and must be 5 at most; {runs:,} runs a row, standard error {error:.1f}."
    columns = ("Claim", "Returns", "Holds, %", "Does not hold, %", "Holds, others far, %")
    return Table("Verdicts at the threshold", columns, tuple(rows), 2, (note,), tuple(data))


def main() -> None:
    parser = argparse.ArgumentParser(description="Print how often verdicts err at the threshold.")
    parser.add_argument("--runs", type=int, default=400)
    print(to_markdown(table(parser.parse_args().runs)))


if __name__ == "__main__":
    main()
