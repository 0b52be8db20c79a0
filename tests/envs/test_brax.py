"""Brax environments behind our interface, and our tasks behind brax's wrappers and agents."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from guided_rl.envs import make
from guided_rl.runtime.errors import UserError


@pytest.fixture(scope="module")
def fast():
    """Brax's own trivial test environment: no physics, so it compiles at once."""
    return make("brax:fast")


def test_it_has_the_interface(fast):
    assert (fast.name, fast.episode_length) == ("brax:fast", 1000)
    state = jax.jit(fast.reset)(jax.random.key(0))
    assert state.obs.shape == (fast.observation_size,)
    assert float(state.done) == float(state.info["truncation"]) == 0
    after = jax.jit(fast.step)(state, jnp.zeros(fast.action_size))
    assert int(after.info["step"]) == 1
    assert jax.tree.structure(after) == jax.tree.structure(state)


def test_the_time_limit_truncates(fast):
    state = jax.jit(fast.reset)(jax.random.key(0))
    late = state.replace(info={**state.info, "step": jnp.int32(999)})
    after = jax.jit(fast.step)(late, jnp.zeros(fast.action_size))
    assert float(after.done) == float(after.info["truncation"]) == 1


def test_masks(fast):
    keys = jax.random.split(jax.random.key(0), 3)
    state = jax.jit(jax.vmap(fast.reset))(keys)
    active = jnp.array([True, False, True])
    after = jax.jit(jax.vmap(fast.step))(state, jnp.zeros((3, fast.action_size)), active)
    np.testing.assert_array_equal(after.info["step"], [1, 0, 1])
    again = jax.jit(jax.vmap(fast.reset_where))(active, after, keys)
    np.testing.assert_array_equal(again.info["step"], [0, 0, 0])
    np.testing.assert_array_equal(again.reward, after.reward)


def test_unknown_names_are_refused():
    with pytest.raises(UserError, match="halfcheetah"):
        make("brax:halfcheeta")


@pytest.mark.slow
def test_a_real_brax_task_runs_in_a_scan():
    env = make("brax:inverted_pendulum")

    @jax.jit
    def run(key):
        def step(state, key):
            state = env.step(state, jnp.zeros(env.action_size))
            return env.reset_where(state.done > 0, state, key), state.done

        return jax.lax.scan(step, env.reset(key), jax.random.split(key, 200))

    state, done = run(jax.random.key(0))
    assert np.isfinite(np.asarray(state.obs)).all()
    assert done.sum() > 0, "an unsteered pole falls"


def wrapped(name: str, episode_length: int):
    from brax.envs.wrappers import training

    env = training.wrap(make(name, "native"), episode_length=episode_length, action_repeat=1)
    state = jax.jit(env.reset)(jax.random.split(jax.random.PRNGKey(0), 4))
    return env, state, jax.jit(env.step)


def test_brax_wrappers_reset_our_failures():
    env, state, step = wrapped("InvertedPendulum-v5", 1000)
    ends = 0
    for _ in range(30):
        state = step(state, jnp.ones((4, env.action_size)))
        ends += int(state.done.sum())
    assert ends > 4
    assert np.abs(state.obs[:, 1]).max() <= 0.2, "a fallen pole must have been reset"


def test_brax_wrappers_truncate_our_episodes():
    env, state, step = wrapped("Reacher-v5", 50)
    truncated = []
    for _ in range(120):
        state = step(state, jnp.zeros((4, env.action_size)))
        np.testing.assert_array_equal(state.done, state.info["truncation"])
        truncated.append(bool(state.done.all()))
    assert list(np.flatnonzero(truncated)) == [49, 99]


@pytest.mark.trains
@pytest.mark.slow
def test_brax_sac_learns_our_pendulum(monkeypatch):
    from brax.envs.wrappers import training
    from brax.training.agents.sac import train

    # brax 0.14 still calls what JAX 0.10 has removed, whatever the environment.
    replicate = lambda tree, devices: jax.tree.map(lambda x: jnp.stack([x] * len(devices)), tree)
    monkeypatch.setattr(jax, "device_put_replicated", replicate, raising=False)
    returns = {}
    train.train(
        environment=make("InvertedPendulum-v5", "native"),
        wrap_env_fn=training.wrap,
        max_devices_per_host=1,
        num_timesteps=6_000,
        episode_length=1000,
        num_envs=8,
        num_eval_envs=8,
        num_evals=2,
        batch_size=64,
        min_replay_size=500,
        max_replay_size=10_000,
        grad_updates_per_step=8,
        learning_rate=1e-3,
        normalize_observations=False,
        progress_fn=lambda step, metrics: returns.update({step: float(metrics["eval/episode_reward"])}),
    )
    first, last = returns[min(returns)], returns[max(returns)]
    assert last > 3 * first, returns
