"""Guides, clones and demonstrations where actions are discrete: distributions are mixed, and off is the base."""

from __future__ import annotations

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from guided_rl import envs
from guided_rl.api import train
from guided_rl.cli import main
from guided_rl.data.replay import Layout
from guided_rl.datasets.demonstrations import play
from guided_rl.datasets.lookup import find_dataset
from guided_rl.envs.spaces import Discrete
from guided_rl.guides.base import Guide
from guided_rl.guides.expert_weights import guide_of
from guided_rl.methods import build
from guided_rl.methods.base import Context, Setup
from guided_rl.methods.bases.demonstrations import BC_FINETUNE_DISCRETE
from guided_rl.methods.hparams import defaults
from guided_rl.runtime.errors import UserError
from guided_rl.training.run import Result
from tests.training.small import assert_same, everything, learned, member, run, small

TASK = {"task": "CartPole-v1"}
ADVICE = (0.9, 0.1)
SETUP = Setup(4, Discrete(2), (8, 8), budget=1_000)
LAYOUT = Layout.of(4, 0)


def adviser() -> Guide:
    return Guide(jnp.array(ADVICE), lambda params, obs, key: params, name="leftish")


def context(method, step: int, **hparams: float) -> Context:
    values = {name: jnp.float32(v) for name, v in {**defaults(method.hparams), **hparams}.items()}
    return Context(values, jnp.int32(step), adviser(), SETUP)


def rows() -> np.ndarray:
    """Offline rows of two experts, [2, 40, width], with whole actions."""
    rng = np.random.default_rng(0)
    found = rng.uniform(-0.2, 0.2, (2, 40, LAYOUT.width)).astype(np.float32)
    found[..., 4] = rng.integers(0, 2, (2, 40))
    found[..., 6] = 0
    return found


@pytest.mark.parametrize("name", ["dai-dqn", "dai-sac-discrete"])
@pytest.mark.parametrize("step", [0, 250, 500])
def test_the_executed_action_is_of_the_mixture_of_both_distributions(name, step):
    """α = 0, ½, 1; the learner's own share of the left action is what its base draws."""
    method, base = build(name), build(name.removeprefix("dai-"))
    ctx, keys = context(method, step), jax.random.split(jax.random.key(1), 20_000)
    agent, obs = method.init(jax.random.key(0), ctx, None), jnp.float32([0.3, -0.2, 0.1, 0.5])
    share = lambda who: np.mean(np.asarray(jax.vmap(lambda key: who.act(agent, obs, key, ctx).action)(keys)) == 0)
    alpha = min(1.0, step / 500)
    assert share(method) == pytest.approx((1 - alpha) * ADVICE[0] + alpha * share(base), abs=0.015)
    greedy = float(base.policies["policy"](agent, obs, keys[0], ctx)) == 0
    mixture = jax.vmap(lambda key: method.policies["mixture"](agent, obs, key, ctx).action)(keys)
    assert np.mean(np.asarray(mixture) == 0) == pytest.approx((1 - alpha) * ADVICE[0] + alpha * greedy, abs=0.015)


OFF = {  # method: its hyper-parameters, its options, the base
    "dai-dqn": ({"t_change": 0.0}, {"random_warmup": True}, "dqn"),
    "demos-sac-discrete": ({"offline_ratio": 0.0}, {}, "sac-discrete"),
    "dai-sac-discrete": ({"t_change": 0.0}, {"random_warmup": True}, "sac-discrete"),
    "demos-dqn": ({"offline_ratio": 0.0}, {}, "dqn"),
    "dqn-resets": ({"reach": 0.0}, {}, "dqn"),
    "sac-discrete-resets": ({"reach": 0.0}, {}, "sac-discrete"),
}
REST = [name for name in OFF if name != "dai-dqn"]


@functools.cache
def base(method: str) -> Result:
    return run(small(method=method, **TASK))


@pytest.mark.trains
@pytest.mark.parametrize("name", ["dai-dqn", *(pytest.param(name, marks=pytest.mark.slow) for name in REST)])
def test_off_is_the_base_bit_for_bit(name):
    hparams, options, of = OFF[name]
    off = train(small(method=name, hparams=hparams, options=options, **TASK), guide=adviser(), offline=rows())
    assert learned(off)
    assert_same(off.agents.params, base(of).agents.params)
    plain = base(of).history.evaluation
    for measured, values in plain.items():  # a guided method also counts what its expert did
        assert_same(off.history.evaluation[measured][:, :, 0], values[:, :, 0])


@pytest.mark.trains
@pytest.mark.parametrize("name", ["dqn", pytest.param("sac-discrete", marks=pytest.mark.slow)])
def test_a_seed_alone_and_in_a_crowd_are_the_same(name):
    alone = run(small(method=name, seeds=1, first_seed=2, **TASK))
    assert learned(alone)
    assert_same(member(base(name), 2), member(alone, 2))


@pytest.mark.trains
@pytest.mark.parametrize("name", ["sac-discrete", pytest.param("dqn", marks=pytest.mark.slow)])
def test_an_interrupted_run_ends_like_an_unbroken_one(name, tmp_path):
    from guided_rl.runtime.errors import Interrupted
    from tests.training.test_resume import interrupt_at

    config = small(method=name, **TASK)
    with pytest.raises(Interrupted):
        run(config, folder=tmp_path, observers=[interrupt_at(1)])
    assert_same(everything(run(config, folder=tmp_path)), everything(base(name)))


def test_a_clone_takes_the_experts_actions():
    rng = np.random.default_rng(0)
    obs = rng.normal(size=(2000, 4)).astype(np.float32)
    action = (obs @ np.float32([1, -1, 0.5, 0]) > 0).astype(np.float32)
    found = np.concatenate([obs, action[:, None], np.zeros((2000, 2), np.float32), obs], axis=1)
    ctx = context(BC_FINETUNE_DISCRETE, 0)
    agent = jax.jit(lambda key: BC_FINETUNE_DISCRETE.init(key, ctx, jnp.asarray(found)))(jax.random.key(0))
    own = jax.vmap(lambda o: BC_FINETUNE_DISCRETE.policies["policy"](agent, o, None, ctx))(jnp.asarray(obs))
    assert np.mean(np.asarray(own) == action) > 0.98


def test_demonstrations_hold_the_likeliest_actions_by_number():
    env = envs.make("CartPole-v1")
    push = {"kernel": np.zeros((2, 4, 2), np.float32), "bias": np.float32([[0, 1], [1, 0]])}
    found = LAYOUT.unpack(play(guide_of("dqn", [push], "dqn@100"), env, 2, seed=0))
    np.testing.assert_array_equal(found["action"], np.repeat([[1.0], [0.0]], 1_000, axis=1))
    assert found["terminated"].sum() > 0 and (found["reward"] == 1).all()


def test_a_file_of_ones_own_holds_numbers_of_actions(tmp_path):
    env, n = envs.make("CartPole-v1"), 5
    columns = {"observations": np.zeros((n, 4)), "rewards": np.ones(n), "terminations": np.zeros(n)}
    columns |= {"next_observations": np.ones((n, 4)), "actions": np.array([0, 1, 1, 0, 1])}
    np.savez(tmp_path / "own.npz", **columns)
    found = find_dataset(f"{tmp_path}/own.npz", env, LAYOUT)
    np.testing.assert_array_equal(LAYOUT.unpack(found)["action"], [[0, 1, 1, 0, 1]])
    np.savez(tmp_path / "wrong.npz", **{**columns, "actions": np.array([0, 1, 1, 0, 2])})
    with pytest.raises(UserError, match="are not all of 0 to 1, those of CartPole-v1"):
        find_dataset(f"{tmp_path}/wrong.npz", env, LAYOUT)


@pytest.mark.parametrize("task, method", [("CartPole-v1", "dai-sac"), ("InvertedPendulum-v5", "dqn")])
def test_a_method_on_the_wrong_kind_of_task_is_one_sentence(task, method, capsys):
    assert main(["run", "--task", task, "--method", method, "--guide", "bc"]) == 2
    said = capsys.readouterr().err.strip()
    assert f"method '{method}' acts in " in said and len(said.splitlines()) == 1


def test_a_guide_of_continuous_actions_is_refused_on_a_discrete_task(tmp_path, capsys):
    (tmp_path / "own.py").write_text("import jax.numpy as jnp\ndef push(obs):\n    return jnp.zeros(1)\n")
    command = ["run", "--task", "CartPole-v1", "--method", "dai-dqn", "--guide", f"{tmp_path}/own.py:push"]
    assert main(command) == 2
    said = capsys.readouterr().err.strip()
    assert "advises shape (1,), but a distribution over the actions of CartPole-v1 is (2,)" in said


def rows_of(named: str, task: str, observations_only: bool = False) -> dict[str, np.ndarray]:
    env = envs.make(task)
    layout = Layout.of(env.observation_size, env.action_space.width)
    return layout.unpack(find_dataset(named, env, layout, observations_only))


def test_demonstrations_of_another_task_are_pairs_without_actions_and_for_nobody_else():
    wide = rows_of("guide:exact,episodes=1", "GridMaze-umaze-8")
    seen = rows_of("GridMaze-umaze-8/guide:exact,episodes=1", "GridMaze-umaze-4", observations_only=True)
    np.testing.assert_array_equal(seen["obs"], wide["obs"])
    np.testing.assert_array_equal(seen["next_obs"], wide["next_obs"])
    assert wide["terminated"].sum() > 0 and np.isnan(seen["action"]).all()
    with pytest.raises(UserError, match=r"is of another task, which only methods that read \(s, s'\) can use"):
        rows_of("GridMaze-umaze-8/guide:exact", "GridMaze-umaze-4")
    with pytest.raises(
        UserError, match="observations of GridMaze-medium-8 have 10 entries, those of GridMaze-umaze-4 4"
    ):
        rows_of("GridMaze-medium-8/guide:exact", "GridMaze-umaze-4", observations_only=True)
    with pytest.raises(UserError, match="GridMaze-umaze-9"):
        rows_of("GridMaze-umaze-9/guide:exact", "GridMaze-umaze-4", observations_only=True)
