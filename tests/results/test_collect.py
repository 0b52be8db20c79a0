"""A finished population becomes a record with every seed, protocol and failure in its place."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np

from guided_rl.config import RunConfig
from guided_rl.results import collect, records, summaries
from guided_rl.runtime.versions import code
from guided_rl.training.history import History, Measured


def finished(config: RunConfig, codes: tuple = ()) -> SimpleNamespace:
    """Stands in for `guided_rl.train`'s result; returns encode evaluation point, member and protocol."""
    seeds, points = config.members()
    history = History.empty(config.evaluations, len(seeds), 2, config.episodes, Measured(metrics=("critic_loss",)))
    shape = history.evaluation["episode_return"].shape
    at, member, protocol, _ = np.indices(shape)
    history.evaluation["episode_return"][:] = 100 * at + member + 0.5 * protocol
    history.evaluation["length"][:] = 1000
    history.training["critic_loss"][:] = 6.0
    history.training["updates"][:] = 3.0
    died_at = np.full(len(seeds), -1)
    died_at[1] = 40
    steps = config.interval * np.arange(1, config.evaluations + 1)
    return SimpleNamespace(
        config=config,
        method=SimpleNamespace(name="dai-sac"),
        env=SimpleNamespace(engine=SimpleNamespace(name="native", options={"threads": 2})),
        seeds=seeds,
        points=points,
        protocols=("policy", "mixture"),
        steps=steps,
        history=history,
        died_at=died_at,
        wall_seconds=3.0,
        compile_seconds=1.0,
        codes=codes,
    )


def test_a_result_becomes_a_record(tmp_path):
    config = RunConfig(steps=100, evaluations=4, episodes=2, seeds=3, first_seed=5, grid={"t_change": (0.1, 0.5)})
    record = collect.from_result(finished(config), "dai", "smoke", "cell", [records.Expert("e", 1.0, 2, "c")])
    records.write(record, tmp_path / "cell")
    record = records.read(tmp_path / "cell")
    assert (record.seeds, record.budget, record.points) == ((5, 6, 7), 100, [{"t_change": 0.1}, {"t_change": 0.5}])
    assert record.failed == {"6/0": 40}
    assert record.provenance["engine"] == "native"
    assert RunConfig(**{**record.config, "grid": record.grid, "hidden": tuple(record.config["hidden"])}) == config
    mixture = summaries.curves(record, "mixture", point=1)
    np.testing.assert_array_equal(mixture.steps, [25, 50, 75, 100])
    np.testing.assert_array_equal(mixture.values[:, 2], [203.5, 204.5, 205.5])
    assert summaries.curves(record, point=0).failed == {6: 40}
    assert summaries.training_curves(record, "critic_loss").values[0, 0] == 2.0


def test_provenance_names_all_code_that_took_part_where_it_was_not_this_alone():
    config, old, own = RunConfig(steps=100, evaluations=4, episodes=2, seeds=3), {"commit": "a"}, code()
    origin = lambda *codes: collect.from_result(finished(config, codes), "dai", "smoke", "cell").provenance
    assert "codes" not in origin() and "codes" not in origin(own)
    assert origin(old, own)["codes"] == [old, own]
    assert origin(old)["codes"] == [old]
    assert origin(old, own)["commit"] == own["commit"]
