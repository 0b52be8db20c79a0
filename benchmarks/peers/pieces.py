"""Work in pieces on request, so that programs in different environments can take turns on one machine."""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Callable


def serve(piece: Callable[[], object]) -> None:
    """Do one piece for every line that arrives and answer with its seconds; the first hold warm-up and compilation."""
    for _ in sys.stdin:
        begin = time.perf_counter()
        piece()
        print(time.perf_counter() - begin, flush=True)


def parser(description: str | None) -> argparse.ArgumentParser:
    """What every peer is asked for: `loop` is the whole training loop, `updates` gradient steps on a full buffer."""
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("--part", choices=("loop", "updates"), default="loop")
    parser.add_argument("--algorithm", choices=("sac", "td3"), default="sac")
    parser.add_argument("--task", required=True)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--seeds", type=int, default=1, help="trained side by side, where the peer can")
    parser.add_argument("--steps", type=int, required=True, help="of a piece")
    parser.add_argument("--hidden", type=int, nargs="+", required=True)
    parser.add_argument("--batch", type=int, required=True)
    parser.add_argument("--capacity", type=int, required=True)
    parser.add_argument("--warmup", type=int, required=True)
    return parser


def model_piece(model, args: argparse.Namespace) -> Callable[[], object]:
    """A piece of a Stable-Baselines3 or SBX model; for `updates`, its buffer is filled first."""
    if args.part == "loop":
        return lambda: model.learn(args.steps, reset_num_timesteps=False, log_interval=10**9)
    model.learning_starts = 2 * args.capacity
    model.learn(args.capacity, log_interval=10**9)
    return lambda: model.train(gradient_steps=args.steps, batch_size=args.batch)
