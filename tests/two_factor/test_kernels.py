"""Layers 0 and 1: the kernels are the derivation, and compiled they do what their Python source does.

Every check takes the functions it checks as arguments, so that mutants can be put through it too.
"""

from __future__ import annotations

import itertools
import math
import re

import llvmlite.binding
import numpy as np
import pytest
import sympy as sp
from hypothesis import given, settings
from hypothesis import strategies as st
from numba import njit

from lintrans.symbolic import modes
from lintrans.symbolic.symbols import a, b, mu
from lintrans.two_factor import kernels, normal_form
from lintrans.two_factor.kernels import growth, walks

EPS = np.finfo(np.float64).eps
step = kernels.step.py_func
slope, determinant = kernels.slope.py_func, kernels.determinant.py_func


# Layer 0: the kernel's Python source on SymPy symbols, minus the derivation, expands to 0.


def step_is_derived(candidate):
    new_a, new_b, r = candidate(mu, a, b)
    derived = (*modes.step_modes(a, b, mu), modes.residual(a, b, mu))
    pairs = zip((new_a, new_b, r), derived, strict=True)
    return all(sp.expand(found - expected) == 0 for found, expected in pairs)


def factors_are_derived(slope, determinant):
    jacobian = sp.Matrix(modes.step_modes(a, b, mu)).jacobian([a, b])
    r = modes.residual(a, b, mu)
    on_slice = sp.expand((jacobian[0, 0] - slope(mu, r)).subs(b, 0))
    return on_slice == 0 and sp.expand(jacobian.det() - determinant(slope(mu, r), 2 * b, r)) == 0


def test_step_equals_the_derivation():
    assert step_is_derived(step)


def test_jacobian_factors_equal_the_derivation():
    assert factors_are_derived(slope, determinant)


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
    "coefficient of r": (lambda m, r: slope(m, 2 * r / 3), determinant),
    "sign": (lambda m, r: -slope(m, r), determinant),
    "sign of the determinant": (slope, lambda x, q, r: -determinant(x, q, r)),
    "transposed sign in the determinant": (slope, lambda x, q, r: 2 * (x + r * x) - determinant(x, q, r)),
    "determinant on the slice": (slope, lambda x, q, r: x),
}


@pytest.mark.parametrize("mutant", list(STEP_MUTANTS.values()), ids=list(STEP_MUTANTS))
def test_mutated_step_fails_layer_0(mutant):
    assert not step_is_derived(mutant)


@pytest.mark.parametrize("mutant", list(FACTOR_MUTANTS.values()), ids=list(FACTOR_MUTANTS))
def test_mutated_factor_fails_layer_0(mutant):
    assert not factors_are_derived(*mutant)


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
    mus, x, y = grid(6000)
    table = evidence(mus, x, y)
    wild = []
    for row, m, p, q in zip(table, mus, x, y, strict=True):
        rise, escape = python_events(m, p, q, 40)  # before chaos can tell a fused step from an unfused one
        if escape < np.inf:
            assert row[0] == escape
            assert row[1] == rise
            wild.append(escape)
    assert len(wild) > 30 and len({e % kernels.WINDOW for e in wild}) == kernels.WINDOW


@pytest.mark.parametrize("last", [1, 3, 4, 7, 8, 14, 15, 16, 17])
def test_planted_escape_on_the_last_step_of_a_chunk_or_window_is_found(last):
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


def test_imbalance_that_underflows_to_zero_on_the_way_leaves_the_exponent_right():
    """b becomes exactly 0 in the middle of a batch; the determinant must still be divided by 1 + r."""
    mus, x, y = np.full(4, 1.2), np.full(4, 0.5), np.array([0.1, 1e-100, 1e-250, 1e-300])
    table = evidence(mus, x, y, n_transient=512, n_steps=4096)
    assert (table[:, 7] == 0).all()
    assert table[:, 2] == pytest.approx(table[:, 12], rel=1e-9)  # one turn of the 2-cycle, factor by factor


def test_exponents_are_those_of_the_evidence():
    mus, x, y = grid(150)
    y[::3] = 0.0
    short = kernels.exponents(mus, x, y, 256, 1024, True)
    full = evidence(mus, x, y)
    assert np.array_equal(short, full[:, 2:6], equal_nan=True)  # to the bit, and NaN for the same orbits
    assert 0 < np.isnan(short[:, 0]).sum() < 100
    lean = kernels.exponents(mus, x, y, 256, 1024, False)
    assert np.array_equal(lean[:, :2], short[:, :2], equal_nan=True) and np.isnan(lean[:, 2:]).all()


def test_advance_and_orbits_agree_to_the_bit_on_and_off_the_slice():
    mus, x, y = grid(150)
    y[::3] = 0.0
    for n in (0, 1, 15, 16, 17, 100):
        all_a, all_b = kernels.orbits(mus, x, y, 0, n + 1)
        end_a, end_b = kernels.advance(mus, x, y, n)
        later_a, later_b = kernels.orbits(mus, x, y, n, 1)
        for found in ((end_a, end_b), (later_a[:, 0], later_b[:, 0])):
            assert np.array_equal(found[0], all_a[:, n], equal_nan=True)
            assert np.array_equal(found[1], all_b[:, n], equal_nan=True)


NO_ENDS = np.empty((0, 3))
NEITHER, CONVERGENCE = (-1.0, False, NO_ENDS), (np.inf, False, NO_ENDS)  # exits of `fates`


@pytest.mark.parametrize("n_steps", [1, 15, 16, 17, 31, 32, 33, 500])
def test_fates_are_found_at_the_right_step(n_steps):
    mus, x, y = grid(1000)
    codes, steps = kernels.fates(mus, x, y, n_steps, *NEITHER)
    escapes = evidence(mus, x, y, n_transient=512, n_steps=256)[:, 0]
    expected = np.where(escapes < n_steps, escapes, n_steps)
    assert np.array_equal(steps, expected)
    assert np.array_equal(codes, np.where(escapes < n_steps, kernels.DIVERGED, kernels.UNDECIDED))


def test_fates_that_converge_are_those_the_certificate_holds_for():
    mus, x, y = grid(1000)
    codes, steps = kernels.fates(mus, x, y, 640, *CONVERGENCE)
    plain, escapes = kernels.fates(mus, x, y, 640, *NEITHER)
    assert np.array_equal(codes == kernels.DIVERGED, plain == kernels.DIVERGED)
    assert np.array_equal(steps[codes == kernels.DIVERGED], escapes[codes == kernels.DIVERGED])
    converged = np.flatnonzero(codes == kernels.CONVERGED)
    assert converged.size > 200
    for i in converged[::20]:
        n = np.arange(32, 641, 32)
        all_a, all_b = kernels.orbits(mus[i : i + 1], x[i : i + 1], y[i : i + 1], 0, 641)
        holds = normal_form.converges(mus[i], all_a[0, n], all_b[0, n])
        assert steps[i] == n[np.argmax(holds)]
    end_a, end_b = kernels.advance(mus, x, y, 640)
    undecided = codes == kernels.UNDECIDED
    assert not normal_form.converges(mus, end_a, end_b)[undecided].any()


def test_fates_note_rises_and_the_last_state():
    mus, x, y = grid(1000)
    ends = np.zeros((1000, 3))
    codes, _ = kernels.fates(mus, x, y, 768, -1.0, False, ends)
    full = evidence(mus, x, y, n_transient=512, n_steps=256)
    stays = codes != kernels.DIVERGED
    assert np.array_equal(ends[stays, 2], np.isfinite(full[stays, 1]))
    assert 100 < ends[stays, 2].sum() < stays.sum()
    assert np.array_equal(ends[stays, :2], full[stays, 6:8])  # whatever else is measured on the way
    assert np.array_equal(ends[stays, :2], np.array(kernels.advance(mus, x, y, 768)).T[stays])
    codes, steps = kernels.fates(mus, x, y, 768, 1e-4, False, ends)
    for i in np.flatnonzero(codes == kernels.CONVERGED)[::20]:
        there = kernels.advance(mus[i : i + 1], x[i : i + 1], y[i : i + 1], steps[i])
        assert (ends[i, 0], ends[i, 1]) == (there[0][0], there[1][0])
        assert abs(normal_form.residual(mus[i], ends[i, 0], ends[i, 1])) <= 1e-4
        assert ends[i, 2] == np.isfinite(full[i, 1])


def test_fates_inside_the_ellipse_need_no_steps():
    mus, x, y = grid(1000)
    plain, escapes = kernels.fates(mus, x, y, 640, *NEITHER)
    codes, steps = kernels.fates(mus, x, y, 640, -1.0, True, NO_ENDS)
    inside = (mus < 2) & (normal_form.ellipse_level(mus, x, y) <= 0)
    assert 100 < inside.sum() < 900
    assert np.array_equal(codes == kernels.BOUNDED, inside)
    assert (plain[inside] == kernels.UNDECIDED).all()  # iterated, they do not escape either
    assert np.array_equal(codes[~inside], plain[~inside]) and np.array_equal(steps, escapes)


def test_fates_do_not_depend_on_the_neighbours():
    mus, x, y = grid(500)
    order = np.random.default_rng(0).permutation(500)
    together = kernels.fates(mus, x, y, 300, *CONVERGENCE)
    shuffled = kernels.fates(mus[order], x[order], y[order], 300, *CONVERGENCE)
    assert all(np.array_equal(one[order], other) for one, other in zip(together, shuffled, strict=True))


@pytest.mark.parametrize("on_slice", [True, False])
def test_machine_code_has_packed_fused_multiply_adds(on_slice):
    """Two in a hundred instructions would be by accident; the loops are little else."""
    if not {"fma", "avx2"} <= cpu_features():
        pytest.skip("this CPU has no vector fused multiply-add (FMA and AVX2)")
    loop = njit(error_model="numpy", fastmath={"contract"})(
        walks._walker(balanced=on_slice, escapes=False, rises=False, factors=False, transverse=False).py_func
    )
    mus, x, y = grid(kernels.BLOCK)
    loop(mus, x, y, np.empty((0, 1)), np.empty((0, 1)), None)
    (text,) = loop.inspect_asm().values()
    packed = len(re.findall(r"\bvfn?m(?:add|sub)\d+pd\b.*[yz]mm", text))
    chunk, per_step = (kernels.CHUNK_SLICE, 2) if on_slice else (kernels.CHUNK_PLANE, 4)
    assert packed >= 0.7 * chunk * per_step  # one of them may be a plain product


def cpu_features():
    features = llvmlite.binding.get_host_cpu_features()
    return {name for name, present in features.items() if present}


def test_an_exactly_zero_factor_gives_minus_infinity():
    product, exponents = np.ones(kernels.BLOCK), np.zeros(kernels.BLOCK, np.int64)
    product[3] = 0.0
    product[5] = 5e-324
    product[6] = -12.0
    for _ in range(4):
        growth._take_exponents(product, exponents)
    products, counts = np.vstack((product, product)), np.vstack((exponents, exponents))
    means = np.empty((2, kernels.BLOCK))
    growth.take_means(True, products, counts, 2, means)
    for row in means:
        assert row[3] == row[5] == -np.inf
        assert row[0] == 0.0
        assert row[6] == pytest.approx(np.log(12.0) / 2, rel=4 * EPS)


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
