"""The many-mode map against gradient descent of unrestricted weights, its minima and what it learns."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from problems import LONGLEY, random_prompt

import lintrans as lt
from lintrans.attention import FullWeights
from lintrans.attention.transformer import Problem
from lintrans.errors import NoNormalFormError
from lintrans.many_modes.map import ManyModes

EPS = np.finfo(np.float64).eps
# One step sums (n + 1)(d + 1) < 1000 products of a residual that is up to a few times y_q; measured 5e-15.
ROUNDING = 2e-14
SETTINGS = {"standardize": True, "center": True}
PROMPTS = {
    "diabetes": lt.Prompt.from_csv(
        lt.example_data(), target="progression", context=slice(0, 64), query=64, **SETTINGS
    ),
    "longley": lt.Prompt.from_csv(LONGLEY, target="TOTEMP", context=slice(0, 14), query=15, **SETTINGS),
    "random": random_prompt(7, 3),
    "more features than tokens": random_prompt(2, 5),
    "rank one": lt.Prompt.from_arrays([[1.0], [2.0]], [0.0, 0.0], [1.5], -0.7),
}
# What training from small random weights does, by eta m_1 |y_q|. Weaker modes take over from a mode that
# oscillates; in the two data sets the label has by far the largest scale, and they take over 1e6 steps.
ENDS = {"diabetes": "oscillates", "longley": "oscillates", "rank one": "oscillates"}
CASES = [(name, mu) for name in PROMPTS for mu in (0.5, 1.2, 1.5, 2.6)]


def step_size_at(many, mu):
    return mu / (many.curvatures[0] * abs(many.query_label))


def start(prompt, scale=0.3, seed=3):
    many = ManyModes.of(prompt)
    unit = np.sqrt(abs(prompt.query_label) / max(many.curvatures, default=1.0))
    rng = np.random.default_rng(seed)
    return FullWeights(*(scale * unit * rng.normal(size=(2, prompt.d + 1, prompt.d + 1))))


def commutation_errors(many, run, step=None):
    """Distance of one map step, put back into weights, from every trained state; relative to its size."""
    before, after = (run.P[:-1], run.K[:-1]), (run.P[1:], run.K[1:])
    s, d = (step or many.step)(*many.project(*before), step_size=run.step_size)
    found = many.weights(s, d, *many.frozen_part(*before))
    error = np.maximum(*(size(x - y) for x, y in zip(found, after, strict=True)))
    return error / np.maximum.reduce([size(x) for x in (*before, *after)])


def size(matrices):
    return np.abs(matrices).max(axis=(1, 2))  # no squares: divergent runs end near 1e200


def behaviour(run, label):
    relative = run.predictions / label - 1
    if run.overflowed:
        return "diverges"
    return "converges" if np.abs(relative[-1]) < 1e-3 else "oscillates"


@pytest.mark.parametrize(("name", "mu"), CASES)
def test_one_step_commutes_with_training_at_every_step(name, mu):
    prompt = PROMPTS[name]
    many = ManyModes.of(prompt)
    run = lt.train(prompt, start(prompt), step_size=step_size_at(many, mu), n_steps=1500)
    expected = "converges" if mu < 1 else "diverges" if mu > 2 else ENDS.get(name, "converges")
    assert behaviour(run, prompt.query_label) == expected
    assert commutation_errors(many, run).max() <= ROUNDING


def test_those_oscillations_are_periodic_and_chaotic():
    prompt = PROMPTS["diabetes"]
    many = ManyModes.of(prompt)
    tails = {}
    for mu in (1.2, 1.5):
        run = lt.train(prompt, start(prompt), step_size=step_size_at(many, mu), n_steps=1500)
        tails[mu] = run.predictions[-200:] / prompt.query_label
    assert np.ptp(tails[1.2][::2]) < 1e-3 < np.ptp(tails[1.2]) / 10  # the weak modes drift slowly
    # on the attractor a large part of the interval is visited: no cycle of up to 64 points explains it
    assert min(np.abs(tails[1.5][p:] - tails[1.5][:-p]).max() for p in range(1, 65)) > 0.1


def planted(change):
    """A step that is wrong in one way."""

    def build(many):
        def step(s, d, *, step_size):
            push = step_size * many.curvatures * many.residual(s, d)[:, None]
            return change(s, d, push)

        return step

    return build


MUTANTS = {
    "sign": planted(lambda s, d, push: ((1 + push) * s, (1 - push) * d)),
    "differences not moved": planted(lambda s, d, push: ((1 - push) * s, d)),
    "mu doubled": planted(lambda s, d, push: ((1 - 2 * push) * s, (1 + 2 * push) * d)),
    "one curvature for all": planted(
        lambda s, d, push: ((1 - push[:, :1]) * s, (1 + push[:, :1]) * d),
    ),
    "label of the other sign": lambda many: replace(many, query_label=-many.query_label).step,
    "a mode lost": lambda many: (
        lambda s, d, *, step_size: (
            np.where(np.arange(many.n_modes) == 1, s, many.step(s, d, step_size=step_size)[0]),
            many.step(s, d, step_size=step_size)[1],
        )
    ),
}


@pytest.mark.parametrize("name", list(MUTANTS))
def test_that_check_fails_for_a_wrong_map(name):
    prompt = PROMPTS["random"]
    many = ManyModes.of(prompt)
    run = lt.train(prompt, start(prompt), step_size=step_size_at(many, 0.7), n_steps=20)
    assert commutation_errors(many, run).max() <= ROUNDING
    assert commutation_errors(many, run, MUTANTS[name](many)).max() > 1e-3


def commutes(prompt, step_size, n_steps=10):
    weights = start(replace(prompt, query_label=prompt.query_label or 1.0))
    run = lt.train(prompt, weights, step_size=step_size, n_steps=n_steps)
    return commutation_errors(ManyModes.of(prompt), run).max() <= ROUNDING


@pytest.mark.parametrize("power", [-70, -30, 30, 70])
def test_any_scale(power):
    prompt = random_prompt(5, 3)
    scale = 10.0**power
    prompt = lt.Prompt.from_arrays(
        scale * prompt.context, scale * prompt.labels, scale * prompt.query, scale * prompt.query_label
    )
    many = ManyModes.of(prompt)
    assert commutes(prompt, step_size_at(many, 0.7))
    assert many.curvatures == pytest.approx(
        ManyModes.of(random_prompt(5, 3)).curvatures * scale**3, rel=1e-10
    )


def test_equal_curvatures_zero_label_and_query_at_zero():
    square = [[1.0, 0.0], [0.0, 1.0], [-1.0, 0.0], [0.0, -1.0]]
    equal = lt.Prompt.from_arrays(square, [1.0, -1.0, 1.0, -1.0], [0.0, 0.0], 0.5)
    assert ManyModes.of(equal).n_modes == 0
    assert commutes(equal, 0.3)
    equal = lt.Prompt.from_arrays(square, [0.0] * 4, [1e-9, 0.0], 0.5)  # G = identity / 2 to rounding
    assert np.ptp(ManyModes.of(equal).curvatures) < 1e-15
    assert commutes(equal, 1e9)
    assert commutes(replace(random_prompt(6, 3), query_label=0.0), 0.1)


def test_what_does_not_move_is_the_frozen_part():
    prompt = PROMPTS["more features than tokens"]
    many = ManyModes.of(prompt)
    assert many.n_modes == 3  # two tokens and the query, six rows
    weights = start(prompt)
    s, d = many.project(weights.P, weights.K)
    frozen = many.frozen_part(weights.P, weights.K)
    assert np.concatenate(many.project(*frozen)) == pytest.approx(0, abs=20 * EPS)
    for found, given in zip(many.weights(s, d, *frozen), (weights.P, weights.K), strict=True):
        assert found == pytest.approx(given, abs=20 * EPS)
    run = lt.train(prompt, weights, step_size=step_size_at(many, 0.9), n_steps=50)
    for history, part in zip(many.frozen_part(run.P, run.K), frozen, strict=True):
        assert history == pytest.approx(np.broadcast_to(part, history.shape), abs=500 * EPS)
    assert many.residual(*many.project(run.P, run.K)) == pytest.approx(
        run.predictions - prompt.query_label, abs=100 * EPS
    )


def test_contributions_add_up_to_the_prediction():
    many = ManyModes.of(PROMPTS["random"])
    s, d = np.random.default_rng(0).normal(size=(2, 5, many.n_modes))
    p, k = (s + d) / 2, (s - d) / 2
    parts = many.contributions(s, d)
    assert parts == pytest.approx(many.curvatures * p * k, abs=1e-15)
    assert parts.sum(axis=1) - many.query_label == pytest.approx(many.residual(s, d), abs=1e-15)


@pytest.mark.parametrize("label", [0.8, -0.8])
@pytest.mark.parametrize("mu", [0.5, 0.95, 1.1, 1.25])
@pytest.mark.parametrize("mode", [0, 2])
def test_one_mode_is_the_orbit_of_the_normal_form(label, mu, mode):
    many = ManyModes([3.0, 2.0, 0.5], label, np.eye(3), [1.0, 0.0, 0.0])
    unit = np.sqrt(abs(label) / many.curvatures[mode])
    p, k = np.zeros((2, 3))
    p[mode], k[mode] = 0.5 * unit, np.sign(label) * 0.3 * unit
    step_size = mu / many.curvatures[mode] / abs(label)
    found = many.normal_form(p + k, p - k, step_size=step_size)
    assert found == pytest.approx((mu, 0.5, 0.3), rel=8 * EPS)
    s, d = many.iterate(p + k, p - k, step_size=step_size, n_steps=300)
    path = lt.orbit(*found, n_steps=300)
    # convergent or periodic: rounding does not grow, except along the transient (measured below 1e-14)
    assert ((s + d) / 2)[:, mode] / unit == pytest.approx(path.u, abs=1e-12)
    assert np.sign(label) * ((s - d) / 2)[:, mode] / unit == pytest.approx(path.v, abs=1e-12)


def minima(many, n, seed=1):
    s, d = np.random.default_rng(seed).normal(size=(2, 4 * n, many.n_modes))
    ratio = many.query_label / many.contributions(s, d).sum(axis=1)
    scale = np.sqrt(ratio[ratio > 0])[:n, None]
    return s[ratio > 0][:n] * scale, d[ratio > 0][:n] * scale


@pytest.mark.parametrize("name", ["random", "more features than tokens"])
def test_sharpness_is_the_largest_hessian_eigenvalue_of_all_weights(name):
    prompt = PROMPTS[name]
    many = ManyModes.of(prompt)
    (s, *_), (d, *_) = minima(many, 3)
    weights = start(prompt)
    P, K = many.weights(s, d, *many.frozen_part(weights.P, weights.K))
    theta = FullWeights(P, K).to_vector()
    problem = Problem(prompt, weights)
    h = 1e-100  # complex step: exact to rounding
    hessian = [problem.evaluate(theta + 1j * h * unit)[1].imag / h for unit in np.eye(theta.size)]
    assert np.linalg.eigvalsh(hessian)[-1] == pytest.approx(many.sharpness(s, d), rel=1e-12)


@pytest.mark.parametrize("sign", [1, -1])
def test_no_minimum_is_flatter_than_the_balanced_one_in_the_weakest_mode(sign):
    many = replace(ManyModes.of(PROMPTS["random"]), query_label=0.4 * sign)
    s, d = minima(many, 2000)
    assert np.abs(many.residual(s, d)).max() < 1e-10
    assert many.sharpness(s, d).min() >= many.smallest_sharpness
    flattest = many.flattest_minimum()
    assert many.residual(*flattest) == pytest.approx(0, abs=4 * EPS)
    assert many.sharpness(*flattest) == pytest.approx(many.smallest_sharpness, rel=4 * EPS)
    assert many.mus(many.largest_stable_step_size)[-1] == pytest.approx(1, rel=4 * EPS)
    strongest = replace(many, curvatures=many.curvatures[:1], directions=many.directions[:, :1])
    assert strongest.smallest_sharpness > 20 * many.smallest_sharpness


@pytest.mark.parametrize("sign", [1, -1])
@pytest.mark.parametrize("name", ["random", "more features than tokens", "rank one"])
def test_training_near_the_flattest_minimum_turns_at_the_derived_step_size(name, sign):
    prompt = replace(PROMPTS[name], query_label=sign * abs(PROMPTS[name].query_label))
    many = ManyModes.of(prompt)
    s, d = many.flattest_minimum()
    noise = 1e-4 * np.abs(s + d).max() * np.random.default_rng(2).normal(size=(2, many.n_modes))
    zero = np.zeros((prompt.d + 1, prompt.d + 1))
    weights = FullWeights(*many.weights(s + noise[0], d + noise[1], zero, zero))
    ends = {}
    for factor in (0.99, 1.01):  # multipliers -0.98 and -1.02: a factor 1e-9 and 1e8 in 1000 steps
        step_size = factor * many.largest_stable_step_size
        run = lt.train(prompt, weights, step_size=step_size, n_steps=1000)
        relative = np.abs(run.predictions / prompt.query_label - 1)
        ends[factor] = relative.max() if factor > 1 else relative[-1]
        assert relative[0] < 2e-3
    assert ends[0.99] < 1e-9
    assert ends[1.01] > 0.05


@pytest.mark.parametrize("mu", [1.1, 1.3, 1.5, 1.8])
def test_weaker_modes_take_over_and_training_converges_where_one_mode_cannot(mu):
    """From a start in the strongest mode, with the others at 1e-6: first its cycle or chaos, then peace."""
    many = ManyModes([1.0, 0.8, 0.5, 0.2], 1.0, np.eye(4), [1.0, 0.0, 0.0, 0.0])
    start = np.array([0.7, 1e-6, 1e-6, 1e-6])
    lone, _ = many.iterate(start * [1, 0, 0, 0], np.zeros(4), step_size=mu, n_steps=4000)
    s, d = many.iterate(start, np.zeros(4), step_size=mu, n_steps=4000)
    lone_residual, residual = lone[:, 0] ** 2 / 4 - 1, many.residual(s, d)
    assert np.abs(lone_residual[-8:]).max() > 0.1
    assert np.abs(residual[:60]).max() > 0.1
    assert np.abs(residual[-8:]).max() < 1e-9
    shares = many.contributions(s[-1], d[-1])
    assert shares @ many.curvatures < 1 / mu  # the cap on the mean curvature, reached to within a few percent
    assert shares @ many.curvatures > 0.9 / mu


def test_a_mode_that_changes_sign_needs_its_hypothesis():
    """The inequality of the claim one_survives is false at r > 1, which it excludes."""
    r, c = 1.9, 0.5
    assert np.log(abs(1 - c * r)) < c * np.log(abs(1 - r))


def test_zero_label_has_its_minima_and_no_normal_form():
    many = ManyModes([2.0, 1.0], 0.0, np.eye(2), [1.0, 0.0])
    assert many.smallest_sharpness == 0
    assert many.largest_stable_step_size == np.inf
    assert many.sharpness(*many.flattest_minimum()) == 0
    with pytest.raises(NoNormalFormError, match=r"got modes \[0\] and y_q = 0"):
        many.normal_form([1.0, 0.0], [0.0, 0.0], step_size=0.1)


TWO = ManyModes([2.0, 1.0], 1.0, np.eye(2), [1.0, 0.0])
NONE = ManyModes.of(lt.Prompt.from_arrays([[1.0]], [1.0], [0.0], 1.0))
REFUSED = {
    "curvatures ascending": (
        lambda: replace(TWO, curvatures=[1.0, 2.0]),
        "curvatures must be positive and descending",
    ),
    "curvature zero": (lambda: replace(TWO, curvatures=[1.0, 0.0]), "leave out those that never move"),
    "directions": (lambda: replace(TWO, directions=np.eye(3)), r"directions must have shape \(2, 2\)"),
    "number of modes": (
        lambda: TWO.iterate([1.0], [1.0], step_size=0.1, n_steps=1),
        "s must have the 2 modes",
    ),
    "steps": (
        lambda: TWO.iterate([1.0, 1.0], [0.0, 0.0], step_size=0.1, n_steps=10**9),
        r"n_steps must keep the history below 1 GiB.*lower it to 33554431",
    ),
    "step size": (lambda: TWO.step([1.0, 1.0], [0.0, 0.0], step_size=0.0), "step_size must be positive"),
    "two modes": (
        lambda: TWO.normal_form([1.0, 1.0], [0.0, 0.0], step_size=0.1),
        r"s and d must excite one mode.*got modes \[0, 1\]",
    ),
    "weights": (lambda: TWO.project(np.eye(3), np.eye(3)), r"P and K must have one shape \(..., 2, 2\)"),
    "no minimum": (NONE.flattest_minimum, "prompt must have a minimum, got the query x_q = 0"),
    "range": (
        lambda: ManyModes.of(lt.Prompt.from_arrays([[1e150]], [1.0], [1e150], 1.0)),
        "prompt must have curvatures in the range of float64",
    ),
}


@pytest.mark.parametrize("name", list(REFUSED))
def test_refusals_name_argument_rule_value_and_remedy(name):
    call, message = REFUSED[name]
    with pytest.raises(lt.InputError, match=message):
        call()


def test_overflow_is_nan_without_a_warning():
    s, _ = TWO.iterate([9.0, 9.0], [0.0, 0.0], step_size=5.0, n_steps=20)
    assert np.isnan(s[-1]).all()
