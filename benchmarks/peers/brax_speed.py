"""brax's own SAC on a brax environment: an epoch each time a line arrives; its evaluations are not in the seconds."""

from __future__ import annotations

import functools
import sys

import brax.envs
import jax
import jax.numpy as jnp
import pieces
from brax.training.agents.sac import networks, train

ENDLESS = 100_000  # epochs


def replicate(tree, devices):
    """`jax.device_put_replicated`, which brax 0.14 calls and JAX 0.10 no longer has, for one device."""
    return jax.tree.map(lambda x: jnp.asarray(x)[None], tree)


def main() -> None:
    args = pieces.parser(__doc__).parse_args()
    if not hasattr(jax, "device_put_replicated"):
        jax.device_put_replicated = replicate
    sys.stdin.readline()

    def answer(step: int, metrics: dict) -> None:
        """The last epoch's seconds; then wait for the next request."""
        rate = metrics.get("training/sps")
        print(args.steps / rate if rate else 0.0, flush=True)
        if not sys.stdin.readline():
            raise SystemExit

    train.train(
        brax.envs.get_environment(args.task),
        num_timesteps=args.warmup + args.steps * ENDLESS,
        episode_length=1000,
        num_envs=1,
        num_eval_envs=1,
        num_evals=ENDLESS + 1,
        batch_size=args.batch,
        min_replay_size=args.warmup,
        max_replay_size=args.capacity,
        network_factory=functools.partial(networks.make_sac_networks, hidden_layer_sizes=tuple(args.hidden)),
        max_devices_per_host=1,
        progress_fn=answer,
        seed=args.seed,
    )


if __name__ == "__main__":
    main()
