"""Every cell of the four tables can be traced, so that none crashes hours into a table, where its program is built.

Nothing is compiled. Datasets are a few rows of zeros and an offline cell's agents are zeros too, since shapes
alone matter; a cell whose experts are not registered is skipped.
"""

from __future__ import annotations

import functools
import re
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from benchmarks.runner.cells import Cell
from benchmarks.runner.tables import TABLES
from guided_rl import envs
from guided_rl.config import RunConfig
from guided_rl.data.replay import Layout
from guided_rl.guides.base import Guide
from guided_rl.guides.offline_agents import propose
from guided_rl.runtime.errors import UserError
from guided_rl.training.plan import abstract_population
from guided_rl.training.run import Run

ONE_ACTION = "cartpole-safe"  # where what is a vector elsewhere has a single entry


def learner(config: RunConfig) -> tuple[str, str]:
    """A method and its switches."""
    return config.method, repr(sorted(config.options.items()))


def kind(config: RunConfig) -> tuple[Any, ...]:
    """What a program is made of besides the task's sizes and the layers', of which any will do.

    Numbers behind a guide's name are traced, or choose its weights.
    """
    guide = re.sub(r"[=@][-.\d]+", "", config.guide or "")
    return *learner(config), guide, config.dataset is None, config.critic_layer_norm


def distinct() -> list[Any]:
    """A cell of every kind on every task; of each learner the first is a default test, the others are slow."""
    found = [cell for table in TABLES.values() for preset in ("cpu", "quick") for cell in table.cells(preset)]
    found.sort(key=lambda cell: cell.config.task != ONE_ACTION)
    chosen: dict[Any, Cell] = {}
    for cell in found:
        chosen.setdefault((kind(cell.config), cell.config.task), cell)
    first = {learner(cell.config): cell for cell in reversed(chosen.values())}
    slow = lambda cell: () if first[learner(cell.config)] is cell else (pytest.mark.slow,)
    return [pytest.param(cell, marks=slow(cell), id=cell.name) for cell in chosen.values()]


def rows(config: RunConfig) -> np.ndarray | None:
    """Any rows of the task's width, if the cell learns from a dataset."""
    env = envs.make(config.task, config.physics)
    width = Layout.of(env.observation_size, env.action_space.width).width
    return None if config.dataset is None else np.zeros((1, 300, width), np.float32)


def untrained(config: RunConfig) -> Guide:
    """An offline cell's agents as it would leave them, all zeros."""
    agent = Run(config, offline=rows(config)).one_member.members.agent
    networks = {**agent.params, "target": agent.targets["critic"]}
    kept = {name: networks[name] for name in ("actor", "critic", "target", "value") if name in networks}
    return Guide(jax.tree.map(lambda x: jnp.zeros(x.shape, x.dtype), kept), propose, name="offline", size=1, source="")


@pytest.mark.trains
@pytest.mark.parametrize("cell", distinct())
def test_every_cell_can_be_traced(cell, monkeypatch):
    # What a guide advises on reset states is asked in a compiled program; its own tests do that.
    monkeypatch.setattr("guided_rl.guides.find.refuse_bad_advice", lambda guide, env: None)
    try:
        guide = None if cell.needs is None else untrained(cell.needs.config)
        run = Run(cell.config, guide, rows(cell.config))
    except UserError as error:
        if "there are no experts of" not in str(error):
            raise
        pytest.skip(str(error))
    width = run.plan.width
    population = abstract_population(run, width)
    inputs = jax.eval_shape(lambda: run.inputs(np.zeros(width, int)))
    trained, _ = jax.eval_shape(run._jitted("chunk"), population, inputs)
    shapes = functools.partial(jax.tree.map, lambda x: (x.shape, x.dtype))
    assert shapes(trained) == shapes(population)
    jax.eval_shape(run._jitted("evaluate"), population.members.seed, trained.members.agent, inputs, trained.step)
