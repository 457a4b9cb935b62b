"""Every number of the tour is one that Python computes."""

from __future__ import annotations

import math
import re
from pathlib import Path

import numpy as np
import pytest

import lintrans as lt

TEXT = (Path(__file__).parents[2] / "lintrans/explorer/modules/tour.js").read_text()
STOPS = TEXT.split("    name: ")[1:]
DOUBLINGS = (
    1.0,
    math.sqrt(5) - 1,
    1.2880317544828,
)  # to period 2, 4 and 8: closed forms, and a proved landmark


def stop(name):
    """Text of a stop, on one line."""
    found = next(text for text in STOPS if text.startswith(f'"{name}"'))
    return " ".join(re.sub(r'" \+\s+"', "", found).split())


def doubling(low, high, period):
    """Where the cycle of a period gives way, to 1e-7."""
    while high - low > 1e-7:
        middle = (low + high) / 2
        verdict = lt.regime(middle, 0.4, 0.4, n_transient=200_000)
        low, high = (middle, high) if verdict.period == period else (low, middle)
    return low


def test_there_are_nine_stops_with_a_question_and_an_answer():
    assert len(STOPS) == 9
    assert all("question:" in text and "answer:" in text and "panels:" in text for text in STOPS)


def test_monotone():
    start = float(np.sqrt(1 / lt.landmarks()["monotone"].mu + 0.5))
    assert f"{start:.4f}" in stop("Monotone")
    assert "0.8284" in stop("Monotone")
    verdicts = [lt.regime(mu, 1.3066, 1.3066).regime.label for mu in (0.8283, 0.8285)]
    assert verdicts == ["monotone", "catapult"]


def test_catapult():
    mu, u, v = 0.92, 1.75, 0.6
    assert f"mu: {mu}, u: {u}, v: {v}" in stop("Catapult")
    assert u * u + v * v > 2 / mu
    assert f"{2 / mu:.2f}" in stop("Catapult")
    assert str(lt.regime(mu, u, v)) == "catapult"


def test_period_two():
    run = lt.orbit(1.15, 0.4, 0.4, n_steps=4000)
    low, high = sorted((run.u * run.v)[-2:])
    words = stop("Period 2")
    assert f"{low:.4f} and {high:.4f}" in words and f"{(low + high) / 2:.4f}" in words
    assert (low + high) / 2 == pytest.approx((1 + 1.15) / 2.3, abs=1e-9)


def test_doubling():
    found = [*DOUBLINGS, doubling(1.298, 1.3, 8), doubling(1.301, 1.302, 16)]
    words = stop("Doubling")
    for mu in found[1:]:
        assert f"{mu:.4f}" in words
    stretches = np.diff(found)
    assert f"by {stretches[1] / stretches[2]:.2f}, then by {stretches[2] / stretches[3]:.2f}" in words
    assert f"{lt.landmarks()['accumulation'].mu:.5f}" in words


def test_chaos():
    verdict = lt.regime(1.8, 0.4, 0.4)
    along = float(verdict.evidence.along)
    words = stop("Chaos")
    assert f"{along:.2f} per step" in words
    one, other = (lt.orbit(1.8, u, 0.4, n_steps=100) for u in (0.4, 0.4 + 1e-9))
    measured = int(np.argmax(np.abs(one.u * one.v - other.u * other.v) > 1))
    assert measured == round(math.log(1e9) / along) == 26
    assert "About 26." in words


def test_window_and_crisis():
    marks = lt.landmarks()
    assert f"{marks['period_3'].mu:.5f}" in stop("Window")
    assert str(lt.regime(1.4516, 0.4, 0.4)) == "periodic, period 3"
    critical = (1 + marks["crisis"].mu) / 3
    hump = math.sqrt(critical) * (1 + marks["crisis"].mu - critical)
    assert hump == pytest.approx(math.sqrt(1 + marks["crisis"].mu))  # there the hump just reaches the zero
    run = lt.orbit(1.62, 0.4, 0.4, n_steps=4000)
    changes = run.a[:-1] * run.a[1:] < 0
    assert changes.any() and (np.abs(run.a[:-1][changes]) > math.sqrt(2.62)).all()
    assert f"{math.sqrt(2.62):.2f}" in stop("Crisis")


def test_chebyshev_and_divergence():
    assert f"{math.log(3):.4f}" in stop("Chebyshev")
    assert str(lt.regime(2.05, 0.4, 0.4)) == "divergent"
    limit = math.sqrt((2 + 1.2) / 1.2)  # of the ellipse, along u = v
    inside, outside = (lt.regime(1.2, u, u) for u in (limit * 0.99, limit * 1.01))
    assert str(outside) == "divergent" and inside.regime.label == "periodic"
