"""Chains: n places in a row, one right action at each; the end pays 1, and nothing else pays.

| task | a wrong action | the expert |
|---|---|---|
| `Chain-n` | ends the episode | takes the right one |
| `JumpChain-n` | ends the episode | jumps two places, which the learner cannot |
| `DistractorChain-n` | ends it, or for two of the four leads nowhere | takes the right one |

A uniformly random policy comes to the end of `Chain-n` with probability 3^-n, so that a learner from the start alone
needs exponentially many episodes. `JumpChain-n-expert` is the same chain with the jump as a fourth action, in which
the expert's traces are made: its places are the learner's, its actions are not. After the toy chains of BREAD
(arXiv 2506.17211), whose own could not be read; these are ours.
"""

from __future__ import annotations

import functools
from collections.abc import Callable

import jax
import jax.numpy as jnp
import numpy as np

from guided_rl.envs.jax_env import JaxEnv, JaxTask

LENGTHS = (6, 8, 10, 12, 16, 20)
DISTRACTED = (6, 8, 10)
FALLEN = -1
JUMP = 3
FORWARD, STAYS, ENDS = 1, 0, -1


def right_actions(n: int, choices: int) -> np.ndarray:
    """The right action of every place, [n], the same in every process."""
    return np.random.default_rng(n).integers(0, choices, n)


def effects(n: int, kind: str) -> np.ndarray:
    """What each action does at each place, [n, actions]: `FORWARD`, `STAYS`, `ENDS`, or 2 for a jump."""
    actions = {"chain": 3, "jump": 3, "jump-expert": 4, "distractor": 4}[kind]
    # On the jumping chain action 2 is wrong everywhere, since it stands for the jump where an expert is imitated.
    right = right_actions(n, 2 if kind.startswith("jump") else actions)
    table = np.full((n, actions), ENDS)
    if kind == "distractor":
        table[np.arange(n), (right + 1) % actions] = STAYS
        table[np.arange(n), (right + 2) % actions] = STAYS
    if kind == "jump-expert":
        table[:, JUMP] = 2
    table[np.arange(n), right] = FORWARD
    return table


def chain(name: str, n: int, kind: str) -> JaxEnv:
    """A chain of n places; a world is the number of the place, n at the end and -1 once fallen off."""
    table = effects(n, kind).astype(np.int32)

    def advance(place: jax.Array, action: jax.Array) -> jax.Array:
        effect = jnp.asarray(table)[jnp.clip(place, 0, n - 1), action]
        moved = jnp.where(effect == ENDS, FALLEN, jnp.minimum(place + effect, n))
        return jnp.where((place >= 0) & (place < n), moved, place).astype(jnp.int32)

    def reward(before: jax.Array, action: jax.Array, after: jax.Array):
        success = (after == n).astype(jnp.float32)
        return success, {"success": success}

    task = JaxTask(
        name=name,
        twin="none",
        action_size=table.shape[1],
        start=lambda rng: jnp.int32(0),
        advance=advance,
        observe=lambda place: (jnp.arange(n) == place).astype(jnp.float32),
        reward=reward,
        terminated=lambda place: (place == FALLEN) | (place == n),
        episode_length=2 * n if kind == "distractor" else n,
        discrete=True,
        demonstrated_in=f"{name}-expert" if kind == "jump" else "",
    )
    return JaxEnv(task)


def _tasks() -> dict[str, Callable[[], JaxEnv]]:
    named = [(f"Chain-{n}", n, "chain") for n in LENGTHS]
    named += [(f"JumpChain-{n}{end}", n, f"jump{end}") for n in LENGTHS for end in ("", "-expert")]
    named += [(f"DistractorChain-{n}", n, "distractor") for n in DISTRACTED]
    return {name: functools.partial(chain, name, n, kind) for name, n, kind in named}


TASKS = _tasks()
