"""Basins, samples and mini-batch walks of the page equal, cell by cell, those of the Python source."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from node import call, call_many, copy_modules, needs_node
from python_source import CASES, Basin, Samples, Walk

from lintrans.compiled import philox
from lintrans.minibatch import Batches, Population, draw_batches
from lintrans.two_factor import Variant, normal_form
from lintrans.two_factor.orbits import orbit

pytestmark = needs_node

EPS = np.finfo(float).eps
SOURCE = Path(__file__).parent / "python_source.py"
SHARPNESS = 5  # ulps: hypot of the package is within 1, sqrt(x * x + y * y) of the page rounds 4 times


@pytest.fixture(scope="module")
def found(tmp_path_factory):
    """What the source finds in every case, by case and field."""
    path = tmp_path_factory.mktemp("source") / "found.npz"
    words = [sys.executable, "-W", "ignore", str(SOURCE), str(path)]  # of overflows, as compiled loops do
    subprocess.run(words, env={**os.environ, "NUMBA_DISABLE_JIT": "1"}, check=True)
    with np.load(path) as file:
        return {name: file[name] for name in file.files}


def of(found, name):
    return {key.partition("/")[2]: x for key, x in found.items() if key.partition("/")[0] == name}


def names_of(kind):
    return [name for name, case in CASES.items() if isinstance(case, kind)]


def words_of(variant):
    """A variant as the page takes it."""
    if variant is None:
        return None
    decay, momentum, schedule = variant
    return {"weightDecay": decay, "momentum": momentum, "schedule": np.array(schedule, dtype=float)}


def basin_options(case, **changes):
    x, y = (axis.ravel() for axis in np.meshgrid(*case.axes, indexing="ij"))
    options = {"mu": case.mu, "x": x, "y": y, "coordinates": case.coordinates, "nSteps": case.n_steps}
    return options | {"variant": words_of(case.variant), "attractor": case.attractor} | changes


@pytest.mark.parametrize("name", names_of(Basin))
def test_basins_equal_the_source_cell_by_cell(found, name):
    cells = call("basins.js", "basinPoints", basin_options(CASES[name]))
    expected = {key: x.ravel() for key, x in of(found, name).items()}
    for key in ("regime", "steps", "branch"):
        assert np.array_equal(cells[key], expected[key]), key
    mine, theirs = cells["sharpness"], expected["sharpness"]
    assert np.array_equal(np.isnan(mine), np.isnan(theirs))
    assert np.nanmax(np.abs(mine - theirs) / np.spacing(theirs), initial=0) <= SHARPNESS


def test_the_cases_meet_all_endings(found):
    seen = np.unique(np.concatenate([found[f"{name}/regime"].ravel() for name in names_of(Basin)]))
    assert set(seen) >= {0, 1, 2, 4, 5}


def test_the_theory_gives_the_regimes_that_iteration_gives():
    case = CASES["chaos"]._replace(n_steps=2000)
    full, quick = (
        call("basins.js", "basinPoints", basin_options(case, regimeOnly=only)) for only in (False, True)
    )
    assert np.array_equal(full["regime"], quick["regime"])
    inside = quick["regime"] == case.attractor
    assert inside.any()
    assert not quick["branch"][inside].any()
    assert (quick["steps"][inside] == 2000).all()
    assert np.array_equal(full["steps"][~inside], quick["steps"][~inside])


def test_the_attractor_is_measured_where_it_is_not_given():
    case = CASES["chaos"]
    options = basin_options(case)
    given = call("basins.js", "basinPoints", options)
    del options["attractor"]
    assert np.array_equal(call("basins.js", "basinPoints", options)["regime"], given["regime"])
    codes = [call("basins.js", "attractorCode", mu) for mu in (0.9, 1.1, 1.5, 2.0)]
    assert codes == [0, 3, 4, 0]


@pytest.mark.parametrize("name", names_of(Samples))
def test_samples_equal_the_source_to_the_bit(found, name):
    case, expected = CASES[name], of(found, name)
    starts = None if case.start is None else dict(zip("uv", case.start, strict=True))
    options = {"mus": case.mus, "starts": starts, "variant": words_of(case.variant)}
    options |= {"nTransient": case.n_transient, "nSamples": case.n_samples}
    mine = call("states.js", "orbitSamples", options)
    for key in "ab":
        assert np.array_equal(mine[key], expected[key].ravel(), equal_nan=True)
    assert 0 < np.isnan(mine["a"]).mean() < 0.5
    check_image(case, options, expected)


def check_image(case, options, samples):
    """The picture counts those samples."""
    mu = case.mus[:, None]
    r = normal_form.residual(mu, samples["a"], samples["b"])
    quantities = {"uv": 1 + r / mu, "a": samples["a"], "loss": np.square(r / mu) / 2}
    low, high, height = -0.3, 1.4, 17
    for quantity, values in quantities.items():
        window = {"quantity": quantity, "low": low, "high": high, "height": height}
        image = call("states.js", "orbitImage", options | window)
        rows = np.floor((values - low) * (height / (high - low)))
        counts = np.stack([(rows == row).sum(axis=1) for row in range(height)])
        assert np.array_equal(image["counts"], counts.ravel())
        assert (image["min"], image["max"]) == (np.nanmin(values), np.nanmax(values))


TO_OVERFLOW = (2.3, 3.0, 3.0)


@pytest.mark.parametrize("start", [(1.3, 0.5, 0.4), (0.6, 0.5, 0.5), TO_OVERFLOW])
@pytest.mark.parametrize("variant", [None, Variant(0.1, 0.3, (0.5, 0.8, 1.0))])
def test_one_orbit_is_that_of_the_package_for_few_steps(start, variant):
    """Compiled steps fuse products and sums: an ulp each, which 12 steps here amplify a hundredfold."""
    mu, u, v = start
    a, b = normal_form.to_modes([mu], [u], [v])
    options = {"mu": mu, "a": float(a[0]), "b": float(b[0]), "nSteps": 12, "variant": words_of(variant)}
    mine, theirs = call("states.js", "orbit", options), orbit(mu, u, v, n_steps=12, variant=variant)
    np.testing.assert_allclose(mine["a"], theirs.a, rtol=1e3 * EPS, equal_nan=True)
    np.testing.assert_allclose(mine["b"], theirs.b, rtol=1e3 * EPS, equal_nan=True)
    assert np.array_equal(mine["r"], normal_form.residual(mu, mine["a"], mine["b"]), equal_nan=True)


def walk_options(case, **changes):
    excess, mismatch = case.population.for_kernels()
    a, b = case.modes
    options = {"population": {"excess": excess, "mismatch": mismatch}, "batchSize": case.batch_size}
    options |= {"sampling": case.sampling, "seed": case.seed, "first": case.first, "n": case.n}
    options |= {"mu": case.mu, "a": a, "b": b, "nSteps": case.n_steps}
    return options | {"schedule": None if case.schedule is None else np.array(case.schedule)} | changes


@pytest.mark.parametrize("name", names_of(Walk))
def test_walks_have_the_events_of_the_source(found, name):
    case, expected = CASES[name], of(found, name)
    mine = call("batches.js", "walk", walk_options(case, keepPaths=True, keepBatches=True))
    assert np.array_equal(mine["left"], expected["left"])
    assert np.array_equal(mine["diverged"], expected["diverged"])
    stays = expected["diverged"] < 0
    assert np.array_equal(mine["endA"][stays], expected["end_a"][stays])
    assert np.array_equal(mine["endB"][stays], expected["end_b"][stays])
    path = mine["paths"]["a"].reshape(case.n, -1)
    assert np.array_equal(path[stays, -1], mine["endA"][stays])
    lasts = np.isfinite(path).sum(axis=1) - 1
    assert np.array_equal(lasts, np.where(stays, case.n_steps, expected["diverged"]))


def test_the_walks_meet_all_events(found):
    for event in ("left", "diverged"):
        steps = np.concatenate([found[f"{name}/{event}"] for name in names_of(Walk)])
        assert 20 < (steps >= 0).sum() < steps.size - 20


def test_kept_batches_are_those_drawn():
    case = CASES["epochs"]._replace(mu=0.8, n=1, seed=3)
    kept = call("batches.js", "walk", walk_options(case, keepBatches=True))["batches"]
    batches = Batches(case.batch_size, sampling=case.sampling, n_steps=case.n_steps, seed=case.seed)
    drawn = draw_batches(case.population.n_prompts, batches, trajectory=case.first)
    rounding = case.batch_size * 2 * EPS  # of sums of excesses here, of curvatures there
    curvatures, targets = (
        x[drawn].mean(axis=1) for x in (case.population.curvatures, case.population.targets)
    )
    np.testing.assert_allclose(kept["curvature"], curvatures, rtol=rounding)
    np.testing.assert_allclose(kept["target"], targets, rtol=rounding)


FAULTS = {  # file, what is replaced, by what, the case that shows it
    "a look too late": ("fates.js", "LOOK = 32", "LOOK = 64", "plain"),
    "settled too early": ("fates.js", " && Math.abs(residual(mu, a, b)) <= settled", "", "plain"),
    "no margin of stability": ("fates.js", "2 * (1 + momentum) * (1 - FLAT)", "1 + momentum", "momentum"),
    "a round too few": ("../../../pages/modules/philox.js", "ROUNDS = 10", "ROUNDS = 9", "by fours"),
    "another order of draws": ("draws.js", "const i = p + numbers", "const i = numbers", "epochs"),
    "a schedule of mismatches only": ("batches.js", "= moves + moves * share", "= 1 + share", "a schedule"),
    "a bound off the slice at mu = 2": ("batches.js", ": Infinity;", ": 0;", "mu = 2, off the slice"),
    "a bound above mu = 2": ("batches.js", ": Infinity, b", ": 0, b", "above mu = 2"),
    "sign of the push": ("batches.js", "mu * dealer.mismatch", "-mu * dealer.mismatch", "one by one"),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_a_planted_fault_is_seen(fault, found, tmp_path):
    file, old, new, name = FAULTS[fault]
    path = copy_modules(tmp_path) / "lintrans/explorer/modules/kernels" / file
    text = path.read_text()
    assert text.count(old) == 1
    path.write_text(text.replace(old, new))
    case, expected = CASES[name], of(found, name)
    if isinstance(case, Basin):
        asked = ("basins.js", "basinPoints", [basin_options(case)], False)
    else:
        asked = ("batches.js", "walk", [walk_options(case)], False)
    mine = call_many([asked], tmp_path)[0]
    names = ("regime", "steps") if isinstance(case, Basin) else ("left", "diverged")
    assert not all(np.array_equal(mine[key], expected[key].ravel()) for key in names)


def test_random_words_are_those_of_philox():
    counters = np.random.default_rng(2).integers(0, 2**32, (50, 6), dtype=np.uint64)
    expected = [[int(word) for word in philox.philox.py_func(*counter)] for counter in counters]
    calls = [("tests/explorer/checks.js", "randomWords", [row.tolist()], False) for row in counters]
    assert call_many(calls) == expected


def test_survival_is_that_of_the_package(found):
    left = found["one by one/left"].astype(np.int32)
    n_steps = CASES["one by one"].n_steps
    mine = call("batches.js", "survival", {"steps": left, "nSteps": n_steps})
    alive = np.array([((left < 0) | (left > step)).sum() for step in range(n_steps + 1)])
    ends = call("proportions.js", "intervals", left.size)
    assert np.array_equal(mine["share"], alive / left.size)
    assert np.array_equal(mine["low"], ends["low"][alive])
    assert np.array_equal(mine["high"], ends["high"][alive])


REFUSED = [
    ({"sampling": "some"}, "unknown sampling some"),
    ({"batchSize": 31}, "a batch of 31 does not fit"),
    ({"batchSize": 0}, "the batch size must be a whole number from 1, got 0"),
    ({"batchSize": 2.5}, "the batch size must be a whole number from 1, got 2.5"),
    ({"schedule": np.array([0.5, 1.5])}, "step sizes over mu must be from 0 to 1, got 1.5"),
    ({"schedule": np.array([-0.1])}, "step sizes over mu must be from 0 to 1, got -0.1"),
    ({"schedule": np.array([np.nan])}, "step sizes over mu must be from 0 to 1, got NaN"),
]


def test_draws_that_cannot_be_made_are_refused():
    for changes, words in REFUSED:
        with pytest.raises(AssertionError, match=f"RangeError: {words}"):
            call("batches.js", "walk", walk_options(CASES["epochs"], **changes))


SIZES = [(0.4, 0.2, 200), (0.3, 0.0, 37), (0.5, 0.1, 1301), (0.2, 1.0, 5)]


@pytest.mark.parametrize(("spread", "noise", "n"), SIZES)
def test_populations_are_those_of_the_package(spread, noise, n):
    rng = np.random.default_rng(0)
    normals = rng.standard_normal(2 * n)
    theirs = Population.sampled(n, spread=spread, noise=noise, seed=0)
    sampled = call("population.js", "population", {"spread": spread, "noise": noise, "normals": normals})
    np.testing.assert_allclose(sampled["moments"], theirs.moments, rtol=2 * EPS)  # an exp is within an ulp
    mine = call("population.js", "populationOf", {"moments": theirs.moments, "labels": theirs.labels})
    excess, mismatch = theirs.for_kernels()
    assert np.array_equal(mine["excess"], excess)
    assert np.array_equal(mine["mismatch"], mismatch)
    assert mine["interpolates"] == theirs.interpolates == (noise == 0)
    summary = theirs.summary()
    names = {"curvatureStd": "curvature_std", "mismatchStd": "mismatch_std"}
    names |= {"unitStepSize": "unit_step_size", "largestCurvature": "largest_curvature"}
    assert {name: mine[name] for name in names} == {name: summary[other] for name, other in names.items()}
    assert mine["covariance"] == theirs.variances.both
    assert (mine["meanSquare"], mine["meanProduct"]) == (theirs.mean_square, theirs.mean_product)
