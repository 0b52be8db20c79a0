"""A guide that advises one action, and small learners, for tests of local guidance."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np

from guided_rl.envs import make
from guided_rl.envs.spaces import Box
from guided_rl.guides.base import Guide
from guided_rl.methods import build
from guided_rl.methods.base import Agent, Context, Setup
from guided_rl.methods.hparams import defaults
from guided_rl.training.population import Trainer
from guided_rl.training.sharding import SPLIT, place, population_mesh
from guided_rl.training.state import INPUTS, Inputs, Loop
from tests.methods.test_losses import SETUP, learner

STEPS, LOOP = 96, Loop(8, 96, 0, 0, block=8, timeout_is_terminal=True, execution="map")
ADVICE = jnp.array([0.5, -0.25, 0.999])


def guide(trust: float | None = None, size: int = 3) -> Guide:
    """Advises ADVICE; λ(s) = 1 where s_0 > 0, or the given constant."""
    confidence = lambda params, obs: (obs[0] > 0).astype(jnp.float32) if trust is None else jnp.float32(trust)
    return Guide((), lambda params, obs, key: ADVICE[:size], confidence, name="constant")


def context(method, progress: float = 0.0, trust: float | None = None, **hp: float) -> Context:
    values = {k: jnp.float32(v) for k, v in {**defaults(method.hparams), **hp}.items()}
    return Context(values, jnp.int32(round(progress * SETUP.budget)), guide(trust), setup=SETUP)


def trusted(obs) -> np.ndarray:
    return (np.asarray(obs)[:, 0] > 0).astype(np.float64)


def advised() -> np.ndarray:
    return np.tile(np.asarray(ADVICE, np.float64), (16, 1))


def pag_learner(seed: int, name: str = "pag", **switches) -> tuple[Agent, object]:
    """SAC's shaken learner with a perturbation head whose biases are not zero."""
    method = build(name, switches)
    fresh = method.init(jax.random.key(seed), context(method))
    rng = np.random.default_rng(seed + 100)
    shake = lambda x: x + jnp.asarray(rng.normal(0, 0.3, x.shape), jnp.float32)
    base = learner("sac", seed)
    head = {name: jax.tree.map(shake, fresh.params[name]) for name in fresh.params.keys() - base.params.keys()}
    return fresh.replace(params={**base.params, **head}, targets=base.targets), method


def population(method, trust: float | None = None, **hp: float):
    """Two learners after a whole run on PointFall, collecting and learning by turns."""
    env, setup, mesh = make("PointFall"), Setup(6, Box(2), (8, 8), STEPS), population_mesh(1)
    trainer = Trainer(env, method, setup, LOOP)
    values = {k: jnp.full(2, v, jnp.float32) for k, v in {**defaults(method.hparams), **hp}.items()}
    inputs = place(
        Inputs(values, None if trust is None else jax.vmap(guide(trust, 2).of)(jnp.arange(2)), jnp.ones(2, bool)),
        mesh,
        INPUTS,
    )
    start = trainer.init(mesh)(place(jnp.arange(2), mesh, SPLIT), inputs)
    trained, totals = trainer.chunk(mesh, STEPS)(start, inputs)
    assert int(totals.updates) == STEPS
    rows = trainer.layout.unpack(trained.replay)
    return jax.device_get((trained.members.agent.params, trained.members.env.obs, rows))
