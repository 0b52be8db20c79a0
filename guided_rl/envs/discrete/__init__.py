"""Small tasks with a few discrete actions, written in JAX."""
