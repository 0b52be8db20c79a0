"""Every program lowers for accelerators on a machine that has none, and calls nothing that they lack a kernel for."""

from __future__ import annotations

import dataclasses
import functools
import re

import jax.numpy as jnp
import pytest

from guided_rl.config import RunConfig
from guided_rl.envs.jax_env import JaxTask
from guided_rl.methods import METHODS
from guided_rl.training.run import Run
from tests.golden import runs as golden

pytestmark = pytest.mark.trains

PLATFORMS = ("cuda", "tpu")
CUSTOM_CALL = re.compile(r"stablehlo\.custom_call @([\w.$]+)")
# XLA's own: where an array is split over devices, and the hash behind random numbers, which CUDA has a kernel for.
KNOWN = {"Sharding", "SPMDFullToShardShape", "SPMDShardToFullShape", "cu_threefry2x32_ffi", "TopK", "mhlo.topk"}
KNOWN |= {"cusolver_potrf_ffi"}  # the Cholesky decomposition of MJX's solver
FIRST = ("sac", "dai-sac", "pag", "pex", "sac-eo", "grpo", "sac-discrete", "td3-bc", "reward-robust")
TASKS = ("InvertedPendulum-v5", "HalfCheetah-v5", "cheetah-run", "cartpole-safe", "PointMaze-umaze", "PointFall")


def world() -> JaxTask:
    """Four numbers and one action, as the golden runs' guides and rows have."""
    return JaxTask(
        name="world",
        twin="none",
        action_size=1,
        start=lambda key: jnp.zeros(4),
        advance=lambda x, action: x + 0.1 * action,
        observe=lambda x: x,
        reward=lambda before, action, after: (after[0], {}),
        terminated=lambda x: x[1] > 1.0,
        episode_length=20,
    )


def calls(run: Run, *programs: str) -> set[str]:
    """What the programs call, lowered for both platforms."""
    texts = [run.lowered(name, run.plan.devices, PLATFORMS).as_text() for name in programs]
    return {call for text in texts for call in CUSTOM_CALL.findall(text)}


@functools.cache
def run_of(method: str) -> Run:
    """The method's golden run with members batched, as accelerators have them, on a task without an engine."""
    config = dataclasses.replace(golden.config_of(method), execution="vmap", seeds=2)
    if method in golden.ON_POLICY:
        return Run(config)
    if method in golden.TASKS or golden.is_discrete(method):
        return Run(config, golden.adviser(method), golden.rows(golden.is_discrete(method)))
    return Run(dataclasses.replace(config, task=f"{__file__}:world"), golden.adviser(method), golden.rows())


@pytest.mark.parametrize("method", [m if m in FIRST else pytest.param(m, marks=pytest.mark.slow) for m in METHODS])
def test_every_method_learns_in_programs_that_lower(method):
    assert calls(run_of(method), "chunk") <= KNOWN


@pytest.mark.slow
@pytest.mark.parametrize("method", METHODS)
def test_every_method_begins_and_is_evaluated_in_programs_that_lower(method):
    assert calls(run_of(method), "init", "evaluate") <= KNOWN


@pytest.mark.slow
@pytest.mark.parametrize("task", TASKS)
def test_every_kind_of_task_lowers_in_mjx(task):
    """The native engine is a call of the host's and stays there."""
    config = RunConfig(task=task, steps=40, seeds=2, evaluations=1, episodes=1, hidden=(8,), batch=8, physics="mjx")
    run = Run(dataclasses.replace(config, execution="vmap"))
    assert calls(run, "init", "chunk", "evaluate") <= KNOWN
