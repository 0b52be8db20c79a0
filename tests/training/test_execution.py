"""Members one by one: the same results whether they are written over what they succeed or beside it."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from guided_rl.training import execution
from guided_rl.training.execution import over_members


def learn(agent, rows):
    """An agent of two leaves, each of which needs the other's old value."""
    gradient = rows.mean(0) - agent["mean"]
    mean, spread = agent["mean"] + 0.5 * gradient, 0.9 * agent["spread"] + agent["mean"] ** 2
    return {"mean": mean, "spread": spread}, gradient.sum()


def agents(members: int):
    shape = (members, 300, 500)
    return {"mean": jax.random.normal(jax.random.key(0), shape), "spread": jnp.ones(shape)}


@pytest.mark.parametrize("members", [1, 2, 5])
def test_results_written_over_what_they_succeed_are_those_written_beside_it(members, monkeypatch):
    rows = jax.random.normal(jax.random.key(1), (members, 7, 300, 500))
    found = {}
    for large in (0, 2**40):
        monkeypatch.setattr(execution, "LARGE", large)
        advance = lambda a, r, step: over_members("map", step, succeeds=True)(learn)(a, r)
        found[large] = jax.jit(advance)(agents(members), rows, jnp.int32(3))
    jax.tree.map(np.testing.assert_array_equal, found[0], found[2**40])
    expected = jax.vmap(learn)(agents(members), rows)
    jax.tree.map(lambda x, y: np.testing.assert_allclose(x, y, rtol=1e-5, atol=1e-3), found[0], expected)


def test_a_large_member_is_copied_nowhere_as_a_whole(monkeypatch):
    """Written in place, the compiled loop needs less memory beside its arguments and results."""
    members = 8
    rows = jnp.zeros((members, 7, 300, 500))

    def scratch(large: int) -> int:
        monkeypatch.setattr(execution, "LARGE", large)

        def steps(agents, rows):
            step = lambda i, a: over_members("map", i, succeeds=True)(learn)(a, rows)[0]
            return jax.lax.fori_loop(0, 3, step, agents)

        compiled = jax.jit(steps, donate_argnums=0).lower(agents(members), rows).compile()
        return compiled.memory_analysis().temp_size_in_bytes

    everyone = sum(leaf.nbytes for leaf in agents(members).values())
    assert scratch(2**40) - scratch(0) > 0.5 * everyone
