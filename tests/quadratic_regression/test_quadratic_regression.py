"""Quadratic regression: gradient, reduction to the map step by step, phases, averaged predictor, refusals."""

from __future__ import annotations

import math

import numpy as np
import pytest
from controls import check_every_claim_has_one, check_fails_by_its_remainder
from problems import check_refused

import lintrans as lt
from experiments.quadratic_regression import phases
from lintrans.errors import NoNormalFormError
from lintrans.quadratic_regression import (
    OrthogonalData,
    QuadraticModel,
    SampleModes,
    error_curves,
    gradient,
    landmark_step_sizes,
    loss,
    predictions,
    time_average,
    train,
)
from lintrans.symbolic import modes, quadratic
from lintrans.two_factor.balanced_slice import landmarks

EPS = np.finfo(float).eps
MARKS = {name: mark.mu for name, mark in landmarks().items()}
MODELS = {**phases.MODELS, "three units, other sizes": QuadraticModel([0.3, -1.2, 2.0], slope=-0.4)}
REDUCIBLE = list(phases.MODELS)
ONE_SIGN = REDUCIBLE[:3]
every_model = pytest.mark.parametrize("name", MODELS)


def random_problem(model, seed=2, n=3, d=5):
    rng = np.random.default_rng(seed)
    data = OrthogonalData.random(n, d, seed=seed, norms=rng.uniform(0.5, 2, n), labels=rng.uniform(1, 3, n))
    return data, rng.standard_normal((model.n_units, d))


def without_half(data, model, weights):
    """Gradient of the loss without the 1/2."""
    return 2 * gradient(data, model, weights)


def ascending(data, model, weights):
    return -gradient(data, model, weights)


# -- the oracle: against the formula, complex step and finite differences


@every_model
def test_predictions_and_loss_are_the_formula(name):
    model = MODELS[name]
    data, W = random_problem(model)
    expected = [
        sum(g / 2 * (w @ x) ** 2 + model.slope * (w @ x) for g, w in zip(model.gammas, W, strict=True))
        for x in data.inputs
    ]
    # sums of up to 4 units and 5 features: a few roundings of terms of this size
    tolerance = 32 * EPS * np.abs(W @ data.inputs.T).max() ** 2
    assert np.abs(predictions(data.inputs, model, W) - expected).max() < tolerance
    squares = [(g - y) ** 2 for g, y in zip(expected, data.labels, strict=True)]
    assert loss(data, model, W) == pytest.approx(sum(squares) / (2 * data.n), rel=1e-13)


def complex_step(function, W, h=1e-100):
    """Gradient by complex step: no difference is taken, so the error is of rounding."""
    slope = np.empty(W.shape)
    for place in np.ndindex(W.shape):
        moved = W.astype(complex)
        moved[place] += 1j * h
        slope[place] = function(moved).imag / h
    return slope


@every_model
def test_gradient_is_the_complex_step_derivative(name):
    model = MODELS[name]
    data, W = random_problem(model)
    found = gradient(data, model, W)
    reference = complex_step(lambda V: loss(data, model, V), W)
    tolerance = 64 * EPS * np.abs(reference).max()  # some ten roundings, in both
    assert np.abs(found - reference).max() < tolerance
    for wrong in (ascending, without_half):
        assert np.abs(wrong(data, model, W) - reference).max() > 0.1 * np.abs(reference).max()
    doubled = complex_step(lambda V: 2 * loss(data, model, V), W)
    assert np.abs(found - doubled).max() > 0.1 * np.abs(reference).max()


@every_model
def test_gradient_is_the_difference_quotient(name):
    model = MODELS[name]
    data, W = random_problem(model)
    direction = np.random.default_rng(7).standard_normal(W.shape)
    direction /= np.linalg.norm(direction)
    h = 1e-4  # the loss is a quartic: the error is of order h^2 times its third derivative, plus eps/h
    quotient = (loss(data, model, W + h * direction) - loss(data, model, W - h * direction)) / (2 * h)
    assert np.vdot(gradient(data, model, W), direction) == pytest.approx(quotient, rel=1e-5)


@every_model
def test_training_is_repeated_gradient_steps(name):
    model = MODELS[name]
    data, W = random_problem(model)
    eta = 0.01
    run = train(data, model, W, step_size=eta, n_steps=5, keep_weights=True)
    for step in range(6):
        assert np.array_equal(run.weights[step], W)
        assert np.array_equal(run.predictions[step], predictions(data.inputs, model, W))
        assert run.losses[step] == pytest.approx(loss(data, model, W), rel=4 * EPS)
        W = W - eta * gradient(data, model, W)
    assert np.array_equal(run.final_weights, run.weights[5])
    assert (run.n_steps, run.overflowed, run.step_size) == (5, False, eta)
    assert train(data, model, run.weights[0], step_size=eta, n_steps=5).weights is None


def test_overflow_stops_training_with_finite_states():
    model = MODELS["network, 4 units"]
    data, W = random_problem(model)
    run = train(data, model, W, step_size=1e3, n_steps=100, keep_weights=True)
    assert run.overflowed and 0 < run.n_steps < 20
    assert len(run.predictions) == len(run.losses) == len(run.weights) == run.n_steps + 1
    assert np.isfinite(run.predictions).all() and np.isfinite(run.weights).all()
    assert np.array_equal(run.final_weights, run.weights[-1])
    shorter = train(data, model, W, step_size=1e3, n_steps=run.n_steps)
    assert not shorter.overflowed and np.array_equal(shorter.predictions, run.predictions)


# -- the reduction: training commutes with the map of every sample, step by step


def steps_of(name, mu, n_steps=120, grad=gradient):
    """Iterates of training by ``grad``, bounded or not, and what reduces them."""
    model = MODELS[name]
    data, eta, W = phases.problem(model, mu, n=4, d=6, seed=1)
    iterates = [W]
    for _ in range(n_steps):
        iterates.append(iterates[-1] - eta * grad(data, model, iterates[-1]))
        if not np.abs(iterates[-1]).max() < 1e3:
            break
    return data, model, SampleModes.of(data, model, step_size=eta), np.array(iterates)


def largest_gap(name, mu, grad=gradient):
    """Largest difference over all steps between a step of training and one of the map, in its terms."""
    data, model, sample, W = steps_of(name, mu, grad=grad)
    (a, b), mus = sample.project(W), sample.mus
    r = sample.residual([predictions(data.inputs, model, x) for x in W])
    new_a, new_b = modes.step_modes(a[:-1], b[:-1], mus)
    # Of the largest sample: inputs are orthogonal to rounding, so a part EPS of it enters all others.
    squares = (1 + a**2 + b**2 + mus).max(axis=1)[:, None]
    cubic = squares[:-1] ** 1.5  # size of a' = (1 - a^2 + b^2 + mu) a; the sign of a is dropped
    gaps = [(a[1:] - abs(new_a)) / cubic, (b[1:] - abs(new_b)) / cubic, (a**2 - b**2 - mus - r) / squares]
    if name in ONE_SIGN:
        assert not b.any()
        gaps.append((quadratic.residual_step(r[:-1], mus) - r[1:]) / cubic**2)
    return max(np.abs(gap).max() for gap in gaps)


MUS_OF_EVERY_REGIME = [0.3, 0.9, 1.1, 1.3, 1.5, 1.8, 2.0, 2.4]


@pytest.mark.parametrize("mu", MUS_OF_EVERY_REGIME)
@pytest.mark.parametrize("name", REDUCIBLE)
def test_every_step_commutes_with_the_map(name, mu):
    # One step from the same state, so nothing adds up over steps: a few roundings of terms of that size, in
    # projections, gradient and map, and inputs that are orthogonal to an EPS or two. 2.6 EPS were measured.
    assert largest_gap(name, mu) < 8 * EPS


@pytest.mark.parametrize("wrong", [ascending, without_half])
@pytest.mark.parametrize("name", REDUCIBLE)
def test_a_wrong_gradient_does_not_commute(name, wrong):
    assert largest_gap(name, 0.9, grad=wrong) > 1e-3


def test_what_no_input_sees_never_moves():
    data, _, _, W = steps_of("network, 4 units", 1.5)
    seen = W @ data.inputs.T / data.squared_norms @ data.inputs
    frozen = W - seen
    assert np.abs(frozen[0]).max() > 0.1
    # a rounding per step, of entries below 10, adds up over 120 steps
    assert np.abs(frozen - frozen[0]).max() < 120 * 10 * EPS


def test_mu_of_a_known_problem():
    data = OrthogonalData([[2.0, 0.0, 0.0], [0.0, 0.0, 3.0]], [1.0, 0.5])
    # eta gamma |x|^2 y / n, and y + slope^2 m / (2 gamma) in place of y
    plain = SampleModes.of(data, QuadraticModel([1.5]), step_size=0.1)
    assert plain.mus == pytest.approx([0.1 * 1.5 * 4 * 1 / 2, 0.1 * 1.5 * 9 * 0.5 / 2], rel=4 * EPS)
    sloped = SampleModes.of(data, QuadraticModel([1.5, 1.5], slope=0.6), step_size=0.1)
    shift = 0.36 * 2 / 3.0
    assert sloped.mus == pytest.approx(plain.mus * (data.labels + shift) / data.labels, rel=8 * EPS)
    both = SampleModes.of(data.with_labels([1.0, -0.5]), QuadraticModel([1.5, -1.5]), step_size=0.1)
    assert both.mus == pytest.approx(plain.mus, rel=4 * EPS)
    assert both.signs.tolist() == [1.0, -1.0]


@pytest.mark.parametrize("name", REDUCIBLE)
def test_weights_invert_project(name):
    model = MODELS[name]
    data, _ = random_problem(model)
    sample = SampleModes.of(data, model, step_size=0.1)
    a = np.array([0.3, 1.0, 1.6])
    b = a / 5 if name == "units of both signs" else np.zeros(3)
    found = sample.project(sample.weights(a, b))
    assert np.abs(np.subtract(found, (a, b))).max() < 32 * EPS
    u, v = sample.normal_form(sample.weights(a, b))
    assert np.abs(sample.mus * u * v - (a**2 - b**2)).max() < 64 * EPS


def test_a_negative_label_is_the_other_side_of_units_of_both_signs():
    model, data = QuadraticModel([1.0, -1.0]), OrthogonalData([[1.0, 0.0]], [-1.0])
    sample = SampleModes.of(data, model, step_size=0.7)
    W = np.array([[0.2, 0.0], [0.9, 0.0]])
    a, b = sample.project(W)
    assert a > b
    run = train(data, model, W, step_size=0.7, n_steps=400)
    assert abs(run.predictions[-1, 0] + 1) < 1e-12  # multiplier below 1/2 in size


def test_landmark_step_sizes_are_where_mu_is_the_landmark():
    model = MODELS["with a slope"]
    data, _ = random_problem(model)
    steps = landmark_step_sizes(data, model)
    assert list(steps) == list(MARKS)
    for name, etas in steps.items():
        for i, eta in enumerate(etas):
            assert SampleModes.of(data, model, step_size=eta).mus[i] == pytest.approx(
                MARKS[name], rel=8 * EPS
            )


# -- the five phases, by full gradient descent, against the map at the same mu

# Both sides of every threshold. At `monotone` (the probe rises in its first step) and `chebyshev` nothing has
# to settle, and 1e-6 is told apart. At the distance d from 1 and from the doubling orbits settle like
# exp(-2 d t) to exp(-4.5 d t), by the multipliers 1 - 2 mu and, per two steps, 9 - 2 (1 + mu)^2: d = 0.01
# reaches 1e-8 within 1000 steps, 1e-4 would take 90,000. Just below the accumulation periods exceed the 64
# looked for. At the other marks the attractor changes its shape, or a window is narrow.
NEAR = [
    ("monotone", 1e-6, "monotone", "catapult"),
    ("stable", 0.01, "catapult", "period 2"),
    ("period_4", 0.01, "period 2", "period 4"),
    ("accumulation", 0.0023, "period 16", "chaotic"),
    ("band_merging", 0.005, "chaotic", "chaotic"),
    ("period_3", 0.003, "chaotic", "period 3"),
    ("crisis", 0.005, "chaotic", "chaotic"),
    ("chebyshev", 1e-6, "chaotic", "divergent"),
]
N_STEPS = 8192


def phase_of_probe(mu, name="phase retrieval", n_steps=N_STEPS, **changes):
    model = MODELS[name]
    data, eta, start = phases.problem(model, mu, n=2, d=3, seed=4)
    found = phases.judge(data, model, start, eta, n_steps, **changes)
    return found, phases.predicted(data, model, start, eta, lt.regime)


@pytest.mark.parametrize("side", [-1, 1], ids=["below", "above"])
@pytest.mark.parametrize(("mark", "distance", "below", "above"), NEAR, ids=[row[0] for row in NEAR])
def test_phases_of_training_at_every_threshold(mark, distance, below, above, side):
    found, expected = phase_of_probe(MARKS[mark] + side * distance)
    assert found == expected
    assert found[0] == (below if side < 0 else above)


@pytest.mark.parametrize("mu", [0.2, 0.6, 0.9, 1.1, 1.2, 1.45, 1.7, 1.9, 2.1, 2.5])
@pytest.mark.parametrize("name", REDUCIBLE)
def test_phases_of_training_are_those_of_the_map(name, mu):
    found, expected = phase_of_probe(mu, name)
    assert found == expected


def test_all_five_phases_occur_at_once_but_for_divergence():
    """One run, a label per phase: samples do not disturb one another."""
    mus, model = np.array([0.5, 0.95, 1.15, 1.8]), QuadraticModel([1.0])
    data = OrthogonalData.random(4, 4, seed=5, labels=4 * mus)
    sample = SampleModes.of(data, model, step_size=1.0)
    assert sample.mus == pytest.approx(mus, rel=1e-12)
    start = sample.weights(np.sqrt(1 + mus / 2))
    assert phases.judge(data, model, start, 1.0, N_STEPS) == ["monotone", "catapult", "period 2", "chaotic"]
    larger = data.with_labels(4 * np.array([0.5, 0.95, 1.15, 2.1]))
    assert set(phases.judge(larger, model, start, 1.0, N_STEPS)) == {"divergent"}


@pytest.mark.parametrize("wrong", [ascending, without_half])
def test_a_wrong_gradient_ends_in_another_phase(wrong):
    def train_wrong(data, model, start, step_size, n_steps):
        factor = {ascending: -1, without_half: 2}[wrong]
        with np.errstate(all="ignore"):
            return descend(data, model, start, factor * step_size, n_steps)

    for mu in (0.6, 1.1, 1.5):
        found, expected = phase_of_probe(mu, train=train_wrong, gradient=wrong)
        assert found != expected


def descend(data, model, W, eta, n_steps):
    """Like `train`, for step sizes of either sign."""
    series = []
    for _ in range(n_steps + 1):
        if not np.abs(W).max() < 1e50:
            break
        series.append(predictions(data.inputs, model, W))
        W = W - eta * gradient(data, model, W)
    return Run(np.array(series), len(series) <= n_steps, W)


class Run:
    def __init__(self, series, overflowed, weights):
        self.predictions, self.overflowed, self.final_weights = series, overflowed, weights


# -- the averaged predictor


def run_at(mu, *, n_steps=4000, seed=6, name="network, 4 units", keep_weights=True):
    model = MODELS[name]
    data, eta, start = phases.problem(model, mu, n=3, d=4, seed=seed)
    run = train(data, model, start, step_size=eta, n_steps=n_steps, keep_weights=keep_weights)
    return data, run


def relative_average(mu, n_discard=2000, **options):
    data, run = run_at(mu, **options)
    return time_average(run, n_discard=n_discard).predictions(data.inputs) / phases.targets(data, run.model)


@every_model
def test_moments_are_the_mean_of_predictions(name):
    model = MODELS[name]
    data, W = random_problem(model)
    run = train(data, model, W, step_size=1e-2, n_steps=40, keep_weights=True)
    inputs = np.random.default_rng(8).standard_normal((6, data.d))
    direct = np.mean([predictions(inputs, model, V) for V in run.weights[10:]], axis=0)
    average = time_average(run, n_discard=10)
    assert average.n_iterates == 31
    assert np.abs(average.predictions(inputs) - direct).max() < 1e-12 * np.abs(direct).max()
    of_the_mean = predictions(inputs, model, run.weights[10:].mean(axis=0))
    assert np.abs(of_the_mean - direct).max() > 1e-6 * np.abs(direct).max()


@pytest.mark.parametrize("mu", [1.15, 1.7])
def test_error_curves_are_their_definition(mu):
    data, run = run_at(mu, n_steps=50)
    inputs, labels = np.random.default_rng(9).standard_normal((5, data.d)), np.arange(5.0)
    curves = error_curves(run, inputs, labels, n_discard=20)
    series = np.array([predictions(inputs, run.model, V) for V in run.weights])
    assert curves.steps.tolist() == list(range(20, 51))
    for k, step in enumerate(curves.steps):
        mean = series[20 : step + 1].mean(axis=0)
        assert curves.last[k] == pytest.approx(np.mean((series[step] - labels) ** 2) / 2, rel=1e-13)
        assert curves.averaged[k] == pytest.approx(np.mean((mean - labels) ** 2) / 2, rel=1e-12)
    on_training = error_curves(run, data.inputs, data.labels, n_discard=0).last
    # Claim quadratic.average: no larger than the mean over the iterates, on any samples
    assert np.abs(on_training - run.losses).max() < 1e-13 * run.losses.max()
    assert curves.averaged[-1] < curves.last.mean()


@pytest.mark.parametrize("mu", [0.4, 0.9])
def test_the_average_of_converged_training_is_the_label(mu):
    assert np.abs(relative_average(mu) - 1).max() < 1e-12


@pytest.mark.parametrize("mu", [1.05, 1.15, 1.2])
def test_the_average_over_the_two_cycle_is_the_closed_form(mu):
    """Claim quadratic.two_cycle_average, over an even number of iterates: of 4001, 2001 are discarded."""
    found = relative_average(mu, n_discard=2001)
    assert np.abs(found - (mu + 1) / (2 * mu)).max() < 1e-11
    assert np.abs(relative_average(mu, n_discard=2000) - (mu + 1) / (2 * mu)).max() > 1e-6
    data, run = run_at(mu)
    last = run.predictions[2001:] / phases.targets(data, run.model) - 1
    assert np.square(last).mean(axis=0) / 2 == pytest.approx((mu**2 - 1) / (4 * mu**2), rel=1e-10)


def test_the_average_at_two_interpolates():
    """Claim quadratic.chebyshev_average: means over a chaotic run fluctuate like n^-1/2."""
    data, run = run_at(2 - 1e-9, n_steps=20_000, name="phase retrieval")
    series = run.predictions[1000:] / data.labels - 1
    batches = np.array([part.mean(axis=0) for part in np.array_split(series, 20)])
    error = batches.std(axis=0, ddof=1) / math.sqrt(20)
    assert (error < 0.02).all()
    assert (np.abs(series.mean(axis=0)) < 5 * error).all()  # 5 sigma
    assert np.square(series).mean(axis=0) / 2 == pytest.approx(0.25, abs=0.02)


@pytest.mark.parametrize("mu", [1.1, 1.28, 1.32, 1.4, 1.5, 1.59])
def test_the_average_never_overshoots_while_signs_are_kept(mu):
    """Claim quadratic.bias: up to the crisis starts with a^2 < 1 + mu keep the sign of a."""
    model, data = QuadraticModel([1.0]), OrthogonalData([[1.0]], [mu])  # eta = 1
    run = train(data, model, [[math.sqrt(mu)]], step_size=1.0, n_steps=4000, keep_weights=True)
    assert (run.weights > 0).all()
    # From start to end ln a changes by less than 5; over 4000 steps that is less than 2e-3 of mean.
    assert time_average(run, n_discard=0).predictions([[1.0]])[0] < mu + 2e-3


@pytest.mark.parametrize(("mu", "periodic"), [(1.15, True), (1.8, False)])
def test_the_error_of_the_average_settles_where_that_of_the_iterate_does_not(mu, periodic):
    data, run = run_at(mu, name="network, 4 units")
    rng = np.random.default_rng(10)
    inputs = rng.standard_normal((50, data.d))
    labels = predictions(inputs, run.model, rng.standard_normal((4, data.d)))
    curves = error_curves(run, inputs, labels, n_discard=500)
    half = len(curves.steps) // 2
    assert curves.last[half:].std() > 1e-3 * curves.last.mean()
    assert curves.averaged[half:].std() < curves.last[half:].std() / 20
    if periodic:
        assert np.abs(curves.last[half + 2 :] - curves.last[half:-2]).max() < 1e-9 * curves.last.max()


def test_a_run_that_overflowed_has_no_average():
    data, run = run_at(2.3)
    assert run.overflowed
    average = time_average(run, n_discard=0)
    assert np.isnan(average.predictions(data.inputs)).all() and average.n_iterates == 0
    curves = error_curves(run, data.inputs, data.labels, n_discard=1)
    assert np.isnan(curves.averaged).all() and len(curves.last) == len(curves.steps) == run.n_steps
    assert error_curves(run, data.inputs, data.labels, n_discard=3000).last.size == 0


# -- data


@pytest.mark.parametrize(("n", "d"), [(1, 1), (5, 5), (20, 200), (150, 150)])
def test_random_data_are_orthogonal_with_the_lengths_asked_for(n, d):
    norms = np.linspace(0.5, 3, n)
    data = OrthogonalData.random(n, d, seed=0, norms=norms, labels=2.0)
    assert np.abs(data.squared_norms / norms**2 - 1).max() < 1e-13
    assert (data.labels == 2).all()
    again = OrthogonalData.random(n, d, seed=0, norms=norms, labels=2.0)
    assert np.array_equal(again.inputs, data.inputs)
    assert not np.allclose(np.abs(OrthogonalData.random(n, d, seed=1).inputs), np.abs(data.inputs)) or d == 1


def test_directions_have_no_preferred_sign():
    first = [OrthogonalData.random(2, 3, seed=s).inputs[0, 0] for s in range(400)]
    # mean 0 and variance 1/3, so the mean of 400 has the deviation 0.029; 5 sigma
    assert abs(np.mean(first)) < 0.145
    assert np.mean(np.square(first)) == pytest.approx(1 / 3, abs=0.08)


def test_scales_of_inputs_do_not_matter_for_orthogonality():
    for size in (1e-200, 1.0, 1e200):
        OrthogonalData(size * np.eye(3)[:, ::-1], [1.0, 1.0, 1.0])
    with pytest.raises(lt.InputError, match="cosine"):
        OrthogonalData(1e-200 * np.array([[1.0, 1e-13], [0.0, 1.0]]), [1.0, 1.0])


def test_arrays_are_copied_and_read_only():
    inputs = np.eye(2)
    data = OrthogonalData(inputs, [1.0, 2.0])
    inputs[0, 0] = 5
    assert data.inputs[0, 0] == 1
    with pytest.raises(ValueError, match="read-only"):
        data.inputs[0, 0] = 5


# -- refusals

DATA = OrthogonalData([[1.0, 0.0], [0.0, 1.0]], [1.0, 2.0])
ONE = QuadraticModel([1.0])
W = [[1.0, 1.0]]
RUN = train(DATA, ONE, W, step_size=0.1, n_steps=3, keep_weights=True)
REFUSED = {
    "not orthogonal": (
        lambda: OrthogonalData([[1.0, 0.0], [1e-9, 1.0]], [1, 1]),
        ["inputs", "orthogonal", "1e-09", "0 and 1"],
    ),
    "zero row": (lambda: OrthogonalData([[1.0, 0.0], [0.0, 0.0]], [1, 1]), ["inputs[1]", "drop"]),
    "no sample": (lambda: OrthogonalData(np.empty((0, 2)), []), ["inputs", "(0, 2)"]),
    "one axis": (lambda: OrthogonalData([1.0, 2.0], [1.0]), ["inputs", "2 axes"]),
    "label missing": (lambda: OrthogonalData(np.eye(2), [1.0]), ["labels", "2 rows", "got 1"]),
    "NaN label": (lambda: OrthogonalData(np.eye(2), [1.0, math.nan]), ["labels[1]", "nan"]),
    "too many samples": (lambda: OrthogonalData.random(4, 3, seed=0), ["n=4", "d=3"]),
    "negative norm": (lambda: OrthogonalData.random(2, 3, seed=0, norms=[1, -1]), ["norms", "-1"]),
    "norms of another length": (
        lambda: OrthogonalData.random(2, 3, seed=0, norms=[1, 1, 1]),
        ["norms", "(2,)"],
    ),
    "seed": (lambda: OrthogonalData.random(2, 3, seed=-1), ["seed"]),
    "gamma 0": (lambda: QuadraticModel([1.0, 0.0]), ["gammas", "nonzero"]),
    "no gamma": (lambda: QuadraticModel([]), ["gammas"]),
    "slope": (lambda: QuadraticModel([1.0], slope=math.inf), ["slope", "inf"]),
    "a row of weights too many": (
        lambda: gradient(DATA, ONE, np.ones((2, 2))),
        ["weights", "1 units", "(2, 2)"],
    ),
    "a vector of weights": (lambda: gradient(DATA, ONE, [1.0, 1.0]), ["weights", "2 axes"]),
    "columns of weights": (lambda: loss(DATA, ONE, [[1.0, 1.0, 1.0]]), ["inputs", "3 columns", "got 2"]),
    "columns in training": (
        lambda: train(DATA, ONE, [[1.0]], step_size=1, n_steps=1),
        ["weights", "2 columns"],
    ),
    "step size": (lambda: train(DATA, ONE, W, step_size=0, n_steps=1), ["step_size", "positive"]),
    "steps": (lambda: train(DATA, ONE, W, step_size=1, n_steps=0), ["n_steps"]),
    "memory": (lambda: train(DATA, ONE, W, step_size=1, n_steps=10**9), ["n_steps", "1 GiB", "lower"]),
    "complex start": (lambda: train(DATA, ONE, [[1j, 1]], step_size=1, n_steps=1), ["weights", "real"]),
    "start overflows": (
        lambda: train(DATA, ONE, [[1e200, 0]], step_size=1, n_steps=1),
        ["weights", "overflow"],
    ),
    "gradient overflows": (lambda: gradient(DATA, ONE, [[1e110, 0]]), ["weights", "overflow"]),
    "iterates not kept": (
        lambda: time_average(train(DATA, ONE, W, step_size=0.1, n_steps=3), n_discard=0),
        ["run", "keep_weights=True"],
    ),
    "nothing to average": (lambda: time_average(RUN, n_discard=4), ["n_discard", "3 steps", "got 4"]),
    "test labels": (lambda: error_curves(RUN, np.eye(2), [1.0], n_discard=0), ["labels", "got 1", "2 rows"]),
    "test inputs": (lambda: error_curves(RUN, np.eye(3), [1.0] * 3, n_discard=0), ["inputs", "2 columns"]),
    "inputs of an average": (
        lambda: time_average(RUN, n_discard=0).predictions(np.eye(3)),
        ["inputs", "2 columns"],
    ),
    "gammas of two sizes": (
        lambda: SampleModes.of(DATA, QuadraticModel([1.0, 2.0]), step_size=1),
        ["gammas", "one size", "[1.0, 2.0]"],
    ),
    "tiny step": (lambda: SampleModes.of(DATA, ONE, step_size=5e-324), ["step_size", "mu"]),
    "huge labels": (
        lambda: landmark_step_sizes(OrthogonalData([[1e200]], [1e200]), ONE),
        ["data", "range", "rescale"],
    ),
    "weights of another shape": (
        lambda: SampleModes.of(DATA, ONE, step_size=1).project(np.ones((2, 2, 3))),
        ["weights", "(..., 1, 2)", "(2, 2, 3)"],
    ),
    "no unit for b": (lambda: SampleModes.of(DATA, ONE, step_size=1).weights(1.0, 0.5), ["b", "0.5"]),
}


@pytest.mark.parametrize("name", REFUSED)
def test_refusals_are_one_line_with_a_remedy(name):
    call, parts = REFUSED[name]
    check_refused(call, parts)


@pytest.mark.parametrize(
    ("labels", "gammas"), [([1.0, -2.0], [1.0]), ([1.0, 0.0], [1.0, -1.0]), ([1.0, 2.0], [-1.0])]
)
def test_labels_that_no_unit_reaches_have_no_normal_form(labels, gammas):
    data = OrthogonalData(np.eye(2), labels)
    with pytest.raises(NoNormalFormError, match="labels must have a target"):
        SampleModes.of(data, QuadraticModel(gammas), step_size=1.0)


# -- the claims: a wrong map, a wrong number or a dropped hypothesis fails


def not_orthogonal():
    plane, space = quadratic.orthogonal_inputs()
    return [plane[0], plane[1] + plane[0]], space


CONTROLS = {
    "quadratic.decoupled, inputs not orthogonal": lambda: quadratic.projections_decouple(not_orthogonal()),
    "quadratic.decoupled, loss without the 1/2": lambda: quadratic.projections_decouple(factor=1),
    "quadratic.residual, sign flipped": lambda: quadratic.residual_obeys_the_cubic(
        lambda z, mu: quadratic.residual_step(-z, mu)
    ),
    "quadratic.residual, mu doubled": lambda: quadratic.residual_obeys_the_cubic(
        lambda z, mu: quadratic.residual_step(z, 2 * mu)
    ),
    "quadratic.plane, modes exchanged": lambda: quadratic.units_of_both_signs_are_the_plane_map(
        lambda a, b, mu: modes.step_modes(a, b, -mu)
    ),
    "quadratic.half": lambda: quadratic.convention_doubles_mu(1),
    "quadratic.average, variance added": lambda: quadratic.average_has_the_smaller_error(-1),
    "quadratic.bias, another limit": lambda: quadratic.average_never_overshoots(2),
    "quadratic.two_cycle_average": lambda: quadratic.average_over_the_two_cycle(
        lambda mu: (1 - mu, (mu**2 - 1) / 2)
    ),
    "quadratic.chebyshev_average, mean": lambda: quadratic.average_at_two(mean=-1),
    "quadratic.chebyshev_average, square": lambda: quadratic.average_at_two(square=1),
}


@pytest.mark.parametrize("control", CONTROLS.values(), ids=CONTROLS.keys())
def test_wrong_statement_fails(control):
    check_fails_by_its_remainder(control)


def test_every_claim_has_a_control():
    check_every_claim_has_one(CONTROLS, ["quadratic"])
