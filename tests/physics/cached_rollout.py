"""Run by `test_native.py` in a process of its own: one jitted native rollout, then a count of cache events."""

import json
import sys

import jax
import jax.numpy as jnp

from guided_rl.envs import make

jax.config.update("jax_compilation_cache_dir", sys.argv[1])
jax.config.update("jax_persistent_cache_min_compile_time_secs", 0)
jax.config.update("jax_persistent_cache_min_entry_size_bytes", -1)


def main() -> None:
    env = make("HalfCheetah-v5", "native")

    @jax.jit
    def native_rollout(key):
        def step(state, _):
            state = env.step(state, jnp.ones(env.action_size))
            return state, state.reward

        return jnp.sum(jax.lax.scan(step, env.reset(key), length=10)[1])

    events = []
    key = jax.random.key(0)
    lowered = native_rollout.lower(key)
    jax.monitoring.register_event_listener(lambda event, **_: events.append(event))
    total = float(lowered.compile()(key))
    hits, misses = (sum(event.endswith(kind) for event in events) for kind in ("/cache_hits", "/cache_misses"))
    print(json.dumps({"total": total, "hits": hits, "misses": misses}))


if __name__ == "__main__":
    main()
