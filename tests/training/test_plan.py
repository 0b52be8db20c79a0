"""The plan: exact bytes of state, temporaries near XLA's own analysis, waves that fit, about the time."""

from __future__ import annotations

import jax
import numpy as np
import pytest

from guided_rl.config import RunConfig
from guided_rl.data.replay import Layout
from guided_rl.envs.spaces import Box
from guided_rl.methods.base import Setup
from guided_rl.training import plan
from guided_rl.training.checkpoint import _to_arrays
from guided_rl.training.cost import expected_seconds
from guided_rl.training.run import Run
from tests.methods.offline_agents import ensemble_guide
from tests.training.small import run, small


def test_state_and_input_bytes_are_those_of_the_arrays():
    run = Run(small())
    inputs = run.inputs(np.arange(run.plan.width) % 3)
    seeds = jax.numpy.arange(run.plan.width, dtype=jax.numpy.int32)
    population = jax.jit(run.trainer._init)(seeds, inputs)
    exact = sum(leaf.nbytes for leaf in jax.tree.leaves(_to_arrays(population)))
    assert run.plan.state_bytes == exact
    assert run.plan.input_bytes == sum(leaf.nbytes for leaf in jax.tree.leaves(inputs))


SHAPES = [
    ("HalfCheetah-v5", "sac", 64, 128, 4, "map"),
    *[
        pytest.param(*shape, marks=pytest.mark.slow)
        for shape in (
            ("Humanoid-v5", "td3", 64, 128, 4, "map"),
            ("HalfCheetah-v5", "sac", 256, 256, 4, "map"),
            ("HalfCheetah-v5", "sac", 64, 256, 16, "map"),
            ("HalfCheetah-v5", "td3", 256, 128, 16, "map"),
            ("Humanoid-v5", "sac", 256, 256, 4, "map"),
            ("Humanoid-v5", "sac", 64, 128, 16, "map"),
            ("HalfCheetah-v5", "sac", 64, 128, 16, "vmap"),
            ("HalfCheetah-v5", "td3", 256, 256, 4, "vmap"),
            ("Humanoid-v5", "sac", 256, 256, 4, "vmap"),
        )
    ],
]


def temporaries(run: Run) -> int:
    """XLA's own analysis of the compiled chunk, in bytes per device."""
    return run.lowered("chunk", run.plan.width).compile().memory_analysis().temp_size_in_bytes


@pytest.mark.trains
@pytest.mark.skipif(jax.default_backend() != "cpu", reason="the estimate is fitted to XLA on CPU")
@pytest.mark.parametrize(("task", "method", "hidden", "batch", "seeds", "execution"), SHAPES)
def test_temporaries_are_near_the_compiled_programs_own_analysis(task, method, hidden, batch, seeds, execution):
    settings = {"hidden": (hidden, hidden), "batch": batch, "seeds": seeds, "execution": execution, "steps": 20_000}
    run = Run(RunConfig(task=task, method=method, **settings))
    assert run.plan.temporary_bytes / run.plan.devices == pytest.approx(temporaries(run), rel=0.25)


@pytest.mark.slow
@pytest.mark.skipif(jax.default_backend() != "cpu", reason="the estimate is fitted to XLA on CPU")
@pytest.mark.parametrize("execution", ["map", "vmap"])
@pytest.mark.parametrize(("window", "models"), [(20_000, (128, 128)), (100_000, (512, 512))])
def test_temporaries_of_a_refit_are_near_the_compiled_programs_own_analysis(window, models, execution):
    options = {"model_hidden": models, "window": window, "epochs": 2, "expert_batch": 128}
    config = RunConfig(
        "HalfCheetah-v5", "sac-eo", steps=100_000, seeds=4, batch=128, execution=execution, options=options
    )
    run = Run(config, None, np.zeros((1, 1_000, Layout.of(17, 6).width), np.float32))
    assert run.plan.temporary_bytes / run.plan.devices == pytest.approx(temporaries(run), rel=0.25)


@pytest.mark.slow
@pytest.mark.skipif(jax.default_backend() != "cpu", reason="the estimate is fitted to XLA on CPU")
@pytest.mark.parametrize(
    ("method", "options", "hidden", "batch", "execution"),
    [
        ("cql-offline", {"actions": 10}, 64, 128, "map"),
        ("cql-offline", {"members": 2, "actions": 4}, 64, 128, "map"),
        ("cql-offline", {"members": 2, "actions": 10}, 256, 256, "vmap"),
        ("off2on", {"members": 2}, 64, 128, "map"),
        ("off2on", {"members": 5}, 256, 256, "map"),
        ("off2on", {"members": 5}, 256, 256, "vmap"),
    ],
)
def test_temporaries_of_an_ensemble_are_near_the_compiled_programs_own_analysis(
    method, options, hidden, batch, execution
):
    settings = {"hidden": (hidden, hidden), "batch": batch, "seeds": 4, "execution": execution, "steps": 20_000}
    guide = ensemble_guide(options["members"], Setup(17, Box(6), (hidden, hidden))) if method == "off2on" else None
    config = RunConfig("HalfCheetah-v5", method, options=options, **settings)
    run = Run(config, guide, np.zeros((1, 1_000, Layout.of(17, 6).width), np.float32))
    assert run.plan.temporary_bytes / run.plan.devices == pytest.approx(temporaries(run), rel=0.25)


def test_waves_are_of_equal_width_and_hold_every_member_once(monkeypatch):
    monkeypatch.setenv("GUIDED_RL_MEMORY_GB", "0.0005")
    run = Run(small(seeds=23))
    waves = run.plan.waves()
    assert len(waves) > 1 and len({len(wave) for wave in waves}) == 1
    assert set(np.concatenate(waves)) == set(range(23))
    assert np.array_equal(np.concatenate(waves)[:23], np.arange(23))
    needed = run.plan.state_bytes + run.plan.temporary_bytes
    assert needed <= run.plan.available_bytes or run.plan.width == run.plan.devices


def test_a_population_that_fits_is_one_wave():
    run = Run(small(seeds=23))
    assert len(run.plan.waves()) == 1
    assert run.plan.updates == 23 * (240 - 60)


def test_chunks_divide_the_interval_and_stay_short():
    run = Run(RunConfig(steps=100_000, seeds=100))
    assert run.config.interval % run.plan.chunk == 0
    assert run.plan.chunk * run.plan.width <= plan.CHUNK_UPDATES


@pytest.mark.skipif(jax.default_backend() != "cpu", reason="time is modelled for CPU")
def test_time_is_expected_of_native_runs_alone():
    long, short = (expected_seconds(Run(small(steps=steps))) for steps in (240_000, 240))
    assert 0 < short < long
    assert expected_seconds(Run(small(physics="mjx"))) is None


@pytest.mark.slow
@pytest.mark.skipif(jax.default_backend() != "cpu", reason="time is modelled for CPU")
def test_expected_time_is_about_right():
    """Within a factor of four; machines that do other work at the same time are no nearer."""
    config = RunConfig(task="Hopper-v5", steps=4_000, evaluations=4, episodes=2, seeds=4)
    expected, result = expected_seconds(Run(config)), run(config)
    assert expected / 4 < result.wall_seconds - result.compile_seconds < expected * 4
