"""The offline loop: gradient steps on the dataset alone."""

from __future__ import annotations

from typing import TYPE_CHECKING

import jax
import jax.numpy as jnp

from guided_rl.methods.base import Offline
from guided_rl.training.loops.dataset import drawn_rows
from guided_rl.training.state import Inputs, Population, Totals
from guided_rl.training.streams import keys_for

if TYPE_CHECKING:
    from guided_rl.training.population import Trainer


def offline_updates(
    trainer: Trainer, population: Population, totals: Totals, inputs: Inputs, steps: int
) -> tuple[Population, Totals]:
    """Offline nobody acts, so that each member takes all its gradient steps before the next one's begin.

    One by one, this keeps a learner in the cache, and copies it out of the population once.
    """
    first = jnp.clip(trainer.loop.learning_starts - population.step, 0, steps)

    def all_updates(key, seed, agent, hp, guide, metrics):
        def one(number, carry):
            agent, sums = carry
            update_step = population.step + number
            rows = sample(trainer, key, seed, inputs.offline, update_step)
            agent, metrics = trainer.gradient_step(key, agent, hp, guide, rows, update_step)
            return agent, jax.tree.map(jnp.add, sums, metrics)

        return jax.lax.fori_loop(first, steps, one, (agent, metrics))

    m = population.members
    read = m.key, m.seed, m.agent, inputs.hp, inputs.guide, totals.metrics
    agents, metrics = trainer.each(inputs)(all_updates)(*read)
    population = population.replace(members=m.replace(agent=agents), step=population.step + steps)
    return population, totals.replace(updates=steps - first, metrics=metrics)


def sample(trainer: Trainer, key: jax.Array, seed: jax.Array, dataset: jax.Array, update_step: jax.Array):
    """One member's rows of the dataset for one update; the expert's from its end beside them, if the method asks."""
    sample_key, dataset_key = keys_for(key, update_step, "sample", "offline")
    how = trainer.method.loop
    end = dataset.shape[1] - (how.tail if isinstance(how, Offline) else 0)
    own = drawn_rows(dataset, seed, dataset_key, trainer.drawn, last=end)
    if not trainer.expert_batch:
        return own, None
    return own, drawn_rows(dataset, seed, sample_key, trainer.expert_batch, first=end)
