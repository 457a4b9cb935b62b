"""The kernels of the random map: its random numbers, its step, and what happens to its trajectories.

Layer 0 (the source on symbols), known answers of the generator, and plain NumPy loops over the same batches.
"""

from __future__ import annotations

import numpy as np
import pytest
import sympy as sp

from lintrans.minibatch import kernels
from lintrans.minibatch.population import Population
from lintrans.minibatch.sampling import SAMPLINGS, Batches, draw_batches
from lintrans.minibatch.walks import walk
from lintrans.symbolic import modes, schedules
from lintrans.symbolic.symbols import a, b, mu
from lintrans.two_factor import kernels as full_batch

every_sampling = pytest.mark.parametrize("sampling", SAMPLINGS)
NOISY = Population.sampled(50, spread=0.4, noise=0.4, seed=3)
WORDS = {  # from the table of known answers of Random123 for philox4x32-10: counter, key and result
    "zeros": (4 * " 00000000", 2 * " 00000000", "6627e8d5 e169c58d bc57ac4c 9b00dbd8"),
    "ones": (4 * " ffffffff", 2 * " ffffffff", "408f276d 41c83b0e a20bc7c6 6d5451fd"),
    "pi": (
        "243f6a88 85a308d3 13198a2e 03707344",
        "a4093822 299f31d0",
        "d16cfe09 94fdcceb 5001e420 24126ea1",
    ),
}


def numbers(text):
    return [np.uint64(int(word, 16)) for word in text.split()]


@pytest.mark.parametrize("case", WORDS)
def test_the_generator_gives_the_known_answers(case):
    counter, key, result = map(numbers, WORDS[case])
    assert list(kernels.philox(*counter, *key)) == result


# Layer 0.


def step_is_derived(step):
    curvature, push = sp.symbols("a_B push", real=True)
    r = modes.residual(a, b, mu)
    derived = (*schedules.step_batch(a, b, curvature * r + push), r)
    found = step(mu, a, b, curvature, push)
    return all(sp.expand(x - y) == 0 for x, y in zip(found, derived, strict=True))


def determinant_is_derived(determinant):
    curvature, push = sp.symbols("a_B push", real=True)
    sigma = curvature * modes.residual(a, b, mu) + push
    jacobian = sp.Matrix(schedules.step_batch(a, b, sigma)).jacobian([a, b])
    return sp.expand(jacobian.det() - determinant(a**2 - b**2, 2 * b, curvature, sigma)) == 0


STEP, DETERMINANT = kernels.batch_step.py_func, kernels.determinant.py_func


def test_step_and_determinant_equal_the_derivation():
    assert step_is_derived(STEP)
    assert determinant_is_derived(DETERMINANT)


@pytest.mark.parametrize(
    "mutant",
    [
        lambda m, x, y, c, p: STEP(m, x, y, c, -p),
        lambda m, x, y, c, p: STEP(m, x, y, 1, p),
        lambda m, x, y, c, p: STEP(m, y, x, c, p),
        lambda m, x, y, c, p: STEP(m, x, y, c, m * p),
    ],
)
def test_a_wrong_step_is_seen(mutant):
    assert not step_is_derived(mutant)


def test_a_wrong_determinant_is_seen():
    assert not determinant_is_derived(lambda x, d, c, s: DETERMINANT(x, d, c, -s))
    assert not determinant_is_derived(lambda x, d, c, s: DETERMINANT(x, -x, c, s))


# Draws.


def chi_square(counts, expected):
    return float((np.square(counts - expected) / expected).sum())


@every_sampling
def test_draws_are_uniform_and_independent_of_the_step_before(sampling):
    """6 sigma of a chi square of k degrees: k + 6 sqrt(2 k); 120,000 draws tell 1 % of a probability."""
    batches = draw_batches(12, Batches(3, sampling=sampling, n_steps=40_000, seed=5))
    first = batches[:, 0]
    for counts in (np.bincount(first, minlength=12), np.bincount(batches[:, 2], minlength=12)):
        assert chi_square(counts, len(first) / 12) < 11 + 6 * np.sqrt(22)
    if sampling != "epochs":
        pairs = np.bincount(12 * first[:-1] + first[1:], minlength=144)
        assert chi_square(pairs, (len(first) - 1) / 144) < 143 + 6 * np.sqrt(286)


def test_a_biased_draw_is_seen():
    first = draw_batches(12, Batches(3, n_steps=40_000, seed=5))[:, 0]
    first = np.where((first == 0) & (np.arange(first.size) % 10 == 0), 1, first)  # 10 % of one prompt
    assert chi_square(np.bincount(first, minlength=12), len(first) / 12) > 11 + 6 * np.sqrt(22)


def test_batches_without_replacement_hold_no_prompt_twice_and_all_subsets_are_equally_likely():
    drawn = draw_batches(6, Batches(3, sampling="without-replacement", n_steps=40_000))
    subsets = np.sort(drawn, axis=1)
    assert (np.diff(subsets, axis=1) > 0).all()
    _, counts = np.unique(subsets, axis=0, return_counts=True)
    assert counts.size == 20
    assert chi_square(counts, 2000) < 19 + 6 * np.sqrt(38)


@pytest.mark.parametrize(("n", "size"), [(12, 4), (13, 4), (5, 5), (7, 1)])
def test_epochs_hold_every_prompt_once_but_for_what_is_dropped(n, size):
    per_epoch = n // size
    drawn = draw_batches(n, Batches(size, sampling="epochs", n_steps=100 * per_epoch))
    epochs = drawn.reshape(100, -1)
    assert all(len(set(epoch)) == per_epoch * size for epoch in epochs)
    assert np.bincount(epochs.ravel(), minlength=n).min() > 0.7 * 100 * per_epoch * size / n
    assert len({tuple(epoch) for epoch in epochs}) > 90 if n > 6 else True


def test_all_permutations_are_equally_likely():
    orders = draw_batches(4, Batches(4, sampling="epochs", n_steps=48_000))
    _, counts = np.unique(orders, axis=0, return_counts=True)
    assert counts.size == 24
    assert chi_square(counts, 2000) < 23 + 6 * np.sqrt(46)


def test_trajectories_and_seeds_are_independent():
    kinds = [(0, 0), (0, 1), (1, 0), (0, 10**9), (0, 10**8)]
    draws = np.array([draw_batches(2, Batches(1, n_steps=20_000, seed=s), i).ravel() for s, i in kinds])
    correlation = np.corrcoef(draws)
    assert np.abs(correlation - np.eye(len(kinds))).max() < 5 / np.sqrt(20_000)


# Trajectories.


def start(n, mu=0.8, u=0.9, v=0.4):
    root = np.sqrt(mu) / 2
    return np.full(n, mu), np.full(n, root * (u + v)), np.full(n, root * (u - v))


def batches_of(size=1, *, n_steps=200, **drawn):
    return Batches(size, n_steps=n_steps, seed=7, **drawn)


def walked(population, n, batches, *, mu=0.8, first=0):
    return walk(population.for_kernels(), *start(n, mu=mu), batches=batches, first=first)


def by_hand(population, trajectory, batches, *, mu=0.8):
    """States 0 .. n_steps of one trajectory, and the first outside the ellipse and with |r| > 1e4."""
    drawn, n_steps = draw_batches(population.n_prompts, batches, trajectory), batches.n_steps
    curvature = 1 + (population.curvatures - 1)[drawn].mean(axis=1)
    mismatch = population.mismatches[drawn].mean(axis=1)
    x, y = (part[0] for part in start(1, mu=mu)[1:])
    left = diverged = -1
    with np.errstate(all="ignore"):
        for s in range(n_steps + 1):
            r = x * x - y * y - mu
            if left < 0 and x * x / (2 + mu) + y * y / (2 - mu) > 1:
                left = s
            if not abs(r) <= 1e4:
                return left, s, x, y
            if s < n_steps:
                sigma = curvature[s] * r + mu * mismatch[s]
                x, y = (1 - sigma) * x, (1 + sigma) * y
    return left, diverged, x, y


@every_sampling
@pytest.mark.parametrize("batch_size", [1, 3, 4])
@pytest.mark.parametrize("n_steps", [1, 37, 64])
def test_walks_are_the_steps_of_the_batches_that_are_drawn(sampling, batch_size, n_steps):
    """Rounding of 1e-16 a step grows by a factor up to 10 or so within these steps."""
    batches = batches_of(batch_size, n_steps=n_steps, sampling=sampling)
    events, ends = walked(NOISY, 70, batches, mu=0.5)
    for i in (0, 1, 63, 64, 69):
        left, diverged, x, y = by_hand(NOISY, i, batches, mu=0.5)
        assert events[i].tolist() == [left, diverged]
        if diverged < 0:
            assert ends[:, i] == pytest.approx([x, y], rel=1e-9)


def test_events_are_found_at_their_step_while_lanes_are_refilled():
    batches = batches_of(n_steps=300)
    events, _ = walked(NOISY, 400, batches)
    assert (events[:, 1] >= 0).mean() > 0.5  # most end early, each lane holds several
    assert len(np.unique(events[:, 1] % kernels.WINDOW)) == kernels.WINDOW
    for i in range(0, 400, 7):
        assert events[i].tolist() == list(by_hand(NOISY, i, batches)[:2])


def test_a_trajectory_depends_on_nothing_but_its_number():
    batches = batches_of(5, sampling="epochs")
    whole, ends = walked(NOISY, 300, batches)
    for first, n in ((0, 10), (130, 100), (299, 1)):
        part, part_ends = walked(NOISY, n, batches, first=first)
        assert np.array_equal(part, whole[first : first + n])
        stayed = part[:, 1] < 0
        assert np.array_equal(part_ends[:, stayed], ends[:, first : first + n][:, stayed])


@every_sampling
@pytest.mark.parametrize("batch_size", [1, 3, 7, 8])
def test_without_variance_it_is_the_full_batch_map_to_the_bit(sampling, batch_size):
    """Of equal prompts every batch is the full batch: over regimes up to chaos, on and off the slice."""
    equal = Population(np.full(49, 0.1), np.full(49, -0.3))
    rng = np.random.default_rng(0)
    mus = np.repeat([0.3, 0.9, 1.1, 1.5, 1.9], 40)
    a, b = rng.uniform(-1, 1, (2, mus.size))
    b[::5] = 0.0
    batches = Batches(batch_size, sampling=sampling, n_steps=331, seed=1)
    events, ends = walk(equal.for_kernels(), mus, a, b, batches=batches)
    expected = full_batch.advance(mus, a, b, 331)
    bounded = events[:, 1] < 0
    assert 100 < bounded.sum() < 200
    for found, truth in zip(ends, expected, strict=True):
        assert np.array_equal(found[bounded].view(np.int64), truth[bounded].view(np.int64))
    assert np.array_equal(events[:, 0] == 0, ~full_batch_inside(mus, a, b))
    assert not ((events[:, 0] > 0) & (mus < 1.85)).any()  # near 2 rounding carries some out


def full_batch_inside(mus, a, b):
    return a * a / (2 + mus) + b * b / (2 - mus) <= 1


def test_given_batches_are_followed():
    curvature, mismatch = np.array([0.5, 1.5, 1.0]), np.array([0.1, 0.0, -0.2])
    a, b, r = kernels.follow(0.8, 0.9, 0.2, curvature, mismatch)
    x, y = 0.9, 0.2
    for s in range(4):
        assert (a[s], b[s], r[s]) == pytest.approx((x, y, x * x - y * y - 0.8), rel=1e-14)
        if s < 3:
            once = kernels.step_each(
                0.8, a[s : s + 1], b[s : s + 1], curvature[s : s + 1], mismatch[s : s + 1]
            )
            assert (once[0][0], once[1][0]) == (a[s + 1], b[s + 1])
            sigma = curvature[s] * (x * x - y * y - 0.8) + 0.8 * mismatch[s]
            x, y = (1 - sigma) * x, (1 + sigma) * y


# Exponents.


@every_sampling
def test_exponents_are_the_mean_logarithms_of_the_jacobian(sampling):
    """By finite products of Jacobians in NumPy over the same batches."""
    mus, a, b = start(3, mu=0.5)
    batches = batches_of(2, n_steps=96, sampling=sampling)
    found = kernels.exponents(NOISY.for_kernels(), *batches.for_kernels(), np.uint64(0), mus, a, b, 32, 64)
    for i in range(3):
        drawn = draw_batches(50, batches, i)
        curvature = 1 + (NOISY.curvatures - 1)[drawn].mean(axis=1)
        mismatch = NOISY.mismatches[drawn].mean(axis=1)
        all_a, all_b, r = kernels.follow(0.5, a[i], b[i], curvature, mismatch)
        sigma = curvature * r[:-1] + 0.5 * mismatch
        dets = []
        for c, x, y, s in zip(curvature, all_a, all_b, sigma, strict=False):
            J = [[1 - s - 2 * c * x * x, 2 * c * x * y], [2 * c * x * y, 1 + s - 2 * c * y * y]]
            dets.append(np.log(abs(np.linalg.det(J))))
        across = np.log(np.abs(1 + sigma))[32:].mean()
        assert found[i, 1] == pytest.approx(across, abs=1e-12)
        assert found[i, 0] == pytest.approx(np.mean(dets[32:]) - across, abs=1e-10)


def test_exponents_of_what_diverges_are_undefined_and_of_an_exact_zero_infinite():
    prompts = Population([1.0, 1.0], [1.0, 1.0]).for_kernels()
    mus, a, b = np.array([0.5, 2.5, 0.6875]), np.array([0.9, 0.9, 0.75]), np.array([0.1, 0.3, 0.0])
    code, key = kernels.REPLACEMENT, np.uint64(0)
    found = kernels.exponents(prompts, 1, code, key, key, mus, a, b, 0, 64)
    assert np.isfinite(found[0]).all()
    assert np.isnan(found[1]).all()
    assert np.isneginf(found[2, 0])  # 3 a^2 = 1 + mu: the critical point, hit to the bit
    assert np.isfinite(found[2, 1])
