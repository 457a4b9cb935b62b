"""The commands `ellipse` and `critical` print closed forms."""

from __future__ import annotations

import math

import pytest
from commands import check_refusal

from lintrans.two_factor import normal_form
from lintrans.two_factor.regimes import Regime, regime


def test_ellipse(answer, run):
    closed = answer("ellipse", "--mu", "1.2")
    assert closed["semi_axes"] == pytest.approx([math.sqrt(3.2), math.sqrt(0.8)])
    assert closed["lyapunov"] == pytest.approx(math.log(3))
    assert closed["transverse"] == pytest.approx(math.acosh((1 + math.sqrt(25 - 4 * 1.2**2)) / 4))
    assert closed["mean_loss"] == pytest.approx(1 / 1.44)
    code, out, err = run("ellipse", "--mu", "1.2")
    assert (code, err) == (0, "") and "semi axes" in out


@pytest.mark.parametrize(("u", "v"), [(0.4, 0.3), (2.0, 2.0), (1.5, -0.4), (3.0, 0.1)])
def test_critical_mu_is_where_training_from_the_start_breaks(answer, u, v):
    found = answer("critical", "--start", f"{u},{v}")
    bounded = found["mu_bounded"]
    assert bounded == pytest.approx(float(normal_form.critical_mu(u, v)))
    assert found["mu_convergent"] == min(bounded, 1.0)
    assert regime(bounded * 0.999, u, v).regime is not Regime.DIVERGENT
    assert regime(bounded * 1.001, u, v).regime is Regime.DIVERGENT
    inside = regime(found["mu_convergent"] * 0.99, u, v).regime
    assert inside in (Regime.MONOTONE, Regime.CATAPULT)


@pytest.mark.parametrize("mu", ["0", "2", "-1", "2.5", "nan"])
def test_there_is_no_ellipse_for_other_mu(run, mu):
    check_refusal(*run("ellipse", "--mu", mu), ["mu"])


@pytest.mark.parametrize("start", ["1", "1,2,3", "a,b", "inf,1"])
def test_bad_starts(run, start):
    check_refusal(*run("critical", "--start", start), ["--start"])
