"""On an accelerator the engine is chosen by measurement, once for a task, batch and machine."""

from __future__ import annotations

import pytest

from guided_rl.cli import planning
from guided_rl.runtime.errors import UserError
from guided_rl.training import engines
from guided_rl.training.run import Run
from tests.training.small import small


@pytest.fixture
def accelerator(monkeypatch, tmp_path):
    """As if JAX ran on one; nothing has been measured yet."""
    monkeypatch.setenv("GUIDED_RL_CACHE", str(tmp_path))
    monkeypatch.setattr(engines, "on_accelerator", lambda: True)
    monkeypatch.setattr(engines, "SECONDS", 0.01)


def test_both_engines_are_timed_once_and_the_faster_one_is_taken(accelerator, monkeypatch):
    run = Run(small())
    assert run.engine_rates.keys() == {"native", "mjx"} and min(run.engine_rates.values()) > 0
    assert run.env.engine.name == max(run.engine_rates, key=run.engine_rates.get)
    shown = dict(planning.run_table(run).rows)["engine"]
    assert shown.startswith(run.env.engine.name) and "mjx" in shown
    monkeypatch.setattr(engines, "rate", lambda env, simulations: pytest.fail("measured again"))
    assert engines.choose(small()) == (run.env.engine.name, run.engine_rates)


@pytest.mark.trains
def test_a_run_keeps_the_engine_that_it_began_with(accelerator, monkeypatch, tmp_path):
    rates = {"native": 2.0, "mjx": 1.0}
    monkeypatch.setattr(engines, "rates", lambda task, simulations: rates)
    Run(small(steps=4, evaluations=1, warmup=1.0)).execute(tmp_path / "run", (), 0.0)
    rates["mjx"] = 3.0
    run = Run(small(steps=4, evaluations=1, warmup=1.0))
    assert run.env.engine.name == "mjx"
    with pytest.raises(UserError, match="engine: native -> mjx"):
        run.execute(tmp_path / "run", (), 0.0)


@pytest.mark.parametrize("changes", [{"physics": "native"}, {"task": "PointFall", "physics": "auto"}])
def test_nothing_is_timed_where_there_is_no_choice(accelerator, monkeypatch, changes):
    monkeypatch.setattr(engines, "rates", lambda *_: pytest.fail("measured"))
    assert engines.choose(small(**changes)) == (changes["physics"], {})


def test_an_engine_that_lacks_something_is_left_out(accelerator, monkeypatch):
    def refuse(env, simulations):
        if env.engine.name == "mjx":
            raise UserError("MJX lacks what this model needs")
        return 5.0

    monkeypatch.setattr(engines, "rate", refuse)
    assert engines.choose(small()) == ("native", {"native": 5.0})


def test_on_a_cpu_it_is_native_without_a_measurement():
    run = Run(small())
    assert (run.env.engine.name, run.engine_rates) == ("native", {})
