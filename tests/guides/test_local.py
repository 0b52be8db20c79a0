"""Local guides: where λ(s) is 1, how it is bent by name, what the guides do there, and what is refused."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from guided_rl.datasets.expert_metadata import quoted_experts
from guided_rl.envs import make
from guided_rl.envs.local_guide_tasks import point_circle
from guided_rl.guides import find_guide
from guided_rl.guides.expert_weights import write_weights
from guided_rl.guides.local import LOCAL_GUIDES
from guided_rl.runtime.errors import UserError

CART, MASS = "cartpole-safe", "point_mass-sparse"


def cart(x: float) -> jax.Array:
    return jnp.array([x, 1.0, 0.0, 0.0, 0.0])


def trust(named: str, x: float) -> float:
    return float(find_guide(named, make(CART, "native")).confidence(cart(x)))


@pytest.fixture
def weights(tmp_path, monkeypatch):
    """Two half-trained policies of the point mass, and a level of it."""
    draw = np.random.default_rng(0).normal
    layers = [
        {"kernel": draw(size=(2, 4, 8)), "bias": draw(size=(2, 8))},
        {"kernel": draw(size=(2, 8, 4)), "bias": draw(size=(2, 4))},
    ]
    quotes = [{"mean": 3.0}, {"mean": 5.0}]
    facts = {"task": MASS, "observation_size": 4, "action_size": 2, "returns": {"medium": quotes}}
    facts["environment_steps"] = {"until_chosen": {"medium": [1000, 2000]}}
    write_weights(tmp_path / f"{MASS}.npz", {"medium": layers, "sac@50": layers}, facts)
    monkeypatch.setenv("GUIDED_RL_EXPERTS", str(tmp_path))
    return layers


@settings(max_examples=30, deadline=None)
@given(st.floats(-2, 2, width=32, allow_subnormal=False))  # XLA takes the others for 0
def test_on_the_cart_pole_lambda_is_the_papers(x):
    guide = find_guide("local", make(CART, "native"))
    assert float(guide.confidence(cart(x))) == float(abs(np.float32(x)) > np.float32(0.2))
    np.testing.assert_allclose(guide.action(cart(x)), [-0.999 * np.sign(x)], rtol=1e-6)


@pytest.mark.parametrize(
    "named, x, expected",
    [
        ("local,grow=0.15", 0.1, 1.0),
        ("local,grow=-0.7", 0.85, 0.0),
        ("local,grow=-0.7", 0.95, 1.0),
        ("local,shift=0.4", 0.5, 0.0),
        ("local,shift=0.4", -0.1, 1.0),
        ("local,smooth=0.4", 0.2, 0.5),
        ("local,smooth=0.4", 0.3, 0.75),
        ("local,smooth=0.4", 0.5, 1.0),
        ("local,scale=0.25", 0.5, 0.25),
        ("local,scale=0.5,smooth=0.4", 0.3, 0.375),
    ],
)
def test_a_wrong_lambda_is_written_behind_the_name(named, x, expected):
    assert trust(named, x) == pytest.approx(expected, abs=1e-5)


@settings(max_examples=60, deadline=None)
@given(st.floats(-1.1, 1.1), st.floats(-2, 2), st.floats(-3.1, 3.1))
def test_point_circles_guide_is_the_authors_script(x, y, heading):
    """Their case distinction, written out; edges of a case may fall either way."""
    if min(abs(x), abs(y), abs(heading), abs(abs(heading) - np.pi / 4), abs(abs(heading) - 3 * np.pi / 4)) < 1e-2:
        return
    inward = abs(heading) >= 3 * np.pi / 4 if x > 0 else abs(heading) <= np.pi / 4
    side = 1 if x > 0 else -1
    if inward:
        curve = 0.5 if y > 0 and heading > 0 else -0.5 if y < 0 and heading < 0 else 0.0
        expected = [0.999, side * curve]
    else:
        expected = [-0.999, side * (-0.999 if heading < 0 else 0.999)]
    still = jnp.zeros(3)
    obs = point_circle.observe({"qpos": jnp.array([x, y, heading]), "qvel": still, "qacc": still})
    region = LOCAL_GUIDES["PointCircle"]
    np.testing.assert_allclose(region.script(obs), expected, atol=1e-6)
    if abs(abs(x) - 0.5) > 1e-2:
        assert (float(region.depth(obs, 0.0)) > 0) == (abs(x) > 0.5)


@pytest.mark.parametrize(
    "ball, inside",
    [((0.0, 0.0), True), ((0.0, 0.29), True), ((0.0, 0.32), False), ((0.1, 0.32), True), ((0.1, 0.36), False)],
)
def test_the_balls_region_is_below_and_beside_the_cup(ball, inside):
    obs = jnp.zeros(8).at[2:4].set(jnp.array(ball))
    assert bool(LOCAL_GUIDES["ball_in_cup-low"].depth(obs, 0.0) > 0) == inside


def test_point_fall_is_led_until_the_block_is_wholly_in():
    depth = lambda block: float(LOCAL_GUIDES["PointFall"].depth(jnp.zeros(6).at[4].set(block), 0.0))
    assert depth(-1.0) > 0 and depth(0.99) > 0 and depth(1.0) == 0.0


def test_a_trained_policy_advises_in_the_region(weights):
    env = make(MASS, "native")
    guide, obs = find_guide("local", env), jnp.array([0.2, 0.0, 0.1, -0.1])
    assert guide.size == 2
    one = guide.of(1)
    hidden = np.maximum(np.asarray(obs) @ weights[0]["kernel"][1] + weights[0]["bias"][1], 0)
    mean = (hidden @ weights[1]["kernel"][1] + weights[1]["bias"][1])[:2]
    np.testing.assert_allclose(one.action(obs), np.clip(np.tanh(mean), -0.99, 0.99), rtol=1e-4)
    np.testing.assert_array_equal(one.action(obs, jax.random.key(0)), one.action(obs))
    assert float(one.confidence(obs)) == 1.0 and float(one.confidence(0.1 * obs)) == 0.0
    other = find_guide("local:sac@50", env).of(1)
    np.testing.assert_allclose(other.action(obs), one.action(obs), rtol=1e-6)


def test_the_dense_point_mass_hears_the_same_guide(weights):
    assert find_guide("local", make("point_mass-easy", "native")).size == 2


@pytest.mark.parametrize("named", ["local,noise=0.3", "local,sample=1"])
def test_stochastic_guides_differ_by_key_and_have_a_mode(weights, named):
    guide, obs = find_guide(named, make(MASS, "native")).of(0), jnp.array([0.2, 0.0, 0.1, -0.1])
    drawn = jax.vmap(lambda key: guide.action(obs, key))(jax.random.split(jax.random.key(0), 50))
    assert len({row.tobytes() for row in np.asarray(drawn)}) > 10
    assert float(jnp.abs(drawn).max()) <= 0.99 + 1e-6
    np.testing.assert_array_equal(guide.action(obs), find_guide("local", make(MASS, "native")).of(0).action(obs))


def test_who_stands_behind_a_local_guide_is_quoted(weights):
    quotes = quoted_experts("local,grow=0.1", make(MASS, "native"))
    assert [(q.episode_return, q.steps) for q in quotes] == [(3.0, 1000), (5.0, 2000)]
    assert quoted_experts("local", make(CART, "native")) == ()


@pytest.mark.parametrize(
    "task, named, sentence",
    [
        ("Hopper-v5", "local", "unknown task with a local guide 'Hopper-v5'"),
        (CART, "local,gro=0.3", "did you mean grow"),
        (CART, "local,scale=1.5", r"scale=1.5 .* must be a number in \[0, 1\]"),
        (CART, "local,smooth=-1", r"smooth=-1 .* must be a number in \[0, inf\]"),
        (CART, "local,grow", "grow= in the guide"),
        (CART, "local,shift=nan", "shift=nan"),
        (CART, "local:sac@55", "unknown guide .sac@55.; did you mean"),
    ],
)
def test_what_is_no_local_guide_gets_one_sentence(task, named, sentence):
    with pytest.raises(UserError, match=sentence) as caught:
        find_guide(named, make(task, "native"))
    assert "\n" not in str(caught.value)


def rollout(task: str, named: str | None, episodes: int = 50) -> tuple[np.ndarray, np.ndarray]:
    """Returns and crashes [episodes] of a learner that knows nothing and holds each action for 20 steps on average."""
    env = make(task)
    guide = find_guide(named or "local", env)

    def step(carry, key):
        state, total, alive, held = carry
        draw, hold = jax.random.split(key)
        fresh = jax.random.uniform(draw, (episodes, env.action_size), minval=-1, maxval=1)
        held = jnp.where(jax.random.bernoulli(hold, 0.05, (episodes, 1)), fresh, held)
        led = jax.vmap(guide.confidence)(state.obs)[:, None] * (named is not None) > 0
        state = jax.vmap(env.step)(state, jnp.where(led, jax.vmap(guide.action)(state.obs), held), alive)
        return (state, total + jnp.where(alive, state.reward, 0.0), alive & (state.done == 0), held), None

    def run(key):
        start, actions = jax.random.split(key)
        state = jax.vmap(env.reset)(jax.random.split(start, episodes))
        carry = (state, jnp.zeros(episodes), jnp.ones(episodes, bool), jnp.zeros((episodes, env.action_size)))
        state, total, _, _ = jax.lax.scan(step, carry, jax.random.split(actions, env.episode_length))[0]
        return total, state.done * (1 - state.info["truncation"])

    return tuple(np.asarray(x) for x in jax.jit(run)(jax.random.key(1)))


@pytest.mark.parametrize(
    "task, without, led",
    [(CART, 0.95, 0.0), ("PointCircle", 0.97, 0.0), ("PointReach-like", 0.6, 0.05)],
)
def test_repulsive_guides_keep_a_wanderer_from_crashing(task, without, led):
    """Crash rates of the specification ± 10 points; PointReach-like has none and states its own here."""
    assert rollout(task, None)[1].mean() == pytest.approx(without, abs=0.1)
    assert rollout(task, "local")[1].mean() <= led + 0.1
