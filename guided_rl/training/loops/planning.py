"""The planning loop: rounds of planning in a known process; the environment is for evaluations."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import jax
import jax.numpy as jnp

from guided_rl.envs.base import Env
from guided_rl.methods.base import Method, Planning, Setup
from guided_rl.planning.problem import RewardProblem
from guided_rl.runtime.errors import UserError
from guided_rl.training.state import Inputs, Population, Totals

if TYPE_CHECKING:
    from guided_rl.training.population import Trainer


def planning_rounds(
    trainer: Trainer, population: Population, totals: Totals, inputs: Inputs, steps: int
) -> tuple[Population, Totals]:
    """A step is a round, which is one update; each member takes all its rounds before the next one's begin."""

    def all_rounds(key, agent, hp, guide, metrics):
        def one(number, carry):
            agent, sums = carry
            agent, metrics = trainer.gradient_step(key, agent, hp, guide, None, population.step + number)
            return agent, jax.tree.map(jnp.add, sums, metrics)

        return jax.lax.fori_loop(0, steps, one, (agent, metrics))

    m = population.members
    agents, metrics = trainer.each(inputs)(all_rounds)(m.key, m.agent, inputs.hp, inputs.guide, totals.metrics)
    population = population.replace(members=m.replace(agent=agents), step=population.step + steps)
    return population, totals.replace(updates=totals.updates + steps, metrics=metrics)


def problem_of(env: Env, method: Method) -> RewardProblem | None:
    """What a planning method plans in; None for methods that learn.

    Raises:
      UserError: the task is no table that could be planned in.
    """
    if not isinstance(method.loop, Planning):
        return None
    problem = getattr(env, "problem", None)
    if problem is None:
        raise UserError(
            f"method {method.name!r} plans in a task whose table is known, and {env.name} has none; give one such as "
            "--task RobustGrid-5"
        )
    return problem


def check_problem(method: Method, setup: Setup, hparams: Mapping[str, Any]) -> None:
    """Refuse a population [population] of planners one of which has nothing to plan for.

    Raises:
      UserError: the method says so.
    """
    if setup.problem is not None and isinstance(method.loop, Planning):
        method.loop.check(setup.problem, hparams)
