"""Returns of our discrete learners beside their peers': DQN beside SB3's, discrete SAC beside one in PyTorch.

    python -m benchmarks.reference.discrete                       # the seeds below; finished peer seeds are reused
    python -m benchmarks.reference.discrete --only dqn/CartPole-v1 --ours 10 --peers 10

Every setting is written out in `PAIRS`. Ours runs as one population per pair, the peer as one process per seed in the
peers' environment. All evaluation episodes go to `results/reference/discrete.parquet`, verdicts and provenance to
`discrete.json`, both to `discrete.md` with a figure. The numbers of seeds were fixed before any was seen.
"""

from __future__ import annotations

import io
import json
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import tyro

from benchmarks import ROOT
from benchmarks.reference import discrete_page as page
from benchmarks.reference.run import name, rows
from benchmarks.reference.sides import flags, our_returns, peer_seed
from guided_rl.config import RunConfig
from guided_rl.envs.reference_returns import REFERENCES
from guided_rl.results.provenance import provenance
from guided_rl.runtime.devices import cores
from guided_rl.runtime.errors import UserError, exit_on_user_error, unknown_name
from guided_rl.runtime.files import replace_file

UNCLIPPED = 1e9  # SB3's largest gradient norm: none of ours is


@dataclass(frozen=True)
class Settings:
    """What both sides are given; `warmup` and `capacity` in steps, `train_every` and `block` of DQN alone."""

    steps: int = 30_000
    points: int = 10
    episodes: int = 5
    hidden: tuple[int, ...] = (64, 64)
    batch: int = 64
    capacity: int = 30_000
    warmup: int = 1_000
    learning_rate: float = 1e-3
    gamma: float = 0.99
    block: int = 1
    train_every: int = 1
    target_every: int = 100
    epsilon_share: float = 0.2
    epsilon_last: float = 0.05
    tau: float = 0.005
    target_entropy: float = 0.5


DQN_ONLY = ("block", "train_every", "target_every", "epsilon_share", "epsilon_last")
SAC_ONLY = ("tau", "target_entropy")
# Of DQN on CartPole: those of SB3's zoo, where its target network is copied as often, but for the narrower networks.
ZOO = Settings(
    steps=51_200,
    capacity=51_200,
    learning_rate=2.3e-3,
    block=256,
    train_every=2,
    target_every=256,
    epsilon_share=0.16,
    epsilon_last=0.04,
)
PAIRS: dict[tuple[str, str], Settings] = {
    ("dqn", "CartPole-v1"): ZOO,
    ("dqn", "Acrobot-v1"): Settings(),
    ("sac-discrete", "CartPole-v1"): Settings(steps=15_000, capacity=15_000),
    ("sac-discrete", "Acrobot-v1"): Settings(steps=15_000, capacity=15_000),
}
TINY = {"steps": 512, "points": 2, "episodes": 1, "capacity": 512, "warmup": 256, "batch": 16}


@dataclass(frozen=True)
class Reference:
    """Compare returns with SB3's DQN and with discrete SAC in PyTorch, and write the page.

    Attributes:
      ours: seeds of ours per algorithm and task.
      peers: seeds of the peer's.
      only: what to run, such as dqn/CartPole-v1, beside the stored rows of the rest; all of it if none is given.
      smoke: a run of seconds with tiny settings, to see that every part works.
      out: folder of the results.
    """

    ours: int = 10
    peers: int = 10
    only: list[str] = field(default_factory=list)
    smoke: bool = False
    out: Path = ROOT / "results" / "reference"


def our_config(algorithm: str, task: str, settings: Settings, seeds: int) -> RunConfig:
    """Our population's configuration."""
    rate, dqn = settings.learning_rate, algorithm == "dqn"
    if dqn:
        own = {"target_every": settings.target_every, "epsilon_share": settings.epsilon_share}
        own |= {"critic_lr": rate, "epsilon_last": settings.epsilon_last}
    else:
        own = {"tau": settings.tau, "target_entropy": settings.target_entropy, "initial_temperature": 1.0}
        own |= {"critic_lr": rate, "actor_lr": rate, "temperature_lr": rate}
    return RunConfig(
        task=task,
        method=algorithm,
        steps=settings.steps,
        seeds=seeds,
        hparams={**own, "gamma": settings.gamma},
        options={"train_every": settings.train_every} if dqn else {},
        hidden=settings.hidden,
        initialization="pytorch",
        batch=settings.batch,
        capacity=settings.capacity,
        warmup=settings.warmup / settings.steps,
        evaluations=settings.points,
        episodes=settings.episodes,
        block=settings.block,
    )


def peer_arguments(algorithm: str, task: str, seed: int, settings: Settings) -> list[str]:
    """The command line of `peers/discrete_run.py`."""
    others = SAC_ONLY if algorithm == "dqn" else DQN_ONLY
    values: dict[str, Any] = {key: value for key, value in asdict(settings).items() if key not in others}
    return flags(values | {"algorithm": algorithm, "task": task, "seed": seed, "max_grad_norm": UNCLIPPED})


def peer_run(algorithm: str, task: str, seed: int, settings: Settings) -> dict[str, Any]:
    """One peer seed's JSON."""
    return peer_seed("discrete_run.py", peer_arguments(algorithm, task, seed, settings), f"{algorithm}-{task}-{seed}")


def compared(pair: tuple[str, str], settings: Settings, options: Reference) -> tuple[pa.Table, dict[str, Any]]:
    """Every episode of both sides on one pair, and where they came from."""
    print(f"{name(pair)}: {options.peers} seeds of the peer, {options.ours} of ours", flush=True)
    with ThreadPoolExecutor(cores()) as pool:
        runs = list(pool.map(lambda seed: peer_run(*pair, seed, settings), range(options.peers)))
    theirs = np.array([run["returns"] for run in runs]).swapaxes(0, 1)
    ours = our_returns(our_config(*pair, settings, options.ours))["policy"]
    steps = np.array(runs[0]["steps"])
    table = pa.concat_tables([rows("ours", *pair, steps, ours), rows("peer", *pair, steps, theirs)])
    return table, {"provenance": provenance(), "peers": runs[0]["versions"]}


def collect(options: Reference, pairs: Mapping[tuple[str, str], Settings]) -> tuple[pa.Table, dict[str, Any]]:
    """Rows and facts of every pair, what is stored first."""
    tables, facts = [], {"settings": {}, "origins": {}}
    stored = options.out / "discrete.json"
    old = json.loads(stored.read_text()) if stored.exists() else {"settings": {}, "origins": {}}
    for pair, settings in pairs.items():
        written = json.loads(json.dumps(asdict(settings)))
        if options.only and name(pair) not in options.only:
            if old["settings"].get(name(pair)) != written:
                continue  # it has not run at these settings, and the page goes without it
            table, origin = pq.read_table(stored.with_suffix(".parquet")).filter(page.of_pair(*pair)), None
        else:
            table, origin = compared(pair, settings, options)
        tables.append(table)
        facts["settings"][name(pair)] = written
        facts["origins"][name(pair)] = origin or old["origins"][name(pair)]
    return pa.concat_tables(tables).unify_dictionaries(), facts


def main(options: Reference) -> None:
    pairs = PAIRS
    if options.smoke:
        pairs = {pair: replace(settings, **TINY) for pair, settings in PAIRS.items()}
        out = options.out if options.out != Reference.out else ROOT / "runs" / "reference-discrete"
        options = replace(options, ours=2, peers=2, out=out)
    if min(options.ours, options.peers) < 2:
        raise UserError("give at least 2 seeds of each side")
    for pair in options.only:
        if pair not in map(name, PAIRS):
            raise unknown_name("pair", pair, map(name, PAIRS))
    table, facts = collect(options, pairs)
    sink = io.BytesIO()
    pq.write_table(table, sink, compression="zstd", write_statistics=False)
    random = {task: REFERENCES[task].random.mean for _, task in PAIRS}
    text = json.dumps({**facts, "random": random, "verdicts": page.verdicts(table, random)}, indent=1) + "\n"
    options.out.mkdir(parents=True, exist_ok=True)
    replace_file(options.out / "discrete.parquet", sink.getvalue())
    replace_file(options.out / "discrete.json", text.encode())
    page.write(options.out, json.loads(text), table)
    print((options.out / "discrete.md").read_text())


if __name__ == "__main__":
    with exit_on_user_error():
        main(tyro.cli(Reference))
