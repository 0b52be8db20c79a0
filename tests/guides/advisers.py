"""A user's own guides, as `find_guide` loads them from a file outside the package."""

import jax
import jax.numpy as jnp

from guided_rl.guides import Guide


def plain(obs):
    return jnp.tanh(obs[:1])


def noisy(obs, key):
    return jnp.tanh(obs[:1] + jax.random.normal(key, (1,)))


def whole_observation(obs):
    return jnp.tanh(obs)


def too_far(obs):
    return 3.0 + obs[:1]


def nothing(obs):
    return jnp.log(-1.0 - obs[:1] ** 2)


def three(obs, key, mood):
    return obs[:1]


def broken(obs):
    raise ValueError("no idea")


number = 3
value = Guide({"gain": jnp.array([0.1, 0.2])}, lambda p, obs, key: jnp.tanh(p["gain"] * obs[:1]), size=2, name="pd")
overconfident = Guide((), lambda p, obs, key: obs[:1] * 0, lambda p, obs: jnp.float32(1.5), name="sure")
