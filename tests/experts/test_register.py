"""Which ladder points become which level, from ladders whose returns are known; and what ships."""

import json

import numpy as np
import pytest

import experts.__main__ as command
from experts import register as registering
from experts import selection
from experts.clone import Cloning
from experts.fitness import fit_facts, fitness
from experts.ladder import Ladder
from experts.listing import is_current, listing
from experts.recipes import EXPERTS, RECIPES, Recipe, config_of
from experts.train import ladder_folder, train_task
from guided_rl.envs import make
from guided_rl.envs.reference_returns import D4RL_MEDIUM, EXPERT_RETURNS, REFERENCES, normalised
from guided_rl.guides.expert_weights import LEVELS, guide_of, read_facts, read_weights
from guided_rl.guides.find import weights_name
from guided_rl.runtime.errors import UserError
from tests.training.small import small

SHIPPED = [task for task in RECIPES if (registering.FOLDER / weights_name(task)).exists()]
CURRENT = [task for task in SHIPPED if is_current(task)]  # the others' recipes are younger than what ships


def ladder(means):
    """A ladder whose policies are known by their only weight, point + 100 · expert."""
    points, experts = means.shape
    bias = np.arange(points)[:, None, None] + 100.0 * np.arange(experts)[None, :, None]
    layers = [{"kernel": np.zeros((points, experts, 1, 1)), "bias": bias}]
    return Ladder(np.arange(points), np.repeat(means[..., None], 10, axis=-1), layers)


@pytest.fixture
def means():
    rise = np.linspace(0.0, 1000.0, 21)[:, None] * [1.0, 0.5, 0.9, 0.8]
    rise[-1, 0] = 0.0  # the best one collapses at the end
    return rise


@pytest.fixture
def played(means, monkeypatch):
    """What each policy returns over fresh episodes [points, experts]; altered by a test before it chooses."""
    truth = means.copy()

    def returns_of(guide, env, episodes, seed):
        number = np.asarray(guide.params[0]["bias"])[:, 0].astype(int)
        return np.repeat(truth[number % 100, number // 100][:, None], episodes, axis=1)

    monkeypatch.setattr(selection, "returns_of", returns_of)
    return truth


def choose(means, floor=0.0, medium=None):
    return selection.choose(ladder(means), None, floor, medium)


def test_every_expert_is_kept_at_its_best_point(means, played):
    choice = choose(means)
    assert list(choice.points) == ["25", "50", "75", "100"]
    assert choice.points["100"].tolist() == [19, 20, 20, 20]
    assert (choice.best, choice.best_return) == (0, 950.0)


def test_a_lucky_evaluation_is_seen_through_by_fresh_episodes(means, played):
    means[3, 1] = 2000.0
    choice = choose(means)
    assert choice.points["100"].tolist() == [19, 20, 20, 20]
    assert choice.best_return == 950.0


def test_the_levels_below_are_shares_of_the_best_return_above_the_floor(means, played):
    choice = choose(means, floor=100.0)
    picked = means[[choice.points[level] for level in ("25", "50", "75")], np.arange(4)]
    targets = 100.0 + np.array([0.25, 0.5, 0.75])[:, None] * 850.0
    reachable = np.minimum(targets, [[950.0, 500.0, 900.0, 800.0]])
    assert np.abs(picked - reachable).max() <= 25


def test_medium_is_a_return_and_no_share(means, played):
    choice = choose(means, medium=330.0)
    picked = means[choice.points["medium"], np.arange(4)]
    assert np.abs(picked - 330.0).max() <= 25


def test_points_are_picked_by_expert(means):
    layers = ladder(means).pick(np.array([3, 4]), np.array([0, 2]))
    np.testing.assert_array_equal(layers[0]["bias"][:, 0], [3, 204])


@pytest.mark.parametrize("task", SHIPPED)
def test_what_ships_is_whole_and_complete(task):
    policies, facts = read_weights(registering.FOLDER / weights_name(task))
    medium = {"sac@medium"} if task in D4RL_MEDIUM and task in CURRENT else set()
    assert set(policies) == {f"{kind}@{level}" for kind in ("bc", "sac") for level in LEVELS} | medium
    seeds = facts["seeds"]
    assert len(set(seeds)) >= 3
    assert min(seeds) >= 1_000_000
    for policy, layers in policies.items():
        assert layers[0]["bias"].shape[0] == len(seeds)
        assert all(np.isfinite(array).all() for layer in layers for array in layer.values())
        assert [quote["episodes"] for quote in facts["returns"][policy]] == [100] * len(seeds)
    for name in ("recipe", "environment_steps", "random_return", "provenance", "selection"):
        assert facts[name]


@pytest.mark.parametrize("task", CURRENT)
def test_what_ships_is_what_its_recipe_makes(task):
    policies, facts = read_weights(registering.FOLDER / weights_name(task))
    config, cloned = config_of(task), facts["cloning"]
    made = registering.cloning_facts(task)
    assert {name: cloned[name] for name in made} == json.loads(json.dumps(made))
    assert max(max(epochs) for epochs in cloned["epochs"].values()) <= made["most_epochs"]
    assert (facts["selection"], facts["evaluation_seeds"]) == (selection.SELECTION, registering.EVALUATION_SEEDS)
    assert facts["seeds"] == list(range(config.first_seed, config.first_seed + EXPERTS))
    assert facts["environment_steps"]["trained_per_expert"] == config.steps
    assert facts["fit"] == fit_facts(task, facts["returns"]["sac@100"])
    widths = {"sac": config.hidden, "bc": RECIPES[task].cloning.hidden or config.hidden}
    for name, layers in policies.items():
        assert tuple(layer["bias"].shape[-1] for layer in layers[:-1]) == widths[name.partition("@")[0]]


def test_the_list_says_what_is_older_than_its_recipe_and_whether_experts_are_fit():
    lines = {line.split()[0]: line for line in listing().splitlines()}
    for task in RECIPES:
        assert f"{RECIPES[task].steps:,}" in lines[task]
        assert ("of an earlier recipe" in lines[task]) == (task in SHIPPED and task not in CURRENT)
    for task in SHIPPED:
        lacks = fitness(task, read_facts(registering.FOLDER / weights_name(task))["returns"]["sac@100"]).lacks
        assert ("NOT FIT" in lines[task]) == bool(lacks)


@pytest.mark.parametrize("task", SHIPPED)
def test_the_reference_is_the_best_experts_return(task):
    facts = json.loads((registering.FOLDER / weights_name(task)).with_suffix(".json").read_text())
    reference = REFERENCES[task].expert
    assert reference.mean == facts["expert_return"]["mean"]
    assert reference.mean == facts["returns"]["sac@100"][facts["expert_return"]["expert"]]["mean"]
    if fitness(task, facts["returns"]["sac@100"]).mean > REFERENCES[task].floor.mean:
        assert normalised(task, reference.mean) == pytest.approx(100.0)
    assert json.loads(EXPERT_RETURNS.read_text())[task]["source"] == reference.source


def test_the_goal_reaching_ants_arrive_where_waypoints_lie():
    """D4RL's waypoints are 4 to 6 m away."""
    _, facts = read_weights(registering.FOLDER / weights_name("AntReach"))
    for rings in facts["success_by_distance"]:
        assert sum(ring["episodes"] for ring in rings) == 300
        assert min(ring["success"] for ring in rings if 4 <= ring["from"] < 6) > 0.9


@pytest.fixture
def tiny(tmp_path, monkeypatch):
    """A task whose two experts train in seconds, registered in a folder of its own: (folder, facts)."""
    monkeypatch.chdir(tmp_path)
    task = "InvertedPendulum-v5"
    monkeypatch.setitem(RECIPES, task, Recipe(240, 0.0, cloning=Cloning(demonstrations=1, epochs=2)))
    for module in (selection, registering):
        monkeypatch.setattr(module, "QUOTED", 4)
    monkeypatch.setattr(registering, "EXPERT_RETURNS", tmp_path / "returns.json")
    train_task(small(seeds=2, first_seed=1_000_000))
    return tmp_path, registering.register(task, tmp_path)


@pytest.mark.trains
def test_quotes_are_the_stored_weights_own(tiny):
    folder, facts = tiny
    path = folder / "InvertedPendulum-v5.npz"
    policies, _ = read_weights(path)
    assert set(policies) == {f"{kind}@{level}" for kind in ("bc", "sac") for level in LEVELS}
    with np.load(path) as archive:
        assert {archive[name].dtype.name for name in archive if name.endswith("kernel")} == {"float16"}
    env = make("InvertedPendulum-v5", "native")
    for name in ("bc@50", "sac@100"):
        returns = selection.returns_of(guide_of(name.partition("@")[0], policies[name], name), env, 4, 2_000_002)
        np.testing.assert_allclose(returns.mean(1), [quote["mean"] for quote in facts["returns"][name]], atol=0.01)
    assert facts["seeds"] == [1_000_000, 1_000_001]
    assert json.loads((folder / "returns.json").read_text())["InvertedPendulum-v5"]["mean"] == pytest.approx(
        facts["expert_return"]["mean"]
    )


@pytest.mark.trains
def test_half_of_the_experts_is_too_few(tiny):
    for path in ladder_folder("InvertedPendulum-v5").glob("*.npz"):
        with np.load(path) as archive:
            np.savez(path, **{name: value[:1] if value.ndim else value for name, value in archive.items()})
    with pytest.raises(UserError, match="only 1 of 2 experts"):
        registering.register("InvertedPendulum-v5")


def test_an_untrained_task_is_said_to_be(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(UserError, match="no expert of Reacher-v5 was trained yet"):
        registering.register("Reacher-v5")


@pytest.mark.parametrize(
    "arguments, sentence",
    [(["Hoper-v5"], "did you mean Hopper-v5"), (["--tasks", "Ant"], "Ant-v5"), (["--steps", "7"], "--steps is 7")],
)
def test_the_command_says_what_is_wrong(arguments, sentence, capsys):
    assert command.main(arguments) == 2
    assert sentence in capsys.readouterr().err
