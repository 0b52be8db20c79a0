"""IQL in PyTorch (gwthomas/IQL-PyTorch) in pieces of updates.

Its own program trains one agent on one thread; `--seeds` such processes side by side are how it fills a machine.
"""

from __future__ import annotations

import multiprocessing
import sys

import pieces
import torch
import worlds


def make(source: str, task: str, hidden: list[int], batch: int, rows: int, seed: int):
    """A function of a number of updates that makes them, on rows drawn as its own program draws them."""
    torch.set_num_threads(1)
    torch.manual_seed(seed)
    sys.path.insert(0, source)
    from src.iql import ImplicitQLearning
    from src.policy import GaussianPolicy
    from src.util import sample_batch
    from src.value_functions import TwinQ, ValueFunction

    env = worlds.make(task)
    sizes = env.observation_space.shape[0], env.action_space.shape[0]
    shape = {"hidden_dim": hidden[0], "n_hidden": len(hidden)}
    data = {
        "observations": torch.randn(rows, sizes[0]),
        "actions": torch.rand(rows, sizes[1]) * 2 - 1,
        "next_observations": torch.randn(rows, sizes[0]),
        "rewards": torch.randn(rows),
        "terminals": torch.zeros(rows),
    }
    agent = ImplicitQLearning(
        qf=TwinQ(*sizes, **shape),
        vf=ValueFunction(sizes[0], **shape),
        policy=GaussianPolicy(*sizes, **shape),
        optimizer_factory=lambda params: torch.optim.Adam(params, lr=3e-4),
        max_steps=10**6,
        tau=0.7,
        beta=3.0,
    )

    def train(updates: int) -> None:
        for _ in range(updates):
            agent.update(**sample_batch(data, batch))

    return train


def work(pipe, *settings) -> None:
    train = make(*settings)
    while updates := pipe.recv():
        train(updates)
        pipe.send(None)


def main() -> None:
    parser = pieces.parser(__doc__)
    parser.add_argument("--source", required=True, help="a checkout of IQL-PyTorch")
    args = parser.parse_args()
    pipes = []
    for seed in range(args.seeds):
        ours, theirs = multiprocessing.Pipe()
        settings = (args.source, args.task, args.hidden, args.batch, args.capacity, args.seed + seed)
        multiprocessing.Process(target=work, args=(theirs, *settings), daemon=True).start()
        pipes.append(ours)

    def piece() -> None:
        for pipe in pipes:
            pipe.send(args.steps)
        for pipe in pipes:
            pipe.recv()

    pieces.serve(piece)


if __name__ == "__main__":
    main()
