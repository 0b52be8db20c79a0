"""What a guiding network is made of: weights of single rows, and how one step of the actor makes them better.

After Yang et al. 2023, "Guided Offline Reinforcement Learning" (arXiv 2309.01448), of which the abstract could be read:
a network that learns from a few expert rows weighs improvement against constraint for every sample. The equations are
our reconstruction, hence "-style". With rows i = 1 … n, the actor's parameters θ and the guide's w:

    B_i = 2 σ(f_w(x_i)),   which is 1 at first, since f's last layer begins at 0
    θ'(w) = θ - η ∇_θ 1/n Σ_i (improvement_i + B_i constraint_i)     a virtual step
    L_guide(w) = the actor's loss of imitating the expert rows, at θ'(w)
    ∂L_guide/∂B_i = -η/n ⟨∇L_guide(θ'), ∇_θ constraint_i(θ)⟩

Where most rows pull the actor towards the expert, L_guide falls with the mean of B alone, and all weights may go to 2:
then the guide has learned one κ for all. With the switch `relative` the batch's weights are divided by their mean, so
that only differences between rows count.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp

from guided_rl.data.replay import Layout
from guided_rl.methods.base import Agent, Batch, Context, Metrics, Setup, descend, optimizer
from guided_rl.methods.bases.cql import whole
from guided_rl.methods.hparams import HParam, learning_rate
from guided_rl.networks.mlp import MLP
from guided_rl.runtime.errors import UserError, unknown_name

Terms = Callable[[Any], tuple[jax.Array, jax.Array]]
ExpertLoss = Callable[[Any], jax.Array]
HPARAMS = {
    "guide_lr": learning_rate(1e-4, "the guiding network"),
    "virtual_lr": HParam(3e-4, 1e-8, doc="step size η of the actor's virtual step"),
}
INPUTS = ("losses", "state-action")
GUIDE_STREAM, PROBE_STREAM = 0x676F, 0x7072  # beyond the counters that the bases draw from a key


def network(setup: Setup) -> MLP:
    """f_w."""
    return MLP(setup.hidden, 1, setup.activation, setup.initialization)


def init_guide(key: jax.Array, setup: Setup, width: int) -> Any:
    """w for inputs [..., width], its last layer at 0."""
    params = network(setup).init(key, jnp.zeros(width))
    last = f"Dense_{len(setup.hidden)}"
    return {"params": {**params["params"], last: jax.tree.map(jnp.zeros_like, params["params"][last])}}


def weights(setup: Setup, guide: Any, inputs: jax.Array, relative: bool = False) -> jax.Array:
    """B = 2 σ(f_w(x)), [batch], of inputs [batch, width]; if `relative`, divided by its mean."""
    found = 2.0 * jax.nn.sigmoid(network(setup).apply(guide, inputs)[..., 0])
    return found / jnp.mean(found) if relative else found


def influence(
    params: Any, terms: Terms, expert_loss: Callable[[Any], jax.Array], weight: jax.Array, rate: jax.Array
) -> tuple[jax.Array, jax.Array]:
    """∂L_guide/∂B_i of every row [batch], and L_guide, after a virtual step of the actor.

    Args:
      params: θ. terms: `θ -> (improvement, constraint)`, each [batch]. expert_loss: `θ' -> L_guide`.
      weight: B [batch]. rate: η.
    """

    def loss(p: Any) -> jax.Array:
        improvement, constraint = terms(p)
        return jnp.mean(improvement + weight * constraint)

    virtual = jax.tree.map(lambda p, g: p - rate * g, params, jax.grad(loss)(params))
    value, gradient = jax.value_and_grad(expert_loss)(virtual)
    _, along = jax.jvp(lambda p: terms(p)[1], (params,), (gradient,))
    return -rate * along / weight.shape[0], value


def guide_step(
    agent: Agent, x: jax.Array, terms: Terms, expert_loss: ExpertLoss, ctx: Context, relative: bool = False
) -> tuple[Agent, Metrics]:
    """One Adam step of w along ∂L_guide/∂B, for rows that the guide sees as `x` [batch, width]."""
    before = weights(ctx.setup, agent.params["guide"], x, relative)
    pull, value = influence(agent.params["actor"], terms, expert_loss, before, ctx.hp["virtual_lr"])
    pull = pull * (before.shape[0] / ctx.hp["virtual_lr"])  # Adam's steps do not depend on it, but its ε would

    def loss(guide: Any) -> tuple[jax.Array, Metrics]:
        return jnp.mean(pull * weights(ctx.setup, guide, x, relative)), {}

    agent, _ = descend(agent, "guide", loss, ctx.hp["guide_lr"])
    return agent, {"guide_loss": value, "weight": jnp.mean(before), "weight_deviation": jnp.std(before)}


def with_guide(agent: Agent, key: jax.Array, width: int, probed: dict[str, jax.Array], ctx: Context) -> Agent:
    """The learner with a fresh guide of inputs [..., width], and the rows that are watched."""
    guide = init_guide(key, ctx.setup, width)
    return agent.replace(
        params={**agent.params, "guide": guide},
        optimizers={**agent.optimizers, "guide": optimizer(guide)},
        memory={**agent.memory, "probes": probed},
    )


def guide_inputs(kind: str, batch: Batch, losses: tuple[jax.Array, jax.Array]) -> jax.Array:
    """x [batch, width]: a row's two `losses`, or its state and action."""
    if kind == "losses":
        return jnp.stack(losses, axis=-1)
    return jnp.concatenate([batch["obs"], batch["action"]], axis=-1)


def width_of(kind: str, setup: Setup) -> int:
    return 2 if kind == "losses" else setup.observation_size + setup.action_size


def enough_rows(rows: Any, layout: Layout, *, tail: int) -> Any:
    """The dataset, if more rows are left than the expert's.

    Raises:
      UserError: none are left.
    """
    if rows.shape[1] <= tail + 1:
        raise UserError(
            f"the dataset has {rows.shape[1]} rows, of which the last {tail} are taken for the expert's, so that too "
            "few are left to learn from; give more rows, or a smaller --option rows"
        )
    return rows


def refuse_options(kind: str, rows: Any, batch: Any, method: str) -> None:
    """Refuse switches that mean nothing.

    Raises:
      UserError: the first of them.
    """
    if kind not in INPUTS:
        raise unknown_name(f"input of {method}'s guide", kind, INPUTS)
    whole("rows", rows, method)
    whole("batch", batch, method)
