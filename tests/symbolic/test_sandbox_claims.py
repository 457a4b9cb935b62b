"""Claims of the sandbox: a wrong number or a dropped hypothesis fails; then the edge in floats."""

from itertools import product

import numpy as np
import pytest
import sympy as sp
from controls import check_every_claim_has_one, check_fails_by_its_remainder

from lintrans.symbolic import sandbox

BUT_ONE = list(product(range(2), repeat=4))[:6] + list(product(range(2), repeat=4))[7:]

CONTROLS = {
    "sandbox.permutation, across groups": lambda: sandbox.exchange_leaves_the_loss(((1, 2),)),
    "sandbox.permutation, a sequence is missing": lambda: sandbox.exchange_leaves_the_loss(sequences=BUT_ONE),
    "sandbox.tied, positions differ": lambda: sandbox.loss_is_even_in_the_difference(lambda weights: weights),
    "sandbox.steps, own step sizes": lambda: sandbox.optimizers_keep_ties((sandbox.rate, 2 * sandbox.rate)),
    "sandbox.counts, positions differ": lambda: sandbox.head_counts(lambda weights: weights),
    "sandbox.edge, of heavy ball": lambda: sandbox.averaged_momentum_is_stable_up_to(
        lambda beta, rate: 2 * (1 + beta) / rate
    ),
    "sandbox.edge, sign of beta": lambda: sandbox.averaged_momentum_is_stable_up_to(
        lambda beta, rate: 2 * (1 - beta) / ((1 + beta) * rate)
    ),
    "sandbox.preconditioned, D itself": lambda: sandbox.preconditioner_is_a_change_of_units(1),
    "sandbox.parabola, curvature 1 for 2": lambda: sandbox.parabola_reads_every_answer(1),
    "sandbox.certain, ln 3": lambda: sandbox.small_loss_is_certain(sp.log(3)),
}


@pytest.mark.parametrize("control", CONTROLS.values(), ids=CONTROLS.keys())
def test_wrong_statement_fails(control):
    check_fails_by_its_remainder(control)


def test_every_claim_has_a_control():
    check_every_claim_has_one(CONTROLS, ("sandbox",))


def growth(beta, curvature, n_steps=4000):
    """Distance from the minimum after steps of averaged momentum of size 1, over that at the start."""
    w, m = 1.0, 0.0
    for _ in range(n_steps):
        m = beta * m + (1 - beta) * curvature * w
        w -= m
        if abs(w) > 1e9:
            return np.inf
    return abs(w)


@pytest.mark.parametrize("beta", [0.0, 0.3, 0.9, 0.97])
def test_edge_against_the_recurrence(beta):
    """Two percent below the edge both roots are below 0.985 in size, above it one is beyond 1.04.

    In 4,000 steps these are 60 e-folds down, and 150 up. Two percent above heavy ball's edge both have the
    size sqrt(beta), except without momentum.
    """
    edge = float(sandbox.edge_of_averages(sp.Rational(str(beta)), 1))
    assert growth(beta, 0.98 * edge) < 1e-4
    assert growth(beta, 1.02 * edge) == np.inf
    wrong = 2 * (1 + beta)  # heavy ball's: far below, except without momentum
    assert growth(beta, 1.02 * wrong) < 1e-4 or beta == 0


def test_adam_with_a_frozen_denominator_has_the_edge_of_38():
    """The quadratic form with curvatures 1 and 100 in units of D: only the ratio to D counts."""
    curvatures, denominators = np.array([1.0, 100.0]), np.array([2.0, 100.0])
    preconditioned = (curvatures / denominators).max()
    for relative, stable in ((0.98, True), (1.02, False)):
        rate = relative * 38 / preconditioned
        w, m = np.ones(2), np.zeros(2)
        for _ in range(2000):
            m = 0.9 * m + 0.1 * curvatures * w
            w = w - rate * m / denominators
        assert bool(abs(w).max() < 1e-4) is stable
