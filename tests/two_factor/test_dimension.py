"""Dimensions of boundaries: of curves that are known, of the ellipse, and the published one."""

from __future__ import annotations

import numpy as np
import pytest
from problems import check_refused

from lintrans.two_factor import boundary_dimension, dimension
from lintrans.two_factor.variants import Variant

QUICK = {"finest": 9, "n_events": 2000}


def weierstrass(x, hoelder, n=14):
    """A graph of box dimension 2 - hoelder (Hardy 1916; Kaplan, Mallet-Paret and Yorke 1984)."""
    k = np.arange(n)
    rng = np.random.default_rng(0)
    phases = rng.uniform(0, 2 * np.pi, n)
    return sum(2.0 ** (-hoelder * i) * np.cos(2.0**i * np.pi * x + phases[i]) for i in k)


@pytest.mark.parametrize("hoelder", [0.3, 0.75])
def test_graphs_of_known_dimension(monkeypatch, hoelder):
    """What is below a Weierstrass graph is bounded: both measurements must find 2 - hoelder."""
    monkeypatch.setattr(dimension._Plane, "keeps", lambda self, u, v: v < 0.5 * weierstrass(u, hoelder))
    found = boundary_dimension(half_width=2.0, coarsest=6, finest=11, n_events=2000)
    # 0.03: local slopes of a graph that is self-similar only every octave scatter so much
    assert found.dimension == pytest.approx(2 - hoelder, abs=0.03)
    assert 2 - found.fit_pairs().slope == pytest.approx(2 - hoelder, abs=0.03)


@pytest.mark.parametrize("mu", [0.5, 1.0, 1.5])
def test_the_ellipse_is_smooth(mu):
    found = boundary_dimension(mu, variant=None, half_width=1.2 * float(np.sqrt(2 + mu) * np.sqrt(2 / mu)))
    assert found.dimension == pytest.approx(1.0, abs=4 * found.standard_error)
    pairs = found.fit_pairs()
    assert pairs.slope == pytest.approx(1.0, abs=4 * pairs.standard_error)
    assert found.standard_error < 0.006 and pairs.standard_error < 0.006


@pytest.fixture(scope="module")
def published():
    return boundary_dimension()


def test_the_published_dimension(published):
    """arXiv:2509.25351 reports 1.249, without an error: within three of ours, and far from smooth."""
    assert published.settings["mu"] == 0.5
    assert published.settings["variant"]["weight_decay"] * 0.5 == pytest.approx(0.2)
    assert abs(published.dimension - 1.249) < 3 * published.standard_error
    pairs = published.fit_pairs()
    assert abs(2 - pairs.slope - 1.249) < 3 * pairs.standard_error
    assert published.dimension > 1 + 20 * published.standard_error


def test_counts_do_not_depend_on_threads_but_on_the_seed():
    one, two, other = (
        boundary_dimension(**QUICK, **o) for o in ({"n_threads": 1}, {"n_threads": 3}, {"seed": 1})
    )
    for name in ("mixed", "boxes", "different", "pairs", "area"):
        assert np.array_equal(getattr(one, name), getattr(two, name))
    assert not np.array_equal(one.mixed, other.mixed)
    assert other.dimension == pytest.approx(one.dimension, abs=5 * one.standard_error)


def test_the_cover_misses_nothing_that_probes_would_find(monkeypatch):
    """Without the cover, the same numbers of boxes within their errors."""
    covered = boundary_dimension(**QUICK)
    everywhere = np.ones((dimension.COVER, dimension.COVER), bool)

    def whole(plane, scale):
        side = 2 * plane.half_width / dimension.COVER
        i, j = np.nonzero(everywhere)
        return dimension._Cover(i * side - plane.half_width, j * side - plane.half_width, side)

    monkeypatch.setattr(dimension._Cover, "of", staticmethod(whole))
    free = boundary_dimension(**QUICK)
    assert (free.area == (2 * free.settings["half_width"]) ** 2).all()
    errors = np.sqrt(1 / covered.mixed + 1 / free.mixed)
    assert (np.abs(np.log(covered.n_boxes / free.n_boxes)) < 4 * errors).all()
    errors = np.sqrt(1 / covered.different + 1 / free.different)
    assert (np.abs(np.log(covered.uncertain / free.uncertain)) < 4 * errors).all()


def test_the_error_counts_scatter_beyond_counting():
    scale = 2.0 ** np.arange(6)
    events = np.full(6, 10_000)
    straight = dimension._fit(scale, scale**0.5, events)
    assert straight.slope == pytest.approx(0.5)
    assert straight.standard_error == pytest.approx(
        0.01 / np.sqrt(np.sum((np.log(scale) - np.log(scale).mean()) ** 2))
    )
    crooked = dimension._fit(scale, scale**0.5 * np.array([1, 1.1, 1, 1.1, 1, 1.1]), events)
    assert crooked.standard_error > 3 * straight.standard_error


def test_momentum_and_schedules_have_boundaries_too():
    found = boundary_dimension(0.5, variant=Variant(momentum=0.5), **QUICK)
    assert found.dimension > 1 + 5 * found.standard_error


@pytest.mark.parametrize(
    ("arguments", "needles"),
    [
        ({"mu": -1.0}, ("mu", "positive")),
        ({"half_width": 0.1}, ("half_width", "0.1", "only one fate")),
        ({"coarsest": 2}, ("coarsest", "between 3 and")),
        ({"coarsest": 6, "finest": 7}, ("finest", "between 8 and", "7")),
        ({"n_events": 3}, ("n_events", "3")),
    ],
)
def test_refusals(arguments, needles):
    check_refused(lambda: boundary_dimension(**arguments), needles)


def test_a_boundary_that_is_too_rare_is_refused(monkeypatch):
    monkeypatch.setattr(dimension, "_MAX_BATCHES", 2)
    check_refused(lambda: boundary_dimension(finest=14), ("finest", "octave 14"))


def test_progress_counts_scales():
    seen = []
    boundary_dimension(finest=8, n_events=500, progress=lambda done, total, found: seen.append((done, total)))
    assert seen == [(i, 4) for i in range(5)]
