"""PEX: proposals, composition, both evaluations, the actor's loss, every switch, and what off means."""

from __future__ import annotations

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from guided_rl.api import train
from guided_rl.guides.base import panel_of
from guided_rl.methods import build
from guided_rl.methods.base import Agent, Context
from guided_rl.methods.bases import iql, unsquashed
from guided_rl.methods.hparams import defaults
from guided_rl.methods.policy_expansion import composite_policy
from guided_rl.methods.policy_expansion.composite_policy import Composition
from guided_rl.runtime.errors import UserError
from tests.methods.offline_agents import SETUP, context, offline_guide
from tests.methods.test_losses import q_values
from tests.training.small import assert_same, small

OFF = {"policies": 1, "actor_target": "replay", "critic": "random", "offline_data": False}
EXTRA = {"offline_ratio": 0.5, "choice_entropy": 0.5, "kappa_lr": 3e-4}


def setting(seed: int = 0, **options) -> tuple:
    """(method, agent, context) with one offline agent as guide."""
    ctx = context(guide=offline_guide(2).of(1), **EXTRA)
    method = build("pex", options)
    agent = jax.jit(method.init)(jax.random.key(seed), ctx)
    return method, agent, ctx


def states(n: int = 32) -> jax.Array:
    return jnp.asarray(np.random.default_rng(3).normal(size=(n, 4)), jnp.float32)


def rows(n: int = 32) -> dict[str, jax.Array]:
    rng = np.random.default_rng(4)
    columns = {"obs": states(n), "next_obs": states(n)[::-1], "action": rng.uniform(-1, 1, (n, 1))}
    columns |= {"reward": rng.normal(size=n), "terminated": rng.integers(0, 2, n)}
    return {k: jnp.asarray(v, jnp.float32) for k, v in columns.items()}


def same(one, other) -> bool:
    return all(jax.tree.leaves(jax.tree.map(lambda a, b: bool(jnp.array_equal(a, b)), one, other)))


@pytest.mark.trains
def test_off_is_iql_from_scratch_bit_for_bit():
    plain = train(small(method="iql"))
    off = train(small(method="pex", options=OFF))
    assert_same(plain.agents.params, off.agents.params)
    assert_same(plain.history.evaluation, off.history.evaluation)
    assert plain.history.training["updates"].sum() > 0


@given(st.lists(st.floats(-5, 5, width=32, allow_subnormal=False), min_size=2, max_size=5), st.floats(0.1, 20))
def test_the_distribution_is_the_softmax_of_kappa_q(q, kappa):
    p = np.asarray(
        composite_policy.distribution(jnp.asarray(q, jnp.float32), jnp.float32(kappa), "softmax"), np.float64
    )
    z = np.exp(kappa * (np.asarray(q, np.float64) - max(q)))
    np.testing.assert_allclose(p, z / z.sum(), rtol=1e-3, atol=1e-5)
    uniform = composite_policy.distribution(jnp.asarray(q, jnp.float32), jnp.float32(kappa), "uniform")
    np.testing.assert_allclose(uniform, 1 / len(q), rtol=1e-6)
    best = composite_policy.distribution(jnp.asarray(q, jnp.float32), jnp.float32(kappa), "argmax")
    assert int(np.argmax(best)) == int(np.argmax(q))


def test_proposals_are_the_offline_mode_then_the_learners_own_and_q_is_the_online_minimum():
    _, agent, ctx = setting()
    obs, own = states(), jnp.full((32, 1), 0.3)
    candidates = composite_policy.proposals(agent, obs, own, ctx)
    mode = unsquashed.actor(SETUP).apply(ctx.guide.params["actor"], obs)[0]
    np.testing.assert_allclose(candidates[:, 0], mode, rtol=1e-5, atol=1e-6)
    np.testing.assert_array_equal(candidates[:, 1], own)
    q = composite_policy.values(agent, obs, candidates, ctx)
    for i in range(2):
        expected = q_values(agent.params["critic"], obs, candidates[:, i]).min(0)
        np.testing.assert_allclose(q[:, i], expected, rtol=1e-3, atol=1e-4)


def test_choices_are_drawn_from_the_distribution():
    _, agent, ctx = setting()
    obs = jnp.broadcast_to(states(1), (4000, 4))
    own = jnp.full((4000, 1), 0.9)
    ctx = ctx.replace(hp={**ctx.hp, "inverse_temperature": jnp.float32(5.0)})
    action, w, p = composite_policy.compose(agent, obs, own, jax.random.key(0), ctx)
    assert 0.02 < float(p[0, 0]) < 0.98
    assert float(jnp.mean(w == 0)) == pytest.approx(float(p[0, 0]), abs=0.03)
    np.testing.assert_array_equal(action[:, 0], jnp.where(w == 0, action[w == 0][0, 0], 0.9))


def test_evaluation_is_greedy_or_left_to_chance_one_time_in_ten():
    method, agent, ctx = setting()
    obs = states(1)[0]
    keys = jax.random.split(jax.random.key(5), 4000)
    greedy = jax.vmap(lambda k: method.policies["policy"](agent, obs, k, ctx).action)(keys)
    assert float(jnp.ptp(greedy)) == 0.0
    own = unsquashed.mode(agent, obs, None, ctx)
    candidates = composite_policy.proposals(agent, obs[None], own[None], ctx)
    best = jnp.argmax(composite_policy.values(agent, obs[None], candidates, ctx)[0])
    np.testing.assert_allclose(greedy[0], candidates[0, best], rtol=1e-5)
    explored = jax.vmap(lambda k: method.policies["epsilon"](agent, obs, k, ctx).action)(keys)
    share = float(jnp.mean(explored[:, 0] != greedy[:, 0]))
    assert 0.02 < share < 0.19  # ε of each choice, and most of them change nothing or one thing


@pytest.mark.parametrize("proposal", ["mode", "sample"])
def test_the_actor_imitates_composite_actions_with_the_updated_advantage(proposal):
    """L_θ = -E[min(exp(β A(s, ã)), 100) log π_θ(ã|s)] with V and Q̄ as they are after their steps."""
    method, agent, ctx = setting(offline_proposal=proposal)
    batch, key = rows(), jax.random.key(9)
    after, metrics = jax.jit(method.update)(agent, batch, key, ctx)
    moved = after.replace(params={**after.params, "actor": agent.params["actor"]})
    own = unsquashed.sample(agent.params["actor"], batch["obs"], key, SETUP)
    action, _, _ = composite_policy.compose(moved, batch["obs"], own, key, ctx, Composition(proposal=proposal))
    u = iql.advantage(after, batch["obs"], action, ctx)
    weight = np.minimum(np.exp(3.0 * np.asarray(u, np.float64)), 100.0)
    expected = -np.mean(weight * np.asarray(unsquashed.log_prob(agent.params["actor"], batch["obs"], action, SETUP)))
    np.testing.assert_allclose(metrics["actor_loss"], expected, rtol=1e-4)


def test_value_and_critic_learn_from_the_batch_as_iqls_do_whatever_the_actor_imitates():
    batch, key = rows(), jax.random.key(2)
    results = []
    for target in ("composite", "replay"):
        method, agent, ctx = setting(actor_target=target)
        results.append(method.update(agent, batch, key, ctx)[0])
        plain = iql.update(agent, batch, key, ctx)[0]
        for name in ("value", "critic"):
            close = functools.partial(np.testing.assert_allclose, rtol=1e-5, atol=1e-7)
            jax.tree.map(close, results[-1].params[name], plain.params[name])
    assert not same(results[0].params["actor"], results[1].params["actor"])


def test_critics_are_transferred_with_their_target_and_the_actor_is_fresh():
    _, agent, ctx = setting()
    known = ctx.guide.params
    assert same(agent.params["critic"], known["critic"])
    assert same(agent.params["value"], known["value"])
    assert same(agent.targets["critic"], known["target"])
    assert not same(agent.targets["critic"], known["critic"])
    assert not same(agent.params["actor"], known["actor"])
    assert all(not np.any(m) for m in jax.tree.leaves(agent.optimizers["critic"].mu))
    fresh = setting(critic="random")[1]
    assert not same(fresh.params["critic"], known["critic"])


def test_a_frozen_policy_stays_and_a_free_one_moves():
    batch, key = rows(), jax.random.key(1)
    method, agent, ctx = setting()
    assert "offline" not in agent.params
    obs = states(3)
    before = composite_policy.proposals(agent, obs, jnp.zeros((3, 1)), ctx)[:, 0]
    later = jax.jit(method.update)(agent, batch, key, ctx)[0]
    np.testing.assert_array_equal(composite_policy.proposals(later, obs, jnp.zeros((3, 1)), ctx)[:, 0], before)
    method, agent, ctx = setting(offline_policy="free")
    free = lambda agent: composite_policy.proposals(agent, obs, jnp.zeros((3, 1)), ctx, how=Composition(free=True))
    np.testing.assert_allclose(free(agent)[:, 0], before, rtol=1e-6)
    later = jax.jit(method.update)(agent, batch, key, ctx)[0]
    assert not np.array_equal(free(later)[:, 0], before)


@pytest.mark.parametrize("offline_policy", ["frozen", "free"])
def test_sampled_offline_proposals_are_the_policys_own_clipped(offline_policy):
    _, agent, ctx = setting(offline_policy=offline_policy)
    obs = jnp.broadcast_to(states(1), (4000, 4))
    mean, log_std = (np.float64(x) for x in unsquashed.actor(SETUP).apply(ctx.guide.params["actor"], obs[0]))
    how = Composition(free=offline_policy == "free")
    drawn = composite_policy.proposals(agent, obs, jnp.zeros((4000, 1)), ctx, jax.random.key(1), how)[:, 0]
    expected = np.clip(np.random.default_rng(0).normal(mean, np.exp(log_std), (100_000, 1)), -1, 1)
    np.testing.assert_allclose(np.quantile(drawn, [0.2, 0.5, 0.8]), np.quantile(expected, [0.2, 0.5, 0.8]), atol=0.1)
    assert len(np.unique(drawn)) > 1000 and float(jnp.abs(drawn).max()) == 1.0


@pytest.mark.parametrize("name", ["pex", "pex-sac"])
def test_offline_policies_propose_samples_where_asked_to_but_never_in_evaluations(name):
    """Of a choice left to chance: what the offline half of it executes, and both halves in an evaluation."""
    obs, keys = states(1)[0], jax.random.split(jax.random.key(6), 100)
    ctx = context(guide=offline_guide(2).of(1), **{**defaults(build(name).hparams), **EXTRA})
    offline, evaluated = {}, {}
    for proposal in ("mode", "sample"):
        method = build(name, {"weights": "uniform", "critic": "random", "offline_proposal": proposal})
        agent = method.init(jax.random.key(0), ctx)
        executed, stored = jax.vmap(lambda k, m=method, a=agent: m.act(a, obs, k, ctx))(keys)
        offline[proposal] = np.unique(executed[stored["chosen"][:, 0] == 1])
        choices = jax.vmap(lambda k, m=method, a=agent: m.policies["policy"](a, obs, k, ctx).action)(keys)
        evaluated[proposal] = np.unique(choices)
    np.testing.assert_allclose(offline["mode"], ctx.guide.action(obs), rtol=1e-6)
    assert len(offline["sample"]) > 20
    assert len(evaluated["sample"]) == 2
    np.testing.assert_array_equal(evaluated["sample"], evaluated["mode"])


def test_a_set_of_three_has_two_offline_policies_and_the_first_ones_critics():
    guides = [offline_guide(2, seed=s) for s in (1, 2)]
    ctx = context(guide=panel_of(guides).of(0), **EXTRA)
    method = build("pex", {"policies": 3})
    agent = method.init(jax.random.key(0), ctx)
    assert same(agent.params["critic"], guides[0].of(0).params["critic"])
    candidates = composite_policy.proposals(agent, states(5), jnp.zeros((5, 1)), ctx)
    assert candidates.shape == (5, 3, 1)
    for i, guide in enumerate(guides):
        mode = jax.vmap(lambda o, g=guide: g.of(0).action(o))(states(5))
        np.testing.assert_allclose(candidates[:, i], mode, rtol=1e-5)
    chosen = method.act(agent, states(1)[0], jax.random.key(0), ctx).extras["chosen"]
    assert chosen.shape == (3,)
    assert float(chosen.sum()) == 1.0


def test_kappa_rises_while_the_choice_is_too_random():
    method = build("adaptive-pex")
    batch = rows()
    for start, rises in ((0.01, True), (1e6, False)):
        ctx = context(guide=offline_guide(2).of(0), **{**EXTRA, "inverse_temperature": start, "kappa_lr": 0.1})
        agent = method.init(jax.random.key(0), ctx)
        after = method.update(agent, batch, jax.random.key(1), ctx)[0]
        assert (float(after.params["log_kappa"]) > float(agent.params["log_kappa"])) == rises


def spy_batch() -> np.ndarray:
    """Offline rows whose marked reward only they have."""
    table = np.zeros((1, 50, 4 + 1 + 2 + 4), np.float32)
    table[..., 5] = 0.5
    return table


ONLINE = ("pex", "pex-sac", "jsrl", "direct", "awac")


@pytest.mark.trains
@pytest.mark.parametrize(
    "name", ["direct", *(pytest.param(n, marks=pytest.mark.slow) for n in ONLINE if n != "direct")]
)
def test_online_methods_learn_from_an_offline_agent_and_say_who_acted(name):
    result = train(small(method=name), guide=offline_guide(3), offline=spy_batch())
    means = result.history.training_means(result.config.interval)
    assert np.isfinite(result.history.evaluation["episode_return"]).all()
    assert all(np.isfinite(leaf).all() for leaf in jax.tree.leaves(result.agents))
    if name.startswith("pex"):
        np.testing.assert_allclose(means["chosen_0"][-1] + means["chosen_1"][-1], 1.0, rtol=1e-4)
        assert result.protocols == ("policy", "epsilon")


def test_jsrl_hands_over_within_each_episode():
    method, guide = build("jsrl"), offline_guide(2).of(0)
    ctx = context(guide=guide, step=50, offline_ratio=0.5, handover=0.5)  # half of the way to no guide: h = 500
    agent = method.init(jax.random.key(0), ctx)
    obs, key = states(1)[0], jax.random.key(3)
    own = unsquashed.act(agent, obs, key, ctx).action
    for length, episode, guided in ((0, 0, True), (499, 0, True), (500, 0, False), (999, 1, True)):
        seen = {"episode": jnp.float32(episode), "length": jnp.int32(length)}
        now = method.events.after_step(agent, seen, ctx)
        expected = guide.action(obs) if guided else own
        np.testing.assert_allclose(method.act(now, obs, key, ctx).action, expected, rtol=1e-6)


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({"policies": 0}, "policies=0, but a policy set has at least the learner's own"),
        ({"weights": "softmx"}, "did you mean softmax"),
        ({"offline_policy": "free", "policies": 3}, "of two"),
        ({"critic": "transferred"}, "did you mean transfer"),
        ({"offline_proposal": "samples"}, "unknown offline_proposal of pex 'samples'; did you mean sample"),
        ({"kappa": "adaptive", "policies": 1}, "leaves none"),
    ],
)
def test_switches_that_make_no_sense_are_refused(options, sentence):
    with pytest.raises(UserError, match=sentence):
        build("pex", options)


def test_an_online_run_without_a_fit_offline_agent_is_refused_before_training():
    with pytest.raises(UserError, match="iql-offline --dataset DATA"):
        train(small(method="pex"), offline=spy_batch())
    with pytest.raises(UserError, match="policies=3 needs 2 offline agents"):
        train(small(method="pex", options={"policies": 3}), guide=offline_guide(2), offline=spy_batch())
    with pytest.raises(UserError, match="layers of other widths"):
        train(small(method="pex", hidden=(8, 8)), guide=offline_guide(2), offline=spy_batch())
    with pytest.raises(UserError, match=r"inverse_temperature=0.0 is outside \[0.001"):
        train(small(method="pex", hparams={"inverse_temperature": 0.0}), guide=offline_guide(2), offline=spy_batch())


def test_a_context_without_transfer_needs_no_guide_when_alone():
    method = build("pex", OFF)
    assert not method.needs.guide
    assert not method.needs.dataset
    ctx = Context(context().hp, jnp.int32(0), None, setup=SETUP)
    agent = jax.eval_shape(functools.partial(method.init, ctx=ctx), jax.random.key(0))
    assert isinstance(agent, Agent)
