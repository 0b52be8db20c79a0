"""What a borrowed card is asked first, in ten minutes: `python -m benchmarks.speed.gpu_check`, or `make gpu-check`.

| stage | asks | leaves |
|---|---|---|
| parity | whether MJX on the card moves as Gymnasium's MuJoCo and dm_control on the host | `parity.json`, `parity.md` |
| speed | updates beside the card's limit, and the whole loop by number of seeds, beside rejax | `gpu.json`, `gpu.md` |
| piece | whether a population at preset paper's sizes trains, and what it returns | a record, `piece` |

The first comes first because nothing else counts without it. A stage begins only while there is time left, and what is
done is kept. `--smoke` runs all of it on the least work, on any machine. Nothing is installed: it runs on JAX as it
lies there.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import jax
import tyro

from benchmarks import ROOT
from benchmarks.parity import run as parity
from benchmarks.speed import gpu
from benchmarks.speed.gpu import Gpu
from guided_rl import api
from guided_rl.config import RunConfig
from guided_rl.results import collect, records, statistics
from guided_rl.results.provenance import provenance
from guided_rl.results.summaries import sample
from guided_rl.results.tables import estimate
from guided_rl.runtime.errors import UserError, exit_on_user_error
from guided_rl.runtime.files import replace_file

TASKS = ("HalfCheetah-v5", "Hopper-v5", "cheetah-run")
PARTS = ("seeds", "updates", "peers")
PIECE = RunConfig(
    task="HalfCheetah-v5", method="sac", seeds=64, steps=10_000, hidden=(256, 256), batch=256, evaluations=4, episodes=2
)
FAILED = "failed"
TINY = {"seeds": 2, "steps": 40, "hidden": (16, 16), "batch": 16, "evaluations": 1, "episodes": 1}


@dataclass(frozen=True)
class GpuCheck:
    """Check a card: parity of MJX, speed by number of seeds, and a piece of preset paper with its record.

    Attributes:
      minutes: no stage begins after so many.
      smoke: the least work, on any machine; its numbers mean nothing.
      out: a folder for what each stage leaves, and for `check.json`.
    """

    minutes: float = 8.0
    smoke: bool = False
    out: Path = ROOT / "results" / "gpu"


def check_parity(options: GpuCheck) -> str:
    tasks, steps = (TASKS[:1], 3) if options.smoke else (TASKS, 200)
    parity.measure_all(parity.Parity(tasks=list(tasks), engines=["mjx"], steps=steps, out=options.out))
    return f"{len(tasks)} tasks over {steps} steps"


def check_speed(options: GpuCheck) -> str:
    done = []
    for part in PARTS[1:2] if options.smoke else PARTS:
        gpu.main(Gpu(parts=[part], repeats=1, smoke=options.smoke, out=options.out))
        done.append(part)
    return ", ".join(done)


def check_piece(options: GpuCheck) -> str:
    """Train the piece, keep its record, and say what it returned."""
    run = api.make_run(replace(PIECE, **TINY) if options.smoke else PIECE)
    result = run.execute(None, (), 60.0)
    record = collect.from_result(result, "gpu", "paper", "piece", ())
    records.write(record, options.out / "piece")
    rate = run.config.seeds * run.config.steps / max(result.wall_seconds - result.compile_seconds, 1e-9)
    final = estimate(statistics.mean_interval(sample(record, "final")))
    return f"{run.config.seeds} seeds, {rate:,.0f} seed-steps/s, final return {final}"


STAGES: dict[str, Callable[[GpuCheck], str]] = {"parity": check_parity, "speed": check_speed, "piece": check_piece}


def main(options: GpuCheck) -> None:
    """Run the stages that there is time for.

    Raises:
      UserError: no accelerator; or a stage failed, after the others were run.
    """
    if jax.default_backend() == "cpu" and not options.smoke:
        raise UserError("JAX shows no accelerator here; run this where it does (guided-rl doctor), or add --smoke")
    begun, found = time.monotonic(), {}
    for name, stage in STAGES.items():
        found[name] = _outcome(stage, options, begun)
        print(f"{name}: {found[name]}", flush=True)
        facts = {"stages": found, "minutes": round((time.monotonic() - begun) / 60, 2), "provenance": provenance()}
        options.out.mkdir(parents=True, exist_ok=True)
        replace_file(options.out / "check.json", (json.dumps(facts, indent=1) + "\n").encode())
    if failed := [name for name, said in found.items() if said.startswith(FAILED)]:
        raise UserError(f"{' and '.join(failed)} failed, see {options.out / 'check.json'}; the other stages are done")


def _outcome(stage: Callable[[GpuCheck], str], options: GpuCheck, begun: float) -> str:
    """What a stage found, or why it did not."""
    spent = (time.monotonic() - begun) / 60
    if spent > options.minutes:
        return f"not begun: {spent:.1f} of {options.minutes:g} minutes were spent"
    try:
        return stage(options)
    except Exception as error:  # a card is lent for minutes: what one stage breaks on must not cost the others
        return f"{FAILED}: {type(error).__name__}: {error}".splitlines()[0]


if __name__ == "__main__":
    with exit_on_user_error():
        main(tyro.cli(GpuCheck))
