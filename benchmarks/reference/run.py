"""Returns beside SBX's: our SAC and TD3 against theirs, every setting written out.

    python -m benchmarks.reference.run                     # the seeds below; finished peer seeds are reused
    python -m benchmarks.reference.run --only td3/HalfCheetah-v5 --ours 48 --peers 32 --more   # beside the stored seeds

Ours runs as one population per (algorithm, task), and goes on where it was stopped; SBX runs one
process per seed in the peers' environment, one per core at a time. An interval that is too wide
can be narrowed over several days: `--more` keeps the seeds that are stored and runs the next ones.
Every evaluation episode of both sides goes to `results/reference/sbx.parquet`, verdicts and
provenance to `sbx.json`, both to `sbx.md` with a figure.

The learning rate is that of the tables at preset cpu, and the TD3 paper's: at 3e-4 nobody learns
HalfCheetah within 30k steps, and a quarter of nothing is no bound. The numbers of seeds were fixed
before any was seen; where an interval is too wide, add to both sides by its width alone, never by
where it lies.
"""

from __future__ import annotations

import io
import json
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import tyro

from benchmarks import ROOT
from benchmarks.reference import page
from benchmarks.reference.sides import flags, our_returns, peer_seed
from guided_rl.config import RunConfig
from guided_rl.envs.reference_returns import REFERENCES
from guided_rl.results.provenance import provenance
from guided_rl.runtime.devices import cores
from guided_rl.runtime.errors import UserError, exit_on_user_error, unknown_name
from guided_rl.runtime.files import replace_file

EQUATIONS = {"sbx": "paper", "sbx-published": "published"}
PAIRS = tuple((algorithm, task) for task in ("HalfCheetah-v5", "Hopper-v5") for algorithm in ("sac", "td3"))


@dataclass(frozen=True)
class Settings:
    """What both sides are given; rates are per update, `warmup` and `capacity` in steps."""

    steps: int = 30_000
    points: int = 10
    episodes: int = 5
    hidden: tuple[int, ...] = (64, 64)
    batch: int = 128
    capacity: int = 30_000
    warmup: int = 5_000
    learning_rate: float = 1e-3
    gamma: float = 0.99
    tau: float = 0.005
    exploration_noise: float = 0.1
    log_std_min: float = -5.0


@dataclass(frozen=True)
class Reference:
    """Compare returns with SBX and write the page.

    Attributes:
      ours: seeds of ours per algorithm and task.
      peers: seeds of SBX's, with the two terms of its losses that differ replaced by the papers'.
      published: seeds of SBX as published, shown beside them and not judged.
      only: what to run, such as td3/HalfCheetah-v5, beside the stored rows of the rest; all of it if none is given.
      more: keep the seeds that are stored of it, and run only those that are missing up to the numbers above.
      smoke: a run of seconds with tiny settings, to see that every part works.
      out: folder of the results.
    """

    ours: int = 32
    peers: int = 20
    published: int = 0
    only: list[str] = field(default_factory=list)
    more: bool = False
    smoke: bool = False
    out: Path = ROOT / "results" / "reference"


def our_config(algorithm: str, task: str, settings: Settings, seeds: range) -> RunConfig:
    """Our population's configuration."""
    rates = {"critic_lr": settings.learning_rate, "actor_lr": settings.learning_rate}
    own = {"temperature_lr": settings.learning_rate, "initial_temperature": 1.0, "target_entropy": -1.0}
    if algorithm == "td3":
        own = {"exploration_noise": settings.exploration_noise, "target_noise": 0.2, "target_noise_clip": 0.5}
    return RunConfig(
        task=task,
        method=algorithm,
        steps=settings.steps,
        seeds=len(seeds),
        first_seed=seeds.start,
        hparams={**rates, **own, "gamma": settings.gamma, "tau": settings.tau},
        hidden=settings.hidden,
        batch=settings.batch,
        capacity=settings.capacity,
        warmup=settings.warmup / settings.steps,
        evaluations=settings.points,
        episodes=settings.episodes,
    )


def peer_arguments(algorithm: str, task: str, seed: int, settings: Settings, equations: str) -> list[str]:
    """The command line of `peers/sbx_run.py`.

    SBX's TD3 moves its targets at every update, the paper's at every second one: with the
    papers' equations it gets the rate whose two moves equal one of ours.
    """
    values: dict[str, Any] = {name.replace("_", "-"): value for name, value in asdict(settings).items()}
    values |= {"algorithm": algorithm, "task": task, "seed": seed, "equations": equations}
    if equations == "published":
        values["log-std-min"] = -20.0
    elif algorithm == "td3":
        values["tau"] = 1.0 - (1.0 - settings.tau) ** 0.5
    return flags(values)


def peer_run(algorithm: str, task: str, seed: int, settings: Settings, equations: str) -> dict[str, Any]:
    """One SBX seed's JSON, from the cache where the same arguments have run before."""
    arguments = peer_arguments(algorithm, task, seed, settings, equations)
    return peer_seed("sbx_run.py", arguments, f"{equations}-{algorithm}-{task}-{seed}")


def rows(side: str, algorithm: str, task: str, steps: np.ndarray, returns: np.ndarray, first_seed: int = 0) -> pa.Table:
    """`returns` [points, seeds, episodes] as one row per episode."""
    point, seed, episode = (index.ravel() for index in np.indices(returns.shape))
    text = {"side": side, "algorithm": algorithm, "task": task}
    columns = {name: pa.array([value] * returns.size).dictionary_encode() for name, value in text.items()}
    columns |= {"seed": (first_seed + seed).astype(np.int32), "step": np.asarray(steps)[point].astype(np.int32)}
    columns |= {"episode": episode.astype(np.int16), "episode_return": returns.ravel().astype(np.float32)}
    return pa.table(columns)


def name(pair: tuple[str, str]) -> str:
    """`algorithm/task`, as `--only` has it."""
    return "/".join(pair)


def compared(
    pair: tuple[str, str], seeds: dict[str, range], settings: Settings
) -> tuple[list[pa.Table], list[dict[str, Any]]]:
    """Every episode of the named seeds of each side on one pair, and where they came from."""
    algorithm, task = pair
    seeds = {side: numbers for side, numbers in seeds.items() if numbers}
    if not seeds:
        return [], []
    counts = {side: len(numbers) for side, numbers in seeds.items()}
    print(f"{algorithm} on {task}: {counts} seeds to run", flush=True)
    parts, versions = [], {}
    steps = settings.steps // settings.points * np.arange(1, settings.points + 1)
    for side, equations in EQUATIONS.items():
        if side not in seeds:
            continue
        with ThreadPoolExecutor(cores()) as pool:
            jobs = [pool.submit(peer_run, algorithm, task, s, settings, equations) for s in seeds[side]]
            runs = [job.result() for job in jobs]
        versions |= runs[0]["versions"]
        returns = np.array([run["returns"] for run in runs]).swapaxes(0, 1)
        parts.append(rows(side, algorithm, task, np.array(runs[0]["steps"]), returns, seeds[side].start))
    # Ours last: a peer that fails then costs nothing, since finished peer seeds are kept.
    if "ours" in seeds:
        returns = our_returns(our_config(algorithm, task, settings, seeds["ours"]))["policy"]
        parts.insert(0, rows("ours", algorithm, task, steps, returns, seeds["ours"].start))
    return parts, [{"seeds": counts, "provenance": provenance(), "peers": versions}]


def stored(out: Path, settings: Settings, pair: tuple[str, str]) -> tuple[list[pa.Table], list[dict[str, Any]]]:
    """`compared`, from the files in `out`."""
    facts = json.loads((out / "sbx.json").read_text()) if (out / "sbx.json").exists() else {}
    if facts.get("settings") != json.loads(json.dumps(asdict(settings))) or name(pair) not in facts.get("origins", {}):
        raise UserError(f"{out} has no rows of {name(pair)} at these settings; leave --only and --more out")
    table = pq.read_table(out / "sbx.parquet")
    return [table.filter(page.of_pair(*pair))], facts["origins"][name(pair)]


def missing(options: Reference, origins: list[dict[str, Any]]) -> dict[str, range]:
    """Seeds of each side that the numbers asked for have beyond those that stand in `origins`."""
    wanted = {"ours": options.ours, "sbx": options.peers, "sbx-published": options.published}
    have = {side: sum(origin["seeds"].get(side, 0) for origin in origins) for side in wanted}
    return {side: range(have[side], count) for side, count in wanted.items()}


def collect(options: Reference, settings: Settings) -> list[tuple[pa.Table, list[dict[str, Any]]]]:
    """Rows and origins of every pair: what is stored first, so that nothing is run in vain."""
    asked = [pair for pair in PAIRS if not options.only or name(pair) in options.only]
    keep = PAIRS if options.more else [pair for pair in PAIRS if pair not in asked]
    found = {pair: stored(options.out, settings, pair) for pair in keep}
    for pair in asked:
        tables, origins = found.get(pair, ([], []))
        more, of_more = compared(pair, missing(options, origins), settings)
        found[pair] = [*tables, *more], [*origins, *of_more]
    return [(pa.concat_tables(found[pair][0]), found[pair][1]) for pair in PAIRS]


def write(options: Reference, settings: Settings, found: list[tuple[pa.Table, list[dict[str, Any]]]]) -> None:
    """The parquet, JSON, page and figure."""
    tables, origins = zip(*found, strict=True)
    table = pa.concat_tables(tables).unify_dictionaries()
    sink = io.BytesIO()
    pq.write_table(table, sink, compression="zstd", write_statistics=False)
    random = {task: REFERENCES[task].random.mean for _, task in PAIRS}
    facts = {
        "settings": asdict(settings),
        "random": random,
        "verdicts": page.verdicts(table, random),
        "origins": {name(pair): origin for pair, origin in zip(PAIRS, origins, strict=True)},
    }
    text = json.dumps(facts, indent=1) + "\n"
    replace_file(options.out / "sbx.parquet", sink.getvalue())
    replace_file(options.out / "sbx.json", text.encode())
    page.write(options.out, json.loads(text), table)


def main(options: Reference) -> None:
    settings = Settings()
    if options.smoke:
        settings = Settings(steps=400, points=2, episodes=1, capacity=400, warmup=200, batch=32)
        out = options.out if options.out != Reference.out else ROOT / "runs" / "reference"
        options = replace(options, ours=2, peers=1, published=1, out=out)
    if options.ours < 2 or options.peers < 1:
        raise UserError("give at least 2 seeds of ours and 1 of SBX's")
    for pair in options.only:
        if pair not in map(name, PAIRS):
            raise unknown_name("pair", pair, map(name, PAIRS))
    write(options, settings, collect(options, settings))
    print((options.out / "sbx.md").read_text())


if __name__ == "__main__":
    with exit_on_user_error():
        main(tyro.cli(Reference))
