"""Populations of prompts, from numbers, prompts and tables."""

from __future__ import annotations

import math

import numpy as np
import pytest
from problems import MODE, NEAR, NOISY, check_refused, random_prompt

from lintrans import example_data
from lintrans.errors import NoNormalFormError
from lintrans.minibatch import (
    Population,
)
from lintrans.prompts import prompts_from_csv

BMI = {"target": "progression", "features": ["bmi"], "standardize": True, "center": True}


def test_equal_prompts_have_no_variance_to_the_bit():
    for h, y in ((0.1, 0.3), (1 / 3, -7e5), (1e-4, 1e-3)):
        equal = Population(np.full(49, h), np.full(49, y))
        assert not equal.for_kernels().any() and equal.interpolates
        assert (equal.curvatures == 1).all() and (equal.targets == 1).all()


def test_means_are_one_and_mismatches_are_their_difference():
    assert NOISY.curvatures.mean() == pytest.approx(1, abs=1e-14)
    assert NOISY.targets.mean() == pytest.approx(1, abs=1e-14)
    assert pytest.approx(NOISY.curvatures - NOISY.targets) == NOISY.mismatches
    moments = NOISY.variances
    assert moments.both == pytest.approx(np.cov(NOISY.curvatures, NOISY.mismatches, ddof=0)[0, 1])
    assert not NOISY.interpolates


def test_only_rounding_counts_as_interpolation():
    h = np.random.default_rng(0).uniform(0.5, 2, 100)
    assert Population(h, h * (1 / 3)).interpolates
    assert not Population(h, h * (1 / 3) * (1 + 1e-10 * np.arange(100))).interpolates


@pytest.mark.parametrize("sign", [1, -1])
def test_a_negative_mean_product_turns_the_sign_of_v(sign):
    population = Population([1.0, 2.0], [sign * 1.0, sign * 3.0])
    u, v = population.project(0.5, 0.25)
    # w k = C / A at the minimum
    assert u * v == pytest.approx(0.5 * 0.25 / (population.mean_product / population.mean_square))
    assert population.mu(0.1) == pytest.approx(0.1 * 3.5)


def test_prompts_on_one_mode_have_no_leakage_and_others_do():
    assert not Population.from_prompts(MODE).leakage.any()
    assert Population.from_prompts(NEAR).leakage.max() > 0.1


POPULATIONS = {
    "no prompt": (lambda: Population([], []), ["number of prompts", "between 1"]),
    "lengths": (lambda: Population([1.0, 2.0], [1.0]), ["labels", "2 moments", "got 1"]),
    "not finite": (lambda: Population([1.0, np.nan], [1.0, 1.0]), ["moments[1]=nan"]),
    "overflow": (lambda: Population([1e200, 1.0], [1.0, 1.0]), ["mean h^2", "rescale"]),
    "spread": (lambda: Population.sampled(5, spread=np.inf, noise=0, seed=0), ["spread", "finite"]),
    "none given": (lambda: Population.from_prompts([]), ["prompts", "got none"]),
    "features": (
        lambda: Population.from_prompts([random_prompt(3, 1), random_prompt(3, 2)]),
        ["one number of features", "[1, 2]"],
    ),
    "direction": (lambda: NOISY.project_weights(1.0, [[1.0]]), ["direction", "project"]),
    "shape": (
        lambda: Population.from_prompts(NEAR).project_weights(1.0, [[1.0]]),
        ["key_query", "(2, 2)", "(1, 1)"],
    ),
}


@pytest.mark.parametrize("name", POPULATIONS)
def test_bad_populations_are_refused(name):
    check_refused(*POPULATIONS[name])


@pytest.mark.parametrize(("h", "y"), [([0.0, 0.0], [1.0, 2.0]), ([1.0, 1.0], [1.0, -1.0])])
def test_nothing_to_learn_has_no_normal_form(h, y):
    with pytest.raises(NoNormalFormError, match="other than 0"):
        Population(h, y)


def test_tables_are_cut_into_prompts():
    apart = prompts_from_csv(example_data(), context_length=16, **BMI)
    assert len(apart) == 442 // 17
    rows = {float(x) for prompt in apart for x in [*prompt.labels, prompt.query_label]}
    assert len(rows) > 100
    many = prompts_from_csv(example_data(), context_length=16, n_prompts=500, seed=1, **BMI)
    again = prompts_from_csv(example_data(), context_length=16, n_prompts=500, seed=1, **BMI)
    assert len(many) == 500 and np.array_equal(many[7].context, again[7].context)
    assert abs(np.mean([prompt.query_label for prompt in many])) < 5 * 77 / math.sqrt(500)  # centred


@pytest.mark.parametrize(
    ("options", "parts"),
    [
        ({"context_length": 442}, ["context_length", "442"]),
        ({"context_length": 0}, ["context_length"]),
        ({"context_length": 8, "n_prompts": 0}, ["n_prompts"]),
        ({"context_length": 8, "seed": -1}, ["seed"]),
    ],
)
def test_bad_cuts_are_refused(options, parts):
    check_refused(lambda: prompts_from_csv(example_data(), **BMI, **options), parts)
