"""Layers 0 and 1: the kernels are the derivation, and compiled they do what their Python source does.

Every check takes the functions it checks as arguments, so that mutants can be put through it too.
"""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
import sympy as sp
from hypothesis import given, settings
from hypothesis import strategies as st

from lintrans import kernels
from lintrans.symbolic import modes
from lintrans.symbolic.symbols import a, b, mu

EPS = np.finfo(np.float64).eps
step = kernels.step.py_func
factor = kernels.jacobian_factor.py_func


# Layer 0: the kernel's Python source on SymPy symbols, minus the derivation, expands to 0.


def step_is_derived(candidate):
    new_a, new_b, r = candidate(mu, a, b)
    derived = (*modes.step_modes(a, b, mu), modes.residual(a, b, mu))
    pairs = zip((new_a, new_b, r), derived, strict=True)
    return all(sp.expand(found - expected) == 0 for found, expected in pairs)


def factor_is_derived(candidate):
    jacobian = sp.Matrix(modes.step_modes(a, b, mu)).jacobian([a, b])
    r = modes.residual(a, b, mu)
    on_slice = sp.expand((jacobian[0, 0] - candidate(mu, 0, r, 0)).subs(b, 0))
    return on_slice == 0 and sp.expand(jacobian.det() - candidate(mu, b**2, r, 1)) == 0


def test_step_equals_the_derivation():
    assert step_is_derived(step)


def test_jacobian_factor_equals_the_derivation():
    assert factor_is_derived(factor)


def _swapped(m, x, y):
    new_a, new_b, r = step(m, y, x)
    return new_b, new_a, r


STEP_MUTANTS = {
    "sign of a": lambda m, x, y: (x + (x * x - (y * y + m)) * x, *step(m, x, y)[1:]),
    "sign of b": lambda m, x, y: (step(m, x, y)[0], y - (x * x - (y * y + m)) * y, step(m, x, y)[2]),
    "sign of b squared": lambda m, x, y: (
        x - (x * x + y * y - m) * x,
        y + (x * x + y * y - m) * y,
        x * x + y * y - m,
    ),
    "mu doubled (loss without the 1/2)": lambda m, x, y: step(2 * m, x, y),
    "modes swapped": _swapped,
}
FACTOR_MUTANTS = {
    "coefficient of r": lambda m, q, r, off: factor(m, q, 2 * r / 3, off),
    "sign": lambda m, q, r, off: -factor(m, q, r, off),
    "transposed sign in the determinant": lambda m, q, r, off: factor(m, -q, r, off),
    "determinant on the slice": lambda m, q, r, off: factor(m, q, r, 1),
}


@pytest.mark.parametrize("mutant", list(STEP_MUTANTS.values()), ids=list(STEP_MUTANTS))
def test_mutated_step_fails_layer_0(mutant):
    assert not step_is_derived(mutant)


@pytest.mark.parametrize("mutant", list(FACTOR_MUTANTS.values()), ids=list(FACTOR_MUTANTS))
def test_mutated_factor_fails_layer_0(mutant):
    assert not factor_is_derived(mutant)


# Layer 1: compiled equals Python, whatever the block, the neighbours and the threads.


def compiled_steps(mus, x, y, n):
    all_a, all_b = kernels.orbits(mus, x, y, 0, n + 1)
    return all_a, all_b


@settings(max_examples=60, deadline=None)
@given(
    m=st.floats(0.01, 2.5),
    x=st.floats(-2.0, 2.0),
    y=st.floats(-1.5, 1.5),
)
def test_one_compiled_step_equals_python(m, x, y):
    all_a, all_b = compiled_steps(np.array([m]), np.array([x]), np.array([y]), 1)
    expected_a, expected_b, _ = step(m, x, y)
    # One step rounds at most 4 times on either side, each within eps/2 of numbers up to scale.
    scale = (1 + m + x * x + y * y) * max(abs(x), abs(y), 1e-300)
    assert abs(all_a[0, 1] - expected_a) <= 4 * EPS * scale
    assert abs(all_b[0, 1] - expected_b) <= 4 * EPS * scale


@pytest.mark.parametrize("flips", list(itertools.product((1, -1), repeat=2)))
def test_signs_of_the_modes_are_symmetries(flips):
    mus = np.linspace(0.1, 1.9, 33)
    x, y = np.full(33, 0.4), np.full(33, 0.2)
    plain = compiled_steps(mus, x, y, 40)
    flipped = compiled_steps(mus, flips[0] * x, flips[1] * y, 40)
    assert np.array_equal(flips[0] * plain[0], flipped[0])  # to the bit
    assert np.array_equal(flips[1] * plain[1], flipped[1])


def test_both_axes_are_invariant_to_the_bit():
    mus = np.linspace(0.1, 1.9, 50)
    zero = np.zeros(50)
    assert not compiled_steps(mus, np.full(50, 0.7), zero, 300)[1].any()
    assert not compiled_steps(mus, zero, np.full(50, 0.3), 300)[0].any()


def test_tiny_imbalance_is_followed_far_below_epsilon():
    all_b = compiled_steps(np.array([1.5]), np.array([0.7]), np.array([1e-200]), 300)[1]
    assert 0 < abs(all_b[0, 300]) < 1e-250  # transverse exponent about -0.6 per step


def evidence(mus, x, y, **changes):
    options = {"n_transient": 256, "n_steps": 1024, "max_period": 16, "tol": 1e-8, "ceiling": 1e-4}
    return kernels.evidence(mus, x, y, *(options | changes).values())


def grid(n):
    rng = np.random.default_rng(3)
    return rng.uniform(0.05, 2.3, n), rng.uniform(-1.5, 1.5, n), rng.uniform(-1, 1, n)


def test_evidence_does_not_depend_on_the_block_or_the_neighbours():
    mus, x, y = grid(150)
    together = evidence(mus, x, y)
    alone = np.vstack([evidence(mus[i : i + 1], x[i : i + 1], y[i : i + 1]) for i in range(0, 150, 7)])
    assert np.array_equal(together[::7], alone, equal_nan=True)
    order = np.random.default_rng(0).permutation(150)
    assert np.array_equal(together[order], evidence(mus[order], x[order], y[order]), equal_nan=True)


def test_empty_and_single_arrays():
    assert evidence(np.empty(0), np.empty(0), np.empty(0)).shape == (0, len(kernels.EVIDENCE_FIELDS))
    assert evidence(np.array([0.5]), np.array([0.5]), np.array([0.1])).shape[0] == 1


def python_events(m, x, y, n):
    """First rise and first escape by an unfused Python loop."""
    rise = escape = math.inf
    before = math.inf
    for i in range(n):
        x, y, r = step(m, x, y)
        if rise == math.inf and abs(r) - before > kernels.RISE_FLOOR:
            rise = i
        if not abs(r) <= kernels.ESCAPED:
            escape = i
            break
        before = abs(r)
    return rise, escape


def test_first_rise_and_first_escape_are_at_the_right_step():
    mus, x, y = grid(200)
    table = evidence(mus, x, y)
    wild = []
    for row, m, p, q in zip(table, mus, x, y, strict=True):
        rise, escape = python_events(m, p, q, 1280)
        if escape < 40:  # before chaos can tell a fused step from an unfused one
            assert row[0] == escape
            assert row[1] == rise
            wild.append(escape)
    assert len(wild) > 30 and len({e % kernels.CHUNK for e in wild}) == kernels.CHUNK


@pytest.mark.parametrize("last", [1, 7, 8, 9, 15, 16])
def test_planted_escape_on_the_last_step_of_a_chunk_is_found(last):
    """Walk backwards from an escaping state: the orbit leaves exactly at step ``last``."""
    m, x = 2.1, 300.0
    while python_events(m, x, 0.0, 5)[1] != 0:
        x *= 1.1
    for _ in range(last):  # the largest real preimage under a' = (1 + mu) a - a^3
        x = max(np.roots([-1, 0, 1 + m, -x]).real, key=abs)
    escape = python_events(m, x, 0.0, 64)[1]
    table = evidence(np.array([m]), np.array([x]), np.array([0.0]))
    assert table[0, 0] == escape == last


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_planted_nan_and_inf_count_as_escape(bad):
    table = evidence(np.array([0.5, 0.5]), np.array([0.5, bad]), np.zeros(2))
    assert table[1, 0] == 0 and np.isinf(table[0, 0])


def test_exponents_equal_a_plain_sum_of_logarithms():
    mus, x, y = np.array([0.3, 0.8, 1.1, 1.2]), np.full(4, 0.5), np.zeros(4)
    table = evidence(mus, x, y)
    all_a = compiled_steps(mus, x, y, 1280)[0][:, 256:1280]
    r = all_a**2 - mus[:, None]
    along = np.log(np.abs(1 - 3 * r - 2 * mus[:, None])).mean(axis=1)
    assert table[:, 2] == pytest.approx(along, abs=1e-12)  # 1024 logs of relative error 1e-15 each
    assert table[:, 4] == pytest.approx(np.log(np.abs(1 + r)).mean(axis=1), abs=1e-12)


def test_sum_of_exponents_is_the_mean_log_determinant_off_the_slice():
    mus, x, y = np.array([0.4, 0.7, 0.9]), np.full(3, 0.5), np.array([0.1, 0.3, -0.2])
    table = evidence(mus, x, y)
    final_a, final_b = table[:, 6], table[:, 7]
    at_minimum = np.log(np.abs(1 - 2 * (final_a**2 + final_b**2)))
    assert table[:, 2] == pytest.approx(at_minimum, abs=1e-9)  # converged: the multiplier of the minimum
    assert table[:, 4] == pytest.approx(0.0, abs=1e-12)  # neutral along the curve of minima


def test_an_exactly_zero_factor_gives_minus_infinity():
    product, exponents = np.ones(kernels.BLOCK), np.zeros(kernels.BLOCK, np.int64)
    product[3] = 0.0
    product[5] = 5e-324
    product[6] = -12.0
    for _ in range(4):
        kernels._take_exponents(product, exponents)
    means = kernels._mean_log(product, exponents, 2)
    assert means[3] == means[5] == -np.inf
    assert means[0] == 0.0
    assert means[6] == pytest.approx(np.log(12.0) / 2, rel=4 * EPS)


def test_find_period_tells_the_cycle_from_its_square_and_needs_separation():
    cycle = np.tile([0.1, -0.3, 0.5], 20)
    same = kernels.find_period(cycle, cycle + 1, 1e-8, 1e-4)
    twisted = kernels.find_period(cycle, (cycle + 1) * np.repeat([1, -1] * 10, 3), 1e-8, 1e-4)
    assert same[:2] == (3, 3) and twisted[:2] == (3, 6)
    assert same[3] > 0.1  # no shorter lag comes near
    slow = 1e-9 * (-0.999) ** np.arange(60) * 7  # approach to a fixed point, not a 2-cycle
    period, _, _, separation = kernels.find_period(slow, slow, 1e-8, 1e-4)
    assert period == 2 and separation < 1e-7  # which the verdict refuses: below SEPARATION
    assert kernels.find_period(np.random.default_rng(1).random(60), cycle, 1e-8, 1e-4)[0] == 0
