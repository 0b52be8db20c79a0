"""What the commands do when all is well, or when the user stops them."""

from __future__ import annotations

import contextlib
import dataclasses
import functools
import os
import signal
import subprocess
import sys

import numpy as np
import pytest

from guided_rl.cli import main, running
from guided_rl.cli.settings import default_folder
from guided_rl.cli.video import gif_frames
from guided_rl.cli.watch import watching
from guided_rl.methods import METHODS, build, switches
from guided_rl.results import records
from tests.results.synthetic import make_record
from tests.training.small import small

SMALL = ["--task", "InvertedPendulum-v5", "--steps", "240", "--evaluations", "4", "--episodes", "2", "--hidden", "16"]
SMALL += ["16", "--batch", "16", "--warmup", "0.25"]


@pytest.fixture(autouse=True)
def elsewhere(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


@pytest.mark.trains
def test_run_keeps_a_record_and_does_not_train_it_twice(capsys):
    command = ["run", *SMALL, "--seeds", "3"]
    assert main(command) == 0
    assert "InvertedPendulum-v5" in capsys.readouterr().out
    folder = default_folder(small())
    record = records.read(folder / "record")
    assert record.seeds == (0, 1, 2) and record.budget == 240
    assert main(command) == 0
    assert "finished before" in capsys.readouterr().out
    assert main([*command, "--set", "gamma=0.9", "--folder", str(folder)]) == 2
    assert "hparams.gamma: None -> 0.9" in capsys.readouterr().err


@pytest.mark.trains
def test_sweep_prints_every_value_and_draws_them(tmp_path, capsys):
    assert main(["sweep", "gamma", "0.9,0.99", *SMALL, "--seeds", "2", "--folder", "swept"]) == 0
    out = capsys.readouterr().out
    assert "gamma 0.9" in out and "gamma 0.99" in out
    assert (tmp_path / "swept" / "sweep_gamma.svg").stat().st_size > 1000
    assert records.read(tmp_path / "swept" / "record").grid == {"gamma": (0.9, 0.99)}


@pytest.mark.trains
def test_interrupted_run_exits_with_130_and_goes_on(capsys, monkeypatch):
    @contextlib.contextmanager
    def interrupted(run, group, folder):
        with watching(run, group, folder) as observers:
            yield [*observers, lambda seen: os.kill(os.getpid(), signal.SIGINT) if seen.point == 1 else None]

    command = ["run", *SMALL, "--seeds", "3", "--folder", "stopped"]
    with monkeypatch.context() as patch:
        patch.setattr(running, "watching", interrupted)
        assert main(command) == 130
    assert "stopped at step 120 of 240; run the same command to go on" in capsys.readouterr().err
    assert main(command) == 0
    said = capsys.readouterr().err
    assert "step 240" in said and "step 60" not in said


def test_plan_says_what_it_will_take(capsys):
    options = ["--seeds", "3", "--grid", "gamma=0.9,0.99"]
    assert main(["plan", *SMALL, *options]) == 0
    out = capsys.readouterr().out
    assert "3 seeds × 2 grid points = 6 members" in out
    assert "exact" in out and "about" in out and "60 steps, 60 of them uniformly random" in out


def test_plan_lists_what_a_method_can_be_told_even_where_its_guide_is_missing(capsys):
    options = ["--method", "dai-sac", "--option", "stored=policy", "--grid", "t_change=0.1,0.5"]
    assert main(["plan", *SMALL, *options]) == 2
    said = capsys.readouterr()
    rows = [tuple(line.split(maxsplit=3)) for line in said.out.splitlines()]
    gamma = next(row for row in rows if row and row[0] == "gamma")
    assert gamma[:3] == ("gamma", "0.99", "0.99") and gamma[3].startswith("0 to 1")
    assert build("dai-sac").hparams["gamma"].doc in gamma[3]
    assert "share of the budget: T_change" in said.out
    assert all(any(row and row[0] == name for row in rows) for name in build("dai-sac").hparams)
    assert any(row[:3] == ("t_change", "0.5", "0.1,") for row in rows)
    assert ("stored", "executed", "policy") in rows and ("random_warmup", "false", "false") in rows
    assert "--guide bc" in said.err


@pytest.mark.parametrize("name", METHODS)
def test_switches_are_those_that_a_method_takes_at_their_defaults(name):
    found = switches(name)
    told = build(name, found)
    assert told.hparams == build(name).hparams and plain(told.loop) == plain(build(name).loop)


def plain(loop) -> dict:
    """A loop's fields; hooks that are made anew at each call, by what they are made of."""
    parts = lambda hook: (hook.func, hook.args, hook.keywords) if isinstance(hook, functools.partial) else hook
    return {field.name: parts(getattr(loop, field.name)) for field in dataclasses.fields(loop)}


@pytest.mark.parametrize(
    ("method", "name"),
    [("pag", "decay_interval"), ("pig", "decay_interval"), ("rg", "decay_interval"), ("learned-sag", "hold")],
)
def test_plan_gives_every_schedule_in_steps(method, name, capsys):
    options = ["--method", method, "--guide", "local", "--set", f"{name}=0.25", "--evaluations", "4"]
    assert main(["plan", "--task", "cartpole-safe", "--steps", "400", *options]) == 0
    assert "0.25 = step 100" in capsys.readouterr().out


@pytest.mark.parametrize("name", METHODS)
def test_schedules_are_hyper_parameters_between_none_and_all_of_the_budget(name):
    method = build(name)
    shares = {name: hparam for name, hparam in method.hparams.items() if hparam.share_of_budget}
    assert all(0 <= share.low <= share.default <= 1 for share in shares.values())
    assert {"t_change", "decay_interval", "handover"} & set(method.hparams) <= set(shares)


@pytest.mark.parametrize("name", METHODS)
def test_a_hyper_parameter_is_documented_and_its_default_is_in_its_range(name):
    for hparam in build(name).hparams.values():
        assert hparam.doc and hparam.low <= hparam.default <= hparam.high


def test_plan_of_a_table_sums_its_cells(capsys):
    assert main(["plan", "--table", "dai", "--preset", "smoke"]) == 0
    assert "4 cells" in capsys.readouterr().out
    assert main(["plan", "--table", "dai", "--preset", "smoke", "--seeds", "7"]) == 0
    assert capsys.readouterr().out.count(" 7 × ") == 4


def test_evaluate_plays_the_random_policy(capsys):
    assert main(["evaluate", "InvertedPendulum-v5", "random", "--episodes", "20"]) == 0
    assert "random on InvertedPendulum-v5:" in capsys.readouterr().out


def test_the_package_is_imported_without_its_parts():
    code = "import sys, guided_rl; assert 'mujoco' not in sys.modules and 'flax' not in sys.modules; guided_rl.train"
    subprocess.run([sys.executable, "-c", code], check=True)


@pytest.mark.slow
def test_video_of_an_episode_where_pictures_can_be_drawn(tmp_path):
    code = "import sys; from guided_rl.cli import main; sys.exit(main(sys.argv[1:]))"
    command = [sys.executable, "-c", code, "video", "InvertedPendulum-v5", "--steps", "10", "--out", "film.gif"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True)
    if done.returncode == 2:
        assert "libegl1" in done.stderr
    else:
        assert (tmp_path / "film.gif").read_bytes().startswith(b"GIF89a")


def test_runs_on_other_seeds_are_merged_and_no_record_is_written_over(tmp_path, capsys):
    for name, seeds in (("a", range(2)), ("b", range(2, 5))):
        config = {"first_seed": seeds[0], "seeds": len(seeds), "steps": 1000}
        records.write(make_record("sac", seeds=seeds, config=config), tmp_path / name / "record")
    assert main(["merge", "b", "a/record", "--out", "whole"]) == 0
    assert "record of seeds 0 to 4 in whole" in capsys.readouterr().out
    merged = records.read(tmp_path / "whole")
    assert (merged.seeds, merged.cell) == (tuple(range(5)), "whole")
    assert main(["merge", "a", "b", "--out", "whole"]) == 2
    assert "holds a record already" in capsys.readouterr().err
    assert main(["merge", "a", "a", "--out", "twice"]) == 2
    assert "seeds 0 to 1 and 0 to 1 overlap" in capsys.readouterr().err
    assert main(["merge", "a", "c", "--out", "none"]) == 2
    assert "no complete record in c" in capsys.readouterr().err


@pytest.mark.parametrize("seconds", [0.002, 0.008, 0.01, 0.016, 0.02, 0.05])
def test_a_gif_runs_at_the_simulations_own_speed(seconds):
    """Pictures are whole hundredths of a second apart, two at least, and last as long as the episode."""
    delay, shown = gif_frames(500, seconds)
    assert delay >= 0.02 and round(100 * delay) == pytest.approx(100 * delay)
    assert len(shown) * delay == pytest.approx(500 * seconds, abs=delay)
    at = np.asarray(shown) * seconds
    assert np.abs(at - delay * np.arange(len(shown))).max() <= seconds
