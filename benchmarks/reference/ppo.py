"""GRPO beside a public PPO on CartPole at as many steps: `python -m benchmarks.reference.ppo`.

PPO is Stable-Baselines3's with RL Baselines3 Zoo's settings, one process a seed in the peers' environment. GRPO is
ours, with the settings below, which were chosen on tuning seeds. PPO has a critic and GRPO has none, so that equal
returns are not expected: what is asked is whether GRPO learns the task, and how far behind it stays. The answer is kept
as `ppo.json` and `ppo.md`.
"""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import tyro

from benchmarks import ROOT
from benchmarks.reference.sides import flags, our_returns, peer_seed
from guided_rl.config import RunConfig
from guided_rl.results import statistics
from guided_rl.results.provenance import provenance
from guided_rl.results.statistics import Sample
from guided_rl.results.tables import estimate
from guided_rl.runtime.errors import UserError, exit_on_user_error
from guided_rl.runtime.files import replace_file

TASK, METHOD = "CartPole-v1", "grpo"
GRPO: dict[str, Any] = {
    "hidden": (64,),
    "activation": "tanh",
    "hparams": {"lr": 1e-2},
}
PROTOCOLS = ("policy", "sampled")


@dataclass(frozen=True)
class Reference:
    """Train both sides and write what they returned.

    Attributes:
      seeds: of each side. steps, points, episodes: the budget, evaluations, and episodes of each.
      workers: PPO's processes at a time. out: folder of the results.
    """

    seeds: int = 10
    steps: int = 100_000
    points: int = 10
    episodes: int = 10
    workers: int = 1
    out: Path = ROOT / "results" / "reference"


def our_config(options: Reference) -> RunConfig:
    """Our population's configuration."""
    shape = {"steps": options.steps, "evaluations": options.points, "episodes": options.episodes}
    return RunConfig(task=TASK, method=METHOD, seeds=options.seeds, **shape, **GRPO)


def ppo_seed(seed: int, options: Reference) -> dict[str, Any]:
    """One PPO seed's JSON."""
    values = {"task": TASK, "seed": seed, "steps": options.steps, "points": options.points}
    return peer_seed("ppo_run.py", flags(values | {"episodes": options.episodes}), f"ppo-{seed}")


def peer_returns(options: Reference) -> tuple[dict[str, np.ndarray], dict[str, str]]:
    """The same of PPO, and the versions that ran."""
    with ThreadPoolExecutor(options.workers) as pool:
        runs = list(pool.map(lambda seed: ppo_seed(seed, options), range(options.seeds)))
    found = {name: np.array([run["returns"][name] for run in runs]).swapaxes(0, 1) for name in PROTOCOLS}
    return found, runs[0]["versions"]


def interval(returns: np.ndarray) -> str:
    """Mean over seeds of [seeds, episodes], with its 95 % interval."""
    return estimate(statistics.mean_interval(Sample(returns.mean(axis=1), np.arange(len(returns)))))


def page(options: Reference, ours: dict[str, np.ndarray], peer: dict[str, np.ndarray]) -> str:
    """Returns at a quarter, at half and at the end of the budget, both protocols of both sides."""
    shares = {"25 %": options.points // 4, "50 %": options.points // 2, "100 %": options.points}
    lines = [
        f"# GRPO beside PPO on {TASK}",
        "",
        f"Mean return over {options.seeds} seeds with its 95 % interval after shares of {options.steps:,} environment "
        "steps. PPO is Stable-Baselines3's with RL Baselines3 Zoo's settings. GRPO has no critic.",
        "",
        f"| side, protocol | {' | '.join(shares)} |",
        f"| --- | {' | '.join('---:' for _ in shares)} |",
    ]
    for side, returns in (("GRPO", ours), ("PPO", peer)):
        for name in PROTOCOLS:
            cells = [interval(returns[name][max(1, point) - 1]) for point in shares.values()]
            lines.append(f"| {side}, {name} | {' | '.join(cells)} |")
    return "\n".join(lines) + "\n"


def main(options: Reference) -> None:
    if options.seeds < 2 or options.points < 1:
        raise UserError("give at least 2 seeds and 1 evaluation")
    peer, versions = peer_returns(options)
    ours = our_returns(our_config(options), PROTOCOLS)
    facts = {
        "task": TASK,
        "steps": options.steps,
        "grpo": GRPO,
        "returns": {"grpo": {k: v.tolist() for k, v in ours.items()}, "ppo": {k: v.tolist() for k, v in peer.items()}},
        "provenance": provenance(),
        "peers": versions,
    }
    text = page(options, ours, peer)
    replace_file(options.out / "ppo.json", (json.dumps(facts) + "\n").encode())
    replace_file(options.out / "ppo.md", text.encode())
    print(text)


if __name__ == "__main__":
    with exit_on_user_error():
        main(tyro.cli(Reference))
