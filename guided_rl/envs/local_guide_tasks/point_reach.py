"""PointReach-like: a disc that reaches goals among obstacles. **Like** the paper's task, not the same.

PAG's authors use a Bullet task of which only the stock version is public (`SafetyBallReach`,
Bullet-Safety-Gym); theirs was made "more difficult" in ways that nobody outside has read. This
one keeps the stock version's numbers (forces, mass, step, rewards, obstacle sizes, sensors) in
two dimensions. Layout and damping are ours, the latter so that a body can still stop between the
edge of the guide's region and the obstacle; so it is compared with nothing.
"""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
from flax import struct

from guided_rl.envs.jax_env import JaxEnv, JaxTask
from guided_rl.runtime.rng import KEYS

ROOM = 10.0
MASS, FORCE, DAMPING, DT = 0.3, 3.5, 1.8, 1.0 / 60.0
AGENT_RADIUS, STATIC_RADIUS, MOVING_RADIUS = 0.5, 1.0, 0.6
GOAL_RADIUS, GOAL_SPEED, GOAL_REWARD, GOAL_RANGE = 1.3, 5.0, 5.0, 8.0
EFFORT = 0.005
CRASH_REWARD = -1000.0
RAYS, SENSOR_RANGE = 24, 5.0
ORBIT_RADIUS, ORBIT_RATE = 4.0, 0.25
_CIRCLE = 2 * np.pi * np.arange(8) / 8
STATIC = 6.5 * np.stack([np.cos(_CIRCLE), np.sin(_CIRCLE)], axis=-1).astype(np.float32)
RADII = np.append(np.full(len(STATIC), STATIC_RADIUS), MOVING_RADIUS).astype(np.float32)
DIRECTIONS = np.stack(
    [np.cos(2 * np.pi * np.arange(RAYS) / RAYS), np.sin(2 * np.pi * np.arange(RAYS) / RAYS)], axis=-1
).astype(np.float32)


class Room(struct.PyTreeNode):
    """The disc's place and velocity, the goal's place, [2] each; the moving obstacle's angle.

    `seed` and `goals`, how many were drawn, decide where the next goal is.
    """

    place: jax.Array
    velocity: jax.Array
    goal: jax.Array
    orbit: jax.Array
    seed: jax.Array
    goals: jax.Array


def draw_goal(seed: jax.Array, number: jax.Array) -> jax.Array:
    """Goal `number` of an episode: on a line from the middle through a gap between two static obstacles."""
    gap, radius = jax.random.split(jax.random.fold_in(jax.random.key(seed, impl=KEYS), number))
    angle = 2 * np.pi * (jax.random.randint(gap, (), 0, 8).astype(jnp.float32) + 0.5) / 8
    length = jax.random.uniform(radius, minval=3.0, maxval=GOAL_RANGE)
    return length * jnp.stack([jnp.cos(angle), jnp.sin(angle)])


def start(rng: jax.Array) -> Room:
    """At rest within 1 of the middle, where no obstacle comes."""
    place, orbit, goals = jax.random.split(rng, 3)
    seed, first = jax.random.bits(goals), jnp.int32(0)
    angle = jax.random.uniform(orbit, maxval=2 * np.pi)
    at = jax.random.uniform(place, (2,), minval=-1.0, maxval=1.0)
    return Room(at, jnp.zeros(2), draw_goal(seed, first), angle, seed, first + 1)


def obstacles(room: Room) -> jax.Array:
    """Centres [9, 2], the moving one last."""
    moving = ORBIT_RADIUS * jnp.stack([jnp.cos(room.orbit), jnp.sin(room.orbit)])
    return jnp.concatenate([jnp.asarray(STATIC), moving[None]])


def reached(room: Room) -> jax.Array:
    return (jnp.linalg.norm(room.goal - room.place) < GOAL_RADIUS) & (jnp.linalg.norm(room.velocity) < GOAL_SPEED)


def advance(room: Room, action: jax.Array) -> Room:
    """Semi-implicit Euler in a walled room; a goal that was reached is drawn anew first."""
    again = reached(room)
    goal = jnp.where(again, draw_goal(room.seed, room.goals), room.goal)
    velocity = room.velocity + DT * (FORCE * action - DAMPING * room.velocity) / MASS
    wanted = room.place + DT * velocity
    edge = ROOM - AGENT_RADIUS
    place = jnp.clip(wanted, -edge, edge)
    orbit = (room.orbit + ORBIT_RATE * DT) % (2 * np.pi)
    velocity = jnp.where(place == wanted, velocity, 0.0)
    return Room(place, velocity, goal, orbit, room.seed, room.goals + again.astype(jnp.int32))


def crashed(room: Room) -> jax.Array:
    gaps = jnp.linalg.norm(obstacles(room) - room.place, axis=-1)
    return jnp.any(gaps <= RADII + AGENT_RADIUS)


def reward(before: Room, action: jax.Array, after: Room):
    """Approach to the goal, less a little for effort, 5 for a goal; -1000 for a crash.

    The step after a goal is reached measures its approach to the new one.
    """
    distance = lambda room: jnp.linalg.norm(after.goal - room.place)
    approach = distance(before) - distance(after)
    goal = reached(after).astype(jnp.float32)
    usual = approach - EFFORT * jnp.linalg.norm(action) + GOAL_REWARD * goal
    return jnp.where(crashed(after), CRASH_REWARD, usual), {"goal": goal}


def lidar(room: Room) -> jax.Array:
    """Nearness 1 - d/5 [24] of the first surface (obstacle or wall) in each direction, 0 beyond 5."""
    to_centre = obstacles(room) - room.place
    along = DIRECTIONS @ to_centre.T
    aside = jnp.sum(to_centre**2, axis=-1) - along**2
    hit = along - jnp.sqrt(jnp.maximum(RADII**2 - aside, 0.0))
    discs = jnp.where((aside <= RADII**2) & (along > 0), hit, jnp.inf).min(axis=-1)
    speed = jnp.where(jnp.abs(DIRECTIONS) < 1e-6, 1e-6, DIRECTIONS)
    walls = jnp.max(jnp.stack([(ROOM - room.place) / speed, (-ROOM - room.place) / speed]), axis=0).min(axis=-1)
    return jnp.clip(1.0 - jnp.minimum(discs, walls) / SENSOR_RANGE, 0.0, 1.0)


def centres(room: Room) -> jax.Array:
    """Nearness 1 - d/5 [24] of the nearest obstacle's centre in each sector of 15°, 0 beyond 5."""
    to_centre = obstacles(room) - room.place
    distance = jnp.linalg.norm(to_centre, axis=-1)
    angle = jnp.arctan2(to_centre[:, 1], to_centre[:, 0]) % (2 * np.pi)
    sector = jnp.minimum((angle / (2 * np.pi / RAYS)).astype(int), RAYS - 1)
    nearness = jnp.clip(1.0 - distance / SENSOR_RANGE, 0.0, 1.0)
    return jnp.zeros(RAYS).at[sector].max(nearness)


def observe(room: Room) -> jax.Array:
    """[place / 10, velocity / 5, goal offset / 20, surfaces 24, centres 24], 54 in all."""
    offset = (room.goal - room.place) / 20.0
    return jnp.concatenate([0.1 * room.place, 0.2 * room.velocity, offset, lidar(room), centres(room)])


def point_reach() -> JaxEnv:
    twin = "none: like Bullet-Safety-Gym's SafetyBallReach"
    return JaxEnv(JaxTask("PointReach-like", twin, 2, start, advance, observe, reward, crashed, dt=DT))


TASKS = {"PointReach-like": point_reach}
