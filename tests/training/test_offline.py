"""The offline phase is a population run like any other, without an environment step; its agents go on online."""

from __future__ import annotations

import dataclasses

import jax
import numpy as np
import pytest

from guided_rl.data.replay import Layout
from guided_rl.datasets.expert_metadata import quoted_experts
from guided_rl.envs import make
from guided_rl.guides import find_guide
from guided_rl.guides.offline_agents import read_agents
from guided_rl.methods.bases.iql import IQL_OFFLINE
from guided_rl.results.agents import keep_agents
from guided_rl.runtime.errors import Interrupted, UserError
from guided_rl.training import waves
from guided_rl.training.checkpoint import Clock
from guided_rl.training.loops import offline
from guided_rl.training.run import Run
from guided_rl.training.stopping import Stop
from tests.methods.offline_agents import context
from tests.training.small import assert_same, everything, learned, member, small

pytestmark = pytest.mark.trains

CONFIG = small(method="iql-offline", seeds=2, warmup=None)
LAYOUT = Layout.of(4, 1)


def rows(experts: int = 2, count: int = 300) -> np.ndarray:
    """Two experts' transitions; the second one's are marked by their reward."""
    rng = np.random.default_rng(0)
    table = rng.normal(0, 0.3, (experts, count, LAYOUT.width)).astype(np.float32)
    table[..., 4] = np.clip(table[..., 4], -1, 1)
    table[..., 5], table[..., 6] = np.arange(experts)[:, None], 0.0
    return table


@pytest.fixture(scope="module")
def run():
    return Run(CONFIG, offline=rows())


@pytest.fixture(scope="module")
def result(run):
    return run.execute(None, (), 1e9)


def test_every_step_is_a_gradient_step_and_none_an_environment_step(result, run):
    training = result.history.training
    np.testing.assert_array_equal(training["updates"], CONFIG.interval)
    assert not training["episodes"].any()
    assert np.isfinite(result.history.evaluation["episode_return"]).all()
    members = np.arange(2)
    population = jax.eval_shape(run.trainer._init, np.zeros(2, np.int32), run.inputs(members))
    assert population.replay.shape[1] == 1


def test_the_environments_stay_at_their_first_state(run):
    wave = waves.Wave(run, np.arange(2), None, (), Stop(), 1e9, Clock(None))
    population, _ = wave._restore()
    before = np.asarray(population.members.env.obs)
    after, _ = run.program("chunk", 2)(population, wave.inputs)
    np.testing.assert_array_equal(after.members.env.obs, before)
    assert int(after.step) == run.plan.chunk
    assert wave.inputs.offline is not None


def test_each_learner_reads_its_own_experts_rows(result):
    """Rewards are 0 for the first expert and 1 for the second, so only the second one's values rise."""
    v = result.history.training_means(result.config.interval)["q"][-1]
    assert v[1] > v[0] + 0.1


@pytest.mark.skipif(jax.default_backend() != "cpu", reason="bit for bit is a promise for CPU")
def test_a_seed_alone_and_in_a_crowd_are_the_same(result):
    one = Run(dataclasses.replace(CONFIG, seeds=1, first_seed=1), offline=rows()).execute(None, (), 1e9)
    many = Run(dataclasses.replace(CONFIG, seeds=5), offline=rows()).execute(None, (), 1e9)
    assert learned(one)
    assert_same(member(result, 1), member(one, 1))
    assert_same(member(many, 1), member(one, 1))


def test_gradient_steps_are_those_of_one_after_the_other(run, result):
    """The chunk's steps are what the method's own update does, on the rows that each step's key draws."""
    wave = waves.Wave(run, np.arange(2), None, (), Stop(), 1e9, Clock(None))
    trainer, hp = run.trainer, {name: value[0] for name, value in wave.inputs.hp.items()}
    population, _ = wave._restore()
    key, agent = population.members.key[0], jax.tree.map(lambda leaf: leaf[0], population.members.agent)

    @jax.jit
    def one(agent, step):
        drawn = offline.sample(trainer, key, 0, wave.inputs.offline, step)
        return trainer.gradient_step(key, agent, hp, None, drawn, step)[0]

    for step in range(run.plan.chunk):
        agent = one(agent, step)
    after, totals = run.program("chunk", 2)(population, wave.inputs)
    jax.tree.map(
        lambda ours, theirs: np.testing.assert_allclose(ours[0], theirs, rtol=1e-3, atol=1e-5),
        after.members.agent.params,
        agent.params,
    )
    assert int(totals.updates) == run.plan.chunk


def test_a_broken_off_offline_run_ends_as_an_unbroken_one(result, run, tmp_path):
    def stop(progress):
        if progress.step == 2 * CONFIG.interval:
            raise Interrupted("enough")

    with pytest.raises(Interrupted):
        run.execute(tmp_path / "run", [stop], 0.0)
    again = run.execute(tmp_path / "run", (), 0.0)
    assert_same(everything(result), everything(again))


def test_agents_are_kept_and_advise_as_they_played(result, tmp_path):
    path = keep_agents(result, tmp_path / "agents.npz", 300)
    env = make(CONFIG.task, "native")
    guide = find_guide(f"offline:{path}", env)
    assert guide.size == 2
    obs = np.random.default_rng(1).normal(size=4).astype(np.float32)
    for seed in (0, 1, 3):
        agent = jax.tree.map(lambda leaf, s=seed: leaf[s % 2], result.agents)
        mode = IQL_OFFLINE.policies["policy"]
        np.testing.assert_allclose(guide.of(seed).action(obs), mode(agent, obs, None, context()), rtol=1e-5)
        assert_same(guide.of(seed).params["target"], agent.targets["critic"])
    quotes = quoted_experts(f"offline:{path}", env)
    final = result.history.evaluation["episode_return"][-1, :, 0].mean(-1)
    np.testing.assert_allclose([q.episode_return for q in quotes], final, rtol=1e-4)
    assert [q.steps for q in quotes] == [300, 300]


def test_lost_members_are_not_kept(result, tmp_path):
    one = dataclasses.replace(result, died_at=np.array([-1, 30]))
    networks, facts = read_agents(keep_agents(one, tmp_path / "agents.npz", 300))
    assert facts["seeds"] == [0]
    assert networks["actor"]["params"]["log_std"].shape == (1, 1)
    with pytest.raises(UserError, match="turned non-finite"):
        keep_agents(dataclasses.replace(result, died_at=np.array([1, 1])), tmp_path / "none.npz", 300)


def test_spoiled_or_foreign_agents_are_refused(result, tmp_path):
    path = keep_agents(result, tmp_path / "agents.npz", 300)
    env = make(CONFIG.task, "native")
    with pytest.raises(UserError, match=r"are for InvertedPendulum-v5, not for Reacher-v5"):
        find_guide(f"offline:{path}", make("Reacher-v5", "native"))
    content = path.read_bytes()
    path.write_bytes(content[: len(content) // 2])
    with pytest.raises(UserError, match="cannot be read"):
        find_guide(f"offline:{path}", env)
    with np.load(keep_agents(result, path, 300)) as archive:
        arrays = dict(archive)
    arrays["actor/params/log_std"] = arrays["actor/params/log_std"] + 1
    np.savez(path, **arrays)
    with pytest.raises(UserError, match="altered after they were written"):
        find_guide(f"offline:{path}", env)
    with pytest.raises(UserError, match=r"there are no offline agents .*nowhere\.npz"):
        find_guide("offline:nowhere.npz", env)


def test_an_offline_run_without_a_dataset_is_refused():
    with pytest.raises(UserError, match="learns from a dataset"):
        Run(CONFIG)
