"""The MJX engine: what it records, what it refuses, and that it says nothing on import."""

import subprocess
import sys

import jax
import jax.numpy as jnp
import mujoco
import numpy as np
import pytest

from guided_rl.envs import TASKS
from guided_rl.physics import Simulation, make_engine
from guided_rl.physics.mjx import MjxEngine
from guided_rl.runtime.errors import UserError

PENDULUM = """
<mujoco><option timestep="0.01" {option}/><worldbody>{extra}
  <body><joint name="hinge" axis="0 1 0"/><geom size=".1" pos="0 0 -1"/></body></worldbody>
  <actuator><motor joint="hinge"/></actuator></mujoco>
"""


def simulation(option="", extra="", **settings) -> Simulation:
    return Simulation(mujoco.MjModel.from_xml_string(PENDULUM.format(option=option, extra=extra)), 2, **settings)


def test_importing_it_prints_nothing():
    done = subprocess.run(
        [sys.executable, "-c", "import guided_rl.physics.mjx"], capture_output=True, text=True, timeout=120, check=True
    )
    assert "warp" not in (done.stdout + done.stderr).lower()


def test_pgs_becomes_newton_and_is_recorded():
    sim = TASKS["Humanoid-v5"]().simulation
    options = MjxEngine(sim).options
    assert options["solver"] == "Newton"
    assert options["solver_in_xml"] == "PGS"
    assert sim.model.opt.solver == mujoco.mjtSolver.mjSOL_PGS, "the native engine's model must stay as it was"


def test_the_xmls_settings_are_kept_unless_a_preset_is_named():
    sim = TASKS["HalfCheetah-v5"]().simulation
    exact, fast = make_engine(sim, "mjx").options, make_engine(sim, "mjx:fast").options
    assert (exact["preset"], exact["iterations"]) == ("xml", sim.model.opt.iterations)
    assert (fast["preset"], fast["iterations"], fast["ls_iterations"]) == ("fast", 1, 4)
    with pytest.raises(UserError, match="fast"):
        MjxEngine(sim, preset="fats")
    with pytest.raises(UserError, match="mjx:fast"):
        make_engine(sim, "mjx:fas")


@pytest.mark.parametrize(
    "settings, missing",
    [
        ({"option": 'integrator="implicit"'}, "IMPLICIT"),
        ({"fields": ("qpos", "qvel", "tree_asleep")}, "tree_asleep"),
    ],
)
def test_what_mjx_lacks_is_one_sentence(settings, missing):
    with pytest.raises(UserError, match=f"{missing}.*physics='native'"):
        MjxEngine(simulation(**settings))


def test_engines_agree_on_a_pendulum_and_rest_when_inactive():
    sim = simulation(fields=("qpos", "qvel", "xipos"))
    qpos, qvel, ctrl = np.float32([0.3]), np.float32([-0.2]), np.float32([0.5])
    results = {}
    for name in ("native", "mjx"):
        engine = make_engine(sim, name)
        data = jax.jit(engine.init)(qpos, qvel)
        step = jax.jit(engine.step)
        rest = step(data, ctrl, False)
        np.testing.assert_array_equal(rest.packed, data.packed)
        results[name] = [data.packed, step(data, ctrl).packed, step(step(data, ctrl), ctrl).packed]
    np.testing.assert_allclose(results["native"], results["mjx"], atol=2e-6)


def test_reset_where_starts_only_the_masked():
    engine = make_engine(simulation(), "mjx")
    data = jax.jit(jax.vmap(engine.init))(jnp.ones((3, 1)), jnp.zeros((3, 1)))
    mask = jnp.array([True, False, True])
    after = jax.jit(jax.vmap(engine.reset_where))(mask, data, jnp.zeros((3, 1)), jnp.zeros((3, 1)))
    np.testing.assert_array_equal(after.packed[:, 0], [0, 1, 0])
