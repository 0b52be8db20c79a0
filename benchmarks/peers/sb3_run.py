"""One Stable-Baselines3 agent (PyTorch): a piece each time a line arrives, or with `--whole` one whole run."""

from __future__ import annotations

import json
import sys

import numpy as np
import pieces
import worlds
from stable_baselines3 import SAC, TD3
from stable_baselines3.common.noise import NormalActionNoise


def make(args):
    """The model that the arguments describe, at SB3's own settings otherwise."""
    env = worlds.make(args.task)
    size = env.action_space.shape[0]
    extra = {} if args.algorithm == "sac" else {"action_noise": NormalActionNoise(np.zeros(size), np.full(size, 0.1))}
    return {"sac": SAC, "td3": TD3}[args.algorithm](
        "MlpPolicy",
        env,
        buffer_size=args.capacity,
        learning_starts=args.warmup,
        batch_size=args.batch,
        train_freq=1,
        gradient_steps=1,
        policy_kwargs={"net_arch": list(args.hidden)},
        seed=args.seed,
        device="cpu",
        **extra,
    )


def mean_return(model, task: str, episodes: int = 5) -> float:
    """Of the deterministic policy."""
    env, total = worlds.make(task), 0.0
    for episode in range(episodes):
        (obs, _), ended = env.reset(seed=episode), False
        while not ended:
            obs, reward, terminated, truncated, _ = env.step(model.predict(obs, deterministic=True)[0])
            total, ended = total + float(reward), terminated or truncated
    return total / episodes


def main() -> None:
    parser = pieces.parser(__doc__)
    parser.add_argument("--whole", action="store_true")
    args = parser.parse_args()
    if not args.whole:
        return pieces.serve(pieces.model_piece(make(args), args))
    model = make(args).learn(args.steps)
    json.dump({"return": mean_return(model, args.task)}, sys.stdout)


if __name__ == "__main__":
    main()
