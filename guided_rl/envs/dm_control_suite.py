"""DeepMind Control Suite tasks with state observations, on the models that `dm_control` installs.

Each function is one task and transcribes its twin's observation (in the order of the twin's
specification), reward, reset and time limit; none terminates. Derived fields are in step with
the state, and starts may settle first, as in dm_control (`Simulation.synced`, `.settle`).
Another state task of the suite is one more function like these.
"""

from __future__ import annotations

import functools
from collections.abc import Callable

import jax
import jax.numpy as jnp
import mujoco
import numpy as np

from guided_rl.envs.base import Task
from guided_rl.physics.base import Data, Simulation
from guided_rl.runtime.optional import DM_CONTROL

INFINITY = float("inf")
XX, XZ, ZZ = 0, 2, 8  # entries of a flat 3 × 3 rotation
CANDIDATES = 32  # starts drawn at once where the twin redraws until it finds one free of contact

SIGMOIDS = {
    "gaussian": lambda d, at_one: at_one ** (d**2),
    "linear": lambda d, at_one: jnp.maximum(0.0, 1.0 - (1.0 - at_one) * d),
    "quadratic": lambda d, at_one: jnp.maximum(0.0, 1.0 - (1.0 - at_one) * d**2),
    "long_tail": lambda d, at_one: 1.0 / (1.0 + (1.0 / at_one - 1.0) * d**2),
}


def tolerance(
    x: jax.Array,
    low: float = 0.0,
    high: float = 0.0,
    margin: float = 0.0,
    sigmoid: str = "gaussian",
    at_margin: float = 0.1,
) -> jax.Array:
    """1 where `x` is in [low, high], falling to `at_margin` at the distance `margin` from it.

    dm_control's reward function of that name, `dm_control/utils/rewards.py`; 0 outside where
    `margin` is 0.
    """
    distance = jnp.maximum(jnp.maximum(low - x, x - high), 0.0)
    if margin == 0:
        return (distance == 0).astype(jnp.float32)
    return jnp.where(distance == 0, 1.0, SIGMOIDS[sigmoid](distance / margin, at_margin))


def small_control(ctrl: jax.Array) -> jax.Array:
    """1 at rest, 0 at full controls, each [nu]."""
    return tolerance(ctrl, margin=1.0, sigmoid="quadratic", at_margin=0.0)


def suite_task(
    domain: str,
    task: str,
    control_timestep: float,
    fields: tuple[str, ...],
    build: Callable[[mujoco.MjModel], tuple[Callable, Callable, Callable]],
    settle: int = 0,
) -> Task:
    """The task `<domain>-<task>`.

    Args:
      control_timestep: seconds between actions.
      fields: what the functions read of `mujoco.MjData`.
      build: `model -> (start, observe, reward)`; `reward(after, ctrl)` is a scalar.
      settle: physics steps that a drawn start falls before its episode begins.

    Raises:
      UserError: dm_control is not installed. It is not imported here, since it would load a renderer.
    """
    model = mujoco.MjModel.from_xml_path(str(DM_CONTROL.folder() / "suite" / f"{domain}.xml"))
    sim = Simulation(
        model,
        frame_skip=round(control_timestep / model.opt.timestep),
        fields=("qpos", "qvel", *fields),
        synced=True,
        settle=settle,
    )
    start, observe, reward = build(model)
    return Task(
        name=f"{domain}-{task}",
        twin=f"dm_control:{domain}-{task}",
        simulation=sim,
        start=start,
        observe=observe,
        reward=lambda before, ctrl, after: (reward(after, ctrl), {}),
        terminated=lambda data: jnp.bool_(False),
    )


def random_joints(model: mujoco.MjModel, unlimited_hinges: bool = True) -> Callable:
    """A start at rest with limited joints uniform in their range and, if asked for, other hinges in ±π.

    dm_control's `randomize_limited_and_rotational_joints` for models of hinges and slides.
    """
    qpos0 = np.asarray(model.qpos0, np.float32)
    limited = model.jnt_limited.astype(bool)
    low, high = np.where(limited[:, None], model.jnt_range, [-np.pi, np.pi]).T.astype(np.float32)
    hinge = model.jnt_type == mujoco.mjtJoint.mjJNT_HINGE
    drawn = limited | (hinge & unlimited_hinges)

    def start(rng: jax.Array) -> tuple[jax.Array, jax.Array]:
        qpos = jax.random.uniform(rng, (model.nq,), minval=low, maxval=high)
        return jnp.where(drawn, qpos, qpos0), jnp.zeros(model.nv)

    return start


def _sensor(model: mujoco.MjModel, name: str) -> int:
    """Where a sensor's first number lies in `sensordata`."""
    return int(model.sensor(name).adr[0])


def _speed(model: mujoco.MjModel) -> Callable[[Data], jax.Array]:
    """Horizontal velocity of the centre of mass, m/s."""
    place = _sensor(model, "torso_subtreelinvel")
    return lambda data: data["sensordata"][place]


def cheetah_run() -> Task:
    def build(model):
        speed = _speed(model)
        observe = lambda data: jnp.concatenate([data["qpos"][1:], data["qvel"]])
        reward = lambda data, ctrl: tolerance(speed(data), 10.0, INFINITY, 10.0, "linear", 0.0)
        return random_joints(model, unlimited_hinges=False), observe, reward

    return suite_task("cheetah", "run", 0.01, ("sensordata",), build, settle=200)


def hopper(hop: bool) -> Task:
    """Hopper-hop, or hopper-stand."""

    def build(model):
        torso, foot = model.body("torso").id, model.body("foot").id
        touch = np.array([_sensor(model, name) for name in ("touch_toe", "touch_heel")])
        speed = _speed(model)

        def observe(data):
            return jnp.concatenate([data["qpos"][1:], data["qvel"], jnp.log1p(data["sensordata"][touch])])

        def reward(data, ctrl):
            height = data["xipos"][torso, 2] - data["xipos"][foot, 2]
            standing = tolerance(height, 0.6, 2.0)
            if hop:
                return standing * tolerance(speed(data), 2.0, INFINITY, 1.0, "linear", 0.5)
            return standing * (jnp.mean(small_control(ctrl)) + 4.0) / 5.0

        return random_joints(model), observe, reward

    return suite_task("hopper", "hop" if hop else "stand", 0.02, ("xipos", "sensordata"), build)


def walker(task: str, move_speed: float) -> Task:
    """Walker-stand (no speed asked for), -walk and -run, in m/s."""

    def build(model):
        torso, speed = model.body("torso").id, _speed(model)

        def observe(data):
            orientations = data["xmat"][1:, np.array([XX, XZ])].ravel()
            return jnp.concatenate([orientations, data["xpos"][torso, 2:], data["qvel"]])

        def reward(data, ctrl):
            standing = tolerance(data["xpos"][torso, 2], 1.2, INFINITY, 0.6)
            upright = (1.0 + data["xmat"][torso, ZZ]) / 2.0
            stand = (3.0 * standing + upright) / 4.0
            if not move_speed:
                return stand
            move = tolerance(speed(data), move_speed, INFINITY, move_speed / 2.0, "linear", 0.5)
            return stand * (5.0 * move + 1.0) / 6.0

        return random_joints(model), observe, reward

    return suite_task("walker", task, 0.025, ("xpos", "xmat", "sensordata"), build)


def cartpole_swingup() -> Task:
    def build(model):
        mean = np.float32([0.0, np.pi])

        def start(rng):
            position, speed = jax.random.split(rng)
            return mean + 0.01 * jax.random.normal(position, (2,)), 0.01 * jax.random.normal(speed, (2,))

        def observe(data):
            pole = data["xmat"][2:, np.array([ZZ, XZ])].ravel()
            return jnp.concatenate([data["qpos"][:1], pole, data["qvel"]])

        def reward(data, ctrl):
            upright = (data["xmat"][2, ZZ] + 1.0) / 2.0
            centred = (1.0 + tolerance(data["qpos"][0], margin=2.0)) / 2.0
            gentle = (4.0 + small_control(ctrl)[0]) / 5.0
            slow = (1.0 + tolerance(data["qvel"][1], margin=5.0)) / 2.0
            return upright * gentle * slow * centred

        return start, observe, reward

    return suite_task("cartpole", "swingup", 0.01, ("xmat",), build)


def ball_in_cup_start(model: mujoco.MjModel, low: tuple[float, float], high: tuple[float, float]) -> Callable:
    """The ball at rest, uniform in the box (`low`, `high`) of its joints (x, z), in m, touching nothing."""
    touches = _ball_touches(model)

    def start(rng: jax.Array) -> tuple[jax.Array, jax.Array]:
        balls = jax.random.uniform(rng, (CANDIDATES, 2), minval=jnp.array(low), maxval=jnp.array(high))
        free = ~jax.vmap(touches)(balls)
        return jnp.concatenate([jnp.zeros(2), balls[jnp.argmax(free)]]), jnp.zeros(4)

    return start


def _ball_touches(model: mujoco.MjModel) -> Callable[[jax.Array], jax.Array]:
    """Whether the ball at joints (x, z) [2] is in contact with the resting cup or the ground."""
    data = mujoco.MjData(model)
    mujoco.mj_kinematics(model, data)
    cup = np.flatnonzero(model.geom_bodyid == model.body("cup").id)
    centre, half = data.geom_xpos[cup], model.geom_size[cup, 1]
    axis = data.geom_xmat[cup].reshape(-1, 3, 3)[:, :, 2]
    radius, home = model.geom("ball").size[0], data.xpos[model.body("ball").id]

    def touches(ball: jax.Array) -> jax.Array:
        point = home + jnp.array([ball[0], 0.0, ball[1]])
        along = jnp.clip(jnp.sum((point - centre) * axis, axis=1), -half, half)
        distance = jnp.linalg.norm(point - centre - along[:, None] * axis, axis=1)
        return jnp.any(distance < radius + model.geom_size[cup, 0]) | (point[2] < radius)

    return touches


def ball_in_cup_catch() -> Task:
    def build(model):
        ball, target = model.body("ball").id, model.site("target").id
        room = np.float32(model.site("target").size[[0, 2]] - model.geom("ball").size[0])

        def reward(data, ctrl):
            offset = (data["site_xpos"][target] - data["xpos"][ball])[np.array([0, 2])]
            return jnp.all(jnp.abs(offset) < room).astype(jnp.float32)

        observe = lambda data: jnp.concatenate([data["qpos"], data["qvel"]])
        return ball_in_cup_start(model, (-0.2, 0.2), (0.2, 0.5)), observe, reward

    return suite_task("ball_in_cup", "catch", 0.02, ("xpos", "site_xpos"), build)


def point_mass_easy() -> Task:
    def build(model):
        mass, target = model.geom("pointmass").id, model.geom("target").id
        size = float(model.geom("target").size[0])

        def reward(data, ctrl):
            distance = jnp.linalg.norm(data["geom_xpos"][target] - data["geom_xpos"][mass])
            near = tolerance(distance, 0.0, size, size)
            return near * (jnp.mean(small_control(ctrl)) + 4.0) / 5.0

        observe = lambda data: jnp.concatenate([data["qpos"], data["qvel"]])
        return random_joints(model), observe, reward

    return suite_task("point_mass", "easy", 0.02, ("geom_xpos",), build)


TASKS: dict[str, Callable[[], Task]] = {
    "cheetah-run": cheetah_run,
    "hopper-stand": functools.partial(hopper, hop=False),
    "hopper-hop": functools.partial(hopper, hop=True),
    "walker-stand": functools.partial(walker, "stand", 0.0),
    "walker-walk": functools.partial(walker, "walk", 1.0),
    "walker-run": functools.partial(walker, "run", 8.0),
    "cartpole-swingup": cartpole_swingup,
    "ball_in_cup-catch": ball_in_cup_catch,
    "point_mass-easy": point_mass_easy,
}
