"""Train what is missing, then register it: `python -m experts [TASK ...] [--steps N] [--again]`, or `--list`."""

from __future__ import annotations

import argparse
import dataclasses
import shutil
import sys
from collections.abc import Sequence

from experts.check import check
from experts.listing import listing
from experts.recipes import RECIPES, config_of
from experts.register import describe, register
from experts.train import RUNS, train_task
from guided_rl.runtime.errors import UserError, unknown_name
from guided_rl.training.cache import enable_compile_cache
from guided_rl.training.run import Interrupted


def main(arguments: Sequence[str] | None = None) -> int:
    """Exit status: 0 done, 1 an expert plays differently in Gymnasium, 2 a mendable error, 130 stopped."""
    options = _parser().parse_args(arguments)
    tasks = [*options.tasks, *options.names] or list(RECIPES)
    try:
        if options.list:
            print(listing())
            return 0
        _refuse(tasks, options.steps)
        enable_compile_cache()
        agreed = [_make(task, options) for task in tasks]
    except UserError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    except Interrupted as stopped:
        print(stopped, file=sys.stderr)
        return 130
    return 0 if all(agreed) else 1


def _make(task: str, options: argparse.Namespace) -> bool:
    """Train, register and, if asked for, check one task's experts."""
    if options.again:
        shutil.rmtree(RUNS / task, ignore_errors=True)
    config = config_of(task)
    if options.steps is not None:
        config = dataclasses.replace(config, steps=options.steps)
    train_task(config)
    print(describe(register(task)), flush=True)
    return check(task) if options.check else True


def _refuse(tasks: Sequence[str], steps: int | None) -> None:
    for task in tasks:
        if task not in RECIPES:
            raise unknown_name("task with an expert recipe", task, RECIPES)
    for points in sorted({config_of(task).evaluations for task in tasks}) if steps is not None else ():
        if steps < 1 or steps % points:
            raise UserError(f"--steps is {steps}; give a positive multiple of {points}")


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m experts",
        description="Train, band by quality, clone and register the experts that ship in experts/. A stopped run "
        "goes on where it was; a finished one is only registered again.",
        epilog="for example: python -m experts Hopper-v5 --check; python -m experts --list",
    )
    parser.add_argument("names", nargs="*", metavar="TASK", help=f"one or more of {', '.join(RECIPES)}; all if none")
    parser.add_argument("--tasks", nargs="+", default=[], metavar="TASK", help="the same, as an option")
    parser.add_argument("--steps", type=int, help="environment steps per expert, instead of the recipe's")
    parser.add_argument("--again", action="store_true", help="forget what was trained and start over")
    parser.add_argument("--list", action="store_true", help="only say each task's steps, width, hours and state")
    parser.add_argument("--check", action="store_true", help="also play them in Gymnasium's own environment")
    return parser


if __name__ == "__main__":
    sys.exit(main())
