"""From a configuration to the training loop's static settings."""

from __future__ import annotations

from guided_rl.config import RunConfig
from guided_rl.methods.base import Method, OffPolicy
from guided_rl.runtime.devices import backend
from guided_rl.training.state import Loop


def loop_settings(config: RunConfig, method: Method) -> Loop:
    """The training loop's static settings, schedules turned into steps."""
    how = method.loop
    own, is_random = (how.warmup, how.random_warmup) if isinstance(how, OffPolicy) else (0.0, False)
    starts = round((own if config.warmup is None else config.warmup) * config.steps)
    return Loop(
        batch=config.batch,
        capacity=(config.capacity or min(1_000_000, config.steps)) if isinstance(how, OffPolicy) else 1,
        learning_starts=starts,
        random_steps=starts if is_random else 0,
        block=config.block,
        timeout_is_terminal=config.timeout_is_terminal,
        execution=config.execution if config.execution != "auto" else default_execution(),
        replay_dtype=config.replay_dtype,
    )


def default_execution() -> str:
    """`map` on CPU, where it keeps seeds independent and cores busy; `vmap` on accelerators."""
    return "map" if backend() == "cpu" else "vmap"
