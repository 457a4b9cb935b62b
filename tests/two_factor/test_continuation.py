"""Continuation: events against the certified list, cycles along the curves against those found at one mu."""

from __future__ import annotations

import math
from collections import Counter

import numpy as np
import pytest
from problems import check_refused

from lintrans.certified import certified_landmarks
from lintrans.two_factor import EventKind, cycle_points, follow_cycles
from lintrans.two_factor.cycles import Place, find_cycles

EPS = np.finfo(float).eps
KINDS = {"saddle_node": "fold", "superstable": "superstable", "doubling": "flip"}


@pytest.fixture(scope="module")
def branches():
    return follow_cycles(0.3, 2.05, 6)


def test_events_are_the_certified_ones_and_no_others(branches):
    """154 events: all of period up to 6 in uv, symmetric ones, twice as long in the weights, up to 3."""
    wanted, found = {}, {}
    for name, mark in certified_landmarks(20, max_period=6).items():
        prefix = next((k for k in KINDS if name.startswith(f"{k}_")), None)
        if prefix is None:
            continue
        period, family = name.removeprefix(f"{prefix}_").split("_")[:2]
        if family == "pair" or int(period) <= 3:
            label = "pitchfork" if (prefix, family) == ("doubling", "symmetric") else KINDS[prefix]
            wanted.setdefault((label, int(period), family), []).append(mark.mu)
    for event in branches.events():
        if event.kind is not EventKind.ACROSS:
            family = "pair" if event.period == event.period_uv else "symmetric"
            found.setdefault((event.kind.label, event.period_uv, family), []).append(event.mu)
    assert found.keys() == wanted.keys()
    assert sum(map(len, wanted.values())) == 154
    for key, values in wanted.items():
        assert sorted(found[key]) == pytest.approx(sorted(values), abs=16 * EPS)


def test_every_cycle_is_neutral_across_at_two_and_only_there(branches):
    across = [event for event in branches.events() if event.kind is EventKind.ACROSS]
    assert [event.mu for event in across] == pytest.approx([2.0] * len(across), abs=16 * EPS)
    kinds = Counter(c.period for c in find_cycles(2.0, 6) if c.place is Place.SLICE)
    per_curve = Counter((event.period, event.period != event.period_uv or event.a == 0) for event in across)
    listed = Counter()
    for (period, alone), n in per_curve.items():  # curves stand for both mirror images
        listed[period] += n if alone else 2 * n
    kinds[1] -= 2  # the minimum is neutral for every mu
    kinds[2] -= 1  # the vertices, with 3 a step, are not
    assert listed == kinds


@pytest.mark.parametrize("mu", np.random.default_rng(5).uniform(0.35, 2.04, 25))
def test_no_cycle_is_missed_at_any_mu(branches, mu):
    wanted = Counter((c.period, c.period_uv) for c in find_cycles(float(mu), 6) if c.place is Place.SLICE)
    found = Counter()
    for i, n in zip(branches.branch, branches.alive(mu), strict=True):
        period, period_uv = int(branches.period[i]), int(branches.period_uv[i])
        is_origin = branches.a[branches.owner == i].max() == 0
        found[period, period_uv] += int(n) * (2 if period == period_uv and not is_origin else 1)
    assert {k: n for k, n in found.items() if n} == wanted


def test_nodes_are_cycles_with_their_multipliers(branches):
    """At nodes of all curves that are not close to an event, by the map itself."""
    rng = np.random.default_rng(2)
    for node in rng.choice(branches.node, 300, replace=False):
        a, mu = float(branches.a[node]), float(branches.mu[node])
        period = int(branches.period[branches.owner[node]])
        points = cycle_points(a, mu, period)
        back = (1 + mu - points[-1] ** 2) * points[-1]
        along, across = np.prod(1 + mu - 3 * points**2), np.prod(1 + points**2 - mu)
        # the start is exact to 1e-13, and an error grows by the slopes
        slack = 1e-11 * max(1.0, abs(along))
        assert back == pytest.approx(a, abs=slack)
        assert branches.along[node] == pytest.approx(along, rel=1e-9 * max(1, abs(along)), abs=1e-9)
        assert branches.across[node] == pytest.approx(across, rel=1e-9 * max(1, abs(along)), abs=1e-9)


def test_closed_forms_of_the_first_events(branches):
    events = [(e.kind.label, e.mu) for e in branches.events()[:3]]
    assert [kind for kind, _ in events] == ["superstable", "flip", "superstable"]
    assert events[0][1] == pytest.approx(0.5, abs=4 * EPS)  # 1 - 2 mu
    assert events[1][1] == pytest.approx(1.0, abs=4 * EPS)
    assert events[2][1] == pytest.approx(3 / math.sqrt(2) - 1, abs=4 * EPS)  # 9 - 2 (1 + mu)^2


def test_symmetric_cycles_break_their_symmetry_in_a_pitchfork(branches):
    pitchforks = [e for e in branches.events() if e.kind is EventKind.PITCHFORK]
    assert {(e.period, e.period_uv) for e in pitchforks} == {(4, 2), (6, 3)}
    (first,) = [e for e in pitchforks if e.period == 4]
    before, after = (
        [c for c in find_cycles(first.mu + d, 4) if c.period == 4 and c.stable] for d in (-1e-4, 1e-4)
    )
    assert [c.period_uv for c in before] == [2] and [c.period_uv for c in after] == [4, 4]


def test_a_range_without_events():
    found = follow_cycles(0.6, 0.7, 4)
    assert found.events() == [] and found.event_kind is None
    assert set(found.period) == {1, 2} and found.branch.size == 3  # origin, minimum, vertices


def test_ends_are_reached_exactly(branches):
    for i in branches.branch:
        mu = branches.mu[branches.owner == i]
        assert mu[0] == 2.05
    ends = [branches.mu[branches.owner == i][-1] for i in branches.branch]
    assert sum(abs(end - 2.05) < 4 * EPS for end in ends) == 46  # back up, around a fold
    assert sum(abs(end - 0.3) < 4 * EPS for end in ends) == 3
    assert len(ends) == 56  # the others end where a cycle of half the period doubles


def test_results_do_not_depend_on_the_step():
    coarse, fine = (follow_cycles(0.9, 1.9, 4, largest_step=step) for step in (0.05, 0.005))
    assert [e.kind for e in coarse.events()] == [e.kind for e in fine.events()]
    assert [e.mu for e in coarse.events()] == pytest.approx([e.mu for e in fine.events()], abs=16 * EPS)


@pytest.mark.parametrize(
    ("arguments", "needles"),
    [
        ((0.0, 1.0, 2), ("low", "positive", "0")),
        ((1.0, 1.0, 2), ("high", "exceed", "1")),
        ((0.5, 1.0, 9), ("max_period", "between 1 and 8", "9")),
    ],
)
def test_refusals(arguments, needles):
    check_refused(lambda: follow_cycles(*arguments), needles)
