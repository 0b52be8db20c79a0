"""DAI: the mixing rule, its schedule, its switches, and what it must leave alone."""

from __future__ import annotations

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from guided_rl.api import train
from guided_rl.envs.spaces import Box
from guided_rl.guides.base import Guide
from guided_rl.methods import METHODS, build
from guided_rl.methods.base import Agent, Context, Setup
from guided_rl.methods.bases.sac import SAC
from guided_rl.methods.bases.td3 import TD3
from guided_rl.methods.dai.dai import dai, interpolate, linear, step
from guided_rl.methods.dai.progress_dai import after_step, progress_dai
from guided_rl.methods.hparams import defaults
from guided_rl.runtime.errors import UserError
from tests.training.small import run, small

SETUP = Setup(observation_size=4, action_space=Box(1), hidden=(8, 8), budget=1000)
SMALL = {"hidden": (16, 16), "batch": 16}
unit = st.floats(0, 1, width=32)
action = st.floats(-1, 1, width=32)


def constant_guide(value: float = 0.25) -> Guide:
    return Guide(jnp.float32(value), lambda params, obs, key: jnp.full(1, params), name="constant")


def context(progress: float, **hp: float) -> Context:
    floats = {**defaults(SAC.hparams), "t_change": 0.5, **hp}
    values = {k: jnp.float32(v) for k, v in floats.items()}
    return Context(values, jnp.int32(round(progress * SETUP.budget)), constant_guide(), setup=SETUP)


@given(unit, action, action)
def test_mixture_is_convex_and_its_distance_shrinks_with_alpha(alpha, expert, learner):
    mixed = float(interpolate(jnp.float32(alpha), jnp.float32(expert), jnp.float32(learner)))
    assert min(expert, learner) - 1e-6 <= mixed <= max(expert, learner) + 1e-6
    assert abs(mixed - learner) == pytest.approx((1 - alpha) * abs(expert - learner), abs=1e-6)


@settings(max_examples=50)
@given(st.integers(0, 1000), st.floats(0.01, 1))
def test_linear_schedule_is_the_papers(t, t_change):
    ctx = context(t / 1000, t_change=t_change)
    assert float(linear(None, ctx)) == pytest.approx(min(1.0, (t / 1000) / t_change), rel=1e-5)


def test_alpha_is_one_throughout_when_t_change_is_zero_and_steps_when_asked():
    assert float(linear(None, context(0.0, t_change=0.0))) == 1.0
    assert [float(step(None, context(p))) for p in (0.0, 0.499, 0.5, 1.0)] == [0.0, 0.0, 1.0, 1.0]


@pytest.mark.trains
@pytest.mark.parametrize("base", ["sac", pytest.param("td3", marks=pytest.mark.slow)])
def test_guidance_off_is_the_base_bit_for_bit(base):
    """α ≡ 1 with the base's random warm-up: same parameters, same returns."""
    plain = run(small(method=base))
    off = small(method=f"dai-{base}", hparams={"t_change": 0.0}, options={"random_warmup": True})
    guided = train(off, guide=constant_guide())
    jax.tree.map(np.testing.assert_array_equal, plain.agents.params, guided.agents.params)
    np.testing.assert_array_equal(
        plain.history.evaluation["episode_return"][:, :, 0], guided.history.evaluation["episode_return"][:, :, 0]
    )


@pytest.mark.trains
def test_guidance_on_changes_what_is_learned():
    plain = run(small(method="sac"))
    guided = train(small(method="dai-sac", options={"random_warmup": True}), guide=constant_guide())
    same = jax.tree.map(np.array_equal, plain.agents.params, guided.agents.params)
    assert not any(jax.tree.leaves(same))


def test_alpha_zero_is_the_expert_and_the_mixture_protocol_says_so():
    method = dai(SAC)
    ctx, key, obs = context(0.0), jax.random.key(0), jnp.ones(4)
    agent = method.init(key, ctx)
    assert float(method.act(agent, obs, key, ctx).action[0]) == 0.25
    assert float(method.policies["mixture"](agent, obs, key, ctx).action[0]) == 0.25
    own = method.policies["policy"](agent, obs, key, ctx)
    np.testing.assert_array_equal(own, SAC.policies["policy"](agent, obs, key, ctx))


def test_stored_action_is_the_executed_one_or_the_learners_own():
    ctx, key, obs = context(0.25), jax.random.key(3), jnp.ones(4)
    for stored in ("executed", "policy"):
        method = dai(SAC, stored=stored)
        agent = method.init(key, ctx)
        choice, learner = method.act(agent, obs, key, ctx), SAC.act(agent, obs, key, ctx).action
        np.testing.assert_allclose(choice.action, 0.5 * 0.25 + 0.5 * learner, rtol=1e-6)
        np.testing.assert_array_equal(choice.extras["action"], choice.action if stored == "executed" else learner)


def test_noise_after_mixing_is_not_scaled_by_alpha():
    ctx, key, obs = context(0.0), jax.random.key(5), jnp.ones(4)
    inside, after = dai(TD3), dai(TD3, noise="after")
    ctx = ctx.replace(hp={**ctx.hp, **{k: jnp.float32(v) for k, v in defaults(TD3.hparams).items()}})
    agent = inside.init(key, ctx)
    noise = TD3.act(agent, obs, key, ctx).action - TD3.policies["policy"](agent, obs, key, ctx)
    assert float(inside.act(agent, obs, key, ctx).action[0]) == 0.25
    np.testing.assert_allclose(after.act(agent, obs, key, ctx).action, 0.25 + noise, rtol=1e-5)


@pytest.mark.parametrize("base", [SAC, TD3], ids=["sac", "td3"])
def test_dai_adds_no_networks_and_no_losses(base):
    """Claim D7: the same parameters, targets and optimisers, and the very same update."""
    method = dai(base)
    values = {k: jnp.float32(v) for k, v in defaults(method.hparams).items()}
    ctx = Context(values, jnp.int32(0), constant_guide(), setup=SETUP)
    plain, guided = (jax.eval_shape(functools.partial(m.init, ctx=ctx), jax.random.key(0)) for m in (base, method))
    assert jax.tree.structure(plain) == jax.tree.structure(guided)
    assert jax.tree.leaves(plain) == jax.tree.leaves(guided)
    assert method.update is base.update


def test_mixture_target_bootstraps_from_the_mixture():
    ctx, key = context(0.25), jax.random.key(1)
    agent = SAC.init(key, ctx)
    rng = np.random.default_rng(0)
    batch = {
        "obs": jnp.array(rng.normal(size=(6, 4)), jnp.float32),
        "action": jnp.array(rng.uniform(-1, 1, (6, 1)), jnp.float32),
        "reward": jnp.zeros(6),
        "terminated": jnp.zeros(6),
        "next_obs": jnp.array(rng.normal(size=(6, 4)), jnp.float32),
    }
    plain = dai(SAC).update(agent, batch, key, ctx)[0].params["critic"]
    mixed = dai(SAC, target="mixture").update(agent, batch, key, ctx)[0].params["critic"]
    assert not all(jax.tree.leaves(jax.tree.map(np.array_equal, plain, mixed)))
    off = context(0.25, t_change=0.0)
    again = dai(SAC, target="mixture").update(agent, batch, key, off)[0].params["critic"]
    jax.tree.map(functools.partial(np.testing.assert_allclose, rtol=1e-6), plain, again)


def test_unknown_switches_are_refused_by_name():
    with pytest.raises(UserError, match="stored action 'exectued'; did you mean executed"):
        build("dai-sac", {"stored": "exectued"})
    with pytest.raises(UserError, match="did you mean stored"):
        build("dai-sac", {"store": "executed"})


def play(agent: Agent, method, returns: list[tuple[float, float]]) -> list[float]:
    """α after each (progress, return) episode of 50 steps."""
    alphas = []
    for progress, value in returns:
        seen = {"episode": jnp.float32(1), "return": jnp.float32(value), "length": jnp.int32(50)}
        values = {k: jnp.float32(v) for k, v in defaults(method.hparams).items()}
        ctx = Context(values, jnp.int32(round(progress * SETUP.budget)), constant_guide(), setup=SETUP)
        agent = after_step(agent, seen, ctx)
        alphas.append(float(agent.memory["alpha"]))
    return alphas


def test_progress_alpha_rises_on_expert_level_falls_below_it_and_ends_at_one():
    method = progress_dai(SAC)
    agent = method.init(jax.random.key(0), context(0.0))
    held = [(0.0, 100.0), (0.01, 100.0)]
    good, bad, late = [(0.1, 95.0)] * 2, [(0.2, 10.0)], [(0.75, 0.0), (1.0, 0.0)]
    alphas = play(agent, method, held + good + bad + late)
    np.testing.assert_allclose(alphas, [0, 0, 0.5, 1.0, 0.5, 0.5, 1.0], atol=1e-6)


def test_every_method_has_a_name_in_its_table():
    for name in METHODS:
        assert build(name).name == name
