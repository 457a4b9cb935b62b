"""Adaptive refinement: no cell is mislabelled but where the rules say so, and most are not computed."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from problems import stopped_after

import lintrans as lt
from lintrans.cli import main
from lintrans.errors import InputError
from lintrans.sweeps import grid as sweeps
from lintrans.sweeps import store
from lintrans.sweeps.refinement import UNKNOWN, refine
from lintrans.two_factor import critical_mu, normal_form, phase
from lintrans.two_factor.phase import PhaseSweep, Source
from lintrans.two_factor.regimes import Regime


def refined(truth, stride, known=None):
    """Labels, which were computed, and in how many passes."""
    calls = []

    def compute(wanted):
        calls.append(wanted)
        return truth[wanted]

    blank = np.full(truth.shape, UNKNOWN, np.uint8)
    labels, computed = refine(blank if known is None else np.where(known, truth, blank), stride, compute)
    assert sum(c.sum() for c in calls) == computed.sum()  # no cell twice
    assert (labels[computed] == truth[computed]).all()
    return labels, computed, len(calls)


def disk(n, m, centre, radius, inside=3, outside=1):
    i, j = np.meshgrid(np.arange(n), np.arange(m), indexing="ij")
    return np.where(np.hypot(i - centre[0], j - centre[1]) < radius, inside, outside).astype(np.uint8)


@pytest.mark.parametrize("stride", [2, 4, 8, 16, 32])
@pytest.mark.parametrize("shape", [(200, 300), (129, 64), (65, 257)])
def test_wide_features_are_exact(shape, stride):
    truth = disk(*shape, (40, 30), 1.5 * stride)
    truth[:, shape[1] // 2 + 5 :] = 2
    labels, computed, _ = refined(truth, stride)
    assert np.array_equal(labels, truth)
    assert stride == 2 or computed.mean() < 0.6


def test_few_cells_of_a_large_grid_are_computed():
    truth = disk(1000, 1000, (500, 500), 300)
    labels, computed, _ = refined(truth, 32)
    assert np.array_equal(labels, truth)
    assert computed.mean() < 0.025  # 7 per cell of the circle; its lattice and lines are half of that


def test_a_thin_strip_is_met_by_a_line_and_followed_to_its_end():
    truth = np.ones((400, 400), np.uint8)
    truth[200, 10:390] = 4  # one cell wide, off the lattice of 16
    labels, _, n_passes = refined(truth, 16)
    assert np.array_equal(labels, truth) and n_passes < 200


def test_what_lies_between_the_lines_is_missed():
    """The control: the one thing that can go wrong is as documented."""
    truth = np.ones((400, 400), np.uint8)
    truth[201:207, 201:207] = 4
    labels, _, _ = refined(truth, 16)
    assert (labels == 1).all()


def test_one_line_of_cells_is_bisected():
    truth = np.repeat(np.array([1, 2, 5], np.uint8), [3001, 2500, 4499])[:, None]
    labels, computed, _ = refined(truth, 1024)
    assert np.array_equal(labels, truth)
    assert computed.sum() < 11 + 2 * 3 * 10
    labels, computed, _ = refined(truth.T.copy(), 1024)
    assert np.array_equal(labels, truth.T)


@given(n=st.integers(1, 70), m=st.integers(1, 70), power=st.integers(1, 6), seed=st.integers(0, 2**32 - 1))
@settings(max_examples=150, deadline=None)
def test_noise_of_any_shape_ends_and_keeps_the_rules(n, m, power, seed):
    """Filled cells only ever stand in boxes without a difference; known ones are kept."""
    rng = np.random.default_rng(seed)
    truth = rng.integers(0, 4, (n, m)).astype(np.uint8)
    truth[rng.random((n, m)) < rng.random()] = 1
    known = rng.random((n, m)) < 0.1
    labels, computed, _ = refined(truth, 2**power, known)
    assert (labels[known] == truth[known]).all() and not (computed & known).any()
    assert (labels < 4).all()
    side = 2**power
    for i in range(0, max(n - 1, 1), side):
        for j in range(0, max(m - 1, 1), side):
            box = np.s_[i : i + side + 1, j : j + side + 1]
            if len(np.unique(truth[box][(computed | known)[box]])) == 1:
                assert len(np.unique(labels[box][~(computed | known)[box]])) <= 1


# Phase diagrams

FAMILIES = {
    "scales": {"start": (1.0, 1.0), "scales": np.linspace(0.01, 2, 600)},
    "unbalanced": {"start": (1.5, 0.3), "scales": np.linspace(0.01, 2, 600)},
    "imbalances": {"start": (0.5, 0.5), "imbalances": np.linspace(-5, 5, 600)},
}
MUS = np.linspace(0.005, 2.2, 600)


@pytest.mark.parametrize("name", FAMILIES)
def test_a_refined_diagram_is_the_full_one_from_a_tenth_of_its_cells(name):
    full = lt.phase_diagram(MUS, **FAMILIES[name], verdicts_only=True)
    found = lt.phase_diagram(MUS, **FAMILIES[name], refine_from=16)
    assert (found.regime != full.regime).mean() < 1e-4
    computed = found.source == Source.COMPUTED
    assert computed.mean() < 0.11 and (found.regime[computed] == full.regime[computed]).all()
    proved = found.source == Source.PROVED
    assert proved.mean() > 0.1 and (full.regime[proved] == Regime.DIVERGENT).all()
    u, v = found.starts(slice(None), slice(None))
    outside = (found.mu[:, None] > normal_form.critical_mu(u, v)) & (found.mu[:, None] < 2)
    assert np.array_equal(proved, outside)


def test_starts_where_almost_every_start_says_nothing_are_computed():
    """A family of minima, and the saddle's line u = -v: outside the ellipse, and not divergent."""
    minima = lt.phase_diagram([0.5, 1.9], start=(1.0, 1.0), imbalances=[0.0, 7.5], refine_from=2)
    saddles = lt.phase_diagram([0.5], start=(2.0, -2.0), scales=[0.5, 1.0], refine_from=2)
    for found in (minima, saddles):
        assert (found.source == Source.COMPUTED).all()
    assert not (minima.regime[1] == Regime.DIVERGENT).all()
    assert Regime.SADDLE in saddles.regime


def test_a_refined_line():
    mus = np.linspace(0.0005, 2.2, 40_000)
    full = lt.phase_diagram(mus, start=(1.2, 0.3), verdicts_only=True, n_transient=1024, n_steps=2048)
    found = lt.phase_diagram(mus, start=(1.2, 0.3), refine_from=64, n_transient=1024, n_steps=2048)
    assert (found.source == Source.COMPUTED).mean() < 0.05
    exact = {e["closed_form"]: e["mu"] for e in found.boundaries() if e["closed_form"]}
    marks = lt.landmarks()
    assert exact["stable"] == 1.0 and exact["critical_mu"] == float(critical_mu(1.2, 0.3))
    assert exact.get("accumulation", marks["accumulation"].mu) == marks["accumulation"].mu
    assert "monotone" not in exact  # known for the probe start only
    ends = [e["mu"] for e in full.boundaries() if e["to"] == "divergent"]
    assert ends == [exact["critical_mu"]]


def test_closed_forms_of_the_probe_start():
    mus = np.linspace(0.7, 2.2, 1000)
    found = lt.phase_diagram(mus)
    exact = {e["closed_form"]: e for e in found.boundaries() if e["closed_form"]}
    marks = lt.landmarks()
    assert {"monotone", "stable", "accumulation", "critical_mu"} == exact.keys()
    for name in ("monotone", "stable", "accumulation"):
        assert exact[name]["mu"] == marks[name].mu
    assert exact["critical_mu"]["mu"] == 2.0
    assert (exact["stable"]["from"], exact["stable"]["to"]) == ("catapult", "periodic")


def test_boundaries_carry_the_learning_rate():
    found = lt.phase_diagram(np.linspace(0.9, 1.1, 10), unit_step_size=3.0)
    (edge,) = [e for e in found.boundaries() if e["closed_form"] == "stable"]
    assert edge["step_size"] == pytest.approx(3.0, rel=1e-14)


def test_a_refined_sweep_resumes_to_the_same_file(tmp_path, monkeypatch):
    monkeypatch.setattr(phase, "REFINED_SIDE", 128)
    counts = {"n_transient": 256, "n_steps": 256}
    sweep = PhaseSweep(MUS, **FAMILIES["scales"], refine_from=8, **counts)
    whole = store.run_to_file(sweep, tmp_path / "whole.h5")
    stopped_after(3, sweep, tmp_path / "x.h5")
    assert store.resume(tmp_path / "x.h5").read_bytes() == whole.read_bytes()
    in_memory = sweeps.compute(sweep)
    assert np.array_equal(store.load(whole).source, in_memory.source)


@pytest.mark.parametrize("shape", [(3000, 1), (1, 3000), (600, 600), (5000, 40), (2, 2)])
def test_tiles_of_refined_diagrams_are_no_larger_than_needed(shape):
    sweep = PhaseSweep(np.linspace(0.1, 2, shape[0]), scales=np.linspace(0.1, 1, shape[1]), refine_from=16)
    covered = np.zeros(shape, int)
    for tile in sweep.tiles():
        covered[tile.place] += 1
        assert tile.n_cells <= phase.REFINED_SIDE**2
    assert (covered == 1).all()


@pytest.mark.parametrize(
    ("value", "complaint"),
    [
        (3, "power of 2, got 3; pass 2"),
        (0, "between 2 and 1024"),
        (2048, "between 2 and 1024"),
        (1.5, "whole"),
    ],
)
def test_bad_strides_are_refused(value, complaint):
    with pytest.raises(InputError, match=complaint):
        lt.phase_diagram([0.5, 1.0], refine_from=value)


def test_the_command_counts_sources_and_draws(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    words = ["--mu", "0.01:2.1:200", "--scales", "0.1:2:100", "--n-steps", "512", "--refine-from", "8"]
    assert main(["phase-diagram", *words, "--output", "x.h5"]) == 0
    said = capsys.readouterr().out
    assert all(f"{s.label} " in said for s in Source)
    assert (tmp_path / "x.png").stat().st_size > 10_000
    assert main(["show", "x.h5"]) == 0
    assert "refine_from 8" in capsys.readouterr().out
