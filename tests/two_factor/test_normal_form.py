"""Layer 2: closed forms against the derivation (SymPy) and against simulation."""

from __future__ import annotations

import numpy as np
import pytest
import sympy as sp
from hypothesis import given, settings
from hypothesis import strategies as st

from lintrans.symbolic import modes
from lintrans.symbolic.symbols import a, b, mu, u, v
from lintrans.two_factor import kernels, normal_form

SLOPE, DETERMINANT = kernels.slope.py_func, kernels.determinant.py_func
points = st.tuples(st.floats(0.05, 1.95), st.floats(-1.5, 1.5), st.floats(-1.2, 1.2))
CLOSED_FORMS = {
    "residual": (normal_form.residual, modes.residual(a, b, mu)),
    "ellipse_level": (normal_form.ellipse_level, modes.ellipse(a, b, mu)),
}


@pytest.mark.parametrize("name", list(CLOSED_FORMS))
@settings(max_examples=50, deadline=None)
@given(point=points)
def test_closed_form_is_the_derived_one(name, point):
    function, derived = CLOSED_FORMS[name]
    exact = derived.subs(dict(zip((mu, a, b), map(sp.Rational, point), strict=True)))
    assert function(*point) == pytest.approx(float(exact), rel=1e-14, abs=1e-14)


def test_critical_mu_is_the_derived_one_and_the_largest_with_the_start_inside():
    rng = np.random.default_rng(1)
    us, vs = rng.uniform(-3, 3, (2, 200))
    values = normal_form.critical_mu(us, vs)
    derived = sp.lambdify((u, v), modes.critical_mu(u, v))
    assert values == pytest.approx(np.minimum(derived(us, vs), 2.0), rel=1e-12)
    for factor, outside in ((1 - 1e-9, False), (1 + 1e-9, True)):
        at = np.minimum(values * factor, 2 - 1e-12)
        level = normal_form.ellipse_level(at, *normal_form.to_modes(at, us, vs))
        clear = values < 2 - 1e-6
        assert ((level > 0) == outside)[clear].all()


@settings(max_examples=100, deadline=None)
@given(point=points)
def test_modes_and_back(point):
    m, x, y = point
    us, vs = normal_form.from_modes(m, x, y)
    assert normal_form.to_modes(m, us, vs) == pytest.approx((x, y), rel=1e-14, abs=1e-15)
    assert m * (us * vs - 1) == pytest.approx(normal_form.residual(m, x, y), abs=1e-13)


@settings(max_examples=50, deadline=None)
@given(point=points)
def test_along_factor_is_the_factor_of_the_kernel(point):
    m, x, y = point
    r = normal_form.residual(m, x, y)
    if abs(1 + r) > 1e-3:
        expected = DETERMINANT(SLOPE(m, r), 2 * y, r) / (1 + r)
        assert normal_form.along_factor(m, x, y) == pytest.approx(expected, rel=1e-9, abs=1e-12)
    on_slice = 1 + m - 3 * x * x
    assert normal_form.along_factor(m, x, 0.0) == pytest.approx(on_slice, rel=1e-12, abs=1e-13)
