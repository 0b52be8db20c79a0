"""Every shipped expert, played in its task's twin and in ours: `python -m experts.check TASK ...`.

On the side of Gymnasium or dm_control nothing of ours runs: its environment, its reset, and a NumPy forward pass
of the shipped file. Ours starts from the same positions and velocities. Long episodes part
nevertheless, because rounding grows, so the means are compared: over 50 episodes or more they
differ by less than 5 % of the expert's return (of a clone's, the larger of its own and its
expert's, since a failed clone may return next to nothing), and the interval of the difference,
paired by start, contains 0. Several experts are judged at once, so their intervals are
simultaneous (Šidák): 95 % for all of them together.

Those are the policies at 100 %. At lower levels returns spread so much that a mean within 5 % would take
thousands of episodes; there 50 are played and the interval alone is asked (`lower_levels`, by a slow test).
"""

from __future__ import annotations

import math
import sys
from collections.abc import Sequence
from dataclasses import dataclass

import jax
import jax.numpy as jnp
import numpy as np
from scipy import stats

from experts.fitness import describe_fit
from experts.register import FOLDER
from guided_rl import envs
from guided_rl.data.rollout import add_reward, play_episodes
from guided_rl.envs.base import MujocoEnv
from guided_rl.envs.upstream import twin_of
from guided_rl.guides.expert_weights import LEVELS, Layers, guide_of, read_facts, read_weights
from guided_rl.guides.find import weights_name
from guided_rl.guides.spec import kind_and_level
from guided_rl.runtime.errors import UserError
from guided_rl.training.cache import enable_compile_cache

EPISODES = 50
MOST_EPISODES = 400
PRECISION = 0.015
FIRST_SEED = 3_000_000
BOUND = 0.05
SHIPPED = ("bc@100", "sac@100")
LOWER = tuple(f"{kind}@{level}" for level in LEVELS[:-1] for kind in ("bc", "sac"))


@dataclass(frozen=True)
class Comparison:
    """One expert's returns from the same starts, [episodes] each, and the return that differences are a share of."""

    name: str
    twin: np.ndarray
    ours: np.ndarray
    scale: float

    @property
    def difference(self) -> float:
        """Ours minus the twin's mean return, as a share of `scale`."""
        return float((self.ours - self.twin).mean() / self.scale)

    def interval(self, together: int = 1) -> tuple[float, float]:
        """The interval of `difference`: 95 % for `together` such intervals at once (Šidák, Student's t)."""
        pairs = (self.ours - self.twin) / self.scale
        if np.ptp(pairs) == 0:
            return float(pairs[0]), float(pairs[0])
        level = 0.95 ** (1 / together)
        half = stats.t.ppf((1 + level) / 2, pairs.size - 1) * pairs.std(ddof=1) / math.sqrt(pairs.size)
        return float(pairs.mean() - half), float(pairs.mean() + half)

    def told_apart(self, together: int = 1) -> bool:
        """Whether the interval of the difference excludes 0."""
        low, high = self.interval(together)
        return not low <= 0 <= high

    def agrees(self, together: int = 1) -> bool:
        return abs(self.difference) < BOUND and not self.told_apart(together)


def compare(
    task: str, policy: str, episodes: int = EPISODES, experts: range | None = None, most: int = MOST_EPISODES
) -> list[Comparison]:
    """Each expert of `policy`, such as `bc@100`, over at least `episodes` episodes in both environments.

    As many more are played, up to `most`, as a standard error of 1.5 % of the return takes: the
    5 % are then more than three of them. How many depends on the spread alone.

    Raises:
      UserError: the task has no experts, or not this policy.
    """
    policies, facts = read_weights(FOLDER / weights_name(task))
    if policy not in policies:
        raise UserError(f"experts/{weights_name(task)} has no {policy}; it has {', '.join(policies)}")
    (kind, level), layers = kind_and_level(policy), policies[policy]
    quotes = facts["returns"]
    results = []
    for i in experts or range(len(quotes[policy])):
        scale = max(abs(quotes[name][i]["mean"]) for name in (policy, f"sac@{level}"))
        returns = _returns(task, kind, _expert(layers, i), episodes, most, scale)
        results.append(Comparison(f"{task} {policy} expert {i}", *returns, scale))
    return results


def lower_levels(task: str, policies: Sequence[str] = LOWER) -> list[Comparison]:
    """Every expert of `task` below 100 %, over 50 episodes each.

    Raises:
      UserError: the task has no experts, or not these policies.
    """
    return [c for policy in policies for c in compare(task, policy, most=EPISODES)]


def _returns(task: str, kind: str, layers: Layers, episodes: int, most: int, scale: float) -> np.ndarray:
    """Returns [2, episodes or more]: the twin's, then ours."""
    first = _play_both(task, kind, layers, range(FIRST_SEED, FIRST_SEED + episodes))
    pairs = first[1] - first[0]
    wanted = math.ceil((pairs.std(ddof=1) / (PRECISION * scale)) ** 2)
    more = min(wanted, most) - episodes
    if episodes >= EPISODES and more > 0:
        start = FIRST_SEED + episodes
        first = np.concatenate([first, _play_both(task, kind, layers, range(start, start + more))], axis=1)
    return first


def _play_both(task: str, kind: str, layers: Layers, seeds: range) -> np.ndarray:
    """Returns [2, episodes]: the twin's, then ours."""
    theirs, qpos, qvel = twin_returns(task, kind, layers, seeds)
    return np.stack([theirs, our_returns(envs.make(task, "native"), kind, layers, qpos, qvel)])


def _expert(layers: Layers, number: int) -> Layers:
    return [{part: array[number] for part, array in layer.items()} for layer in layers]


def twin_returns(task: str, kind: str, layers: Layers, seeds: range) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Returns [episodes] in the twin, and its starts qpos, qvel [episodes, ...]."""
    twin = twin_of(task)
    returns, qpos, qvel = [], [], []
    for seed in seeds:
        obs = twin.start(seed)
        qpos.append(twin.data.qpos.copy())
        qvel.append(twin.data.qvel.copy())
        total, over = 0.0, False
        while not over:
            action = numpy_action(kind, layers, obs)
            after = twin.step(twin.low + (action + 1) / 2 * (twin.high - twin.low))
            obs, total, over = after.observation, total + after.reward, after.terminated or after.truncated
        returns.append(total)
    return np.array(returns), np.array(qpos), np.array(qvel)


def numpy_action(kind: str, layers: Layers, obs: np.ndarray) -> np.ndarray:
    """The deterministic action [action] in [-1, 1], in NumPy and float64."""
    for layer in layers[:-1]:
        obs = np.maximum(obs @ layer["kernel"] + layer["bias"], 0.0)
    out = obs @ layers[-1]["kernel"] + layers[-1]["bias"]
    return np.tanh(out if kind == "bc" else out[: out.size // 2])


def our_returns(env: MujocoEnv, kind: str, layers: Layers, qpos: np.ndarray, qvel: np.ndarray) -> np.ndarray:
    """Returns [episodes] of the same policy here, from the given starts."""
    guide = guide_of(kind, [{part: array[None] for part, array in layer.items()} for layer in layers], kind).of(0)

    @jax.jit
    def run(qpos: jax.Array, qvel: jax.Array) -> jax.Array:
        state, act = jax.vmap(env.init)(qpos, qvel), lambda s, time: (jax.vmap(guide.action)(s.obs), None)
        return play_episodes(env, act, state, add_reward, jnp.zeros(len(qpos)))

    return np.asarray(run(jnp.asarray(qpos, jnp.float32), jnp.asarray(qvel, jnp.float32)), np.float64)


def check(task: str, policies: Sequence[str] = SHIPPED) -> bool:
    """Whether every expert of `task` agrees; prints a line for each, and whether they are fit.

    Raises:
      UserError: the task has no twin, or no experts.
    """
    if task not in envs.TASKS:
        raise UserError(f"{task} has no twin in Gymnasium or dm_control to play its experts in; leave --check out")
    results = [c for policy in policies for c in compare(task, policy)]
    for c in results:
        low, high = c.interval(len(results))
        verdict = "agrees" if c.agrees(len(results)) else "DIFFERS"
        print(
            f"{c.name}: twin {c.twin.mean():.1f}, ours {c.ours.mean():.1f} over {c.ours.size} episodes, "
            f"difference {c.difference:+.2%} [{low:+.2%}, {high:+.2%}], {verdict}",
            flush=True,
        )
    print(f"{task}: {describe_fit(task, read_facts(FOLDER / weights_name(task))['returns']['sac@100'])}", flush=True)
    return all(c.agrees(len(results)) for c in results)


def main(tasks: Sequence[str]) -> int:
    enable_compile_cache()
    try:
        agreed = [check(task) for task in tasks]
    except UserError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    return 0 if all(agreed) else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
