"""Layer 3: basin maps against the evidence, against high precision, and against the closed forms."""

from __future__ import annotations

import mpmath
import numpy as np
import pytest
from problems import stopped_after

import lintrans as lt
from lintrans.cli import main
from lintrans.errors import InputError
from lintrans.sweeps import grid as sweeps
from lintrans.sweeps import store
from lintrans.two_factor import BasinSweep, basins, kernels, normal_form
from lintrans.two_factor.regimes import Regime, classify, gather_evidence

AXIS = np.arange(-48, 49) / 16  # -3 to 3, and exactly symmetric


@pytest.fixture(scope="module", params=[0.2, 0.9, 0.97, 1.2, 1.45, 1.7, 1.95, 2.1])
def both(request):
    """Return a map, and the evidence on the same starts."""
    found = lt.basin_map(request.param, u=AXIS, v=AXIS)
    u, v = np.meshgrid(AXIS, AXIS, indexing="ij")
    return found, gather_evidence(request.param, u, v)


def contradictions(found, evidence, regime=None):
    expected = classify(found.mu, evidence)
    mine = found.regime if regime is None else regime
    return ((mine != expected) & (mine != Regime.UNRESOLVED) & (expected != Regime.UNRESOLVED)).sum()


def test_regimes_are_those_the_evidence_gives(both):
    found, evidence = both
    assert contradictions(found, evidence) == 0
    assert (found.regime == Regime.UNRESOLVED).mean() < 0.01
    shifted = np.roll(found.regime, 25, axis=0)
    assert found.mu > 2 or contradictions(found, evidence, shifted) > 100  # the check sees a shifted map


def test_steps_and_branches_are_those_of_the_evidence(both):
    found, e = both
    diverged = found.regime == Regime.DIVERGENT
    assert np.array_equal(found.steps[diverged], e.escape_step[diverged])
    settled = np.isin(found.regime, [Regime.MONOTONE, Regime.CATAPULT])
    assert (found.steps[settled] % 32 == 0).all() and (found.branch[diverged] == 0).all()
    assert np.array_equal(found.branch[settled], np.sign(e.final_a[settled]))
    ref = 2 * (e.final_a**2 + e.final_b**2) / found.mu
    assert found.sharpness[settled] == pytest.approx(ref[settled], rel=1e-12)
    assert np.isnan(found.sharpness[~settled]).all()
    if settled.any():  # no minimum is selected that is not stable, nor one flatter than there are
        assert found.sharpness[settled].max() < 2 / found.mu
        assert found.sharpness[settled].min() >= 2 * (1 - 1e-14)


def high_precision(mu, u, v, n_steps=3000):
    """Follow one orbit with 60 digits, in the coordinates of the normal form."""
    with mpmath.workdps(60):
        mu, u, v = map(mpmath.mpf, (mu, u, v))
        for n in range(n_steps):
            z = u * v - 1
            if abs(mu * z) > kernels.ESCAPED:
                return n, None
            if abs(z) < mpmath.mpf(10) ** -40:
                break
            u, v = u - mu * v * z, v - mu * u * z
        return n, (int(mpmath.sign(u + v)), float(u * u + v * v))


@pytest.mark.parametrize("width", [2.0, 1e-4, 1e-8, 1e-12])
def test_a_zoom_agrees_with_sixty_digits(width):
    """At the edge of the basin, where neighbours differ: windows down to 1e-12 wide."""
    mu, n = 0.9, 9
    edge = 1.45 * np.array([1.0, 1.0 / 1.45 * float(np.sqrt(2 * (1.9 / 0.9) - 1.45**2))])
    u, v = (np.linspace(c - width / 2, c + width / 2, n) for c in edge)
    found = lt.basin_map(mu, u=u, v=v, n_steps=4000)
    n_same = 0
    for i in range(n):
        for j in range(n):
            steps, end = high_precision(mu, u[i], v[j])
            if found.regime[i, j] == Regime.DIVERGENT:
                assert end is None
                n_same += abs(found.steps[i, j] - steps) <= 1
            else:
                branch, sharpness = end
                n_same += (found.branch[i, j], pytest.approx(sharpness, rel=1e-6)) == (
                    branch,
                    found.sharpness[i, j],
                )
    assert n_same >= 0.95 * n * n


def test_symmetries():
    """Exchanging u and v changes nothing, reversing both turns the branch over."""
    found = lt.basin_map(0.85, u=AXIS, v=AXIS)
    for one, other in (("regime", 1), ("steps", 1), ("sharpness", 1), ("branch", -1)):
        values = getattr(found, one)
        assert np.array_equal(values, values.T, equal_nan=one == "sharpness")
        assert np.array_equal(values, other * values[::-1, ::-1].astype(float), equal_nan=True)


def test_modes_are_another_window_on_the_same_plane():
    mu, rng = 0.9, np.random.default_rng(0)
    u, v = rng.uniform(-2, 2, (2, 50))
    a, b = normal_form.to_modes(mu, u, v)
    for i in range(50):
        one, other = lt.basin_map(mu, u=[u[i]], v=[v[i]]), lt.basin_map(mu, a=[a[i]], b=[b[i]])
        assert one.regime == other.regime and one.steps == other.steps


def test_the_edge_is_the_ellipse_to_a_part_in_a_thousand_million():
    """Random starts beside the ellipse, at 20 values of mu; the experiment takes a million each."""
    rng = np.random.default_rng(1)
    for mu in np.linspace(0.05, 1.95, 20):
        angle, offset = rng.uniform(0, 2 * np.pi, 500), 10.0 ** rng.uniform(-9, 0, 500)
        offset *= rng.choice([-0.5, 1], 500)
        a, b = np.sqrt(2 + mu) * np.cos(angle), np.sqrt(2 - mu) * np.sin(angle)
        scale = np.sqrt(1 + offset)
        starts = np.full(500, mu), a * scale, b * scale
        codes, _ = kernels.fates(*starts, 100_000, -1.0, False, np.empty((0, 3)))
        assert np.array_equal(codes == kernels.DIVERGED, offset > 0)


def test_minima_and_the_saddle_are_not_taken_for_the_attractor():
    found = lt.basin_map(1.5625, a=[0.0, 0.5, 1.25], b=[0.0, 0.25])
    assert found.regime[2, 0] == Regime.UNRESOLVED  # a minimum, unstable there
    assert (found.regime[0] == Regime.SADDLE).all()
    assert (found.regime[1] == Regime.CHAOTIC).all() and (found.branch[1] == 1).all()
    assert (lt.basin_map(1.7, u=[0.25], v=[0.25]).branch == 0).all()  # beyond crisis there are no sides


def test_a_map_goes_to_a_file_and_back(tmp_path, monkeypatch):
    monkeypatch.setattr(basins, "CELLS_PER_TILE", 256)
    sweep = BasinSweep(0.9, u=AXIS, v=AXIS[:40])
    read = lt.load(lt.run_to_file(sweep, tmp_path / "x.h5"))
    for one, other in zip(read.variables(), sweeps.compute(sweep).variables(), strict=True):
        assert np.array_equal(one.values, other.values, equal_nan=one.values.dtype.kind == "f")
    assert read.settings == {"mu": 0.9, "coordinates": "uv", "n_steps": 2000, "variant": None}
    whole = (tmp_path / "x.h5").read_bytes()
    stopped_after(3, sweep, tmp_path / "y.h5")
    assert store.resume(tmp_path / "y.h5").read_bytes() == whole


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        ({"mu": 0.0, "u": AXIS, "v": AXIS}, "mu must be positive"),
        ({"mu": 0.9}, "u and v, or a and b, got none"),
        ({"mu": 0.9, "u": AXIS}, "u and v, or a and b, got u"),
        ({"mu": 0.9, "u": AXIS, "b": AXIS}, "u and v, or a and b, got ub"),
        ({"mu": 0.9, "u": AXIS[::-1], "v": AXIS}, "u must"),
        ({"mu": 0.9, "u": 1 + np.arange(4) * 2.0**-52, "v": AXIS}, "zoom less"),
        ({"mu": 0.9, "u": AXIS, "v": AXIS, "n_steps": 0}, "n_steps must lie"),
    ],
)
def test_bad_windows_are_refused(arguments, complaint):
    with pytest.raises(InputError, match=complaint):
        lt.basin_map(**arguments)


def test_the_command(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    assert main(["basin", "--mu", "0.9", "--u=-3:3:60", "--v=-3:3:50"]) == 0
    assert "catapult" in capsys.readouterr().out
    assert (tmp_path / "basin.png").stat().st_size > 10_000
    found = lt.load("basin.h5")
    assert found.regime.shape == (60, 50) and found.mu == 0.9
    for variable in ("regime", "steps", "branch"):
        assert main(["plot", "basin.h5", "--variable", variable, "--output", f"{variable}.png"]) == 0
    data = ["--target", "progression", "--context", "0:64", "--query", "64", "--standardize", "--center"]
    words = ["basin", str(lt.example_data()), *data, "--step-size", "7e-5", "--a=-2:2:30", "--b=-1:1:20"]
    assert main([*words, "--output", "y.h5", "--json"]) == 0
    assert lt.load("y.h5").mu == pytest.approx(0.9484, abs=1e-4)
    capsys.readouterr()
    assert main(["basin", "--output", "z.h5"]) == 2
    assert "--mu must be given" in capsys.readouterr().err
