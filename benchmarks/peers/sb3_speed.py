"""One Stable-Baselines3 agent (PyTorch) that trains a piece each time a line arrives, and answers with its seconds."""

from __future__ import annotations

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


def main() -> None:
    args = pieces.parser(__doc__).parse_args()
    pieces.serve(pieces.model_piece(make(args), args))


if __name__ == "__main__":
    main()
