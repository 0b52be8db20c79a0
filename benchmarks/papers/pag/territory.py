"""A picture of λ(s): on a plane of each task's state space, where its local guide acts and where the learner does."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import jax
import jax.numpy as jnp
import matplotlib
import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import ListedColormap
from matplotlib.figure import Figure
from matplotlib.patches import Circle, Patch, Rectangle

from guided_rl.envs.local_guide_tasks import point_circle, point_fall, point_reach, safe_suite
from guided_rl.guides.local import LOCAL_GUIDES
from guided_rl.results.plot_style import INK, STYLE, panels

GUIDE, LEARNER, CRASH, GOAL = "#F4B183", "#BDD7EE", "#A6192E", "#009E73"
FINE, STRIDE = 121, 12
DEPTH_DIGITS, PUSH_DIGITS = 4, 3


@dataclass(frozen=True)
class Chart:
    """How a task is drawn.

    Attributes:
      task: whose guide. axes: labels of the plane's two axes. limits: (left, right, low, high).
      observe: a point of the plane -> obs, everything else at rest.
      heads: `(point, action) -> [2]`, the way that the guide's action pushes; None: no arrows.
      dress: draws what stands in the plane.
    """

    task: str
    axes: tuple[str, str]
    limits: tuple[float, float, float, float]
    observe: Callable[[jax.Array], jax.Array]
    heads: Callable[[jax.Array, jax.Array], jax.Array] | None
    dress: Callable[[Axes], None]


def _cart_pole(axis: Axes) -> None:
    _beyond(axis, safe_suite.TRACK)


def _beyond(axis: Axes, edge: float) -> None:
    """What lies outside |x| <= edge is a crash."""
    for side in (-1, 1):
        axis.axvspan(side * edge, side * 10, color=CRASH, lw=0)


def _corridor(axis: Axes) -> None:
    _beyond(axis, point_circle.CORRIDOR)
    axis.add_patch(Circle((0, 0), point_circle.CIRCLE, fill=False, color=GOAL, lw=2))


def _obstacles(axis: Axes) -> None:
    grown = point_reach.RADII + point_reach.AGENT_RADIUS
    for centre, radius in zip(np.asarray(point_reach.obstacles(_room(jnp.zeros(2)))), grown, strict=True):
        axis.add_patch(Circle(centre, radius, color=CRASH, alpha=0.9, lw=0))


def _maze(block: float) -> Callable[[Axes], None]:
    def dress(axis: Axes) -> None:
        for (y, x), wall in np.ndenumerate(point_fall.WALLS):
            if wall:  # with an edge, or seams show between neighbours
                axis.add_patch(Rectangle((x, y), 1, 1, color="#4D4D4D", lw=0.5))
        axis.add_patch(Rectangle(point_fall.GOAL, 1, 1, fill=False, color=GOAL, lw=3))
        axis.text(point_fall.GOAL[0] + 0.5, point_fall.GOAL[1] + 0.5, "goal", ha="center", va="center", color=INK)
        left, low = point_fall.BLOCK
        axis.add_patch(Rectangle((left, low + block), 1, 1, color="#8C6BB1", alpha=0.85, lw=0))
        axis.text(left + 0.5, low + block + 0.5, "block", ha="center", va="center", color="white")

    return dress


def _target(axis: Axes) -> None:
    axis.plot(0, 0, marker="o", color=GOAL, ms=7)


def _cup(axis: Axes) -> None:
    axis.add_patch(Rectangle((-0.05, 0.3), 0.1, 0.1, fill=False, color=INK, lw=2))


def _room(place: jax.Array) -> point_reach.Room:
    zero = jnp.int32(0)
    return point_reach.Room(place, jnp.zeros(2), jnp.zeros(2), jnp.float32(0.6), jnp.uint32(0), zero)


def _outwards(point: jax.Array) -> jax.Array:
    """PointCircle's robot driving away from the middle."""
    return jnp.where(point[0] > 0, 0.0, jnp.pi)


def _circle_obs(point: jax.Array) -> jax.Array:
    still = jnp.zeros(3)
    return point_circle.observe({"qpos": jnp.append(point, _outwards(point)), "qvel": still, "qacc": still})


def _fall_obs(block: float) -> Callable[[jax.Array], jax.Array]:
    """Observation of a point with the block at `block`; plain NumPy, so that no import starts JAX's backend."""
    zero = np.float32(0)
    return lambda p: point_fall.observe(point_fall.Maze(p[0], p[1], zero, np.float32(block), zero))


CHARTS = {
    "cart-pole: cart along its track": Chart(
        "cartpole-safe", ("cart position x, m", "cart speed, m/s"), (-2.05, 2.05, -3, 3),
        lambda p: jnp.array([0.0, 1.0, 0.0, 0.0, 0.0]).at[0].set(p[0]).at[3].set(p[1]),
        lambda p, action: jnp.append(action, 0.0), _cart_pole,
    ),
    "PointCircle: from above, driving outwards": Chart(
        "PointCircle", ("x, m", "y, m"), (-1.9, 1.9, -1.9, 1.9), _circle_obs,
        lambda p, action: action[0] * jnp.stack([jnp.cos(_outwards(p)), jnp.sin(_outwards(p))]), _corridor,
    ),
    "PointReach-like: from above": Chart(
        "PointReach-like", ("x, m", "y, m"), (-10, 10, -10, 10), lambda p: point_reach.observe(_room(p)),
        lambda p, action: action, _obstacles,
    ),
    "PointFall: until the block is in": Chart(
        "PointFall", ("x", "y"), (0, 4, 0, 6), _fall_obs(0.0), None, _maze(0.0)
    ),
    "PointFall: once it is": Chart("PointFall", ("x", "y"), (0, 4, 0, 6), _fall_obs(1.0), None, _maze(1.0)),
    "point mass: from above": Chart(
        "point_mass-sparse", ("x, m", "y, m"), (-0.29, 0.29, -0.29, 0.29), lambda p: jnp.append(p, jnp.zeros(2)),
        None, _target,
    ),
    "ball in cup: place of the ball": Chart(
        "ball_in_cup-low", ("ball x − cup x, m", "ball z − cup z, m"), (-0.3, 0.3, -0.1, 0.6),
        lambda p: jnp.zeros(8).at[2:4].set(p), None, _cup,
    ),
}  # fmt: skip


def territory(tasks: Sequence[str], title: str) -> Figure | None:
    """λ(s) of each task that has a chart; the guide's pushes as arrows where a script gives them."""
    charts = {name: chart for name, chart in CHARTS.items() if chart.task in tasks}
    if not charts:
        return None
    with matplotlib.rc_context({**STYLE, "axes.grid": False}):
        figure, axes = panels(list(charts), title)
        arrows = [_draw(axis, chart) for axis, chart in zip(axes, charts.values(), strict=True)]
        handles = [Patch(color=GUIDE), Patch(color=LEARNER), Patch(color=CRASH), Patch(color=GOAL)]
        guide = "the guide acts (arrows: its push)" if any(arrows) else "the guide acts"
        names = [guide, "the learner acts", "crash", "rewarded"]
        figure.legend(handles, names, loc="outside lower center", ncols=2 if len(charts) == 1 else 4, fontsize=9)
    return figure


def _draw(axis: Axes, chart: Chart) -> bool:
    """The chart; whether it has arrows."""
    left, right, low, high = chart.limits
    inside, ways = _evaluate(chart)
    colours = ListedColormap([LEARNER, GUIDE])
    axis.imshow(inside, extent=chart.limits, origin="lower", aspect="auto", cmap=colours, vmin=0, vmax=1)
    if ways is not None:
        rows = _grid(chart, FINE)[STRIDE // 2 :: STRIDE, STRIDE // 2 :: STRIDE]
        here = inside[STRIDE // 2 :: STRIDE, STRIDE // 2 :: STRIDE]
        axis.quiver(*rows[here].T, *ways[here].T, color=INK, width=0.005, scale=22, pivot="mid")
    chart.dress(axis)
    if chart.axes in (("x", "y"), ("x, m", "y, m")):
        axis.set_aspect("equal")
    axis.set_xlim(left, right)
    axis.set_ylim(low, high)
    axis.set_xlabel(chart.axes[0])
    axis.set_ylabel(chart.axes[1])
    return ways is not None


def _grid(chart: Chart, fine: int) -> np.ndarray:
    """Points of the plane [fine, fine, 2]."""
    left, right, low, high = chart.limits
    return np.stack(np.meshgrid(np.linspace(left, right, fine), np.linspace(low, high, fine)), -1).astype(np.float32)


def _evaluate(chart: Chart) -> tuple[np.ndarray, np.ndarray | None]:
    """Whether each point of the plane is the guide's, and at every STRIDE-th of them its push.

    Rounded, so that every machine draws the same: compiled programs' last digits differ between processors.
    """
    depth, ways = _measure(chart)
    rounded = lambda values, digits: np.round(np.asarray(values, np.float64), digits) + 0.0  # no -0: it turns arrows
    return rounded(depth, DEPTH_DIGITS) > 0, None if ways is None else rounded(ways, PUSH_DIGITS)


def _measure(chart: Chart) -> tuple[np.ndarray, np.ndarray | None]:
    """How deep in the guide's region each point lies [FINE, FINE], and the pushes [n, n, 2], in one program."""
    region, grid = LOCAL_GUIDES[chart.task], _grid(chart, FINE)
    arrows = chart.heads is not None and region.script is not None
    sparse = grid[STRIDE // 2 :: STRIDE, STRIDE // 2 :: STRIDE]

    def both(fine: jax.Array, few: jax.Array):
        depth = jax.vmap(jax.vmap(lambda p: region.depth(chart.observe(p), jnp.float32(0))))(fine)
        push = lambda p: chart.heads(p, region.script(chart.observe(p)))
        return depth, jax.vmap(jax.vmap(push))(few) if arrows else None

    depth, ways = jax.jit(both)(grid, sparse)
    return np.asarray(depth), None if ways is None else np.asarray(ways)
