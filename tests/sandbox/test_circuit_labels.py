"""Labels of circuits: heads written down by hand, what must not change a label, and what must."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sandbox.hand_built import signed_head, weighted_head

from lintrans.sandbox.labels import (
    CLUSTERING,
    EVEN,
    IRREGULAR,
    MAX_DEVIATION,
    NONE,
    SIGNED,
    circuit,
    classes,
    deviations,
    effects,
    effects_of_many,
    kind,
    share_between,
    units,
)
from lintrans.sandbox.model import Model, initial_weights
from lintrans.sandbox.network import layers
from lintrans.sandbox.task import Task
from lintrans.sandbox.xi import sequence_grid, xi_and_mass

HEAD = (1,) * 5 + (0,) * 7
TRIANGLE = ((1.0, 0.0), (-0.5, 0.75**0.5), (-0.5, -(0.75**0.5)))


def label_of(numbers, *, accuracy=0.5, task=None):
    task = task or Task()
    return circuit(task, *weighted_head(task, numbers), accuracy=accuracy)


@pytest.mark.parametrize(
    ("numbers", "label"),
    [
        (HEAD, CLUSTERING),
        ((3,) * 5 + (0,) * 7, CLUSTERING),  # the same circuit in another unit
        ((3, 3, 5, 3, 3) + (0,) * 7, EVEN),  # none of the numbers is 1
        ((3, 5, 5, 3, 3, 2) + (0,) * 6, EVEN),
        ((5, 3, 3, 3, 3, 4) + (0,) * 6, EVEN),
        ((5, 5, 7, 5, 9) + (0,) * 7, EVEN),
        ((1, 1, 1, 1, 1, 0, 2, 0, 0, 0, 0, 0), EVEN),
        ((1, 1, 3, 1, 1, 0, 0, 0, 0, 0, 0, 0), EVEN),
        ((1, 3, 1, 1, 5, 2, 0, 4, 0, 0, 2, 0), EVEN),
        ((1, 1, 1, 1, 1, 1, 0, 0, 0, 0, 0, 0), NONE),  # a position too many
        ((1, 1, 1, 1, 0, 0, 0, 0, 0, 0, 0, 0), NONE),  # one too few
        ((1, 1, 2, 1, 1, 0, 0, 0, 0, 0, 0, 0), NONE),  # an even number where it must be odd
        ((1, 1, 1, 1, 1, 3, 0, 0, 0, 0, 0, 0), NONE),  # an odd one where it must be even
        ((1,) * 12, NONE),
    ],
)
def test_whole_numbers_have_the_label_of_their_kind(numbers, label):
    found = label_of(numbers)
    assert found.label == label
    assert found.accuracy == 0.5
    unit = np.gcd.reduce(numbers)
    if label != NONE:
        assert found.pattern == tuple(n // unit for n in numbers)
        # xi is linear in the tokens: rounding of some 10 operations on the largest number
        assert found.deviation < 1e-13 * max(numbers)
        assert found.share == pytest.approx(1, abs=1e-13)
        assert found.nearest == 1


def test_the_smallest_effect_may_be_too_small():
    """Effects of a default run (seed 45 of a build): the least is 0.87 of their unit."""
    effects_of_run = (0.91, 3.12, 0.87, 0.93, 1.07, 0, 5.96, 1.84, 4.07, 0, 4.03, 4.01)
    found = label_of(effects_of_run)
    assert found.label == EVEN
    assert found.pattern == (1, 3, 1, 1, 1, 0, 6, 2, 4, 0, 4, 4)
    assert found.deviation < 0.2


def test_any_numbers_are_seldom_a_circuit():
    """A smaller unit fits more numbers, but odd and even must be where they belong."""
    drawn = np.random.default_rng(0).uniform(0.2, 6, (100, 12))
    assert sum(label_of(tuple(numbers)).label != NONE for numbers in drawn) <= 1


@pytest.mark.parametrize("signs", [(1, -1, 1, 1, 1), (-1, -1, -1, 1, 1), (1, -1, -1, -1, -1)])
def test_a_reversed_position_makes_a_signed_head(signs):
    task = Task()
    found = circuit(task, *signed_head(task, (*signs, *[0] * 7)), accuracy=1.0)
    assert found.label == SIGNED
    sign = 1 if sum(signs) > 0 else -1
    assert found.pattern == (*(sign * s for s in signs), *[0] * 7)


@pytest.mark.parametrize("sign", [1, -1])
def test_the_sign_of_a_head_is_free(sign):
    task = Task()
    assert circuit(task, *signed_head(task, (*[sign] * 5, *[0] * 7)), accuracy=1.0).label == CLUSTERING


def test_a_signed_head_that_ends_at_another_position_is_wrong():
    task = Task()
    assert circuit(task, *signed_head(task, (1, -1, 1, 1, 0, 1, *[0] * 6)), accuracy=0.5).label == NONE


@pytest.mark.parametrize(("n", "is_head"), [(MAX_DEVIATION - 0.01, True), (MAX_DEVIATION + 0.01, False)])
def test_an_effect_elsewhere_is_held_to_the_threshold(n, is_head):
    found = label_of((1, 1, 1, 1, 1, n, *[0] * 6), accuracy=1.0)
    assert found.label == (CLUSTERING if is_head else IRREGULAR)
    assert found.deviation == pytest.approx(n, abs=1e-12)  # rounding
    assert (found.margins.deviation > 0) == is_head
    assert found.margins.deviation == pytest.approx(MAX_DEVIATION - n, abs=1e-12)


@pytest.mark.parametrize(("accuracy", "label"), [(1.0, IRREGULAR), (0.56, IRREGULAR), (0.54, NONE)])
def test_without_a_pattern_accuracy_decides(accuracy, label):
    found = label_of((1, 1, 1, 1, 1, 0.5, 0, 0, 0, 0, 0, 0), accuracy=accuracy)
    assert (found.label, found.pattern) == (label, None)
    assert (found.margins.skill >= 0) == (label == IRREGULAR)


def test_accuracy_does_not_decide_where_there_is_a_pattern():
    assert {label_of(HEAD, accuracy=a).label for a in (0.0, 0.5, 1.0)} == {CLUSTERING}


def test_accuracy_is_that_of_the_network():
    task, model = Task(), Model()
    weights = initial_weights(task, model, 3)
    population = task.population()
    right = layers(task, model, weights, population).logits.argmax(axis=1) == task.labels(population)
    assert circuit(task, model, weights).accuracy == right.mean()


def test_classes_that_overlap_are_no_pattern():
    """Seven positions of 0.24 units each: every effect is near a whole number, and the classes overlap."""
    found = label_of((1, 1, 1, 1, 1, *[0.24] * 7))
    assert found.margins.deviation > 0
    assert found.margins.nearest < 0
    assert (found.label, found.pattern) == (NONE, HEAD)


@given(st.floats(1e-6, 1e6), st.floats(0, 6.3), st.booleans())
def test_labels_do_not_depend_on_scale_and_direction_of_values(scale, angle, is_mirrored):
    task = Task()
    model, weights = signed_head(task, (1, 1, -1, 1, 1, *[0] * 7))
    turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    turn[1] *= -1 if is_mirrored else 1
    found = circuit(task, model, weights._replace(value=scale * turn @ weights.value), accuracy=0.5)
    assert (found.label, found.pattern) == (SIGNED, (1, 1, -1, 1, 1, *[0] * 7))


@pytest.mark.parametrize("part", ["tokens", "positions", "query", "value", "up", "down_bias"])
@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_a_run_that_has_diverged_has_no_circuit(part, bad):
    task = Task()
    model, weights = weighted_head(task, HEAD)
    array = getattr(weights, part).copy()
    array.flat[0] = bad
    found = circuit(task, model, weights._replace(**{part: array}))
    assert found.label == NONE
    assert "diverged" in found.reason


@pytest.mark.parametrize("scales", [{"value": 0.0}, {"tokens": 0.0}])
def test_xi_that_does_not_depend_on_the_sequence_is_no_circuit(scales):
    task, model = Task(), Model()
    found = circuit(task, model, initial_weights(task, model, scales=scales))
    assert found.label == NONE
    assert "same for all" in found.reason


def test_initial_weights_have_no_circuit():
    task, model = Task(), Model()
    labels = {circuit(task, model, initial_weights(task, model, s), accuracy=0.5).label for s in range(100)}
    assert labels == {NONE}


def test_any_positions_can_be_summed():
    numbers = np.zeros(9)
    numbers[[1, 4, 8]] = 1
    task = Task(length=9, positions=(1, 4, 8))
    assert label_of(numbers, task=task).label == CLUSTERING
    assert label_of(np.roll(numbers, 1), task=task).label == NONE


@pytest.mark.parametrize("vectors", [TRIANGLE, ((0.0,), (1.0,), (2.0,)), ((0.0,), (1.0,), (-1.0,))])
def test_a_head_of_three_tokens(vectors):
    """A triangle has all C(k + 2, 2) classes apart; a line joins some of the same label, and is right too."""
    task = Task(p=3, length=6, positions=3)
    found = circuit(task, *weighted_head(task, (1, 1, 1, 0, 0, 0), vectors), accuracy=0.3)
    assert (found.label, found.pattern) == (CLUSTERING, (1, 1, 1, 0, 0, 0))


@pytest.mark.parametrize(
    ("numbers", "vectors"),
    [
        ((1, 1, 4, 0, 0, 0), TRIANGLE),  # right modulo 3 on a line, but effects are not equal
        ((1, 1, 1, 3, 0, 0), ((0.0,), (1.0,), (2.0,))),
        ((1, 1, 1, 0, 0, 0), ((0.0,), (1.0,), (1.0,))),  # two tokens look the same
    ],
)
@pytest.mark.parametrize(("accuracy", "label"), [(0.34, NONE), (1.0, IRREGULAR)])
def test_what_is_no_head_of_three_tokens(numbers, vectors, accuracy, label):
    task = Task(p=3, length=6, positions=3)
    assert circuit(task, *weighted_head(task, numbers, vectors), accuracy=accuracy).label == label


@pytest.mark.parametrize(
    "task", [Task(length=8), Task(p=3, length=5, positions=(0, 3)), Task(length=1, positions=1)]
)
def test_effects_are_differences_of_means_of_the_population(task):
    model = Model(d=3)
    weights = initial_weights(task, model, 5)
    found, population = effects(task, model, weights), task.population()
    xi = layers(task, model, weights, population).xi
    for t in range(task.length):
        means = [xi[population[:, t] == a].mean(axis=0) for a in range(task.p)]
        # sums of at most 256 numbers near 1, in another order
        assert np.allclose(found[t], np.array(means[1:]) - means[0], atol=1e-13)


@pytest.mark.parametrize("task", [Task(length=8), Task(p=3, length=4, positions=2), Task(length=18)])
def test_effects_of_many_are_those_of_each(task):
    model = Model()
    each = [initial_weights(task, model, seed) for seed in range(3)]
    many = effects_of_many(task, model, np.stack([one.flat for one in each]))
    for one, found in zip(each, many, strict=True):
        assert np.allclose(found, effects(task, model, one), atol=1e-13)  # as above


def test_a_sample_gives_the_effects_of_a_linear_head_exactly():
    task = Task(length=20)
    assert not sequence_grid(task).is_whole
    numbers = (1, 1, 1, 1, 1, 0, 2, *[0] * 13)
    found = circuit(task, *weighted_head(task, numbers), accuracy=0.5)
    assert (found.label, found.pattern) == (EVEN, numbers)
    assert found.deviation < 1e-12  # the token is replaced in each sequence, so that only rounding is left


def test_effects_are_stable_where_one_token_takes_all_attention():
    task = Task(length=6, positions=2)
    model, weights = weighted_head(task, (1, 1, 0, 0, 0, 0))
    tokens = weights.tokens.copy()
    tokens[1, 0] = 60.0  # token 1 outweighs all others by e^60
    found = effects(task, model, weights._replace(tokens=tokens))
    xi = layers(task, model, weights._replace(tokens=tokens), task.population()).xi
    at_0 = task.population()[:, 0]
    assert np.allclose(found[0, 0], xi[at_0 == 1].mean(axis=0) - xi[at_0 == 0].mean(axis=0), atol=1e-12)


def test_kinds_of_patterns():
    task, three = Task(length=3, positions=2), Task(p=3, length=3, positions=2)
    of = {
        (1, 1, 0): CLUSTERING,
        (-1, -1, 0): CLUSTERING,
        (1, -1, 0): SIGNED,
        (3, -1, 0): EVEN,
        (1, 1, -2): EVEN,
    }
    assert {numbers: kind(task, np.array(numbers)) for numbers in of} == of
    assert kind(task, np.array([1, 2, 0])) is None
    assert kind(three, np.array([1, -1, 0])) is None, "-1 is not 1 modulo 3"
    assert kind(three, np.array([1, 1, 0])) == CLUSTERING


def test_a_unit_with_the_wrong_sign_is_found_out():
    """Negative control: deviations see one reversed number."""
    task = Task()
    found = effects(task, *weighted_head(task, HEAD))
    right, wrong = np.array(HEAD), np.array((1, 1, 1, 1, -1, *[0] * 7))
    assert deviations(task, found, right) < 1e-13
    assert deviations(task, found, wrong) > 1
    assert np.allclose(units(found, right)[0], [0, 0.4])  # 2 / 5, as attention is 1 / 5


@given(st.integers(0, 2**32), st.integers(1, 6))
def test_variance_within_and_between_groups_adds_up(seed, n_groups):
    rng = np.random.default_rng(seed)
    xi, group = rng.normal(size=(2, 50, 3)), rng.integers(0, n_groups, 50)
    group = np.unique(group, return_inverse=True)[1]
    within = np.zeros(2)
    for g in range(group.max() + 1):
        some = xi[:, group == g]
        within += ((some - some.mean(axis=1, keepdims=True)) ** 2).sum(axis=(1, 2))
    total = xi.var(axis=1).sum(axis=-1) * 50
    assert np.allclose(share_between(xi, group), 1 - within / total, atol=1e-12)  # 150 terms near 1


def test_classes_are_sums_of_weighted_tokens():
    task = Task(length=3, positions=2)
    found = classes(task, np.array([1, -1, 2]), task.population())
    sums = task.population() @ [1, -1, 2]
    assert len(np.unique(found)) == len(np.unique(sums))
    assert all(len(np.unique(sums[found == g])) == 1 for g in np.unique(found))


def test_xi_survives_scores_that_differ_without_bounds():
    task, model = Task(), Model(attention_norm="none")
    weights = initial_weights(task, model, scales={"query": 1e4})
    assert np.isfinite(xi_and_mass(task, model, weights, task.population())[0]).all()
