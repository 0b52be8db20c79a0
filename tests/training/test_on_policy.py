"""Learning from groups of roll-outs: the budget, the stored clock, off, crowds, resuming, and what is refused."""

from __future__ import annotations

import functools
import os
import signal

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from guided_rl import envs
from guided_rl.data.traces import record_traces
from guided_rl.envs.base import State
from guided_rl.envs.spaces import Discrete
from guided_rl.guides import find_guide
from guided_rl.methods import build
from guided_rl.methods.base import Setup
from guided_rl.methods.hparams import defaults
from guided_rl.runtime.errors import Interrupted, UserError
from guided_rl.training.loops import on_policy
from guided_rl.training.population import Trainer
from guided_rl.training.run import Result, Run
from guided_rl.training.state import Inputs, Loop
from tests.training.small import assert_same, everything, learned, member, run, small

# Chance succeeds in two of five episodes, so that groups differ within themselves, and some fail entirely.
MAZE = {
    "task": "GridMaze-umaze-4",
    "guide": "exact",
    "steps": 1_600,
    "hidden": (8,),
    "activation": "tanh",
    "episodes": 4,
    "options": {"group": 4},
}
GROUP, LENGTH = 4, 50


def maze(method: str, **changes):
    settings = {**MAZE, "method": method, **changes}
    if method == "mentor-control":
        settings["options"] = {"on": 2, "mixed": 2, **changes.get("options", {})}
    else:
        settings["options"] = {**MAZE["options"], **changes.get("options", {})}
    return small(**settings)


@functools.cache
def of(method: str, seeds: int = 3, first: int = 0) -> Result:
    return run(maze(method, seeds=seeds, first_seed=first))


def setting(method: str, task: str = "Chain-6", named: str = "exact", **options):
    """(trainer, one fresh member, its hyper-parameters, guide, traces)."""
    env, built = envs.make(task), build(method, options)
    setup = Setup(env.observation_size, env.action_space, (8,), 1_000, "tanh", env.episode_length, 1)
    trainer = Trainer(env, built, setup, Loop(capacity=1))
    guide = find_guide(named, env) if built.needs.guide else None
    traces = record_traces(env, env, guide, 2) if built.needs.traces else None
    hp = {name: jnp.full(1, value) for name, value in defaults(built.hparams).items()}
    population = trainer._init(jnp.arange(1), Inputs(hp, None, jnp.ones(1, bool), None, traces))
    one = jax.tree.map(lambda leaf: leaf[0], (population.members, hp))
    return trainer, *one, guide, traces


def played(trainer, member, hp, guide, traces):
    return on_policy.played_group(trainer, member, trainer.context(hp, jnp.int32(0), guide), traces)


@pytest.mark.trains
@pytest.mark.parametrize("method", ["grpo", "bread", "mentor-control"])
def test_no_more_steps_than_the_budget_are_taken_and_all_of_them_are_counted(method):
    seen = []
    result = run(maze(method), observers=[lambda progress: seen.append(progress.step)])
    taken = (result.history.training["group_steps"]).cumsum(axis=0)  # of all groups, probes too
    clock = np.array(seen)[:, None]
    assert (taken <= clock).all() and (taken > clock - GROUP * LENGTH).all()
    assert (result.history.training["episodes"] == GROUP * result.history.training["groups"]).all()


@pytest.mark.parametrize("method", ["grpo", "uniform-resets"])
def test_a_group_is_roll_outs_from_one_start_each_to_its_own_end(method):
    trainer, member, hp, guide, traces = setting(method)
    batch, ended = played(trainer, member, hp, guide, traces)
    begun = int(batch["start"].index)
    mask, obs, n = np.asarray(batch["mask"]), np.asarray(batch["obs"]), trainer.env.observation_size
    assert (np.diff(mask, axis=0) <= 0).all() and (mask[0] == 1).all() and int(ended["steps"]) == mask.sum()
    assert (obs[0].argmax(axis=1) == begun).all()
    right = np.asarray(jax.vmap(find_guide("exact", trainer.env).action)(jnp.eye(n))).argmax(axis=1)
    for number in range(mask.shape[1]):
        place = begun
        for time in range(int(mask[:, number].sum())):
            assert obs[time, number].argmax() == place
            moved = int(batch["action"][time, number]) == right[place]
            place = place + 1 if moved else -1
        assert (place == n) == bool(batch["return"][number]) and place in (-1, n)
    assert float(ended["failures"]) == mask.shape[1]  # in a chain every end is one of the task, none a time limit


def test_from_an_anchor_the_clock_of_the_trace_goes_on():
    """Idle roll-outs from step k of a trace are cut k steps earlier than from the start."""
    trainer, member, hp, guide, traces = setting("uniform-resets", "GridMaze-umaze-4", group=3)
    idle = lambda agent, obs, key, ctx: type(choice := build("grpo").act(agent, obs, key, ctx))(
        jnp.int32(0) * choice.action, choice.extras
    )
    object.__setattr__(trainer.method, "act", idle)  # up, into the wall above the start and above the goal
    for spent in range(5):
        batch, ended = played(trainer, member.replace(spent=jnp.int32(spent)), hp, guide, traces)
        left = trainer.env.episode_length - int(batch["start"].index)
        if not batch["return"].any():
            assert int(ended["time"]) == left and int(ended["steps"]) == 3 * left and ended["failures"] == 0


OFF = {
    "bread": ({"success_low": 0.0}, {"anchors": 1}),
    "uniform-resets": ({"reach": 0.0}, {}),
    "fixed-prefix": ({"reach": 0.0}, {}),
    "sft-grpo": ({}, {"imitation": 0}),
    "mentor-control": ({"clip_high": 0.2}, {"on": 4, "mixed": 0}),
}


@pytest.mark.trains
@pytest.mark.parametrize("method", OFF)
def test_off_is_grpo_bit_for_bit(method):
    hparams, options = OFF[method]
    off = run(maze(method, hparams=hparams, options=options))
    plain = of("grpo")
    assert learned(plain) and 0 < plain.history.training_means(400)["group_return"].mean() < 1
    assert_same(off.agents.params, plain.agents.params)
    assert_same(off.history.evaluation, plain.history.evaluation)


@pytest.mark.trains
@pytest.mark.parametrize("method", ["bread", "mentor-control"])
def test_a_seed_alone_and_in_a_crowd_are_the_same(method):
    assert_same(member(of(method, 3), 2), member(of(method, 1, 2), 2))


@pytest.mark.trains
def test_where_chunks_end_changes_nothing(monkeypatch):
    monkeypatch.setattr("guided_rl.training.plan.CHUNK_UPDATES", 20)
    short = Run(maze("bread"))
    assert short.plan.chunk < GROUP * LENGTH
    assert_same(everything(short.execute(None, (), 0.0)), everything(of("bread")))


@pytest.mark.trains
def test_interrupted_it_ends_like_an_unbroken_run(tmp_path):
    def observe(seen) -> None:
        if seen.point == 1:
            os.kill(os.getpid(), signal.SIGINT)

    with pytest.raises(Interrupted):
        run(maze("bread"), folder=tmp_path, observers=[observe])
    assert_same(everything(run(maze("bread"), folder=tmp_path)), everything(of("bread")))


@pytest.mark.trains
def test_on_a_short_chain_chance_is_known_and_the_search_learns_it():
    """A uniform policy's groups succeed with 3^-6; after 30,000 steps BREAD's learner always does."""
    learnt = {"task": "Chain-6", "steps": 30_000, "evaluations": 10, "options": {"group": 16}, "hidden": (32,)}
    result = run(maze("bread", **learnt))
    returns = result.history.evaluation["episode_return"]
    assert returns[-1, :, 1].mean() > 0.9
    trainer, member, hp, guide, traces = setting("grpo", group=4_000)
    batch, _ = played(trainer, member, hp, guide, traces)
    np.testing.assert_allclose(batch["return"].mean(), 3.0**-6, atol=4 * np.sqrt(3.0**-6 / 4_000))


class Breaks:
    """A world whose second action makes its reward NaN."""

    name, backend, observation_size, episode_length = "Breaks", "jax", 1, 3
    action_space = Discrete(2)

    def reset(self, rng):
        zero = jnp.float32(0)
        return State(None, jnp.ones(1), zero, zero, {}, {"truncation": zero, "step": jnp.int32(0)})

    def step(self, state, action, active=True):
        step = state.info["step"] + jnp.int32(active)
        over = (step >= self.episode_length).astype(jnp.float32)
        reward = jnp.where(jnp.asarray(active) & (action == 1), jnp.nan, 0.0)
        return state.replace(reward=reward, done=over, info={"truncation": over, "step": step})

    def reset_where(self, mask, state, rng):
        return state


@pytest.mark.trains
def test_a_member_whose_world_failed_within_a_roll_out_is_frozen(monkeypatch):
    monkeypatch.setattr(envs, "make", lambda task, engine: Breaks())
    result = Run(small(method="grpo", options={"group": 4}, hidden=(8,))).execute(None, (), 0.0)
    assert (result.died_at == 60).all()
    assert all(np.isfinite(leaf).all() for leaf in jax.tree.leaves(result.agents.params))


def test_evaluations_between_which_no_group_fits_are_refused():
    with pytest.raises(UserError, match=r"300 steps between .* may take 800; give at least 3200 steps"):
        Run(maze("grpo", steps=1_200, options={"group": 16}))
