"""Train one Stable-Baselines3 PPO agent on CartPole and print its evaluation returns as JSON.

Runs in the peers' environment and imports nothing of this suite. Settings are RL Baselines3 Zoo's for CartPole-v1
(`hyperparams/ppo.yml`): eight environments of 32 steps, batches of 256, 20 epochs, γ 0.98, λ 0.8, and a learning rate
and a clip that fall linearly from 0.001 and 0.2.
"""

from __future__ import annotations

import argparse
import importlib.metadata
import json
import sys

import numpy as np
import torch
from stable_baselines3 import PPO
from stable_baselines3.common.env_util import make_vec_env

ZOO = {"n_steps": 32, "batch_size": 256, "n_epochs": 20, "gamma": 0.98, "gae_lambda": 0.8, "ent_coef": 0.0}
EVALUATION_SEED = 1_000_003


def returns(model: PPO, task: str, episodes: int, seed: int, deterministic: bool) -> list[float]:
    """Undiscounted returns of whole episodes, side by side."""
    env = make_vec_env(task, episodes, seed=seed)
    obs, total, alive = env.reset(), np.zeros(episodes), np.ones(episodes, bool)
    while alive.any():
        obs, reward, done, _ = env.step(model.predict(obs, deterministic=deterministic)[0])
        total += np.where(alive, reward, 0.0)
        alive &= ~done
    return total.tolist()


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--task", default="CartPole-v1")
    for name in ("seed", "steps", "points", "episodes"):
        parser.add_argument(f"--{name}", type=int, required=True)
    args = parser.parse_args()
    torch.set_num_threads(1)
    env = make_vec_env(args.task, 8, seed=args.seed)
    linear = lambda first: lambda left: first * left
    model = PPO("MlpPolicy", env, learning_rate=linear(1e-3), clip_range=linear(0.2), seed=args.seed, **ZOO)
    found = {"policy": [], "sampled": []}
    interval = args.steps // args.points
    model._setup_learn(args.steps)
    model._total_timesteps = args.steps
    for point in range(1, args.points + 1):
        # Schedules are of the whole budget, so that learning in pieces is one run of PPO.
        while model.num_timesteps < point * interval:
            model.collect_rollouts(model.env, _silent(model), model.rollout_buffer, ZOO["n_steps"])
            model._update_current_progress_remaining(model.num_timesteps, args.steps)
            model.train()
        seed = EVALUATION_SEED + 1_000 * args.seed + point
        for name in found:
            found[name].append(returns(model, args.task, args.episodes, seed, name == "policy"))
    versions = {name: importlib.metadata.version(name) for name in ("stable-baselines3", "torch", "gymnasium")}
    json.dump({"returns": found, "steps": model.num_timesteps, "versions": versions}, sys.stdout)


def _silent(model: PPO):
    """SB3's loop asks a callback at every step."""
    callback = model._init_callback(None)
    callback.on_training_start(locals(), globals())
    return callback


if __name__ == "__main__":
    main()
