"""Train one SBX agent and print its evaluation returns and timings as JSON.

Runs in the peers' environment and imports nothing of this suite. `--equations paper` replaces
the two terms in which SBX departs from the papers by the papers' own; `published` leaves SBX
as it is. What is set, and why, stands in `benchmarks/reference.py`.
"""

from __future__ import annotations

import argparse
import functools
import importlib.metadata
import json
import sys
import time

import jax
import jax.numpy as jnp
import numpy as np
import sbx
import worlds
from sbx.common.policies import SquashedGaussianActor
from stable_baselines3.common.noise import NormalActionNoise

EVALUATION_SEED = 1_000_003


class NoiseAfterWarmup(NormalActionNoise):
    """Zero during uniform warm-up, where SB3 would add exploration noise to random actions."""

    def __init__(self, size: int, sigma: float, warmup: int):
        super().__init__(np.zeros(size), np.full(size, sigma))
        self.calls, self.warmup = 0, warmup

    def __call__(self) -> np.ndarray:
        self.calls += 1
        return super().__call__() if self.calls > self.warmup else np.zeros_like(self._mu)


class PaperSAC(sbx.SAC):
    """Temperature objective α (H - H̄), Haarnoja et al. 2018, equation 18; SBX has log α (H - H̄)."""

    @staticmethod
    @jax.jit
    def update_temperature(target_entropy, ent_coef_state, entropy):
        def loss(params):
            return ent_coef_state.apply_fn({"params": params}) * (entropy - target_entropy)

        value, gradient = jax.value_and_grad(loss)(ent_coef_state.params)
        return ent_coef_state.apply_gradients(grads=gradient), value


class PaperTD3(sbx.TD3):
    """Actor objective Q_1, Fujimoto et al. 2018, algorithm 1; SBX has min(Q_1, Q_2)."""

    @staticmethod
    @jax.jit
    def update_actor(actor_state, qf_state, observations, key):
        def loss(params):
            actions = actor_state.apply_fn(params, observations)
            return -jnp.mean(qf_state.apply_fn(qf_state.params, observations, actions)[0])

        value, gradient = jax.value_and_grad(loss)(actor_state.params)
        return actor_state.apply_gradients(grads=gradient), qf_state, value, key


CLASSES = {
    ("sac", "paper"): PaperSAC,
    ("td3", "paper"): PaperTD3,
    ("sac", "published"): sbx.SAC,
    ("td3", "published"): sbx.TD3,
}


def make(args: argparse.Namespace):
    """The SBX model that the arguments describe."""
    env = worlds.make(args.task)
    env.action_space.seed(args.seed)
    policy, extra = {"net_arch": list(args.hidden)}, {}
    if args.algorithm == "sac":
        policy["actor_class"] = functools.partial(SquashedGaussianActor, log_std_min=args.log_std_min, log_std_max=2.0)
        extra = {"ent_coef": "auto_1.0", "target_entropy": "auto"}
    else:
        noise = NoiseAfterWarmup(env.action_space.shape[0], args.exploration_noise, args.warmup)
        extra = {"action_noise": noise, "policy_delay": 2, "target_policy_noise": 0.2, "target_noise_clip": 0.5}
    return CLASSES[args.algorithm, args.equations](
        "MlpPolicy",
        env,
        learning_rate=args.learning_rate,
        qf_learning_rate=args.learning_rate,
        buffer_size=args.capacity,
        learning_starts=args.warmup,
        batch_size=args.batch,
        tau=args.tau,
        gamma=args.gamma,
        train_freq=1,
        gradient_steps=1,
        policy_kwargs=policy,
        seed=args.seed,
        **extra,
    )


def evaluate(model, task: str, episodes: int, seed: int) -> list[float]:
    """Undiscounted returns of `episodes` episodes of the deterministic policy, side by side."""
    envs = [worlds.make(task) for _ in range(episodes)]
    obs = np.stack([env.reset(seed=seed + i)[0] for i, env in enumerate(envs)])
    returns, active = np.zeros(episodes), np.ones(episodes, bool)
    while active.any():
        actions, _ = model.predict(obs, deterministic=True)
        for i in np.flatnonzero(active):
            obs[i], reward, terminated, truncated, _ = envs[i].step(actions[i])
            returns[i] += reward
            active[i] = not (terminated or truncated)
    return returns.tolist()


def run(args: argparse.Namespace) -> dict:
    """Train in equal pieces and evaluate after each."""
    model = make(args)
    piece = args.steps // args.points
    steps, returns, seconds = [], [], []
    for point in range(args.points):
        begin = time.perf_counter()
        model.learn(piece, reset_num_timesteps=False, log_interval=10**9)
        seconds.append(time.perf_counter() - begin)
        steps.append(model.num_timesteps)
        if args.episodes:
            seed = EVALUATION_SEED + 10_000 * args.seed + args.episodes * point
            returns.append(evaluate(model, args.task, args.episodes, seed))
    names = ("sbx-rl", "stable-baselines3", "jax", "gymnasium", "mujoco", "torch", "numpy")
    return {
        "settings": vars(args),
        "steps": steps,
        "returns": returns,
        "train_seconds": seconds,
        "versions": {name: importlib.metadata.version(name) for name in names},
    }


def parser() -> argparse.ArgumentParser:
    """Every setting of a run."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--algorithm", choices=("sac", "td3"), required=True)
    parser.add_argument("--task", required=True)
    parser.add_argument("--seed", type=int, required=True)
    parser.add_argument("--steps", type=int, default=30_000)
    parser.add_argument("--points", type=int, default=10)
    parser.add_argument("--episodes", type=int, default=5, help="per evaluation; 0 for timing alone")
    parser.add_argument("--hidden", type=int, nargs="+", default=[64, 64])
    parser.add_argument("--batch", type=int, default=128)
    parser.add_argument("--capacity", type=int, default=30_000)
    parser.add_argument("--warmup", type=int, default=5_000)
    parser.add_argument("--learning-rate", type=float, default=3e-4)
    parser.add_argument("--gamma", type=float, default=0.99)
    parser.add_argument("--tau", type=float, default=0.005, help="per update")
    parser.add_argument("--exploration-noise", type=float, default=0.1)
    parser.add_argument("--log-std-min", type=float, default=-5.0)
    parser.add_argument("--equations", choices=("paper", "published"), default="paper")
    return parser


if __name__ == "__main__":
    json.dump(run(parser().parse_args()), sys.stdout)
