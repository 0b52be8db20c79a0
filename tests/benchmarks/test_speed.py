"""Speed: what is counted, what is judged, and that every part still runs."""

from __future__ import annotations

import contextlib
import json
import os

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from benchmarks.peers import environment
from benchmarks.peers.environment import peer_source
from benchmarks.speed import limit as speed_limit
from benchmarks.speed import page, records, updates
from benchmarks.speed import parts as speed_parts
from benchmarks.speed import run as speed
from benchmarks.speed.parts import Competitor, Size
from benchmarks.speed.run import Speed
from guided_rl.networks.mlp import MLP
from guided_rl.runtime.errors import UserError

OURS = ["collect", "members", "execution", "grid", "sac-eo"]


def test_products_of_a_network_and_its_gradient_are_counted():
    """Forward 2 · batch · Σ in · out; backward twice that, less the first layer's gradient to its input."""
    network, batch = MLP((32, 16), 4), 10
    params = network.init(jax.random.key(0), jnp.zeros(8))
    forward = 2 * batch * (8 * 32 + 32 * 16 + 16 * 4)
    x = jnp.zeros((batch, 8))
    assert speed_limit.products(jax.make_jaxpr(network.apply)(params, x).jaxpr) == forward
    loss = lambda p: jnp.sum(network.apply(p, x) ** 2)
    counted = speed_limit.products(jax.make_jaxpr(jax.grad(loss))(params).jaxpr)
    assert counted == 3 * forward - 2 * batch * 8 * 32


def test_products_in_loops_count_every_time():
    w = jnp.eye(4)
    scan = lambda x: jax.lax.scan(lambda x, _: (x @ w, None), x, length=7)[0]
    assert speed_limit.products(jax.make_jaxpr(scan)(jnp.zeros((3, 4))).jaxpr) == 7 * 2 * 3 * 4 * 4
    both = lambda x: jax.lax.cond(x[0, 0] > 0, lambda x: x @ w @ w, lambda x: x @ w, x)
    assert speed_limit.products(jax.make_jaxpr(both)(jnp.zeros((3, 4))).jaxpr) == 2 * 2 * 3 * 4 * 4


def test_an_updates_work_is_that_of_its_networks():
    """Twin critics for the target, forward and back, and for the actor; the actor twice forward and once back."""
    population = speed_parts.updates("InvertedPendulum-v5", "sac", Size(16, 8, 2), 4)
    work = speed_limit.count(population)
    critic, actor = 2 * 2 * 8 * (5 * 16 + 16 * 16 + 16), 2 * 8 * (4 * 16 + 16 * 16 + 16 * 2)
    assert 5 * critic + 3 * actor < work.flops < 7 * critic + 4.5 * actor
    assert work.bytes > 2 * 4 * 3 * (16 * 16 + 2 * 16 * 16)


def test_the_limit_is_what_the_machine_can_do_at_best():
    population = speed_parts.updates("InvertedPendulum-v5", "sac", Size(16, 8, 2), 4)
    names = ("matrix products", "matrix products, backward", "copying", "normals")
    machine = [Competitor(name, lambda: 0.0, 1.0, "") for name in names]
    rates = {"guided-rl": [1.0, 2.0, 9.0], **{name: [1e9, 4e9, 2e9] for name in names}, names[1]: [8e9, 1e9, 1e9]}
    found = updates.beside_limit(population, Competitor("guided-rl", lambda: 0.0, 1.0, ""), machine, rates)
    work = speed_limit.count(population)
    limit = 1 / (work.flops / 8e9 + work.bytes / 4e9 + work.numbers / 4e9)
    assert found["limit"] == pytest.approx(limit, rel=1e-3) and found["share"] == pytest.approx(2.0 / limit, abs=1e-3)


def judged(rates: dict[str, list[float]], targets: dict[str, float], **extra) -> dict:
    competitors = [Competitor(name, lambda: 0.0, 1.0, "updates") for name in rates]
    return records.row("loop", "ours beside theirs", targets, competitors, 0, rates, **extra)


def test_a_ratio_is_the_median_of_each_turns_own():
    entry = judged({"guided-rl": [10, 40, 90], "SBX": [5, 10, 30]}, {"SBX": 3.0})
    assert entry["ratio"] == {"SBX": 3.0}
    assert entry["ratio_range"] == {"SBX": [2.0, 4.0]}
    assert page.met(entry)
    assert not page.met(judged({"guided-rl": [10.0], "SBX": [5.0]}, {"SBX": 2.1}))
    assert not page.met(judged({"guided-rl": [10.0], "SBX": [5.0]}, {}, share=0.8, least_share=0.85))
    assert not page.met(judged({"guided-rl": [10.0], "SBX": [5.0]}, {}, share=1.1, least_share=0.85))
    assert not page.met(judged({"guided-rl": [10.0], "SBX": [5.0]}, {}, programs=2))
    assert not page.met(judged({"guided-rl": [10.0], "SBX": [5.0]}, {}, least_rate=11.0))
    slow = {"slowest": {"cached": ["sac chunk", 5.1]}, "most": {"cached": 5.0}}
    assert not page.met(judged({"cached": [1.0], "cold": [1.0]}, {}, **slow))


def test_a_new_row_takes_the_old_ones_place():
    old, new = judged({"guided-rl": [1.0], "SBX": [1.0]}, {}), judged({"guided-rl": [2.0], "SBX": [1.0]}, {})
    (kept,) = records.merged([old], new, runs=1)
    assert kept["ratio"] == {"SBX": 2.0}
    assert "2.00× SBX" in page.page([kept])


def measured(rows: list[dict], ratio: float, runs: int = 5, share: float = 0.9, **facts) -> list[dict]:
    """`rows` after one more run of committed code."""
    new = judged({"guided-rl": [ratio], "SBX": [1.0]}, {"SBX": 2.0}, share=share, least_share=0.85)
    return records.merged(rows, {**new, "provenance": {**new["provenance"], "dirty": False, **facts}}, runs)


def test_the_median_of_the_last_runs_is_shown_and_judged():
    rows: list[dict] = []
    for ratio, share in zip((9.0, 1.0, 2.2, 3.0), (0.1, 0.9, 0.86, 0.8), strict=True):
        rows = measured(rows, ratio, runs=3, share=share)
    (entry,) = rows
    assert page.ratios(entry) == {"SBX": [3.0, 2.2, 1.0]}, "newest first, and the first of four forgotten"
    assert page.shares(entry) == [0.8, 0.86, 0.9]
    assert "2.20× SBX [1.00, 3.00] | 3 |" in page.line(entry)
    assert "| 2.2 updates a second | 2.2× (1.0–3.0) SBX |" in page.beside_others(rows)
    assert page.met(entry)
    (entry,) = measured(rows, 1.0, runs=3)
    assert page.ratios(entry) == {"SBX": [1.0, 3.0, 2.2]}
    (entry,) = measured([entry], 1.0, runs=2)
    assert page.ratios(entry) == {"SBX": [1.0, 1.0]} and not page.met(entry)


@pytest.mark.parametrize("facts", [{"cores": 64}, {"backend": "gpu", "device": "1 × H200"}, {"processor": "another"}])
def test_runs_of_another_machine_are_told_apart(facts):
    rows = measured(measured([], 5.0, **facts), 2.0)
    assert page.ratios(rows[0]) == {"SBX": [2.0]}
    assert "| 1 |" in page.line(rows[0])
    told = [line for line in page.page(rows).splitlines() if "on another machine" in line]
    assert len(told) == 1 and "1 run): 5.0× SBX" in told[0]
    assert "| 2 updates a second | 2.0× SBX | 5.0× SBX | ≥ 2× SBX" in page.beside_others(rows)
    (entry,) = measured(rows, 3.0, **facts)
    assert page.ratios(entry) == {"SBX": [3.0, 5.0]}, "each machine has its own last runs"


def test_each_machine_keeps_as_many_runs():
    rows: list[dict] = []
    for ratio in (1.0, 2.0, 3.0):
        rows = measured(measured(rows, ratio, runs=2), 10 * ratio, runs=2, processor="another")
    (entry,) = rows
    assert page.ratios(entry) == {"SBX": [30.0, 20.0]}
    assert [run["ratio"]["SBX"] for run in entry["earlier"]] == [3.0, 20.0, 2.0]


def test_a_machine_is_not_named_where_that_was_not_recorded():
    facts = {"platform": "Linux x86_64", "cores": 2, "backend": "cpu"}
    assert page.machine(facts) == "Linux x86_64, processor not recorded, 2 cores"


def test_runs_of_uncommitted_code_are_not_kept():
    (entry,) = measured(measured(measured([], 3.0), 5.0, dirty=True), 2.0)
    assert page.ratios(entry) == {"SBX": [2.0, 3.0]}


def test_a_contestant_that_runs_no_more_is_left_out():
    rows = measured([], 3.0)
    (entry,) = records.merged(rows, judged({"guided-rl": [2.0], "SB3": [1.0]}, {}), runs=5)
    assert page.ratios(entry) == {"SB3": [2.0]}


def test_the_documentations_table_is_replaced_and_the_rest_of_it_kept(tmp_path):
    page_file = tmp_path / "speed.md"
    page_file.write_text(f"before\n{records.BEGIN}\nan old table\n{records.END}\nafter\n", encoding="utf-8")
    for rate in (3.0, 2.0):
        records.show_in_docs([judged({"guided-rl": [rate], "SBX": [1.0]}, {"SBX": 2.5})], page_file)
    lines = page_file.read_text(encoding="utf-8").splitlines()
    assert lines[0] == "before" and lines[-1] == "after" and "an old table" not in lines
    assert "| ours beside theirs | 2 updates a second | 2.0× SBX | ≥ 2.5× SBX: no |" in lines
    assert sum("ours beside theirs" in line for line in lines) == 1


def test_the_documentation_has_a_place_for_the_table():
    text = records.PAGE.read_text(encoding="utf-8")
    assert 0 < text.index(records.BEGIN) < text.index(records.END)


def test_memory_the_knee_and_the_shares_of_a_loop_are_told():
    rates = {"64 seeds": [95.0], "256 seeds": [100.0], "16 seeds": [89.0], "1 seed": [9.0]}
    text = page.line(judged(rates, {}, memory=dict.fromkeys(rates, 2**30)))
    assert "64 seeds 1 GiB, 256 seeds 1 GiB" in text and "within a tenth of the most from 64 seeds on" in text
    shares = {"updates alone": 0.6, "mjx alone": 0.3}
    text = page.line(judged({"mjx": [1.0], "SBX": [1.0]}, {}, parts={"mjx": shares}))
    assert "of mjx's time updates alone 60%, mjx alone 30%, rest 10%" in text


@pytest.mark.slow
def test_a_population_tells_its_memory():
    small, large = (speed_parts.learning("InvertedPendulum-v5", "sac", Size(8, 8, 2), 4, capacity=n) for n in (64, 512))
    rows = 2 * (512 - 64) * small.trainer.layout.width * 4
    assert large.memory() - small.memory() == pytest.approx(rows, rel=0.05)


def test_unknown_parts_are_refused(tmp_path):
    with pytest.raises(UserError, match="updates"):
        speed.main(Speed(parts=["update"], out=tmp_path))


@pytest.mark.parametrize("option", ["repeats", "runs"])
def test_none_at_all_is_refused(tmp_path, option):
    with pytest.raises(UserError, match=f"--{option} is 0"):
        speed.main(Speed(**{option: 0}, out=tmp_path))


@pytest.mark.trains
@pytest.mark.parametrize("parts", [["grid"], pytest.param(OURS, marks=pytest.mark.slow)], ids=len)
def test_our_own_parts_run(parts, tmp_path):
    speed.main(Speed(parts=parts, repeats=1, task="InvertedPendulum-v5", smoke=True, out=tmp_path))
    rows = json.loads((tmp_path / "speed.json").read_text())["rows"]
    assert [row["part"] for row in rows] == parts
    assert all(np.isfinite(list(row["ratio"].values())).all() for row in rows)
    assert [row["programs"] for row in rows if row["part"] == "grid"] == [1]


def test_peers_run_where_we_run(monkeypatch):
    text = environment.REQUIREMENTS.read_text()
    cpu, gpu = (environment.wanted_packages(text, on_gpu) for on_gpu in (False, True))
    assert [pair for pair in zip(cpu, gpu, strict=True) if pair[0] != pair[1]] == [
        ("jax==0.10.2", "jax[cuda13]==0.10.2")
    ]
    assert "JAX_PLATFORMS" not in environment.peer_variables().keys() - os.environ.keys()
    monkeypatch.setattr(environment, "_on_gpu", lambda: True)
    assert environment.peer_variables()["JAX_PLATFORMS"] == "cuda"


def reachable(peer: str) -> bool:
    with contextlib.suppress(UserError):
        return peer_source(peer).exists()
    return False


@pytest.mark.slow
def test_every_part_runs_beside_the_peers(tmp_path):
    """Installs them first, where that has not been done; the one that is no package is left out where out of reach."""
    parts = [part for part in speed.PARTS if part != "iql" or reachable("IQL-PyTorch")]
    speed.main(Speed(parts=parts, repeats=1, smoke=True, out=tmp_path))
    rows = json.loads((tmp_path / "speed.json").read_text())["rows"]
    assert {row["part"] for row in rows} == set(parts)
    assert "of the limit" in (tmp_path / "speed.md").read_text()
