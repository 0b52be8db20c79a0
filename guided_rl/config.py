"""What decides a run's numbers, as one frozen dataclass that is stored with its results."""

from __future__ import annotations

import dataclasses
import itertools
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from guided_rl.envs.base import Env
from guided_rl.methods.base import Method, OnPolicy
from guided_rl.methods.hparams import defaults
from guided_rl.networks.actors import ACTOR_HEADS
from guided_rl.networks.mlp import ACTIVATIONS
from guided_rl.physics import resolved
from guided_rl.runtime.errors import UserError, unknown_name

# What older records do not say, because there was nothing else.
YOUNGER = (
    ("activation", "relu"),
    ("critic_layer_norm", False),
    ("initialization", "lecun"),
    ("actor_head", "clipped"),
    ("replay_dtype", "float32"),
    ("matmul_precision", "default"),
)
REPLAY_DTYPES = ("float32", "float16", "bfloat16")
PRECISIONS = ("default", "high", "highest")
LARGEST = 2**31 - 1  # programs count in int32


@dataclass(frozen=True)
class RunConfig:
    """One population: a method on a task for every seed and grid point.

    Attributes:
      task: a task name, `brax:<name>`, or `file.py:function`.
      method: a method name, or `file.py:NAME`.
      guide: who advises: `bc`, `sac`, `bc@50` (an expert of this task at a quality level in
        per cent), a weights file, or `module:function`.
      dataset: offline rows that all members share: `demos`, `demos@50`, or a file of one's own.
      steps: environment steps per member, the budget that all schedules are fractions of.
      seeds: how many learner seeds.
      first_seed: the first of them.
      grid: hyper-parameter name -> values; every combination runs for every seed.
      hparams: hyper-parameters that differ from the method's defaults.
      options: the method's static switches.
      hidden: widths of the hidden layers of every network.
      activation: between them, `relu` or `tanh`.
      critic_layer_norm: whether the critics' hidden layers are normalised, as in RLPD (Ball et al. 2023).
      initialization: of every network but those whose paper names one: `lecun`, or `pytorch`'s uniform ±1/√fan_in,
        biases too.
      actor_head: how a squashed Gaussian's log σ comes from the network: `clipped` to [-5, 2], or `affine`, m · raw + c
        with learned m = 1 and c = -1 at first, clipped to [-20, 2], as in SimpleSAC.
      batch: transitions per update.
      warmup: share of the budget stored before the first update; None is the method's own.
      capacity: replay rows per member; None is min(1M, steps).
      evaluations: evenly spaced evaluation points.
      episodes: evaluation episodes per point and protocol.
      physics: `native`, `mjx` or `mjx:fast`; `auto` is native on CPU, and on an accelerator whichever of
        the first two is measured to step this population faster.
      block: environment steps collected before as many updates.
      timeout_is_terminal: do not bootstrap through the time limit.
      execution: `vmap` (members batched) or `map` (one by one on each device); `auto` is map on CPU.
      replay_dtype: how replay rows are kept: `float32`, or in half the memory `float16` or `bfloat16`.
      matmul_precision: of matrix products, `default`, `high` or `highest`; on GPUs the default is TF32.
    """

    task: str = "HalfCheetah-v5"
    method: str = "sac"
    guide: str | None = None
    dataset: str | None = None
    steps: int = 100_000
    seeds: int = 10
    first_seed: int = 0
    grid: Mapping[str, tuple[float, ...]] = field(default_factory=dict)
    hparams: Mapping[str, float] = field(default_factory=dict)
    options: Mapping[str, Any] = field(default_factory=dict)
    hidden: tuple[int, ...] = (64, 64)
    activation: str = "relu"
    critic_layer_norm: bool = False
    initialization: str = "lecun"
    actor_head: str = "clipped"
    batch: int = 128
    warmup: float | None = None
    capacity: int | None = None
    evaluations: int = 20
    episodes: int = 10
    physics: str = "auto"
    block: int = 1
    timeout_is_terminal: bool = False
    execution: str = "auto"
    replay_dtype: str = "float32"
    matmul_precision: str = "default"

    def to_json(self) -> dict[str, Any]:
        """Plain JSON types, the form in which records keep it."""
        settings = json.loads(json.dumps(dataclasses.asdict(self)))
        return {name: value for name, value in settings.items() if (name, value) not in YOUNGER}

    @property
    def interval(self) -> int:
        """Steps between evaluation points."""
        return self.steps // self.evaluations

    def points(self) -> list[dict[str, float]]:
        """Every combination of the grid's values, in order; one empty point without a grid."""
        return [dict(zip(self.grid, values, strict=True)) for values in itertools.product(*self.grid.values())]

    def members(self) -> tuple[np.ndarray, np.ndarray]:
        """Seed and grid-point index of every member, [population] each; seeds vary fastest."""
        seeds = np.arange(self.first_seed, self.first_seed + self.seeds, dtype=np.int32)
        points = np.arange(len(self.points()), dtype=np.int32)
        return np.tile(seeds, len(points)), np.repeat(points, len(seeds))

    def member_hparams(self, method: Method) -> dict[str, np.ndarray]:
        """Each hyper-parameter as float32 [population]."""
        base = {**defaults(method.hparams), **self.hparams}
        rows = [{**base, **point} for point in self.points()]
        _, points = self.members()
        return {name: np.asarray([rows[p][name] for p in points], np.float32) for name in base}


def differences(old: Mapping[str, Any], new: Mapping[str, Any], prefix: str = "") -> list[str]:
    """`name: old -> new` for every entry in which two configurations differ."""
    found = []
    for name in sorted(old.keys() | new.keys()):
        a, b = old.get(name), new.get(name)
        if isinstance(a, Mapping) and isinstance(b, Mapping):
            found += differences(a, b, f"{prefix}{name}.")
        elif a != b:
            found.append(f"{prefix}{name}: {a} -> {b}")
    return found


def check(config: RunConfig, method: Method) -> None:
    """Refuse a configuration that cannot run, before anything compiles.

    Raises:
      UserError: the first thing that is wrong, where, and what to do.
    """
    for name in ("seeds", "steps", "batch", "evaluations", "episodes", "block"):
        if getattr(config, name) < 1:
            raise UserError(f"{name} is {getattr(config, name)}; it must be at least 1")
    for name, value in [*dataclasses.asdict(config).items(), *(("hidden", width) for width in config.hidden)]:
        if isinstance(value, int) and value > LARGEST:
            raise UserError(f"{name} is {value}; it must be at most {LARGEST:,}, the largest whole number of a program")
    check_seed(config.first_seed, "first_seed", config.seeds)
    if config.steps % (config.evaluations * config.block):
        raise UserError(
            f"steps={config.steps} is not a multiple of evaluations×block={config.evaluations * config.block}; "
            "change one so that evaluation points fall on whole steps"
        )
    if config.capacity is not None and config.capacity < 1:
        raise UserError(f"capacity is {config.capacity}; it must be at least 1 row")
    if not config.hidden or min(config.hidden) < 1:
        raise UserError(f"hidden={config.hidden} must name at least one layer of at least one unit")
    if config.warmup is not None and not 0 <= config.warmup <= 1:
        raise UserError(f"warmup={config.warmup} is a share of the budget; give a number in [0, 1]")
    resolved(config.physics)
    if config.activation not in ACTIVATIONS:
        raise unknown_name("activation", config.activation, ACTIVATIONS)
    words = {
        "initialization": ("lecun", "pytorch"),
        "actor_head": ACTOR_HEADS,
        "execution": ("auto", "vmap", "map"),
        "replay_dtype": REPLAY_DTYPES,
        "matmul_precision": PRECISIONS,
    }
    for name, known in words.items():
        if getattr(config, name) not in known:
            raise unknown_name(name, getattr(config, name), known)
    for name, values in {**{k: (v,) for k, v in config.hparams.items()}, **config.grid}.items():
        if name not in method.hparams:
            raise unknown_name(f"hyper-parameter of {method.name!r}", name, method.hparams)
        if not values:
            raise UserError(f"the grid of {name} is empty; give at least one value")
        low, high = method.hparams[name].low, method.hparams[name].high
        for value in values:
            if not np.isfinite(value) or not low <= value <= high:
                raise UserError(f"{name}={value} is outside [{low:g}, {high:g}]; give finite values within it")
        _refuse_rounding(name, values)


def check_actions(method: Method, env: Env) -> None:
    """Refuse a method on a task in whose action space it does not act.

    Raises:
      UserError: the method says so.
    """
    works, space = method.needs.actions, env.action_space
    if works not in ("any", space.kind):
        raise UserError(
            f"method {method.name!r} acts in {works} action spaces, but that of {env.name} is {space}; "
            f"use a method for {space.kind} actions, or another task"
        )


def check_task(config: RunConfig, method: Method, env: Env) -> None:
    """Refuse a task that the method cannot learn, or not in this budget, before anything compiles.

    Raises:
      UserError: as `check_actions` and `check_groups`.
    """
    check_actions(method, env)
    check_groups(config, method, env)


def check_groups(config: RunConfig, method: Method, env: Env) -> None:
    """Refuse evaluations between which not even one group of roll-outs is sure to fit.

    Raises:
      UserError: how many steps there must be.
    """
    if not isinstance(method.loop, OnPolicy):
        return
    most = method.loop.group * env.episode_length
    if config.interval < most:
        raise UserError(
            f"there are {config.interval} steps between two evaluations, but a group of {method.name!r} on {env.name} "
            f"may take {most}; give at least {most * config.evaluations} steps, or fewer evaluations"
        )


def check_seed(seed: int, name: str = "seed", count: int = 1) -> None:
    """Refuse seeds that an int32 does not hold, or that are negative.

    Raises:
      UserError: the first of `count` seeds, or the last, is outside [0, 2**31).
    """
    if not 0 <= seed <= LARGEST + 1 - count:
        raise UserError(f"{name} is {seed}; seeds must be from 0 to {LARGEST:,}")


def _refuse_rounding(name: str, values: Sequence[float]) -> None:
    """Refuse values that float32, in which programs compute, makes infinite, zero, or equal to another one.

    Raises:
      UserError: the first such value.
    """
    with np.errstate(over="ignore", under="ignore"):
        single = np.asarray(values, np.float32)
    for value, rounded in zip(values, single, strict=True):
        if not np.isfinite(rounded) or (rounded == 0) != (value == 0):
            raise UserError(f"{name}={value} is {rounded:g} in float32; give a value between 1e-38 and 3e38 in size")
    if len(set(single.tolist())) < len(values):
        twice = next(value for i, value in enumerate(values) if single[i] in single[:i])
        raise UserError(
            f"the grid of {name} has {twice:g} twice, which would count as independent; give each value once"
        )
