"""Local guides: good advice in one region of a task, and λ(s), which says where.

Of each task of "Enhancing Reinforcement Learning Agents with Local Guides" (Daoudi et al. 2023,
arXiv 2402.13930) the guide and its region, as the authors' code has them. `depth(s)` says how
far inside the region a state lies, in the task's own units; the paper's λ(s) is 1 where it is
positive and 0 elsewhere. What is wrong with a λ, or unsure, is written behind the name:

| written | is |
|---|---|
| `local` | the task's own local guide |
| `local:sac@50` | another policy's action in the same region |
| `local,grow=0.3` | a region larger by so much on all sides; negative: smaller |
| `local,shift=0.2` | a region that lies elsewhere, by so much along the task's axis |
| `local,smooth=0.5` | λ rises from 0 to 1 over so much of depth, ½ at the region's edge |
| `local,scale=0.5` | λ times so much |
| `local,noise=0.3` | a stochastic guide: its action and normal noise |
| `local,sample=1` | a stochastic guide: a sample of the policy instead of its mode |
| `local,literal=1` | λ of the ball in its cup as the authors' code has it, a typo included |
"""

from __future__ import annotations

import dataclasses
import functools
import math
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp

from guided_rl.envs.base import Env
from guided_rl.envs.local_guide_tasks.point_circle import pose
from guided_rl.envs.local_guide_tasks.point_reach import RAYS, SENSOR_RANGE
from guided_rl.guides.base import Guide
from guided_rl.guides.spec import Spec, parse_one
from guided_rl.runtime.errors import UserError, unknown_name

SCRIPT, NETWORK = 0.999, 0.99  # how far from ±1 the authors' guides stay
MEDIUM = "medium"
# What may follow `local`: its value without being named, and the interval that it must be in.
SETTINGS = {
    "grow": (0.0, -math.inf, math.inf),
    "shift": (0.0, -math.inf, math.inf),
    "smooth": (0.0, 0.0, math.inf),
    "scale": (1.0, 0.0, 1.0),
    "noise": (0.0, 0.0, math.inf),
    "sample": (0.0, 0.0, 1.0),
    "literal": (0.0, 0.0, 1.0),
}


@dataclasses.dataclass(frozen=True)
class Region:
    """Where a task's local guide is at home, and what it does there.

    Attributes:
      depth: `(obs, shift) -> m`, positive inside; `shift` moves the region along the task's axis.
      script: `obs -> action`, or None where a trained policy advises.
      gain: what the policy's action is multiplied by, per dimension.
      experts: the task whose file of weights holds the policy.
      literal: the authors' `depth`, where ours mends a mistake of theirs.
    """

    depth: Callable[[jax.Array, jax.Array], jax.Array]
    script: Callable[[jax.Array], jax.Array] | None = None
    gain: tuple[float, ...] = ()
    experts: str = ""
    literal: Callable[[jax.Array, jax.Array], jax.Array] | None = None


def to_the_middle(obs: jax.Array) -> jax.Array:
    """Cart-pole: full force towards x = 0."""
    return -SCRIPT * jnp.sign(obs[:1])


def back_into_the_corridor(obs: jax.Array) -> jax.Array:
    """PointCircle: turn to face the middle, backing off meanwhile; once faced, drive. Mirrored at x <= 0."""
    x, y, heading = pose(obs)
    mirror = jnp.where(x > 0, 1.0, -1.0)
    faces_in = jnp.where(x > 0, jnp.abs(heading) >= 0.75 * jnp.pi, jnp.abs(heading) <= 0.25 * jnp.pi)
    curve = jnp.where((y > 0) & (heading > 0), 0.5, jnp.where((y < 0) & (heading < 0), -0.5, 0.0))
    turn = jnp.where(heading < 0, -SCRIPT, SCRIPT)
    return jnp.stack([jnp.where(faces_in, SCRIPT, -SCRIPT), mirror * jnp.where(faces_in, curve, turn)])


def away_from_the_nearest(obs: jax.Array) -> jax.Array:
    """PointReach-like: diagonally out of the quadrant in which the nearest obstacle lies."""
    quadrant = jnp.argmax(obs[-RAYS:]) // (RAYS // 4)
    corner = jnp.array([[1.0, 1.0], [-1.0, 1.0], [-1.0, -1.0], [1.0, -1.0]])[quadrant]
    return -SCRIPT * corner


def below_the_cup(obs: jax.Array, shift: jax.Array, literal: bool = False) -> jax.Array:
    """Ball in cup: at or below the cup's bottom, or beside its lower edge; 0.3 is from joint to joint.

    The authors' code, here `literal`, compares ball_x with cup_z; their cup_x was surely meant.
    """
    cup_x, cup_z, ball_x, ball_z = obs[:4]
    above = ball_z - shift - cup_z
    beside = jnp.minimum(0.35 - above, jnp.abs(ball_x - (cup_z if literal else cup_x)) - 0.05)
    return jnp.maximum(0.3 - above, beside)


_NEAR_THE_TARGET = Region(
    depth=lambda obs, shift: jnp.hypot(obs[0] - shift, obs[1]) - 0.1, experts="point_mass-sparse", gain=(1.0, 1.0)
)
LOCAL_GUIDES = {
    "cartpole-safe": Region(lambda obs, shift: jnp.abs(obs[0] - shift) - 0.2, to_the_middle),
    "PointCircle": Region(lambda obs, shift: jnp.abs(pose(obs)[0] - shift) - 0.5, back_into_the_corridor),
    "PointReach-like": Region(
        lambda obs, shift: 2.0 - SENSOR_RANGE * (1.0 - jnp.max(obs[-RAYS:])) - shift, away_from_the_nearest
    ),
    "PointFall": Region(lambda obs, shift: 1.0 - obs[4] - shift, gain=(0.2, 1.0), experts="PointFall"),
    "ball_in_cup-low": Region(
        below_the_cup,
        gain=(1.0, 1.0),
        experts="ball_in_cup-low",
        literal=functools.partial(below_the_cup, literal=True),
    ),
    "point_mass-sparse": _NEAR_THE_TARGET,
    "point_mass-easy": _NEAR_THE_TARGET,
}


def read_spec(spec: Spec, env: Env) -> tuple[Region, str, dict[str, float]]:
    """The region, the policy behind a local guide (empty for a script), and the settings that differ.

    Raises:
      UserError: the task has no local guide, or what is written is none of the module's table.
    """
    if env.name not in LOCAL_GUIDES:
        raise unknown_name("task with a local guide", env.name, LOCAL_GUIDES)
    region = LOCAL_GUIDES[env.name]
    policy = spec.name or ("" if region.script else MEDIUM)
    settings = {}
    for name, value in spec.settings.items():
        if name not in SETTINGS:
            raise unknown_name("setting of a local guide", name, SETTINGS)
        settings[name] = _number(name, value, spec.text)
    if "literal" in settings and region.literal is None:
        raise UserError(
            f"literal in the guide {spec.text!r} is for tasks whose λ mends the authors', not {env.name}; leave it out"
        )
    return region, policy, settings


def _number(name: str, text: str, named: str) -> float:
    _, low, high = SETTINGS[name]
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not (math.isfinite(value) and low <= value <= high):
        raise UserError(f"{name}={text} in the guide {named!r} must be a number in [{low:g}, {high:g}]")
    return value


def local_guide(named: str, env: Env, find: Callable[[str, str], Guide]) -> Guide:
    """The guide that `named` stands for; `find(policy, task)` gives a policy of a task's experts.

    Raises:
      UserError: as `read_spec`, or there is no such policy.
    """
    spec = parse_one(named)
    region, policy, given = read_spec(spec, env)
    settings = {name: default for name, (default, _, _) in SETTINGS.items()} | given
    script = region.script
    if policy or script is None:
        adviser = find(policy, region.experts or env.name)
        gain, bound = (region.gain if region.gain and not spec.name else (1.0,) * env.action_size), NETWORK
    else:
        adviser, gain, bound = Guide((), lambda params, obs, key: script(obs)), (1.0,) * env.action_size, SCRIPT
    sampled, noisy = settings["sample"] > 0, settings["noise"] > 0
    literal = settings.pop("literal") > 0  # no number of the guide's program
    depth_of = region.literal if literal and region.literal else region.depth

    def action(params: Any, obs: jax.Array, key: jax.Array | None) -> jax.Array:
        advice = adviser.replace(params=params["policy"], size=None).action(obs, key if sampled else None)
        advice = params["gain"] * advice
        if noisy and key is not None:
            advice = advice + params["noise"] * jax.random.normal(jax.random.fold_in(key, 1), advice.shape)
        return jnp.clip(advice, -bound, bound)

    def confidence(params: Any, obs: jax.Array) -> jax.Array:
        """λ(s): the paper's 1[depth > 0], or a ramp through ½ at the edge."""
        depth = depth_of(obs, params["shift"]) + params["grow"]
        ramp = jnp.clip(0.5 + depth / jnp.maximum(params["smooth"], 1e-9), 0.0, 1.0)
        return params["scale"] * jnp.where(params["smooth"] > 0, ramp, (depth > 0).astype(jnp.float32))

    numbers = {name: jnp.float32(value) for name, value in settings.items()} | {"gain": jnp.array(gain)}
    if adviser.size is not None:
        numbers = jax.tree.map(lambda x: jnp.broadcast_to(x, (adviser.size, *x.shape)), numbers)
    return Guide({"policy": adviser.params, **numbers}, action, confidence, name=named, size=adviser.size)
