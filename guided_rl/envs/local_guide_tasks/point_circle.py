"""PointCircle: run along a circle and never leave the corridor; a MuJoCo model of our own.

A point robot (forward motor, turning servo) is rewarded for speed along a circle of radius 1.5
that lies partly outside the corridor |x| <= 1.125, where it crashes. Robot, reward and sensors
follow Safety Gym's `circle` task (Ray, Achiam and Amodei 2019), corridor and starts
Safety-Gymnasium's PointCircle1 (Ji et al. 2023); PAG's authors do not say what theirs is.
"""

from __future__ import annotations

import jax
import jax.numpy as jnp
import mujoco
import numpy as np

from guided_rl.envs.base import Task
from guided_rl.physics.base import Simulation

CIRCLE, CORRIDOR, SPAWN = 1.5, 1.125, 0.8
CRASH_REWARD = -1000.0
BINS, LIDAR_RANGE = 10, 6.0
FIELD = 0.5
GRAVITY = 9.81
XML = """
<mujoco model="point robot in a corridor">
  <option timestep="0.002"/>
  <default>
    <geom density="1" contype="0" conaffinity="0"/>
  </default>
  <worldbody>
    <geom name="ground" type="plane" size="5 5 0.1" rgba="0.8 0.85 0.9 1"/>
    <geom name="left edge" type="box" size="0.01 3 0.02" pos="-1.125 0 0.02" rgba="0.8 0.3 0.2 1"/>
    <geom name="right edge" type="box" size="0.01 3 0.02" pos="1.125 0 0.02" rgba="0.8 0.3 0.2 1"/>
    <body name="robot" pos="0 0 0.1">
      <joint name="x" type="slide" axis="1 0 0" damping="0.01"/>
      <joint name="y" type="slide" axis="0 1 0" damping="0.01"/>
      <joint name="turn" type="hinge" axis="0 0 1" damping="0.005"/>
      <geom name="ball" type="sphere" size="0.1" rgba="0.1 0.4 0.7 1"/>
      <geom name="nose" type="box" size="0.05 0.05 0.05" pos="0.1 0 0" rgba="0.1 0.4 0.7 1"/>
      <site name="centre"/>
    </body>
  </worldbody>
  <actuator>
    <motor name="forward" site="centre" gear="0.3 0 0 0 0 0" ctrlrange="-1 1" ctrllimited="true"
           forcerange="-0.05 0.05" forcelimited="true"/>
    <velocity name="turning" joint="turn" gear="0.3" ctrlrange="-1 1" ctrllimited="true"
              forcerange="-0.05 0.05" forcelimited="true"/>
  </actuator>
</mujoco>
"""


def into_robot(vector: jax.Array, heading: jax.Array) -> jax.Array:
    """A vector [2] of the world as the robot sees it, forward first."""
    cos, sin = jnp.cos(heading), jnp.sin(heading)
    return jnp.stack([cos * vector[0] + sin * vector[1], cos * vector[1] - sin * vector[0]])


def lidar(centre: jax.Array) -> jax.Array:
    """Safety Gym's pseudo-lidar [10] of one point at `centre` [2] in the robot's frame.

    The bin it lies in has nearness 1 - d/6; the two beside share it by how far it lies towards them.
    """
    nearness = jnp.maximum(0.0, LIDAR_RANGE - jnp.linalg.norm(centre)) / LIDAR_RANGE
    turns = (jnp.arctan2(centre[1], centre[0]) % (2 * np.pi)) / (2 * np.pi / BINS)
    bin = jnp.minimum(turns.astype(int), BINS - 1)
    share = turns - bin
    heights = jnp.stack([(1.0 - share) * nearness, nearness, share * nearness])
    return jnp.zeros(BINS).at[(bin + jnp.arange(-1, 2)) % BINS].max(heights)


def observe(data) -> jax.Array:
    """[accelerometer 3, lidar of the circle's centre 10, gyro 3, magnetometer 3, velocimeter 3]."""
    place, heading = data["qpos"][:2], data["qpos"][2]
    zero = jnp.zeros(1)
    robot = lambda vector: into_robot(vector, heading)
    acceleration = jnp.append(robot(data["qacc"][:2]), GRAVITY)
    gyro = jnp.concatenate([zero, zero, data["qvel"][2:]])
    compass = jnp.concatenate([robot(jnp.array([0.0, -FIELD])), zero])
    velocity = jnp.concatenate([robot(data["qvel"][:2]), zero])
    return jnp.concatenate([acceleration, lidar(robot(-place)), gyro, compass, velocity])


def pose(obs: jax.Array) -> tuple[jax.Array, jax.Array, jax.Array]:
    """x, y and heading in [-π, π], read back from an observation [22]: the lidar and the compass hold them."""
    scan, compass = obs[3:13], obs[16:18]
    heading = jnp.arctan2(-compass[0], -compass[1])
    bin = jnp.argmax(scan)
    share = scan[(bin + 1) % BINS] / jnp.maximum(scan[bin], 1e-6)
    angle = heading + (bin + share) * (2 * np.pi / BINS)
    distance = LIDAR_RANGE * (1.0 - scan[bin])
    return -distance * jnp.cos(angle), -distance * jnp.sin(angle), heading


def reward(before, ctrl, after):
    """0.1 · ((v x - u y) / R) / (1 + |R - 1.5|), -1000 outside the corridor."""
    (x, y), (u, v) = after["qpos"][:2], after["qvel"][:2]
    radius = jnp.maximum(jnp.hypot(x, y), 1e-6)
    along = 0.1 * ((v * x - u * y) / radius) / (1.0 + jnp.abs(radius - CIRCLE))
    return jnp.where(crashed(after), CRASH_REWARD, jnp.clip(along, -10.0, 10.0)), {"reward_circle": along}


def crashed(data) -> jax.Array:
    return jnp.abs(data["qpos"][0]) > CORRIDOR


def start(rng: jax.Array) -> tuple[jax.Array, jax.Array]:
    """At rest, in a square of ±0.8, facing anywhere."""
    place, heading = jax.random.split(rng)
    xy = jax.random.uniform(place, (2,), minval=-SPAWN, maxval=SPAWN)
    return jnp.append(xy, jax.random.uniform(heading, minval=-np.pi, maxval=np.pi)), jnp.zeros(3)


def point_circle() -> Task:
    sim = Simulation(mujoco.MjModel.from_xml_string(XML), frame_skip=10, fields=("qpos", "qvel", "qacc"))
    return Task(
        name="PointCircle",
        twin="none: after safety_gym's circle and Safety-Gymnasium's PointCircle1",
        simulation=sim,
        start=start,
        observe=observe,
        reward=reward,
        terminated=crashed,
    )


TASKS = {"PointCircle": point_circle}
