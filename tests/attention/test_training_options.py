"""Weight decay, momentum and schedules of training, against fractions and the linear theory of a minimum."""

from __future__ import annotations

import math
from dataclasses import replace
from fractions import Fraction

import numpy as np
import pytest
from problems import GOOD, PROMPTS, UNIT, both_kinds, check_refused, random_weights

from lintrans.attention import training
from lintrans.attention.training import train
from lintrans.attention.transformer import FullWeights, Problem, TwoFactorWeights, gradient, prediction
from lintrans.prompts.prompt import Prompt

EPS = np.finfo(float).eps
ALL = {"weight_decay": 0.125, "momentum": 0.75, "schedule": [0.25, 1.5, 0.0, 1.0]}
SCALAR = Prompt.from_arrays([[2.0]], [0.75], [1.5], -1.25)  # prediction 9/4 w W
START, STEP_SIZE = (Fraction(1, 2), Fraction(-3, 8)), Fraction(1, 4)


def states(run):
    """All trainable weights, a row per step."""
    parts = (run.value, run.key_query) if isinstance(run, training.TwoFactorRun) else (run.P, run.K)
    return np.concatenate([part.reshape(run.n_steps + 1, -1) for part in parts], axis=1)


def exact_orbit(n_steps, weight_decay, momentum, schedule, velocity=None):
    """Training of ``SCALAR`` in fractions, by the recursion as it is written or by one with a velocity.

    ``velocity`` is "a step" where the step size belongs to the velocity, "a gradient" where it multiplies it.
    """
    decay, beta, before, orbit = Fraction(weight_decay), Fraction(momentum), START, [START]
    kept = (0, 0)
    for t in range(n_steps):
        eta = STEP_SIZE * Fraction(schedule[min(t, len(schedule) - 1)])
        w, k = now = orbit[-1]
        residual = Fraction(9, 4) * w * k + Fraction(5, 4)
        pull = (Fraction(9, 4) * residual * k + decay * w, Fraction(9, 4) * residual * w + decay * k)
        if velocity is None:
            change = [beta * (x - y) - eta * p for x, y, p in zip(now, before, pull, strict=True)]
        else:
            inside, outside = (eta, 1) if velocity == "a step" else (1, eta)
            kept = [beta * v - inside * p for v, p in zip(kept, pull, strict=True)]
            change = [outside * v for v in kept]
        before = now
        orbit.append(tuple(x + c for x, c in zip(now, change, strict=True)))
    return np.array(orbit, dtype=float)


def scalar_orbit(n_steps, **options):
    weights = TwoFactorWeights(float(START[0]), [[float(START[1])]])
    return states(train(SCALAR, weights, step_size=float(STEP_SIZE), n_steps=n_steps, **options))


def check_by_hand(options, n_steps, expected):
    """From (2, 3) on (wW - 1)^2 / 2: residual 5, gradient (15, 10), step size 1/8; all numbers exact."""
    run = train(UNIT, TwoFactorWeights(2.0, [[3.0]]), step_size=0.125, n_steps=n_steps, **options)
    assert states(run)[-1].tolist() == expected


def check_decay_by_hand():
    check_by_hand({"weight_decay": 0.5}, 1, [2 - (15 + 2 / 2) / 8, 3 - (10 + 3 / 2) / 8])


def check_schedule_by_hand():
    check_by_hand({"schedule": [0.5]}, 1, [2 - 15 / 16, 3 - 10 / 16])
    # Then the residual is 17/16 * 19/8 - 1 = 195/128, and the next entry is twice the first.
    w, k, residual = 17 / 16, 19 / 8, 195 / 128
    check_by_hand({"schedule": [0.5, 1.0]}, 2, [w - residual * k / 8, k - residual * w / 8])


def check_momentum_by_hand():
    check_by_hand({"momentum": 0.5}, 1, [1 / 8, 7 / 4])  # from rest
    w, k, residual = 1 / 8, 7 / 4, -25 / 32
    expected = [w - residual * k / 8 + (w - 2) / 2, k - residual * w / 8 + (k - 3) / 2]
    check_by_hand({"momentum": 0.5}, 2, expected)


def check_all_together():
    # 6 steps of some 10 operations, each rounded by EPS of numbers below 2; errors hardly grow here.
    assert scalar_orbit(6, **ALL) == pytest.approx(exact_orbit(6, **ALL), rel=0, abs=100 * EPS)


def at_minimum(prompt, kind):
    """Weights of loss 0, the gradient of the prediction there, and its square: the sharpness."""
    weights = random_weights(kind, prompt.d)
    vector = weights.to_vector()
    n_linear = 1 if kind is TwoFactorWeights else weights.P.size  # the prediction is linear in w, or P
    vector[:n_linear] *= prompt.query_label / prediction(prompt, weights)
    weights = kind.from_vector(vector, prompt.d)
    slope = gradient(replace(prompt, query_label=prompt.query_label - 1), weights).to_vector()
    return vector, slope, slope @ slope


def check_stability(kind=TwoFactorWeights, momentum=0.5):
    """Heavy ball at a minimum is stable below ``eta * sharpness = 2 (1 + beta)`` and unstable above.

    At a relative distance of delta = 1e-3 the multiplier closest to the circle is, to first order,
    ``-1 -+ 2 delta (1 + beta) / (1 - beta)``: over 2000 steps at least a factor e^4 = 55. What is stable
    may rise first, by some 13 times at beta = 0.9.
    """
    prompt = PROMPTS["random"]
    vector, slope, sharpness = at_minimum(prompt, kind)
    near = kind.from_vector(vector + 1e-6 * slope / sharpness, prompt.d)  # prediction off by 1e-6

    def off(factor):
        eta = factor * 2 * (1 + momentum) / sharpness
        run = train(prompt, near, step_size=eta, n_steps=2000, momentum=momentum)
        return np.abs(run.predictions - prompt.query_label)

    below, above = off(0.999), off(1.001)
    assert below[-1] < 0.1 * below[0]
    assert above.max() > 20 * below.max()


SCALAR_CHECKS = (check_decay_by_hand, check_schedule_by_hand, check_momentum_by_hand, check_all_together)


@pytest.mark.parametrize("check", SCALAR_CHECKS)
def test_scalar_problem(check):
    check()


@pytest.mark.parametrize("momentum", [0.0, 0.3, 0.9])
@both_kinds
def test_stability_of_a_minimum(kind, momentum):
    check_stability(kind, momentum)


correct = training._Rule.next


def momentum_backwards(rule, t, theta, previous, slope):
    return correct(rule._replace(momentum=-rule.momentum), t, theta, previous, slope)


def decay_after_the_step(rule, t, theta, previous, slope):
    stepped = correct(rule._replace(weight_decay=0.0), t, theta, previous, slope)
    return correct(rule, t, stepped, stepped, 0 * slope)


def decay_off_the_schedule(rule, t, theta, previous, slope):
    stepped = correct(rule._replace(weight_decay=0.0), t, theta, previous, slope)
    return stepped - rule.step_size * rule.weight_decay * theta


def schedule_one_step_late(rule, t, theta, previous, slope):
    return correct(rule, max(t - 1, 0), theta, previous, slope)


@pytest.mark.parametrize(
    ("fault", "checks"),
    [
        (momentum_backwards, (check_momentum_by_hand, check_all_together, check_stability)),
        (decay_after_the_step, (check_decay_by_hand, check_all_together)),
        (decay_off_the_schedule, (check_all_together,)),
        (schedule_one_step_late, (check_schedule_by_hand, check_all_together)),
    ],
)
def test_planted_faults_are_noticed(monkeypatch, fault, checks):
    monkeypatch.setattr(training._Rule, "next", fault)
    for check in checks:
        with pytest.raises(AssertionError):
            check()


@pytest.mark.parametrize("name", ["random", "diabetes"])
@both_kinds
def test_every_step_of_every_weight(name, kind):
    prompt, weights = PROMPTS[name], random_weights(kind, PROMPTS[name].d)
    step_size = 1e-3 / np.linalg.norm(gradient(prompt, weights).to_vector())
    run = train(prompt, weights, step_size=step_size, n_steps=20, **ALL)
    theta = states(run)
    assert (run.n_steps, run.weight_decay, run.momentum) == (20, 0.125, 0.75)
    assert run.schedule.tolist() == ALL["schedule"]
    for t in range(20):
        slope = gradient(prompt, kind.from_vector(theta[t], prompt.d)).to_vector()
        eta = step_size * ALL["schedule"][min(t, 3)]
        expected = theta[t] * (1 - eta * 0.125) - eta * slope + 0.75 * (theta[t] - theta[max(t - 1, 0)])
        # A few roundings of the largest term.
        assert theta[t + 1] == pytest.approx(expected, rel=0, abs=8 * EPS * np.abs(theta).max())


@pytest.mark.parametrize(
    "options",
    [{}, {"schedule": np.ones(3)}, {"weight_decay": 0.0, "momentum": 0.0, "schedule": None}],
    ids=["defaults", "schedule of ones", "spelt out"],
)
@pytest.mark.parametrize("step_size", [0.01, 1.0, 1e3])
@both_kinds
def test_without_options_the_bits_are_those_of_plain_descent(kind, step_size, options):
    """Up to the overflow of the largest step, and in the signs of zeros: some weights start at -0."""
    prompt = PROMPTS["random"]
    theta = random_weights(kind, prompt.d).to_vector()
    theta[::3] = -0.0
    weights = kind.from_vector(theta, prompt.d)
    run = train(prompt, weights, step_size=step_size, n_steps=200, **options)
    assert run.overflowed == (step_size == 1e3)
    for state in states(run):
        assert state.tobytes() == theta.tobytes()
        theta = theta - step_size * Problem(prompt, weights).evaluate(theta)[1]


@pytest.mark.parametrize("short", [[0.5, 2.0], [0.5, 2.0, 2.0, 2.0, 2.0, 2.0, 2.0, 7.0]])
def test_the_last_step_size_goes_on_and_what_is_left_over_is_not_used(short):
    found, expected = (scalar_orbit(6, momentum=0.5, schedule=s) for s in (short, [0.5] + [2.0] * 5))
    assert found.tobytes() == expected.tobytes()


def test_rest_is_rest_only_without_momentum():
    still = scalar_orbit(4, weight_decay=0.5, schedule=[1.0, 0.0])
    assert (still[1:] == still[1]).all()
    gliding = np.diff(scalar_orbit(4, momentum=0.5, schedule=[1.0, 0.0]), axis=0)
    # Displacements halve, up to the rounding of weights below 1.
    assert gliding[1:] == pytest.approx(gliding[:-1] / 2, rel=0, abs=2 * EPS)


@pytest.mark.parametrize("schedule", [[1.0], [0.25, 1.5, 0.5]])
def test_relation_to_the_velocities_of_the_libraries(schedule):
    options = {"weight_decay": 0.125, "momentum": 0.75, "schedule": schedule}
    found = scalar_orbit(6, **options)
    assert found == pytest.approx(exact_orbit(6, **options, velocity="a step"), rel=0, abs=100 * EPS)
    rescaled = np.abs(found - exact_orbit(6, **options, velocity="a gradient")).max()
    assert rescaled < 100 * EPS if len(schedule) == 1 else rescaled > 0.05


@both_kinds
def test_decay_alone_is_geometric(kind):
    """Weights with a gradient of 0 everywhere: no query comes through K, and nothing through P."""
    prompt = Prompt.from_arrays([[1.0, 2.0], [3.0, -1.0]], [1.0, 2.0], [1.0, 0.0], 1.0)
    if kind is TwoFactorWeights:
        weights = TwoFactorWeights(0.0, [[0.0, 3.0], [0.0, -5.0]])
    else:
        weights = FullWeights([[1.0, 2.0, 3.0], [4.0, 5.0, 6.0], [0.0] * 3], [[0.0, 7.0, -8.0]] * 3)
    theta = weights.to_vector()
    run = train(prompt, weights, step_size=0.5, n_steps=12, weight_decay=0.5)
    # (3/4)^12 has 20 bits, so all is exact.
    assert np.array_equal(states(run), 0.75 ** np.arange(13)[:, None] * theta)
    assert (run.predictions == 0).all()


def test_overflow_with_all_options_leaves_finite_states():
    run = train(PROMPTS["random"], random_weights(FullWeights, 3), step_size=1e3, n_steps=500, **ALL)
    assert run.overflowed
    assert 0 < run.n_steps < 30
    assert np.isfinite(states(run)).all()
    assert np.isfinite(run.predictions).all()


def test_a_schedule_changed_by_its_owner_leaves_the_run_alone():
    schedule = np.array([0.5, 1.0])
    run = train(UNIT, GOOD, step_size=0.1, n_steps=2, schedule=schedule)
    schedule[:] = 9.0
    assert run.schedule.tolist() == [0.5, 1.0]


@pytest.mark.parametrize(
    ("options", "parts"),
    [
        ({"weight_decay": -0.1}, ["weight_decay must be at least 0", "got -0.1", "pass 0"]),
        ({"weight_decay": math.nan}, ["weight_decay must be finite", "nan"]),
        ({"momentum": 1.0}, ["momentum must be at least 0 and below 1", "got 1.0", "pass 0"]),
        ({"momentum": -0.5}, ["momentum", "got -0.5"]),
        ({"momentum": math.nan}, ["momentum", "nan"]),
        ({"momentum": "heavy"}, ["momentum", "'heavy'"]),
        ({"schedule": [1.0, -0.5]}, ["schedule must be at least 0", "schedule[1]=-0.5", "pass 0"]),
        ({"schedule": [1.0, math.nan]}, ["schedule must be finite", "schedule[1]=nan"]),
        ({"schedule": [math.inf]}, ["schedule must be finite", "schedule[0]=inf"]),
        ({"schedule": []}, ["schedule must not be empty", "omit it"]),
        ({"schedule": [[1.0]]}, ["schedule must have 1 axes", "(1, 1)"]),
        ({"schedule": 1.0}, ["schedule must have 1 axes"]),
        ({"schedule": [1j]}, ["schedule must be real"]),
    ],
)
def test_bad_options_are_one_line_with_a_remedy(options, parts):
    check_refused(lambda: train(UNIT, GOOD, step_size=0.5, n_steps=1, **options), parts)
