"""The sandbox in JavaScript against Python: layers, gradients, steps, and what changes of settings do."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from make_network_golden import (
    N_STEPS,
    NETWORKS,
    RUNS,
    Run,
    compute,
    js_network,
    js_run,
    js_training,
    read,
    sequences,
)
from node import call, call_many, copy_modules, needs_node

from lintrans.sandbox import network
from lintrans.sandbox.kernels import layout
from lintrans.sandbox.kernels.draws import draw_kept, shuffle
from lintrans.sandbox.model import Model
from lintrans.sandbox.task import Task
from lintrans.sandbox.training import Training

pytestmark = needs_node

CHECKS = "tests/sandbox/network_checks.js"
KERNELS = "lintrans/sandbox/modules/kernels"
STATE = ("weights", "first", "second")
IN_JS = {"normed_xi": "normedXi"}

# Sums of up to 32 terms in another order, and an exponential with an error of 1 ulp: measured up to 5e-16.
LAYERS = 1e-13
# Rounding grows over 200 steps, most where Adam divides by small second moments: measured up to 6e-11 of a
# weight, and 3e-11 of the largest moment.
STEPS = 1e-9


@pytest.fixture(scope="module")
def golden():
    return read()


def of_largest(found, expected):
    """Largest difference, over the largest entry."""
    expected = np.asarray(expected, dtype=np.float64).ravel()
    return np.abs(np.asarray(found).ravel() - expected).max() / np.abs(expected).max()


def layers_in_js(name, golden, folder=None):
    options = {
        "network": js_network(*NETWORKS[name]),
        "weights": golden[name]["weights"],
        "tokens": sequences(name).astype(np.uint8).ravel(),
    }
    return call_many([(CHECKS, "layersOf", [options], False)], folder)[0]


def wrong_layers(found, expected):
    """Names of what differs by more than rounding."""
    names = [name for name in expected if name != "weights"]
    return [x for x in names if not of_largest(found[IN_JS.get(x, x)], expected[x]) < LAYERS]


def is_trained_alike(found, expected):
    """Whether states agree: weights one by one, moments by the largest."""
    weights = np.abs(found["weights"] - expected[0]) <= STEPS * np.abs(expected[0])
    moments = [
        np.abs(found[name] - x).max() <= STEPS * np.abs(x).max()
        for name, x in zip(STATE[1:], expected[1:], strict=True)
    ]
    return bool(weights.all() and all(moments))


def test_the_golden_file_is_what_python_computes(golden):
    fresh = compute()
    stored = {f"{name}/{key}": x for name, case in golden.items() for key, x in case.items()}
    assert list(stored) == list(fresh)
    for name, x in fresh.items():
        tolerance = STEPS if name.endswith("/states") else LAYERS  # of other libraries for matrices
        assert np.isfinite(x).all()
        assert np.abs(stored[name] * 1.0 - x).max() <= tolerance * np.abs(x).max(), name


@pytest.mark.parametrize("name", NETWORKS)
def test_layers_and_gradient_are_those_of_python(name, golden):
    found = layers_in_js(name, golden)
    assert wrong_layers(found, golden[name]) == []
    assert np.array_equal(found["again"], found["shares"])
    assert np.array_equal(found["atEnd"], found["shares"])
    assert found["labels"].tolist() == NETWORKS[name][0].labels(sequences(name)).tolist()
    assert found["loss"] == pytest.approx(golden[name]["losses"].mean(), rel=LAYERS)
    assert found["accuracy"] == golden[name]["right"].mean()


def test_extreme_scores_leave_numbers(golden):
    """A query that is far too long: e^score of all but one pair would be 0."""
    task, model = NETWORKS["default"]
    weights = golden["default"]["weights"].copy()
    weights[model.places(task)["query"]] *= 1e5
    found = layers_in_js("default", {"default": {"weights": weights}})
    assert all(np.isfinite(found[name]).all() for name in ("attention", "shares", "losses", "gradient"))


@pytest.mark.parametrize("name", RUNS)
def test_200_steps_are_those_of_python(name, golden):
    begin, end = golden[name]["states"]
    found = call(CHECKS, "train", js_run(RUNS[name], begin))
    assert is_trained_alike(found, end)
    assert found["step"] == RUNS[name].begin + N_STEPS
    assert not is_trained_alike(found, begin)


@pytest.mark.parametrize("name", ["on the way", "schedule", "dropout"])
def test_a_run_may_be_interrupted(name, golden):
    """To the bit."""
    case = js_run(RUNS[name], golden[name]["states"][0])
    whole, parts = call(CHECKS, "trainAll", [case, {**case, "stops": [1, 38, 150]}])
    assert all(np.array_equal(whole[key], parts[key]) for key in STATE)


def test_measures_are_those_of_the_batches(golden):
    run = RUNS["plain descent"]
    begin = golden["plain descent"]["states"][0]
    per_epoch = run.training.per_epoch(run.task)
    found = call(CHECKS, "train", js_run(run, begin, per_epoch))
    expected = run.block.advance(begin[None], (0, per_epoch))
    assert found["loss"] == pytest.approx(expected.batch_loss[0, 0], rel=LAYERS)
    assert found["accuracy"] == pytest.approx(expected.batch_accuracy[0, 0], rel=LAYERS)


# What is drawn


@pytest.mark.parametrize("seed", [0, 7, 2**32 + 5, 2**64 - 1])
def test_orders_are_those_of_python(seed):
    expected = np.zeros((layout.LANES, 99), np.int64)
    for epoch in (0, 12345):
        shuffle(np.full(layout.LANES, seed, dtype=np.uint64), epoch, expected)
        assert call(CHECKS, "orderOf", str(seed), epoch, 99).tolist() == expected[0].tolist()


def test_dropout_is_that_of_python():
    seed, step, dropout, width = 2**40 + 1, 777, 0.3, 5
    expected = np.zeros((width, 1, layout.COLUMNS))
    draw_kept(np.full(layout.LANES, seed, dtype=np.uint64), step, 0, 1, dropout, expected)
    options = {"seed": str(seed), "step": step, "dropout": dropout, "n": layout.SAMPLES, "width": width}
    assert call(CHECKS, "keptOf", options).tolist() == expected[:, 0, :: layout.LANES].ravel().tolist()


def test_gelu_is_that_of_python():
    x = np.concatenate([np.linspace(-40, 40, 2001), [0.0, 1e-300, -1e-300, 300.0, -300.0]])
    found = call(CHECKS, "geluOf", x)
    # against the series of erf, which loses the left tail: absolute
    np.testing.assert_allclose(found["gelu"], network.gelu(x), rtol=1e-15, atol=1e-15)
    np.testing.assert_allclose(found["slope"], network.gelu_slope(x), rtol=1e-15, atol=1e-15)


# Settings that change


def in_stages(run, stages):
    options = {**js_run(run, run.block.begin()[0]), "stages": stages}
    return call(CHECKS, "trainInStages", options)


def stacked(found):
    return np.stack([found[name] for name in STATE])


def test_a_change_of_the_batch_size_begins_the_next_epoch():
    run = Run(Task(n_train=256), Model(), Training(optimizer="sgd", rate=0.1))  # 8 steps an epoch
    first, second, third = in_stages(
        run,
        [
            {"changes": None, "nSteps": 11},
            {"changes": {"batchSize": 16, "rate": 0.05}, "nSteps": 40},
            {"changes": {"batchSize": 64}, "nSteps": 7},
        ],
    )
    assert is_trained_alike(first, run.block.advance(run.block.begin(), (0, 11)).state[0])
    expected = advanced(run, first, 2, 40, batch_size=16, rate=0.05)  # of epoch 1 the rest is left out
    assert is_trained_alike(second, expected)
    assert second["step"] == 51
    assert second["origin"] == {"step": 11, "epoch": 2, "moments": 0}
    # 40 steps of 16 a epoch: epochs 2, 3, and half of 4
    assert is_trained_alike(third, advanced(run, second, 5, 7, batch_size=64, rate=0.05))


def advanced(run, found, epoch, n_steps, **changes):
    """State in Python after some steps from the beginning of an epoch."""
    training = replace(run.training, **changes)
    begin = epoch * training.per_epoch(run.task)
    block = run._replace(training=training).block
    return block.advance(stacked(found)[None], (begin, begin + n_steps)).state[0]


def test_a_change_of_the_optimiser_forgets_moments():
    """With batches of all sequences: the order does not matter."""
    run = Run(Task(n_train=40), Model(), Training(optimizer="sgd", momentum=0.5, rate=0.1, batch_size=40))
    first, second = in_stages(
        run, [{"changes": None, "nSteps": 5}, {"changes": {"optimizer": "adam", "rate": 1e-3}, "nSteps": 20}]
    )
    block = run._replace(training=Training(batch_size=40, rate=1e-3)).block
    state = stacked(first)
    state[1:] = 0
    assert is_trained_alike(second, block.advance(state[None], (0, 20)).state[0])
    assert second["origin"]["moments"] == 5


def test_other_changes_take_effect_at_once():
    run = Run(Task(n_train=256), Model(), Training())
    changes = {"norms": {"feedForward": "smooth", "feedForwardConstant": 0.1}, "clip": 0.05, "rate": 0.01}
    changes |= {"dropout": 0.2, "frozen": ["query"], "weightDecay": 0.1}
    first, second = in_stages(run, [{"changes": None, "nSteps": 9}, {"changes": changes, "nSteps": 20}])
    training = Training(clip=0.05, rate=0.01, dropout=0.2, frozen=["query"], weight_decay=0.1)
    other = run._replace(model=Model(feed_forward_norm="smooth"), training=training)
    expected = other.block.advance(stacked(first)[None], (9, 29)).state[0]
    assert is_trained_alike(second, expected)
    assert second["origin"] == {"step": 0, "epoch": 0, "moments": 0}


def test_without_moments_they_are_summed_anew(golden):
    run = RUNS["on the way"]
    state = golden["on the way"]["states"][0]
    case = js_run(run, state, 1)
    case["state"] = {"weights": state[0], "step": run.begin}
    found = call(CHECKS, "train", case)
    assert found["origin"]["moments"] == run.begin
    # The first step of Adam goes by rate / (1 + epsilon / |g|), and all |g| are above 1e-6.
    np.testing.assert_allclose(np.abs(found["weights"] - state[0]), run.training.rate, rtol=1e-2)


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({"training": {"rate": 0}}, "RangeError: the learning rate must be above 0, got 0"),
        (
            {"training": {"batchSize": 41}},
            "RangeError: the batch size must be a whole number from 1 to 40, got 41",
        ),
        ({"training": {"optimizer": "lion"}}, "RangeError: unknown optimizer lion"),
        ({"training": {"dropout": 1}}, "RangeError: dropout must be from 0 and below 1, got 1"),
        ({"training": {"frozen": ["key"]}}, "RangeError: unknown part of the weights key"),
        ({"seed": -1}, "RangeError: a seed must be from 0 and below 2^64, got -1"),
        ({"seed": str(2**64)}, f"RangeError: a seed must be from 0 and below 2^64, got {2**64}"),
        ({}, None),
    ],
)
def test_what_cannot_be_trained_is_refused(change, expected):
    task = Task(n_train=40)
    options = {"network": js_network(task, Model()), "tokens": task.data(0).train.astype(np.uint8).ravel()}
    assert call(CHECKS, "refusalOf", options | change) == expected


def test_settings_that_are_not_given_are_those_of_python():
    """JavaScript's own defaults are those of `Training`."""
    run = Run(Task(n_train=256), Model(), Training())
    case = js_run(run, run.block.begin()[0], 20)
    given, silent = call(CHECKS, "trainAll", [case, {**case, "training": {}}])
    assert all(np.array_equal(given[name], silent[name]) for name in STATE)
    assert js_training(Training(optimizer="sgd"), Model())["momentum"] == 0


# Faults

IN_LAYERS = {  # file, what is replaced, by what, and something that is wrong then
    "sign in the norm": (
        "layers.js",
        "s * byNormed[i] - along",
        "s * byNormed[i] + along",
        "default/gradient",
    ),
    "sign of the labels": ("gradient.js", "- (labels[s] === k", "+ (labels[s] === k", "p = 3/gradient"),
    "sign of the mean": ("gradient.js", "byTotal -=", "byTotal +=", "p = 5/gradient"),
    "a constant of the smooth norm": ("layers.js", "square + constant * constant", "square", "p = 3/normed"),
    "one digit of gelu": ("functions.js", "0.11523705367776102", "0.11523705377776102", "default/hidden"),
    "no residual": ("layers.js", "xi[s * d + i] + weights[first + i]", "weights[first + i]", "default/out"),
    "no root of d": ("layers.js", "score / root", "score", "default/scores"),
}
IN_STEPS = {  # and the run that ends elsewhere
    "sign of the step": ("steps.js", "weights[k] -=", "weights[k] +=", "adam"),
    "sign of the gradient": (
        "gradient.js",
        "values[upBias + u] +=",
        "values[upBias + u] -=",
        "plain descent",
    ),
    "always the first epoch": ("draws.js", "philox(i / 4, epoch,", "philox(i / 4, 0,", "on the way"),
    "order of draws": ("draws.js", "words[i % 4] * (n - i)", "words[3 - (i % 4)] * (n - i)", "adam"),
    "steps counted from 0": ("trainer.js", "this.step + 1 - this", "this.step + 2 - this", "adam"),
    "no correction of the second moment": ("steps.js", "* rootBias", "", "on the way"),
    "sign of the decay": ("steps.js", "+ decay", "- decay", "clipped, with decay"),
    "dropout of the same step": ("draws.js", "philox(k % n, step,", "philox(k % n, 0,", "dropout"),
    "a schedule one step early": ("trainer.js", "Math.min(this.step,", "Math.min(this.step + 1,", "schedule"),
}


def plant(fault, folder):
    file, old, new, _ = fault
    path = copy_modules(folder) / KERNELS / file
    text = path.read_text()
    assert text.count(old) == 1
    path.write_text(text.replace(old, new))


@pytest.mark.parametrize("fault", IN_LAYERS)
def test_a_fault_in_a_layer_is_seen(fault, golden, tmp_path):
    plant(IN_LAYERS[fault], tmp_path)
    name, quantity = IN_LAYERS[fault][3].split("/")
    assert quantity in wrong_layers(layers_in_js(name, golden, tmp_path), golden[name])


@pytest.mark.parametrize("fault", IN_STEPS)
def test_a_fault_in_a_step_is_seen(fault, golden, tmp_path):
    plant(IN_STEPS[fault], tmp_path)
    name = IN_STEPS[fault][3]
    begin, end = golden[name]["states"]
    found = call_many([(CHECKS, "train", [js_run(RUNS[name], begin)], False)], tmp_path)[0]
    assert not is_trained_alike(found, end)
