"""The experiment on mini-batches: every number against draws, and what a mis-scaled sampler does to it."""

from __future__ import annotations

import math

import pytest

from experiments import entry
from experiments.minibatch import checks, shrink


def rows(names, spread=1.0, monkeypatch=None):
    monkeypatch.setitem(checks.CONFIG, "n_draws", 40_000)
    monkeypatch.setitem(checks.CONFIG, "n_trajectories", 2_000)
    return [row for name in names for row in checks.CHECKS[name](spread)]


def test_every_number_is_what_is_drawn(monkeypatch):
    found = rows([name for name in checks.CHECKS if name != "switching"], monkeypatch=monkeypatch)
    assert [row for row in found if not row.passed] == []
    assert len({row.claim for row in found}) > 12


def test_an_unbiased_but_mis_scaled_sampler_fails(monkeypatch):
    found = rows(["one step", "stability", "stationary"], 1.2, monkeypatch)
    failed = {row.claim for row in found if not row.passed}
    assert {"minibatch.variance", "minibatch.drift", "sampling.two_point", "sampling.stationary"} <= failed
    assert "minibatch.unbiased" not in failed


def test_the_power_of_the_batch_size_is_found_in_made_up_limits():
    made = [
        shrink.Shrunk(
            size, type(shrink.Limit(1, 1, 1))(*(1 / (1 + f * size**-0.5) for f in (1, 1.1, 0.9))), 0
        )
        for size in (1, 16, 64, 256)
    ]
    power, error = shrink.slope(made)
    assert power == pytest.approx(-0.5, abs=1e-12) and 0 < error < 0.1
    assert math.isnan(shrink.slope(made[:2])[0])


def test_the_run_prints_and_judges(capsys):
    assert entry.main(["minibatch", "crossing", "--quick"]) == 0
    assert "FAIL" not in capsys.readouterr().out
    assert entry.main(["minibatch", "stationary", "--quick", "--spread", "2"]) == 1
    assert "FAIL" in capsys.readouterr().out
