"""Claims on mini-batches: a wrong map, a wrong number or a dropped hypothesis fails; then a few in floats."""

import math
import random
from dataclasses import replace
from fractions import Fraction
from itertools import product

import pytest
import sympy as sp
from controls import check_every_claim_has_one, check_fails_by_its_remainder

from lintrans.symbolic import minibatch, modes, sampling, switching
from lintrans.symbolic.minibatch import MOMENTS, var_a


def another_direction(prompt, scale, label):
    tokens = prompt.tokens.copy()
    tokens[0, 0] *= scale
    return replace(prompt, tokens=tokens, label=label)


def mismatch_dropped(r, mu, curvature, mismatch):
    return curvature * r


def both_roots_moved(level, r, mu):
    return tuple(x + r for x in minibatch.crossing_interval(level, r, mu))


def ellipse_of_the_target_alone(a, b, mu, curvature, target):
    return modes.ellipse(a, b, mu * target)


def covariance_dropped(r, mu, var_a, cov, var_d):
    return r**2 * var_a + mu**2 * var_d


def curvature_noise_dropped(S, v, var_a):
    return sampling.stationary_variance(S, v)


def clock_without_the_edge(start, end, mu, v, var_a):
    return sp.log((start**2 - mu**2) / (end**2 - mu**2)) / (2 * v)


CONTROLS = {
    "minibatch.reduction, not a shared mode": lambda: minibatch.batch_of_prompts(another_direction),
    "minibatch.unbiased, two draws uncorrelated": lambda: minibatch.sampling_is_unbiased(0),
    "minibatch.residual, no mismatch": lambda: minibatch.residual_of_a_batch(mismatch_dropped),
    "minibatch.interpolating, labels all equal": lambda: minibatch.shared_minimum(lambda h, ratio: ratio),
    "minibatch.variance, no covariance": lambda: minibatch.variance_of_the_residual(covariance_dropped),
    "minibatch.drift, no spread of the curvature": lambda: minibatch.level_drifts_outward(
        MOMENTS | {(2, 0): 1}
    ),
    "minibatch.drift, a biased curvature": lambda: minibatch.level_drifts_outward(
        MOMENTS | {(1, 0): 1 + var_a}
    ),
    "minibatch.schedule, noise of a full step": lambda: minibatch.smaller_steps_calm_the_drift(
        lambda kappa, sigma: sigma
    ),
    "minibatch.crossing": lambda: minibatch.one_step_crosses(both_roots_moved),
    "minibatch.ellipse, curvature dropped": lambda: minibatch.ellipse_of_a_batch(ellipse_of_the_target_alone),
    "minibatch.certificate, mean curvature": lambda: minibatch.interpolating_batches_are_certified(
        lambda mu_c, top: mu_c
    ),
    "minibatch.slice, boundary of the full batch": lambda: minibatch.batch_on_the_slice(
        lambda mu, curvature, target: sp.sqrt(2 + mu)
    ),
    "minibatch.interval": lambda: minibatch.batch_keeps_an_interval(3),
    "minibatch.imbalance, first order": lambda: minibatch.every_batch_balances(lambda s: 1 - s),
    "minibatch.imbalance, below 1 only": lambda: minibatch.every_batch_balances(limit=1),
    "sampling.exponent, curvature of the full batch": lambda: sampling.residual_near_a_minimum(
        lambda S, curvature: 1 - 2 * S
    ),
    "sampling.two_point, full-batch edge": lambda: sampling.stability_under_two_curvatures(
        lambda s: sp.Interval.open(0, 1)
    ),
    "sampling.two_point, one interval": lambda: sampling.stability_under_two_curvatures(
        lambda s: sp.Interval.open(0, 1 / (1 - s**2))
    ),
    "sampling.mean_square, full-batch edge": lambda: sampling.mean_square_contracts(lambda var_a: 1),
    "sampling.edge, inwards": lambda: sampling.edge_moves_out(lambda var_a, third=0: 1 - var_a),
    "sampling.edge, third moment dropped": lambda: sampling.edge_moves_out(lambda var_a, third=0: 1 + var_a),
    "sampling.stationary": lambda: sampling.noise_at_a_minimum(curvature_noise_dropped),
    "sampling.flattening": lambda: sampling.noise_flattens(clock_without_the_edge),
    "sampling.exponential_moment, k! >= 2 4^(k-2)": lambda: sampling.exponential_moment(4),
    "sampling.bernstein, as for a normal law": lambda: sampling.concentration_of_a_batch(
        lambda eps, V, M: eps / V
    ),
    "sampling.every_step, as for a normal law": lambda: sampling.all_steps_together(
        lambda B, V, M, log_term: sp.sqrt(2 * log_term * V / B)
    ),
    "sampling.critical_mu, of the full batch": lambda: sampling.critical_mu_of_batches(
        lambda mu_c, eps: mu_c
    ),
    "switching.threshold": lambda: switching.nothing_escapes_below(lambda mu: (2 - mu) / 2),
    "switching.origin, to s = 2": lambda: switching.origin_repels(2),
    "switching.escape, growth 1 + y": lambda: switching.everything_escapes(1 + switching.y),
    "switching.words, below the threshold": lambda: switching.everything_escapes_just_above((("1", "1/2"),)),
}


@pytest.mark.parametrize("control", CONTROLS.values(), ids=CONTROLS.keys())
def test_wrong_statement_fails(control):
    check_fails_by_its_remainder(control)


def test_every_claim_has_a_control():
    check_every_claim_has_one(CONTROLS, ("minibatch", "sampling", "switching"))


# Below: plain Python, sharing nothing with the proofs but the functions they are about.


def step(a, b, sigma):
    return (1 - sigma) * a, (1 + sigma) * b


def test_crossing_in_floats():
    rng, mu, found = random.Random(1), 0.7, []
    for _ in range(500):
        a, b, sigma = rng.uniform(0, 1.7), rng.uniform(0, 1.2), rng.uniform(-3, 3)
        level, r = modes.ellipse(a, b, mu), modes.residual(a, b, mu)
        if level < 0:
            low, high = (float(x) for x in minibatch.crossing_interval(level, r, mu))
            assert (modes.ellipse(*step(a, b, sigma), mu) > 0) == (not low <= sigma <= high)
            found.append(low <= sigma <= high)
    assert 50 < sum(found) < len(found) - 50


@pytest.mark.parametrize(("curvature", "target"), [(1.5, 1.2), (0.7, -0.5), (0.2, 1.0), (1, 2.5), (2, -1.5)])
@pytest.mark.parametrize("limit", [0.3, 0.6, 0.9])
def test_largest_image_is_that_of_a_grid(curvature, target, limit):
    limit *= float(minibatch.outer_boundary(1, curvature, target))
    grid = (minibatch.slice_step(limit * i / 4000, 1, curvature, target) for i in range(4001))
    # a grid of 1/4000 misses a parabolic peak by less than 1e-6
    found = float(minibatch.largest_image(limit, 1, curvature, target))
    assert found == pytest.approx(max(map(abs, grid)), abs=1e-6)


def test_words_agree_with_enumeration():
    """From a fine grid every start has a word out within the n of the certificate, and none below it does."""

    def shortest(A, mu, noise, n_max):
        for n in range(1, n_max + 1):
            for word in product((noise, -noise), repeat=n):
                x = A
                for z in word:
                    x = switching.switching_step(x, mu, z)
                    if x >= 2 + mu + noise:
                        return n
        return math.inf

    mu, s = Fraction(3, 2), Fraction(7, 10)
    n = switching.escape_words(mu, s, Fraction(1, 10))
    starts = [0.01 + i / 200 * (3.54 + 1.0) for i in range(200)]
    longest = max(shortest(A, 1.5, 1.05, n) for A in starts)
    assert longest <= n <= longest + 2  # the cells are not points
    below = 0.99 * float(switching.switching_threshold(1.5))
    inside = 2 + 1.5 * (1 - below)
    assert min(shortest(A, 1.5, 1.5 * below, 9) for A in starts if inside > A) == math.inf
    assert switching.escape_words(mu, Fraction(18, 100), Fraction(1, 10)) is None


def test_two_point_exponent_is_a_mean_of_logarithms():
    S, s = 1.2, 0.45
    mean = sum(math.log(abs(1 - 2 * S * c)) for c in (1 + s, 1 - s)) / 2
    assert float(sampling.two_point_exponent(S, s)) == pytest.approx(mean, rel=1e-13)
    assert mean < 0  # beyond the full-batch edge S = 1, and stable
    assert S in sampling.two_point_stable(sp.Rational(9, 20))


def test_noise_flattens_as_fast_as_derived():
    """Full nonlinear steps with a_B = 1 and noisy targets, from S = 0.6 to S = 0.5 at mu = 0.4."""
    mu, noise, start, end = 0.4, 0.02, 0.6, 0.5
    imbalance = [math.sqrt(S**2 - mu**2) / 2 for S in (start, end)]
    a = math.sqrt((start + mu) / 2)
    b = imbalance[0] / a
    rng, n, total = random.Random(2), 0, 0.0
    while a * b > imbalance[1]:
        sigma = a * a - b * b - mu + mu * rng.choice((noise, -noise))
        a, b = step(a, b, sigma)
        n, total = n + 1, total + sigma**2
    expected = float(sampling.flattening_time(start, end, mu, (mu * noise) ** 2))
    assert n == pytest.approx(expected, rel=0.1)  # sigma is 2 percent: 30 seeds
    low, high = (float(sampling.stationary_variance(S, (mu * noise) ** 2)[1]) for S in (end, start))
    assert 0.9 * low < total / n < 1.1 * high
