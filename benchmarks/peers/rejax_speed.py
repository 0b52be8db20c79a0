"""rejax's SAC, all seeds in one vmapped program: a piece each time a line arrives.

Its environments are brax's, `brax/<name>`. It bootstraps nothing at time limits and samples its
buffer as it is published; both are left as they are.
"""

from __future__ import annotations

import jax
import pieces
from rejax import SAC


def main() -> None:
    args = pieces.parser(__doc__).parse_args()
    algorithm = SAC.create(
        env=f"brax/{args.task}",
        agent_kwargs={"hidden_layer_sizes": tuple(args.hidden)},
        batch_size=args.batch,
        buffer_size=args.capacity,
        fill_buffer=args.warmup,
        num_envs=1,
        num_epochs=1,
    )

    @jax.jit
    @jax.vmap
    def advance(state):
        return jax.lax.fori_loop(0, args.steps, lambda _, s: algorithm.train_iteration(s), state)

    state = jax.jit(jax.vmap(algorithm.init_state))(jax.random.split(jax.random.key(args.seed), args.seeds))

    def piece() -> None:
        nonlocal state
        state = jax.block_until_ready(advance(state))

    pieces.serve(piece)


if __name__ == "__main__":
    main()
