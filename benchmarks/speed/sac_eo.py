"""SAC-EO at the paper's sizes beside its own floor: what its parts cost when each is timed alone.

One episode of cheetah-run, a thousand steps with as many updates and one refit of both models on
the newest 100,000 transitions. The floor is SAC's update on a frozen buffer, the gradient of the
imitation term, and the refit's matrix products, one program after the other on the same members.
"""

from __future__ import annotations

import itertools

import jax
import jax.numpy as jnp

from benchmarks.speed.parts import OURS, STEPS, Competitor, Size, TimedPopulation, timed, updates
from guided_rl import methods
from guided_rl.methods.base import Context
from guided_rl.methods.observations.dynamics import MODELS, Fitting
from guided_rl.methods.observations.imitation import IMITATION_STREAM, Imitation, imitation_loss
from guided_rl.runtime.rng import KEYS
from guided_rl.training.execution import over_members
from guided_rl.training.sharding import SAME, SPLIT, place, sharded

TASK, EPISODE = "cheetah-run", 1_000


def loop_and_floor(size: Size, window: int, model_hidden: int, epochs: int, steps: int = EPISODE) -> list[Competitor]:
    """Our whole loop past `window` steps, and its floor; both work `steps` steps of every member."""
    options = {"window": window, "model_hidden": (model_hidden, model_hidden), "epochs": epochs}
    options["expert_batch"] = size.batch
    loop = TimedPopulation(TASK, methods.build("sac-eo", options), size, steps)
    past = jnp.int32(max(EPISODE, window // EPISODE * EPISODE))
    loop.state = loop.state.replace(step=place(past, loop.mesh, SAME))
    fitting = Fitting((model_hidden, model_hidden), epochs=epochs, window=window)
    alone = updates(TASK, "sac", size, steps)
    imitate, refit = imitation(loop, fitting, steps), products(loop, fitting)
    parts = (lambda: alone.advance(alone.inputs), imitate, refit)
    work = steps * size.members
    floor = Competitor("its floor", lambda: sum(timed(part) for part in parts), work, STEPS)
    floor.run()
    return [loop.competitor(OURS), floor]


def imitation(population: TimedPopulation, fitting: Fitting, times: int):
    """The gradient of the imitation term, `times` times for every member, as a call without arguments."""
    trainer, batch = population.trainer, population.size.batch
    rows = trainer.layout.unpack(population.inputs.offline[0, :batch])

    def gradients(agents, hp, step, real):
        def member(agent, hp):
            ctx = Context(hp, step, None, trainer.setup)

            def one(i, total):
                key = jax.random.key(IMITATION_STREAM + i, impl=KEYS)
                loss = lambda params: imitation_loss(params, agent, rows, key, ctx, Imitation(fitting))
                return jax.tree.map(jnp.add, total, jax.grad(loss)(agent.params["actor"]))

            return jax.lax.fori_loop(0, times, one, jax.tree.map(jnp.zeros_like, agent.params["actor"]))

        return over_members(trainer.loop.execution, jnp.sum(real))(member)(agents, hp)

    state = population.state
    agents, hp, step = jax.tree.map(jnp.copy, (state.members.agent, population.inputs.hp, state.step))
    read = agents, hp, step, population.inputs.real
    program = sharded(gradients, population.mesh, (SPLIT, SPLIT, SAME, SPLIT), SPLIT).lower(*read).compile()
    return lambda: program(*read)


def products(population: TimedPopulation, fitting: Fitting):
    """The matrix products of one refit of every member, forward and back, as a call without arguments."""
    setup = population.trainer.setup
    widths = (setup.observation_size + setup.action_size, *fitting.hidden, setup.observation_size + 1)
    rounds = fitting.epochs * fitting.window // fitting.batch

    def refits(x, real):
        weights = tuple(jnp.full((MODELS, a, b), 1e-3) for a, b in itertools.pairwise(widths))

        def member(x):
            def one(_, weights):
                layers = [x]
                for w in weights:
                    layers.append(layers[-1] @ w)
                pull, moved = layers[-1], []
                for w, layer in zip(weights[::-1], layers[-2::-1], strict=True):
                    moved.append(w + 1e-12 * jnp.swapaxes(layer, 1, 2) @ pull)
                    pull = pull @ jnp.swapaxes(w, 1, 2) if layer is not x else pull
                return tuple(moved[::-1])

            return jax.lax.fori_loop(0, rounds, one, weights)

        return over_members(population.trainer.loop.execution, jnp.sum(real))(member)(x)

    real = population.inputs.real
    x = jnp.ones((len(real), MODELS, fitting.batch, widths[0]))
    program = sharded(refits, population.mesh, (SPLIT, SPLIT), SPLIT).lower(x, real).compile()
    return lambda: program(x, real)
