"""DAI on discrete actions: the mixture is of distributions, since actions have no mean.

Cao 2025, "Dynamic Action Interpolation" (arXiv 2504.18766), has continuous actions alone; this form is ours. Its
a_mix = (1 - α) a_E + α a_RL becomes

    a ~ (1 - α(t)) π_E(·|s) + α(t) π_RL(·|s),     α(t) = min(1, t / T_change),

drawn by a coin: with probability α the learner's own action is taken, else the expert's. π_RL is how the base explores,
ε-greedy in DQN. Replay keeps what was executed, and losses are the base's. Of the two evaluation protocols, `policy` is
the learner's greedy one and `mixture` draws as above, but with the learner's greedy action.

Off: `t_change = 0` (α ≡ 1) with `random_warmup=True` is the base, bit for bit.
"""

from __future__ import annotations

import dataclasses

import jax
import jax.numpy as jnp

from guided_rl.methods.acts import as_act, expert_outcomes
from guided_rl.methods.base import Act, Agent, Context, Method
from guided_rl.methods.bases.dqn import dqn
from guided_rl.methods.bases.sac_discrete import SAC_DISCRETE
from guided_rl.methods.dai.dai import EXPERT_STREAM, SCHEDULES, T_CHANGE, linear, step
from guided_rl.runtime.errors import unknown_name


def dai_sac_discrete(*, schedule: str = "linear", random_warmup: bool = False) -> Method:
    """DAI on discrete SAC; the switches are `mixed`'s."""
    return mixed(SAC_DISCRETE, schedule, random_warmup)


def dai_dqn(
    *,
    schedule: str = "linear",
    random_warmup: bool = False,
    double: bool = False,
    train_every: int = 1,
    loss: str = "huber",
) -> Method:
    """DAI on DQN; the switches are `mixed`'s and `dqn`'s."""
    return mixed(dqn(double=double, train_every=train_every, loss=loss), schedule, random_warmup)


def mixed(base: Method, schedule: str, random_warmup: bool) -> Method:
    """`base` acting by the mixture of its own and the expert's distribution.

    Args:
      base: the method of discrete actions whose losses stay as they are.
      schedule: of α, `linear` as in the paper, or `step`.
      random_warmup: begin with the base's uniformly random steps.

    Raises:
      UserError: there is no such schedule.
    """
    if schedule not in SCHEDULES:
        raise unknown_name("schedule", schedule, SCHEDULES)
    alpha = linear if schedule == "linear" else step

    def draw(own: jax.Array, agent: Agent, obs: jax.Array, key: jax.Array, ctx: Context) -> Act:
        """`own` with probability α, else an action of π_E."""
        coin, expert_key = jax.random.split(jax.random.fold_in(key, EXPERT_STREAM))
        advice = jax.random.categorical(expert_key, jnp.log(ctx.guide.action(obs))).astype(jnp.int32)
        alone = jax.random.uniform(coin) < alpha(agent, ctx)
        return Act(jnp.where(alone, own, advice), expert_outcomes(~alone))

    def act(agent: Agent, obs: jax.Array, key: jax.Array, ctx: Context) -> Act:
        choice = base.act(agent, obs, key, ctx)
        drawn = draw(choice.action, agent, obs, key, ctx)
        return Act(drawn.action, {**choice.extras, **drawn.extras})

    def mixture(agent: Agent, obs: jax.Array, key: jax.Array, ctx: Context) -> Act:
        return draw(as_act(base.policies["policy"](agent, obs, key, ctx)).action, agent, obs, key, ctx)

    return dataclasses.replace(
        base,
        name=f"{'dai' if schedule == 'linear' else 'step-dai'}-{base.name}",
        hparams={**base.hparams, "t_change": T_CHANGE},
        act=act,
        policies={**base.policies, "mixture": mixture},
        loop=dataclasses.replace(base.off_policy, random_warmup=random_warmup),
        needs=dataclasses.replace(base.needs, guide=True),
    )
