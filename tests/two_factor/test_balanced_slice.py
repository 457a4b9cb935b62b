"""Landmarks: the floats of the library, the exact numbers of the derivation and what orbits do agree."""

from __future__ import annotations

import pytest
import sympy as sp

from lintrans.symbolic import landmarks as derived
from lintrans.symbolic.symbols import x
from lintrans.two_factor.balanced_slice import landmarks

FEIGENBAUM = 4.669201609102990  # M. Feigenbaum (1978), J. Stat. Phys. 19, 25


@pytest.mark.parametrize("name", list(landmarks()))
def test_float_is_the_derived_number_correctly_rounded(name):
    assert landmarks()[name].mu == float(sp.N(derived.landmarks()[name].mu, 25))


@pytest.mark.parametrize("name", list(landmarks()))
def test_exact_text_is_the_derived_number(name):
    exact = landmarks()[name].exact
    if exact is None:
        assert name == "accumulation"
        return
    assert sp.simplify(sp.sympify(exact) - derived.landmarks()[name].mu) == 0


@pytest.mark.parametrize("name", [n for n in landmarks() if n != "accumulation"])
def test_polynomial_is_the_minimal_one(name):
    polynomial = sp.Poly(landmarks()[name].minimal_polynomial, x)
    assert polynomial.is_irreducible and polynomial.primitive()[0] == 1
    assert polynomial.degree() in (1, 2) or derived_polynomial(name).monic() == polynomial.monic()
    if polynomial.degree() < 8:
        assert sp.expand(polynomial.eval(sp.sympify(landmarks()[name].exact))) == 0


def derived_polynomial(name):
    return {"band_merging": derived.band_merging_polynomial, "period_3": derived.period_3_polynomial}[name]()


def test_names_and_order():
    names = ["monotone", "stable", "period_4", "accumulation", "band_merging", "period_3", "crisis"]
    assert list(landmarks()) == [*names, "chebyshev"]
    values = [mark.mu for mark in landmarks().values()]
    assert values == sorted(values)


def test_gaps_of_superstable_parameters_shrink_by_feigenbaums_constant():
    errors = [abs(ratio - FEIGENBAUM) for ratio in derived.accumulation().ratios]
    assert errors == sorted(errors, reverse=True)  # they approach it
    assert errors[-1] < 1e-6


def test_accumulation_is_the_number_that_is_extrapolated():
    """Its 23 digits round to this number, which `tests/test_certified.py` encloses as well."""
    assert landmarks()["accumulation"].mu == float(derived.accumulation().mu)
