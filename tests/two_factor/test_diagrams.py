"""Layers 2 and 6: sweeps over mu. Axes, families of starts and closed forms; what is refused."""

from __future__ import annotations

import math

import numpy as np
import pytest

import lintrans as lt
from lintrans.plotting import plot
from lintrans.sweeps import grid as sweeps
from lintrans.two_factor import kernels, normal_form
from lintrans.two_factor.phase import PhaseDiagram
from lintrans.two_factor.regimes import Evidence, Regime, gather_evidence

SMALL = {"n_transient": 128, "n_steps": 128}
SWEEPS = {
    "phase_diagram": lambda mus, **o: lt.phase_diagram(mus, **{**SMALL, **o}),
    "bifurcation_diagram": lambda mus, **o: lt.bifurcation_diagram(
        mus, **{"n_transient": 128, "n_samples": 4, **o}
    ),
    "lyapunov_exponents": lambda mus, **o: lt.lyapunov_exponents(mus, **{**SMALL, **o}),
}
every_sweep = pytest.mark.parametrize("sweep", SWEEPS.values(), ids=SWEEPS)


def starts(result):
    """Starts (u, v) of every cell, from the evidence."""
    return normal_form.from_modes(result.mu[:, None], result.evidence.start_a, result.evidence.start_b)


def two_cycle(mu):
    """Residuals z = mu (uv - 1) of the cycle of period 2 on the slice, 1 < mu < sqrt(5) - 1."""
    root = math.sqrt((mu - 1) * (mu + 3))
    return (1 - mu - root) / 2, (1 - mu + root) / 2


# Axes and starts


@every_sweep
def test_the_axis_of_mu_is_what_was_given_and_a_copy(sweep):
    mus = np.array([0.3, 0.31, 1.7])
    result = sweep(mus)
    mus[:] = 0
    assert result.mu.tolist() == [0.3, 0.31, 1.7] and result.mu.dtype == np.float64
    assert sweep([1, 2]).mu.tolist() == [1.0, 2.0]
    assert sweep((0.5,)).mu.tolist() == [0.5]


@every_sweep
def test_learning_rates_go_with_mu_where_a_prompt_says_how(sweep):
    assert sweep([0.5, 1.0]).step_size is None
    assert sweep([0.5, 1.0], unit_step_size=0.02).step_size.tolist() == [0.01, 0.02]


@every_sweep
def test_a_cell_depends_on_nothing_but_itself(sweep):
    """Neither the rest of the grid nor the number of threads changes a bit."""
    mus = np.linspace(0.3, 2.1, 150)
    whole = {v.name: v.values for v in sweep(mus, n_threads=2).variables()}
    part = {v.name: v.values for v in sweep(mus[70:80], n_threads=1).variables()}
    for name, values in part.items():
        if name not in ("start", "sample"):
            np.testing.assert_array_equal(values, whole[name][70:80])


def test_default_start_is_the_probe_start_of_each_mu():
    result = lt.phase_diagram([0.5, 1.5], **SMALL)
    u, v = starts(result)
    assert u[:, 0] == pytest.approx(np.sqrt(1 / result.mu + 0.5), rel=1e-14)
    assert v == pytest.approx(u, rel=1e-14)


@pytest.mark.parametrize("start", [(0.5, 0.3), (-0.7, 1.2), (0.0, 2.0)])
def test_scales_multiply_the_start(start):
    scales = [-1.0, 0.0, 0.5, 2.0]
    result = lt.phase_diagram([0.5, 1.5], start=start, scales=scales, **SMALL)
    assert result.regime.shape == result.evidence.along.shape == (2, 4)
    assert result.start.tolist() == scales and result.settings["start_axis"] == "scale"
    for got, wanted in zip(starts(result), start, strict=True):
        assert got == pytest.approx(np.tile(np.multiply(scales, wanted), (2, 1)), abs=1e-14)


@pytest.mark.parametrize(
    "start", [(0.5, 0.3), (-0.7, 1.2), (-1.0, -2.0), (3.0, -1e-9), (0.0, 2.0), (0.0, 0.0)]
)
def test_imbalances_move_along_constant_uv(start):
    values = [-1e6, -4.0, -1e-9, 0.0, 1e-9, 3.0, 1e6]
    result = lt.phase_diagram([0.5, 1.5], start=start, imbalances=values, **SMALL)
    assert result.start.tolist() == values and result.settings["start_axis"] == "imbalance"
    u, v = starts(result)
    product = start[0] * start[1]
    size = np.maximum(np.abs(values), abs(product))  # a - b loses what is small beside a
    assert (np.abs(u**2 - v**2 - values) <= 1e-14 * size + 1e-300).all()
    assert (np.abs(u * v - product) <= 1e-14 * size + 1e-300).all()
    if product:
        assert (np.sign(u) == np.sign(start[0])).all() and (np.sign(v) == np.sign(start[1])).all()


def test_without_a_start_imbalances_leave_the_uv_of_the_probe():
    result = lt.phase_diagram([0.5, 1.5], imbalances=[-1.0, 2.0], **SMALL)
    u, v = starts(result)
    assert u * v == pytest.approx(np.tile((1 / result.mu + 0.5)[:, None], 2), rel=1e-14)


def test_regimes_over_scale_are_divergent_outside_the_ellipse():
    scales = np.linspace(0.1, 2.5, 13)
    result = lt.phase_diagram([0.5, 1.0, 1.5], start=(1.0, 0.8), scales=scales, **SMALL)
    u, v = starts(result)
    outside = result.mu[:, None] > normal_form.critical_mu(u, v)
    assert 0 < outside.sum() < outside.size
    assert ((result.regime == Regime.DIVERGENT) == outside).all()
    assert (result.regime.T == Regime.DIVERGENT)[:3].sum() == 0  # a swapped axis would not pass


def test_a_start_on_the_axis_of_a_equal_to_zero_runs_into_the_saddle():
    assert lt.phase_diagram([0.5], start=(0.6, -0.6), **SMALL).count() == {"saddle": 1}


# Closed forms


def test_exponent_along_at_a_minimum_is_that_of_its_multiplier():
    mus = np.array([0.1, 0.3, 0.45, 0.6, 0.75, 0.9])
    result = lt.lyapunov_exponents(mus, n_transient=2048, n_steps=128)
    assert result.along == pytest.approx(np.log(np.abs(1 - 2 * mus)), abs=1e-12)
    assert result.transverse == pytest.approx(np.zeros(6), abs=1e-12)
    assert (np.abs(result.along_error) < 1e-12).all()


def test_exponent_along_on_the_two_cycle_is_that_of_its_multiplier():
    """On the slice da'/da = 1 + mu - 3 a^2 and db'/db = 1 + z, with a^2 = mu + z."""
    mus = np.array([1.05, 1.1, 1.2])
    result = lt.lyapunov_exponents(mus, n_transient=2048, n_steps=128)
    factors = [[1 + mu - 3 * (mu + z) for z in two_cycle(mu)] for mu in mus]
    assert result.along == pytest.approx(np.log(np.abs(factors)).mean(axis=1), abs=1e-10)
    across = [[1 + z for z in two_cycle(mu)] for mu in mus]
    assert result.transverse == pytest.approx(np.log(np.abs(across)).mean(axis=1), abs=1e-10)


def test_exponent_at_the_end_is_ln_3():
    result = lt.lyapunov_exponents([2.0], start=(0.5, 0.5), n_transient=128, n_steps=2**16)
    assert abs(result.along[0] - math.log(3)) < 5 * result.along_error[0]
    assert 0 < result.along_error[0] < 0.02


@pytest.mark.parametrize("start", [None, (0.7, 0.5)])
def test_the_exponent_along_is_the_same_alone(start, tmp_path):
    mus = np.linspace(0.5, 2.1, 60)
    both = lt.lyapunov_exponents(mus, start=start, **SMALL)
    alone = lt.lyapunov_exponents(mus, start=start, transverse=False, **SMALL)
    assert np.array_equal(both.along, alone.along, equal_nan=True)
    assert np.array_equal(both.along_error, alone.along_error, equal_nan=True)
    assert alone.transverse is None and alone.transverse_error is None
    read = lt.load(lt.save(alone, tmp_path / "x.h5"))
    assert [v.name for v in read.variables()] == ["mu", "along", "along_error"]
    labels = [t.get_text() for t in plot(read).axes[0].get_legend().get_texts()]
    assert len(labels) == 1 and "along" in labels[0]


def test_exponents_of_a_diverging_orbit_are_not_numbers():
    result = lt.lyapunov_exponents([2.1], **SMALL)
    assert np.isnan([result.along, result.transverse, result.along_error, result.transverse_error]).all()


@pytest.mark.parametrize("mu", [1.01, 1.05, 1.1, 1.15, 1.2, 1.23])
def test_samples_of_the_two_cycle(mu):
    result = lt.bifurcation_diagram([mu], n_transient=8192, n_samples=8)
    low, high = (1 + z / mu for z in two_cycle(mu))
    assert np.sort(result.uv[0]) == pytest.approx([low] * 4 + [high] * 4, abs=1e-11)
    assert (np.diff(np.sign(result.uv[0] - (low + high) / 2)) != 0).all()  # in turns


def test_two_cycle_closed_form_would_notice_another_mu():
    result = lt.bifurcation_diagram([1.1], n_transient=8192, n_samples=8)
    assert abs(result.uv.min() - (1 + two_cycle(1.1001)[0] / 1.1001)) > 1e-6


def test_samples_are_the_orbit_after_the_transient():
    result = lt.bifurcation_diagram([0.7, 1.8], start=(0.3, 0.5), n_transient=37, n_samples=5)
    assert result.a.shape == result.b.shape == result.uv.shape == (2, 5)
    for i, mu in enumerate((0.7, 1.8)):
        orbit = lt.orbit(mu, 0.3, 0.5, n_steps=41)
        np.testing.assert_array_equal(result.a[i], orbit.a[37:])
        np.testing.assert_array_equal(result.b[i], orbit.b[37:])
    assert lt.bifurcation_diagram([0.7], n_transient=0, n_samples=1).sample.tolist() == [0]


@pytest.mark.parametrize("n_transient", [0, 1, 2, 3, 4, 128])
def test_an_escaping_orbit_leaves_no_samples_not_even_huge_ones(n_transient):
    result = lt.bifurcation_diagram([1.0, 2.2], start=(1.5, 1.5), n_transient=n_transient, n_samples=6)
    bounded = np.abs(result.mu[:, None] * (result.uv - 1)) <= kernels.ESCAPED
    assert bounded[0].all()
    assert bounded[1].all() or np.isnan(result.a[1]).all()
    assert n_transient == 0 or np.isnan(result.a[1]).all()


# Counting


def made_up(codes, step_size=None):
    """A diagram whose regimes are known, its evidence empty."""
    codes = np.array(codes, np.uint8)
    blank = Evidence(*(np.full(codes.shape, np.nan) for _ in Evidence.__dataclass_fields__))
    mu = np.arange(1, len(codes) + 1) / 10
    rates = None if step_size is None else mu * step_size
    return PhaseDiagram(
        mu=mu,
        start=np.arange(codes.shape[1]) / 1.0,
        regime=codes,
        evidence=blank,
        step_size=rates,
        settings={"start_axis": "scale"},
    )


def test_ranges_count_and_boundaries_of_a_made_up_line():
    result = made_up([[1], [1], [5], [1], [4], [4]], step_size=2.0)
    assert result.count() == {"monotone": 3, "chaotic": 2, "divergent": 1}
    assert result.ranges(Regime.MONOTONE) == [(0.1, 0.2), (0.4, 0.4)]
    assert result.ranges(Regime.CHAOTIC) == [(0.5, 0.6)]
    assert result.ranges(Regime.SADDLE) == []
    edges = result.boundaries()
    assert [(e["from"], e["to"]) for e in edges] == [
        ("monotone", "divergent"),
        ("divergent", "monotone"),
        ("monotone", "chaotic"),
    ]
    assert [e["mu"] for e in edges] == pytest.approx([0.25, 0.35, 0.45])
    assert [e["step_size"] for e in edges] == pytest.approx([0.5, 0.7, 0.9])


def test_ranges_of_a_made_up_plane_are_those_where_some_start_has_the_regime():
    result = made_up([[1, 5], [5, 1], [5, 5]])
    assert result.ranges(Regime.MONOTONE) == [(0.1, 0.2)]
    assert result.ranges(Regime.DIVERGENT) == [(0.1, 0.3)]
    assert [e["to"] for e in result.boundaries(1)] == ["monotone", "divergent"]
    assert result.count() == {"monotone": 2, "divergent": 4}


def test_boundaries_of_one_cell_and_without_a_prompt():
    assert made_up([[3]]).boundaries() == []
    assert made_up([[3], [4]]).boundaries()[0]["step_size"] is None


def test_boundaries_of_a_sweep_lie_at_the_landmarks():
    result = lt.phase_diagram(np.arange(0.7, 1.1001, 0.01), n_transient=1024, n_steps=1024)
    edges = [(e["from"], e["to"], e["mu"]) for e in result.boundaries() if "unresolved" not in e.values()]
    assert ("monotone", "catapult", pytest.approx(2 * math.sqrt(2) - 2, abs=0.006)) in edges


# Progress, memory, bad arguments


@every_sweep
def test_progress_rises_to_the_total(sweep):
    calls = []
    n = 2 * sweeps.CELLS_PER_TILE + 3
    sweep(np.linspace(0.1, 2, n), progress=lambda done, total, _: calls.append((done, total)))
    done = [d for d, _ in calls]
    assert done == sorted(set(done)) and done[-1] == n and {t for _, t in calls} == {n}


@every_sweep
def test_an_error_in_progress_ends_the_sweep(sweep):
    class Stop(Exception):
        pass

    def stop(*_):
        raise Stop

    with pytest.raises(Stop):
        sweep([0.5, 0.6], progress=stop)


def test_results_too_large_for_memory_are_refused_before_any_work(monkeypatch):
    monkeypatch.setattr(kernels, "evidence", lambda *_: pytest.fail("work was done"))
    monkeypatch.setattr(kernels, "orbits", lambda *_: pytest.fail("work was done"))
    mus = np.linspace(0.1, 2, 10**5)
    for call in (
        lambda: lt.phase_diagram(mus, scales=mus, **SMALL),
        lambda: lt.bifurcation_diagram(mus, n_samples=10**5),
        lambda: lt.orbit(1.0, 1.0, 1.0, n_steps=10**9),
    ):
        with pytest.raises(lt.InputError, match=r"must fit in 2 GiB, got .*; choose smaller counts"):
            call()


BAD_AXES = {
    "reversed": ([2.0, 1.0], r"mus must be increasing, got mus\[1\]=1 after 2"),
    "twice": ([1.0, 1.0], "increasing"),
    "empty": ([], "empty"),
    "NaN": ([0.5, np.nan], r"mus must be finite, got mus\[1\]=nan"),
    "infinite": ([0.5, np.inf], "finite"),
    "zero": ([0.0, 1.0], "positive, got 0"),
    "negative": ([-1.0, 1.0], "positive, got -1"),
    "a number": (0.5, "1 axes"),
    "two axes": ([[0.5]], "1 axes"),
    "text": (["a"], "numbers"),
    "None": (None, "mus must"),
    "complex": ([0.5j], "real"),
}


@every_sweep
@pytest.mark.parametrize("case", BAD_AXES)
def test_bad_axes_are_refused(sweep, case):
    mus, message = BAD_AXES[case]
    with pytest.raises(lt.InputError, match=message):
        sweep(mus)


@every_sweep
@pytest.mark.parametrize(
    "start", [(1.0,), (1.0, 2.0, 3.0), (), 1.0, "ab", (1.0, np.nan), (1.0, "x"), ((1, 2),)]
)
def test_bad_starts_are_refused(sweep, start):
    with pytest.raises(lt.InputError, match="start must"):
        sweep([0.5], start=start)


@every_sweep
@pytest.mark.parametrize("unit", [0.0, -1.0, np.nan, np.inf, "x", [1.0]])
def test_a_bad_unit_is_refused_before_any_work(sweep, unit):
    with pytest.raises(lt.InputError, match="unit_step_size must"):
        sweep([0.5], unit_step_size=unit, progress=lambda *_: pytest.fail("work was done"))


@every_sweep
@pytest.mark.parametrize(
    "counts",
    [
        {"n_transient": -1},
        {"n_transient": 1.5},
        {"n_transient": 10**12},
        {"n_threads": 0},
        {"n_threads": "x"},
    ],
)
def test_bad_counts_are_refused(sweep, counts):
    with pytest.raises(lt.InputError, match=f"{next(iter(counts))} must"):
        sweep([0.5], **counts)


@pytest.mark.parametrize("name", ["scales", "imbalances"])
@pytest.mark.parametrize("values", [[], [1.0, 0.5], [np.nan], [[1.0]], 1.0, "x"])
def test_a_bad_second_axis_is_refused(name, values):
    with pytest.raises(lt.InputError, match=f"{name} must"):
        lt.phase_diagram([0.5], **{name: values}, **SMALL)


def test_two_second_axes_are_refused():
    with pytest.raises(lt.InputError, match="scales and imbalances must not both"):
        lt.phase_diagram([0.5], scales=[1.0], imbalances=[1.0])


@pytest.mark.parametrize("arguments", [(0, 1, 1), (-1, 1, 1), (np.nan, 1, 1), (1, np.inf, 1), (1, 1, "x")])
def test_a_bad_orbit_is_refused(arguments):
    with pytest.raises(lt.InputError, match="must be"):
        lt.orbit(*arguments, n_steps=3)


@pytest.mark.parametrize("n_steps", [-1, 1.5, 10**12, "x", None, True])
def test_a_bad_number_of_steps_is_refused(n_steps):
    with pytest.raises(lt.InputError, match="n_steps must"):
        lt.orbit(1, 1, 1, n_steps=n_steps)


def test_an_orbit_of_no_steps_is_its_start():
    result = lt.orbit(0.5, 0.4, -0.3, n_steps=0)
    assert result.step.tolist() == [0]
    assert (result.u[0], result.v[0]) == pytest.approx((0.4, -0.3), rel=1e-15)
    assert result.loss[0] == pytest.approx(1.12**2 / 2, rel=1e-14)


def test_an_orbit_that_leaves_float64_ends_in_nan_without_warnings():
    result = lt.orbit(2.5, 3.0, 1.0, n_steps=30)
    for values in (result.u, result.v, result.loss):
        assert np.isfinite(values[:3]).all() and not np.isfinite(values[-1])


def test_evidence_of_a_diagram_is_that_of_its_cells():
    result = lt.phase_diagram([0.5, 1.1], start=(0.4, 0.3), scales=[0.5, 1.5], **SMALL)
    alone = gather_evidence(1.1, 0.6, 0.45, **SMALL)
    assert result.evidence.along[1, 1] == pytest.approx(float(alone.along), rel=1e-9)
    assert result.evidence.period_uv[1, 1] == alone.period_uv
