"""The rules of the audit: gaps in grids of steps, and tensors that do not fit their neighbours."""

from __future__ import annotations

import math
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lintrans.circuits.grids import Gap, missing_steps
from lintrans.circuits.names import STEPS
from lintrans.circuits.outliers import Track, find_outliers, segment_distance

PYTHIA = STEPS["EleutherAI/pythia-"]
# Steps of published selections, which lack nothing.
SELECTIONS = [
    (1, 4, 16, 64, 256, 512, 3000, 10000, 38000, 143000),
    (1000, 2000, 5000, 11000, 25000, 56000, 126000, 285000, 644000, 1454000),
    (5000, 10000, 25000, 50000, 100000, 200000, 400000, 600000, 800000, 1220000),
]


# Grids


@pytest.mark.parametrize(
    "steps", [*SELECTIONS, PYTHIA, PYTHIA[:11], PYTHIA[11:], (), (5,), (0, 1), (0, 1, 5), range(50)]
)
def test_grids_that_lack_nothing(steps):
    assert missing_steps(steps) == []


@pytest.mark.parametrize("lost", [116000, 3000, 142000 - 1000, 8, 64, 128])
def test_a_lost_step_of_pythia_is_found(lost):
    rest = [step for step in PYTHIA if step != lost]
    (gap,) = missing_steps(rest)
    assert gap.missing == (lost,)
    assert gap.after < lost < gap.before


@pytest.mark.parametrize("lost", [1000, 512, 1, 0, 143000, 142000])
def test_where_a_grid_begins_ends_or_changes_nothing_is_claimed(lost):
    assert missing_steps([step for step in PYTHIA if step != lost]) == []


def test_several_lost_steps():
    steps = set(range(0, 20_000, 1000))
    assert missing_steps(steps - {5000, 6000, 7000, 8000}) == [Gap(4000, 9000, (5000, 6000, 7000, 8000))]
    assert missing_steps(steps - set(range(5000, 10_000, 1000))) == []  # five in a row are more likely meant
    assert [gap.missing for gap in missing_steps(steps - {4000, 12000})] == [(4000,), (12000,)]


def test_windows_of_steps_are_no_gaps():
    assert missing_steps([100, 101, 102, 103, 200, 201, 202, 203]) == []
    assert missing_steps([1000, 2000, 4000, 8000, 9000]) == []


@pytest.mark.parametrize(
    "steps",
    [
        (10, 20, 40, 50),  # one spacing on each side is not enough
        (0, 7, 17, 37, 47, 90),
        (0, 10, 20, 40, 45, 55),  # the spacing behind is another
        (0, 10, 20, 45, 55, 65),  # no multiple of the spacing
        (3, 9, 27, 243, 1000, 3000),
    ],
)
def test_spacings_that_do_not_agree_claim_nothing(steps):
    assert missing_steps(steps) == []


def test_order_and_repetition_do_not_matter():
    steps = [0, 1000, 2000, 4000, 5000]
    assert missing_steps(steps[::-1] + steps) == missing_steps(steps)


@given(st.integers(0, 10**6), st.integers(1, 10**6), st.integers(6, 30), st.integers(1, 4), st.data())
def test_any_gap_inside_an_even_grid(start, width, n, n_lost, data):
    first = data.draw(st.integers(2, max(2, n - n_lost - 2)))
    grid = [start + i * width for i in range(n + n_lost)]
    lost = grid[first : first + n_lost]
    (gap,) = missing_steps(step for step in grid if step not in lost)
    assert list(gap.missing) == lost


@given(st.integers(1, 100), st.integers(2, 4), st.integers(2, 6))
def test_any_step_inside_a_geometric_grid(start, ratio, place):
    grid = [start * ratio**i for i in range(9)]
    (gap,) = missing_steps(step for step in grid if step != grid[place])
    assert gap.missing == (grid[place],)


# Distances


@given(st.lists(st.floats(-10, 10), min_size=6, max_size=6))
def test_distance_to_a_segment_is_that_of_points(numbers):
    p, a, c = np.reshape(numbers, (3, 2))
    length = float(np.linalg.norm(c - a))
    along = 0.0 if length < 1e-6 else min(max(float((p - a) @ (c - a)) / length**2, 0.0), 1.0)
    expected = float(np.linalg.norm(p - (a + along * (c - a))))
    found = segment_distance(float(np.linalg.norm(p - a)), float(np.linalg.norm(p - c)), length)
    assert found == pytest.approx(expected, abs=1e-5)  # root of a difference of squares near 1e2: 1e-7


# Outliers


def tracks_of(paths):
    """Tracks of tensors from their weights: {name: (checkpoints, entries)}."""
    found = {}
    for name, path in paths.items():
        w = np.asarray(path, dtype=float)
        steps = [math.nan, *(float(np.linalg.norm(b - a)) for a, b in pairwise(w))]
        two = [math.nan, math.nan, *(float(np.linalg.norm(w[i] - w[i - 2])) for i in range(2, len(w)))]
        found[name] = Track(w.shape[1], np.linalg.norm(w, axis=1).tolist(), steps[: len(w)], two[: len(w)])
    return found


GRIDS = {
    "even": np.arange(12) * 1000,
    "logarithmic": np.array([0, *2 ** np.arange(12)]),
    "both": np.array([0, *2 ** np.arange(10), *np.arange(1, 8) * 1000]),
    "coarse": np.array([1, 4, 16, 64, 256, 512, 3000, 10000, 38000, 143000]),
}


def random_walk(rng, steps, n_tensors=12, n=256, size=0.01, drift=0.0):
    """Weights that begin at random and then walk at random, some of them in few directions."""
    paths = {}
    for k in range(n_tensors):
        basis = rng.normal(size=(10, n)) / math.sqrt(10) if k % 3 == 0 else np.eye(n)
        w, before, path = rng.normal(size=n), steps[0], []
        direction = rng.normal(size=n)
        for step in steps:
            w = w + size * math.sqrt(step - before) * rng.normal(size=len(basis)) @ basis
            w = w + drift * (step - before) * direction
            before = step
            path.append(w)
        paths[f"w{k}"] = path
    return paths


def adam(rng, steps, n_tensors=12, n=128, rate=0.02):
    """Matrices that Adam fits to noisy targets, from large or from zero initial values."""
    paths = {f"w{k}": [] for k in range(n_tensors)}
    targets = rng.normal(size=(n_tensors, n))
    w = rng.normal(size=(n_tensors, n)) * np.linspace(0, 1, n_tensors)[:, None]
    m, v = np.zeros_like(w), np.zeros_like(w)
    for t in range(int(steps[-1]) + 1):
        if t in steps:
            for k, path in enumerate(paths.values()):
                path.append(w[k].copy())
        g = w - targets + 2 * rng.normal(size=w.shape)
        m, v = 0.9 * m + 0.1 * g, 0.98 * v + 0.02 * g * g
        w = w - rate * (m / (1 - 0.9 ** (t + 1))) / (np.sqrt(v / (1 - 0.98 ** (t + 1))) + 1e-8)
    return paths


@pytest.mark.parametrize("grid", GRIDS)
@pytest.mark.parametrize("drift", [0.0, 1e-3])
def test_random_walks_have_no_outliers(grid, drift):
    for seed in range(10):
        paths = random_walk(np.random.default_rng(seed), GRIDS[grid], drift=drift)
        assert find_outliers(tracks_of(paths)) == []


@pytest.mark.parametrize("steps", [np.arange(10), np.arange(12) * 20, np.array([0, *2 ** np.arange(9)])])
def test_training_with_adam_has_no_outliers(steps):
    for seed in range(5):
        assert find_outliers(tracks_of(adam(np.random.default_rng(seed), steps))) == []


def test_weights_around_a_fixed_point_have_no_outliers():
    for seed in range(10):
        rng = np.random.default_rng(seed)
        paths = {f"w{k}": 1 + 0.5 * rng.normal(size=(12, 256)) for k in range(12)}
        assert find_outliers(tracks_of(paths)) == []


def test_weights_that_jump_back_and_forth_have_no_outliers():
    rng = np.random.default_rng(0)
    there, back = rng.normal(size=(2, 256))
    path = [(there if t % 2 else back) + 0.02 * t * rng.normal(size=256) for t in range(12)]
    assert find_outliers(tracks_of({"w": path})) == []


def test_rounding_of_a_tensor_that_rests_is_no_outlier():
    rng = np.random.default_rng(0)
    ones = np.ones((10, 512))
    ones += 2**-8 * (rng.random(ones.shape) < 0.05)  # bfloat16 has no number between
    assert find_outliers(tracks_of({"norm.weight": ones})) == []


CORRUPTIONS = {
    "noise": lambda w, rng: rng.normal(size=w.shape),
    "zero": lambda w, rng: np.zeros_like(w),
    "scale": lambda w, rng: 8 * w,
    "shuffled": lambda w, rng: rng.permutation(w),
    "one huge entry": lambda w, rng: np.where(np.arange(len(w)) == 3, 1e4, w),
}


@pytest.mark.parametrize("corruption", CORRUPTIONS)
@pytest.mark.parametrize("grid", ["even", "logarithmic", "both"])
def test_a_broken_tensor_is_found_and_nothing_else(grid, corruption):
    for seed in range(5):
        rng = np.random.default_rng(seed)
        steps = GRIDS[grid]
        paths = random_walk(rng, steps, size=0.3 / math.sqrt(steps[-1]))
        at = int(rng.integers(1, len(steps) - 1))
        paths["w4"][at] = CORRUPTIONS[corruption](paths["w4"][at], rng)
        found = find_outliers(tracks_of(paths))
        assert {(one.at, one.tensor) for one in found} == {(at, "w4")}, (seed, at)


@pytest.mark.parametrize("corruption", ["noise", "zero", "scale", "shuffled"])
@pytest.mark.parametrize("at", [0, -1])
def test_a_broken_tensor_at_an_end_is_found(at, corruption):
    for seed in range(5):
        rng = np.random.default_rng(seed)
        steps = GRIDS["even"]
        paths = random_walk(rng, steps, size=0.1 / math.sqrt(steps[-1]))
        paths["w4"][at] = CORRUPTIONS[corruption](paths["w4"][at], rng)
        found = find_outliers(tracks_of(paths))
        assert {(one.at, one.tensor, one.kind) for one in found} == {(at % len(steps), "w4", "end")}


def test_a_whole_broken_checkpoint_is_found():
    rng = np.random.default_rng(0)
    paths = random_walk(rng, GRIDS["both"], size=0.3 / math.sqrt(GRIDS["both"][-1]))
    for path in paths.values():
        path[5] = rng.normal(size=path[5].shape)
    found = find_outliers(tracks_of(paths))
    assert {one.at for one in found} == {5}
    assert {one.tensor for one in found} == set(paths)


def test_a_corruption_as_small_as_the_steps_is_not_claimed():
    rng = np.random.default_rng(0)
    paths = random_walk(rng, GRIDS["even"])
    w = paths["w4"]
    w[5] = w[5] + 0.5 * np.linalg.norm(w[6] - w[4]) * rng.normal(size=256) / 16
    assert find_outliers(tracks_of(paths)) == []


def test_small_tensors_are_left_out():
    rng = np.random.default_rng(0)
    path = np.ones((8, 63)) + 0.01 * np.arange(8)[:, None]
    path[4] = rng.normal(size=63)
    assert find_outliers(tracks_of({"bias": path})) == []
    wider = np.concatenate([path, path[:, :1]], axis=1)
    assert {one.at for one in find_outliers(tracks_of({"bias": wider}))} == {4}


@pytest.mark.parametrize("n", [0, 1, 2])
def test_few_checkpoints_have_no_neighbours(n):
    rng = np.random.default_rng(0)
    assert (
        find_outliers(tracks_of({f"w{k}": rng.normal(size=(n, 100)) for k in range(12)} if n else {})) == []
    )


def test_kinds_and_values():
    step, two = [math.nan, 3.0, 3.0], [math.nan, math.nan, 1.0]
    (found,) = find_outliers({"w": Track(64, [10.0, 10.0, 10.0], step, two)})
    assert (found.at, found.kind) == (1, "distance")
    assert found.value == pytest.approx(math.sqrt(9 - 0.25), rel=1e-15)  # height of the triangle 3, 3, 1
    (found,) = find_outliers(
        {"w": Track(64, [10.0, 2.5, 20.0], [math.nan, 8.0, 18.0], [math.nan, math.nan, 12.0])}
    )
    assert (found.at, found.kind, found.value) == (1, "norm", 4.0)
    (found,) = find_outliers(
        {"w": Track(64, [10.0, 40.0, 5.0], [math.nan, 31.0, 36.0], [math.nan, math.nan, 30.0])}
    )
    assert (found.at, found.kind, found.value) == (1, "norm", 4.0)
