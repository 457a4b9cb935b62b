"""Softmax attention: its gradients against two other derivatives, its limits, and the experiment on it."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
from problems import (
    GOOD,
    PROMPTS,
    UNIT,
    both_kinds,
    check_refused,
    every_prompt,
    random_prompt,
    random_weights,
)

from experiments import entry
from experiments.entry import configuration
from experiments.softmax import boundaries, laws, measure
from experiments.softmax.run import KEPT
from lintrans.attention import softmax as module
from lintrans.attention.softmax import (
    SoftmaxFullRun,
    SoftmaxTwoFactorRun,
    attention_weights,
    softmax,
    softmax_attention,
    softmax_gradient,
    softmax_loss,
    softmax_prediction,
    train_softmax,
)
from lintrans.attention.training import train
from lintrans.attention.transformer import TwoFactorWeights, embedding, initial_weights, prediction
from lintrans.prompts.prompt import Prompt

EPS = np.finfo(float).eps
CONFIG = configuration("softmax")


def score_modulus(prompt, weights):
    """Largest score with every term replaced by its modulus: rounding of scores is relative to it."""
    E = np.abs(embedding(prompt))
    _, K = weights.matrices(np.abs(weights.to_vector()), prompt.d)
    return (E[:, : prompt.n].T @ K @ E[:, -1]).max()


def moduli(prompt, weights, temperature):
    """Bounds of the residual and of each derivative of the prediction, for any attention weights."""
    E = np.abs(embedding(prompt))
    P, K = weights.matrices(np.abs(weights.to_vector()), prompt.d)
    context, query = E[:, : prompt.n], E[:, -1]
    top = (P[-1] @ context).max()
    dP, dK = np.zeros_like(P), np.zeros_like(K)
    dP[-1] = context.max(axis=1)
    dK[:] = 2 * top * np.outer(context.max(axis=1), query) / temperature  # sum |p_i (a_i - a.p)| <= 2 max |a|
    return top + abs(prompt.query_label), weights.restrict(dP, dK)


def literal_loss(prompt, weights, vector, temperature):
    """From entry (d+1, n+1) of the whole attention, which `softmax_prediction` never forms."""
    f = softmax_attention(embedding(prompt), *weights.matrices(vector, prompt.d), prompt.n, temperature)
    residual = f[-1, -1] - prompt.query_label
    return residual * residual / 2


def check_gradient(prompt, weights, warmth):
    """Compare with complex step and with central differences, at a temperature in units of the scores."""
    temperature = warmth * score_modulus(prompt, weights)
    computed = softmax_gradient(prompt, weights, temperature=temperature).to_vector()
    vector, identity = weights.to_vector(), np.eye(weights.to_vector().size)
    value, slope = moduli(prompt, weights, temperature)

    def loss(vector):
        return literal_loss(prompt, weights, vector, temperature)

    small = 1e-30
    complex_step = np.array([loss(vector + 1j * small * row).imag / small for row in identity])
    # A score of modulus s rounded k times is off by k EPS s, and so is each share, relatively.
    operations = (4 * (prompt.n + prompt.d) + 20) * (1 + 4 / warmth)
    assert (np.abs(computed - complex_step) <= operations * EPS * value * slope).all()
    # A step changes every score by 1e-4 at most (of P: its term by 1e-4 of all): the third derivatives that
    # truncation leaves are below 60 value * slope / step^2 * 1e-8, and rounding is below 1e-8 of it too.
    steps = 1e-4 * np.where(slope > 0, value / np.where(slope > 0, slope, 1), 1)
    central = [
        (loss(vector + step * row) - loss(vector - step * row)) / (2 * step)
        for step, row in zip(steps, identity, strict=True)
    ]
    assert (np.abs(computed - central) <= 1e-6 * value * slope).all()


@pytest.mark.parametrize("warmth", [0.2, 1.0, 20.0])
@every_prompt
@both_kinds
def test_gradient_is_that_of_complex_step_and_of_differences(prompt, kind, warmth):
    check_gradient(prompt, random_weights(kind, prompt.d), warmth)


def without_the_outer_product(E, P, K, n, label, temperature):
    """Softmax with the Jacobian diag(p) in place of diag(p) - p p^T."""
    predicted, dP, _ = genuine(E, P, K, n, label, temperature)
    shares = softmax(E[:, :n].T @ (K @ E[:, n]) / temperature)
    slope = E[:, :n] @ (shares * (P[-1] @ E[:, :n]))
    return predicted, dP, np.outer((predicted - label) * slope, E[:, n] / temperature)


def without_the_temperature(E, P, K, n, label, temperature):
    predicted, dP, dK = genuine(E, P, K, n, label, temperature)
    return predicted, dP, dK * temperature


def attending_to_the_query(E, P, K, n, label, temperature):
    """The query as a token of the context, with label 0."""
    extended = np.concatenate([E, E[:, -1:]], axis=1)
    return genuine(extended, P, K, n + 1, label, temperature)


genuine = module.differentiate


@pytest.mark.parametrize(
    "fault", [without_the_outer_product, without_the_temperature, attending_to_the_query]
)
@both_kinds
def test_planted_faults_are_noticed(monkeypatch, fault, kind):
    monkeypatch.setattr(module, "differentiate", fault)
    with pytest.raises(AssertionError):
        check_gradient(PROMPTS["random"], random_weights(kind, 3), 0.2)


@both_kinds
def test_hessian_by_complex_step_is_symmetric(kind):
    """The gradient itself takes complex weights."""
    prompt, weights = PROMPTS["random"], random_weights(kind, 3)
    vector = weights.to_vector()
    rows = [
        softmax_gradient(prompt, kind.from_vector(vector + 1e-30j * row, 3), temperature=3.0).to_vector().imag
        for row in np.eye(vector.size)
    ]
    hessian = np.array(rows) / 1e-30
    # Some 50 operations on numbers no larger than the largest entry.
    assert np.abs(hessian - hessian.T).max() < 50 * EPS * np.abs(hessian).max()
    assert np.abs(hessian).max() > 1e-3


@both_kinds
def test_shares_sum_to_one_and_leave_the_query_out(kind):
    prompt, weights = PROMPTS["random"], random_weights(kind, 3)
    p = attention_weights(prompt, weights, temperature=0.3)
    assert p.shape == (prompt.n,)
    assert p.min() > 0
    assert p.sum() == pytest.approx(1, abs=prompt.n * EPS)
    E = embedding(prompt)
    P, K = weights.matrices(weights.to_vector(), prompt.d)
    ones = np.ones_like(P)
    # Column sums of S: a projection of a row of ones of the context returns them.
    lifted = np.concatenate([E[:-1], np.ones((1, E.shape[1]))])
    K = K.copy()
    K[-1] = K[:, -1] = 0
    project = 0 * ones
    project[-1, -1] = 1
    f = softmax_attention(lifted, project, K, prompt.n, 0.3)
    assert f[-1] == pytest.approx(2, abs=4 * prompt.n * EPS)


def test_large_scores_keep_their_differences():
    assert softmax([1e300, 0.0, -1e300]).tolist() == [1.0, 0.0, 0.0]
    scores = np.array([0.3, -1.2, 2.0])
    # 2^40 + score is exact to 2^-13.
    assert softmax(scores + 2.0**40) == pytest.approx(softmax(scores), rel=2.0**-11)
    assert np.array_equal(softmax(np.array([1.0, 2.0]) + 8), softmax([1.0, 2.0]))
    shifted = softmax(scores + 3.7 + 1e-30j * scores)
    assert shifted.real == pytest.approx(softmax(scores), rel=20 * EPS)
    assert abs(shifted.imag.sum()) < 10 * EPS * np.abs(shifted.imag).max()


def test_a_feature_that_is_constant_shifts_all_scores():
    base = random_prompt(7, 3)
    context = np.column_stack([base.context, np.ones(7)])
    prompt = Prompt.from_arrays(context, base.labels, [*base.query, 0.5], base.query_label)
    weights = random_weights(TwoFactorWeights, 4)
    moved = weights.key_query.copy()
    moved[-1] += [3.0, -1.0, 2.0, 5.0]
    other = TwoFactorWeights(weights.value, moved)
    found = [softmax_prediction(prompt, w, temperature=0.7) for w in (weights, other)]
    assert found[0] == pytest.approx(found[1], rel=200 * EPS)  # scores below 20, ten operations each


@both_kinds
def test_order_and_repetition_of_the_context_are_irrelevant(kind):
    prompt, weights = PROMPTS["random"], random_weights(kind, 3)
    shuffled = replace(prompt, context=prompt.context[::-1], labels=prompt.labels[::-1])
    twice = replace(prompt, context=np.tile(prompt.context, (2, 1)), labels=np.tile(prompt.labels, 2))
    expected = softmax_prediction(prompt, weights, temperature=0.5)
    for other in (shuffled, twice):
        # Scores below 40 of some 20 operations.
        assert softmax_prediction(other, weights, temperature=0.5) == pytest.approx(expected, rel=800 * EPS)


def test_temperature_is_the_size_of_the_query():
    """To the bit for a power of two, over a whole training."""
    prompt, weights = PROMPTS["random"], random_weights(TwoFactorWeights, 3)
    cold = replace(prompt, query=prompt.query * 4)
    runs = [
        train_softmax(p, weights, temperature=t, step_size=0.05, n_steps=50)
        for p, t in ((prompt, 0.25), (cold, 1.0))
    ]
    assert np.array_equal(runs[0].predictions, runs[1].predictions)
    assert np.array_equal(runs[0].key_query, runs[1].key_query)


@both_kinds
def test_prediction_and_loss_are_those_of_the_whole_attention(kind):
    prompt, weights = PROMPTS["diabetes"], random_weights(kind, 10)
    literal = literal_loss(prompt, weights, weights.to_vector(), 40.0)
    assert softmax_loss(prompt, weights, temperature=40.0) == pytest.approx(literal, rel=1e4 * EPS)
    off = softmax_prediction(prompt, weights, temperature=40.0) - prompt.query_label
    assert softmax_loss(prompt, weights, temperature=40.0) == off**2 / 2


def linear_limit_errors(prompt, weights, temperatures):
    """Softmax less the mean label, less linear attention on centred labels with W / T."""
    centred = replace(prompt, labels=prompt.labels - prompt.labels.mean())
    errors = []
    for t in temperatures:
        linear = prediction(centred, TwoFactorWeights(weights.value, weights.key_query / t))
        found = softmax_prediction(prompt, weights, temperature=t)
        errors.append(found - weights.value * prompt.labels.mean() - linear)
    return np.array(errors)


def test_small_scores_give_linear_attention_to_first_order():
    """Of the prediction, first order in 1/T, the error is the second order, relatively of order 1/T."""
    prompt, weights = random_prompt(7, 3), random_weights(TwoFactorWeights, 3)
    temperatures = np.array([1e3, 2e3, 4e3, 8e3])
    errors = linear_limit_errors(prompt, weights, temperatures)
    scores = prompt.context @ weights.key_query @ prompt.query
    deviation = scores - scores.mean()
    second = weights.value * np.mean((prompt.labels - prompt.labels.mean()) * deviation**2) / 2
    size = np.abs(deviation).max()
    # The third order is smaller by at most the score over T, 0.01; rounding is EPS T^2 = 1e-8 of it.
    np.testing.assert_allclose(errors * temperatures**2, second, rtol=2 * size / temperatures[0])
    orders = -np.diff(np.log(np.abs(errors))) / math.log(2)
    np.testing.assert_allclose(orders, 2, atol=2 * size / temperatures[0])


def test_labels_that_are_not_centred_are_a_control():
    prompt, weights = random_prompt(7, 3), random_weights(TwoFactorWeights, 3)
    t = np.array([1e3, 2e3])
    linear = [prediction(prompt, TwoFactorWeights(weights.value, weights.key_query / x)) for x in t]
    found = [softmax_prediction(prompt, weights, temperature=x) for x in t]
    off = np.subtract(found, linear) - weights.value * prompt.labels.mean()
    assert off[0] / off[1] == pytest.approx(2, rel=0.02)  # the first order is not removed


def test_hot_training_is_linear_training():
    """At the balanced minimum scores over T fall like T^(-1/2), and with them the distance of the orbits."""
    base = boundaries.draw_prompt(16, 3, 2, longest=16, label_tol=0.1)
    distances = []
    for t in (1e4, 1e6, 1e8):
        eta = 0.5 * t / boundaries.Units.of(base).curvature
        weights = boundaries.first_weights(base, t, start=0.3, seed=1)
        soft = train_softmax(base, weights, temperature=t, step_size=eta, n_steps=40)
        linear = train(replace(base, query=base.query / t), weights, step_size=eta, n_steps=40)
        distances.append(np.abs(soft.predictions - linear.predictions).max())
    # A factor 10 for 100 times the temperature; corrections are of relative order T^(-1/2), 0.01 and 0.001.
    assert distances[0] / distances[1] == pytest.approx(10, rel=0.1)
    assert distances[1] / distances[2] == pytest.approx(10, rel=0.01)


@both_kinds
def test_training_is_repeated_gradient_steps(kind):
    prompt, weights = PROMPTS["random"], random_weights(kind, 3)
    run = train_softmax(prompt, weights, temperature=2.0, step_size=0.1, n_steps=4)
    assert isinstance(run, SoftmaxTwoFactorRun if kind is TwoFactorWeights else SoftmaxFullRun)
    fields = ("value", "key_query") if kind is TwoFactorWeights else ("P", "K")
    for step in range(5):
        for field in fields:
            assert np.array_equal(getattr(run, field)[step], getattr(weights, field))
        assert run.predictions[step] == softmax_prediction(prompt, weights, temperature=2.0)
        assert run.losses[step] == softmax_loss(prompt, weights, temperature=2.0)
        slope = softmax_gradient(prompt, weights, temperature=2.0)
        weights = kind.from_vector(weights.to_vector() - 0.1 * slope.to_vector(), 3)
    assert (run.n_steps, run.overflowed, run.step_size, run.temperature) == (4, False, 0.1, 2.0)
    with pytest.raises(AttributeError):
        run.temperature = 1.0


@both_kinds
def test_small_steps_reach_the_label(kind):
    prompt, weights = PROMPTS["random"], random_weights(kind, 3)
    residual = softmax_prediction(prompt, weights, temperature=2.0) - prompt.query_label
    slope = softmax_gradient(prompt, weights, temperature=2.0).to_vector()
    eta = 0.25 * residual**2 / (slope @ slope)  # an eighth of what is stable at the start
    run = train_softmax(prompt, weights, temperature=2.0, step_size=eta, n_steps=400)
    assert run.losses[-1] < 1e-20 * run.losses[0]


@both_kinds
def test_overflow_stops_training_with_finite_states(kind):
    prompt, weights = PROMPTS["random"], random_weights(kind, 3)
    run = train_softmax(prompt, weights, temperature=1.0, step_size=1e30, n_steps=500)
    assert run.overflowed
    assert 0 < run.n_steps < 30
    histories = (run.value, run.key_query) if kind is TwoFactorWeights else (run.P, run.K)
    for array in (run.predictions, *histories):
        assert len(array) == run.n_steps + 1
        assert np.isfinite(array).all()
    shorter = train_softmax(prompt, weights, temperature=1.0, step_size=1e30, n_steps=run.n_steps)
    assert not shorter.overflowed
    assert np.array_equal(shorter.predictions, run.predictions)


HUGE = TwoFactorWeights(1e300, [[1e300]])
LARGE = Prompt.from_arrays([[1e10], [2e10]], [1e10, 2.0], [1.0], 1.0)


@pytest.mark.parametrize(
    ("call", "parts"),
    [
        (lambda: softmax_prediction(UNIT, GOOD, temperature=0.0), ["temperature must be positive", "got 0"]),
        (lambda: softmax_prediction(UNIT, GOOD, temperature=math.nan), ["temperature", "nan"]),
        (lambda: softmax_loss(UNIT, GOOD, temperature=-1), ["temperature", "-1"]),
        (lambda: softmax_gradient(UNIT, GOOD, temperature="hot"), ["temperature", "'hot'"]),
        (lambda: attention_weights(UNIT, GOOD, temperature=math.inf), ["temperature", "inf"]),
        (lambda: softmax_prediction(3.0, GOOD, temperature=1.0), ["prompt", "float"]),
        (lambda: softmax_prediction(UNIT, 3.0, temperature=1.0), ["weights", "float"]),
        (
            lambda: softmax_gradient(UNIT, initial_weights(2, value=1, scale=1, seed=0), temperature=1.0),
            ["1 features", "got 2"],
        ),
        (lambda: softmax_gradient(LARGE, HUGE, temperature=1.0), ["finite gradient", "overflow"]),
        (lambda: train_softmax(UNIT, GOOD, temperature=1.0, step_size=0.0, n_steps=1), ["step_size"]),
        (lambda: train_softmax(UNIT, GOOD, temperature=0.0, step_size=1.0, n_steps=1), ["temperature"]),
        (lambda: train_softmax(UNIT, GOOD, temperature=1.0, step_size=1.0, n_steps=0), ["n_steps"]),
        (
            lambda: train_softmax(UNIT, GOOD, temperature=1.0, step_size=1.0, n_steps=10**9),
            ["n_steps", "GiB"],
        ),
        (
            lambda: train_softmax(LARGE, HUGE, temperature=1.0, step_size=1.0, n_steps=1),
            ["finite prediction"],
        ),
        (
            lambda: train_softmax(
                UNIT, TwoFactorWeights(1j, [[1.0]]), temperature=1.0, step_size=1.0, n_steps=1
            ),
            ["real in training"],
        ),
        (lambda: softmax_attention(np.eye(2), np.eye(3), np.eye(2), 1, 1.0), ["(3, 3)", "n = 1"]),
        (lambda: softmax_attention(np.eye(2), np.eye(2), np.eye(2), 3, 1.0), ["n = 3"]),
        (lambda: softmax_attention(np.eye(2), np.eye(2), np.eye(2), 1, 0.0), ["temperature"]),
    ],
)
def test_bad_arguments_are_one_line_with_a_remedy(call, parts):
    check_refused(call, parts)


# The experiment


def prompt_of(n=8, seed=2):
    return boundaries.draw_prompt(n, 4, seed, longest=16, label_tol=0.01)


@pytest.mark.parametrize("linear", [False, True])
@pytest.mark.parametrize("mu", [0.5, 1.2])
def test_fast_descent_takes_the_steps_of_the_oracle(linear, mu):
    """30 steps with some 30 operations each; linear attention converges, or tends to its 2-cycle."""
    prompt, temperatures = prompt_of(), [0.3, 3.0]
    eta = mu * np.array(temperatures)[:, None] / boundaries.Units.of(prompt).curvature
    lanes = boundaries.Lanes.start(prompt, temperatures, eta, start=0.2, seed=5, linear=linear)
    runs = []
    for t, step_size in zip(temperatures, eta[:, 0], strict=True):
        weights = boundaries.first_weights(prompt, t, start=0.2, seed=5)
        if linear:
            cold = replace(prompt, query=prompt.query / t)
            runs.append(train(cold, weights, step_size=step_size, n_steps=30))
        else:
            runs.append(train_softmax(prompt, weights, temperature=t, step_size=step_size, n_steps=30))
    for step in range(31):
        mean, slope = lanes.label_and_slope()
        for i, run in enumerate(runs):
            scale = np.abs(run.predictions).max()
            assert lanes.w[i] * mean[i] == pytest.approx(run.predictions[step], abs=1e-10 * scale)
            g = run.key_query[step] @ prompt.query
            np.testing.assert_allclose(lanes.g[:, i], g, atol=1e-10 * np.abs(run.key_query).max())
        lanes.step(mean, slope, lanes.w * mean - prompt.query_label)


def test_sharpness_is_the_curvature_of_the_oracle():
    """At a residual of 1 the gradient of the loss is that of the prediction."""
    prompt = prompt_of()
    lanes = boundaries.Lanes.start(prompt, [0.7], np.ones((1, 1)), start=1.0, seed=5)
    weights = boundaries.weights_of(prompt, lanes.w[0], lanes.g[:, 0])
    predicted = softmax_prediction(prompt, weights, temperature=0.7)
    slope = softmax_gradient(replace(prompt, query_label=predicted - 1), weights, temperature=0.7).to_vector()
    assert lanes.sharpness(*lanes.label_and_slope())[0] == pytest.approx(slope @ slope, rel=1e3 * EPS)
    shares = attention_weights(prompt, weights, temperature=0.7)
    assert lanes.shares()[:, 0] == pytest.approx(shares, rel=1e3 * EPS)


def find(prompt, temperatures, **options):
    search = {"start": 0.01, "seed": 3, "scan": CONFIG["scan"], "settings": CONFIG["train"]}
    return boundaries.find_boundaries(prompt, temperatures, **(search | options))


def test_linear_boundaries_are_those_of_the_map():
    """mu = 1 and 2, from below: to a bisected step of the scan, and what critical slowing adds, 0.3 %."""
    found, status = find(prompt_of(), [1.0, 10.0], linear=True, octaves=(-1, 2))
    resolution = 2 ** (1 / CONFIG["scan"]["per_octave"] / 2 ** CONFIG["scan"]["n_bisections"]) - 1
    for column, expected in enumerate((1, 1, 2, 2)):
        low, high = expected * (1 - resolution - 0.003), expected * 1.003
        assert ((low < found[:, column]) & (found[:, column] < high)).all()
    assert np.array_equal(status[0], status[1])


def test_boundaries_are_those_of_the_oracle():
    """Just below training converges, just above it does not."""
    prompt, temperature = prompt_of(16, 1), 300.0
    found, _ = find(prompt, [temperature])
    unit = temperature / boundaries.Units.of(prompt).curvature
    weights = boundaries.first_weights(prompt, temperature, start=0.01, seed=3)

    def off(factor, column):
        settings = {"temperature": temperature, "step_size": factor * found[0, column] * unit}
        run = train_softmax(prompt, weights, n_steps=4000, **settings)
        return np.abs(run.predictions[-1] / prompt.query_label - 1), run.overflowed

    assert off(0.98, 0)[0] < 1e-6
    assert off(1.02, 0)[0] > 1e-4
    assert not off(0.98, 2)[1]
    # Divergence is exponential at first, and overflow of float64 takes its time.
    above, overflowed = off(1.05, 2)
    assert overflowed or above > CONFIG["train"]["escape"]


def test_hot_boundaries_are_linear():
    found, _ = find(prompt_of(16, 1), [1e6])
    assert found[0, 0] == pytest.approx(1, rel=0.02)
    assert found[0, 2] == pytest.approx(2, rel=0.02)


def test_flow_is_the_limit_of_small_steps():
    prompt, temperature = prompt_of(), 0.7
    ends = []
    lanes = boundaries.Lanes.start(prompt, [temperature], np.ones((1, 1)), start=0.01, seed=3)
    lanes, off = boundaries.flow(lanes, step=0.005, n_steps=50_000, tol=1e-8)
    assert off.max() < 1e-8
    for mu in (0.04, 0.02):
        eta = mu * temperature / boundaries.Units.of(prompt).curvature
        weights = boundaries.first_weights(prompt, temperature, start=0.01, seed=3)
        run = train_softmax(prompt, weights, temperature=temperature, step_size=eta, n_steps=int(200 / mu))
        assert run.losses[-1] < 1e-12 * run.losses[0]
        ends.append(run.value[-1])
    extrapolated = 2 * ends[1] - ends[0]  # the error of a small step is of first order
    assert lanes.w[0] == pytest.approx(extrapolated, rel=2e-3)


def test_scan_by_hand():
    good, failed, escaped = boundaries.CONVERGED, boundaries.UNSETTLED, boundaries.ESCAPED
    row = np.array([good, good, failed, good, escaped, failed, escaped])
    assert boundaries.last_good(row) == [1, 3, 3, 5]
    assert boundaries.n_changes(row == good) == 1
    assert boundaries.n_changes(row != escaped) == 1
    assert boundaries.last_good(np.full(3, good)) == [2, 2, 2, 2]
    assert boundaries.last_good(np.full(3, escaped)) == [-1, -1, -1, -1]
    assert boundaries.grid((-1, 1), 1).tolist() == [0.5, 1.0, 2.0]


def test_effective_lengths_by_hand():
    shares = np.array([[0.25, 1.0, 0.5], [0.25, 0.0, 0.25], [0.25, 0.0, 0.25], [0.25, 0.0, 0.0]])
    participation, perplexity = boundaries.effective_lengths(shares)
    assert participation == pytest.approx([4, 1, 8 / 3], rel=10 * EPS)
    assert perplexity == pytest.approx([4, 1, 2**1.5], rel=10 * EPS)


def made_up(n_seeds=40, seed=0):
    rng = np.random.default_rng(seed)
    n = np.tile([4.0, 16.0, 64.0], n_seeds)
    share = rng.uniform(0.05, 0.9, n.size)
    table = {
        "seed": np.repeat(np.arange(n_seeds), 3),
        "n": n,
        "n_eff": 1 / (1 / n + share * (1 - 1 / n)),
        "temperature": np.exp(rng.normal(size=n.size)),
    }
    return table, 0.1 * rng.normal(size=n.size)


@pytest.mark.parametrize(
    ("number", "truth"),
    [
        (0, [0.7]),
        (1, [0.3, -0.2]),
        (2, [0.3, -0.2, 0.5]),
        (3, [1.0, -0.4]),
        (4, [0.6]),
        (5, [2.0, 0.8]),
        (6, [2.0, 0.8, -0.3]),
    ],
)
def test_fits_return_the_law_that_made_the_data(number, truth):
    table, noise = made_up()
    law, fitted = laws.LAWS[number], table["seed"] % 2 == 0
    exact = laws.fit(law, table, law.log(truth, table), fitted)
    assert exact.parameters == pytest.approx(truth, abs=1e-5)  # least squares stop at 1e-8 of the cost
    assert exact.worst < 1e-5
    log_rho = law.log(truth, table) + noise
    found = laws.fit(law, table, log_rho, fitted)
    errors = laws.errors(law, laws.rows(table, fitted), log_rho[fitted], n_resamples=50)
    assert (np.abs(found.parameters - truth) < 5 * errors).all()  # 5 sigma
    assert (errors < 0.3).all()
    # The rms of 60 normal numbers of deviation 0.1 is known to 10 %: 4 sigma.
    assert found.rms == pytest.approx(0.1, rel=0.4)
    assert found.worst == np.abs(found.residuals).max() < 0.5


def test_a_wrong_law_leaves_what_it_does_not_explain():
    table, _ = made_up()
    log_rho = laws.HEADLINE.log([2.0, 0.8], table)
    fitted = table["seed"] % 2 == 0
    assert laws.fit(laws.LAWS[0], table, log_rho, fitted).rms == pytest.approx(
        log_rho[~fitted].std(), rel=0.1
    )
    assert laws.fit(laws.LAWS[1], table, log_rho, fitted).rms > 0.2


def test_derived_law_at_the_two_ends():
    """Uniform attention at the balanced minimum is linear; on one token only M^2 is left."""
    table = {"n": np.array([8.0, 8.0]), "n_eff": np.array([8.0, 1.0]), "label": np.array([2.0, 3.0])}
    table["scale"] = np.array([4.0, 90.0])
    assert np.exp(laws.derived(table)) == pytest.approx([1.0, 2 / 0.1], rel=10 * EPS)


def test_the_kept_table_is_that_of_the_code():
    """All cells are there; what is not chaotic comes out again, on another machine too."""
    table = measure.read(KEPT)
    cells = len(CONFIG["lengths"]) * len(CONFIG["temperatures"]) * CONFIG["n_seeds"]
    assert tuple(table) == measure.COLUMNS
    assert table["n"].size == cells
    small = CONFIG | {"temperatures": [1.0, 30.0]}
    for row in measure.rows_of(16, 1, small):
        here = (table["seed"] == 1) & (table["n"] == 16) & (table["temperature"] == row["temperature"])
        for name in ("h", "y_q", "max_label", "linear_converges", "flow_stable", "flow_weight", "flow_n_ipr"):
            assert table[name][here][0] == pytest.approx(row[name], rel=1e-5)  # six digits are kept


def test_quick_run(tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    words = ["softmax", "--quick", "--output", "found.h5"]
    assert entry.main([*words, "--figure", "softmax.png", "--table", "cells.csv"]) == 0
    printed = capsys.readouterr()
    assert "seed 3/3" in printed.err
    assert "12 cells measured" in printed.out
    assert all(law.name in printed.out for law in laws.LAWS)
    assert {path.name for path in tmp_path.iterdir()} == {"found.h5", "cells.csv", "softmax.png"}
    assert entry.main([*words, "--force", "--data", str(KEPT)]) == 0
    again = capsys.readouterr().out
    assert (
        again.partition("1344 cells")[2].splitlines()[:40]
        == printed.out.partition("1344 cells")[2].splitlines()[:40]
    )


def test_a_table_of_a_few_cells_does_not_hold_the_claims(tmp_path, capsys):
    """The control: the first two lengths of the kept table alone."""
    table = tmp_path / "few.csv"
    head, *rows = KEPT.read_text().splitlines()
    table.write_text("\n".join([head, *(row for row in rows if int(row.split(",")[1]) < 10)]))
    assert entry.main(["softmax", "--quick", "--data", str(table)]) == 1
    assert "FAILS" in capsys.readouterr().out
