"""What the library of the sandbox refuses: one line, with the remedy, in place of an error of NumPy."""

from __future__ import annotations

import numpy as np
import pytest

from lintrans import InputError
from lintrans.cli.commands.sandbox.options import parse_seeds
from lintrans.sandbox import Model, Task, Training, check_weights, circuit, initial_weights, study, train
from lintrans.sandbox.network import layers

TASK, MODEL = Task(), Model()
WEIGHTS = initial_weights(TASK, MODEL)
PARTS = WEIGHTS._asdict()


@pytest.mark.parametrize(
    ("call", "needles"),
    [
        (lambda: train(task=3), ["task must be made by Task", "3"]),
        (lambda: train(model=Task()), ["model must be made by Model", "Task("]),
        (lambda: train(training="adam"), ["training must be made by Training", "adam"]),
        (lambda: train(seeds=[1, 1]), ["seeds must be increasing"]),
        (lambda: study([Training()]), ["a case must be made by Case"]),
        (lambda: train(seeds=5), ["seeds must be a list", "5"]),
        (lambda: Training(frozen=None), ["frozen must be a list", "None"]),
        (lambda: Training(frozen=[3]), ["frozen must name parts", "3"]),
        (lambda: Training(scales=None), ["scales must be a list", "None"]),
        (lambda: Training(scales=[("value", 2, 3)]), ["scales must be pairs", "3"]),
        (lambda: Training(scales={"value": "x"}), ["scales of value must be a number", "x"]),
        (lambda: Training(optimizer=["adam"]), ["optimizer must be one of adam, sgd", "['adam']"]),
        (lambda: Model(bias="no"), ["bias must be True or False", "'no'"]),
        (lambda: Model(attention_norm=["rms"]), ["attention_norm must be one of", "['rms']"]),
        (lambda: TASK.labels([["a"] * 12]), ["sequences must hold whole numbers", "'a'"]),
        (lambda: TASK.labels([[np.nan] * 12]), ["sequences must hold tokens from 0 to 1"]),
        (lambda: study(5), ["cases must be a list", "5"]),
        (lambda: study([]), ["cases must have different names", "none"]),
        (lambda: circuit(TASK, MODEL, WEIGHTS.flat), ["weights must be made by Weights"]),
        (lambda: circuit(TASK, Model(width=8), WEIGHTS), ["up of shape (8, 2)", "(32, 2)"]),
        (lambda: circuit(Task(length=8), MODEL, WEIGHTS), ["positions of shape (8, 2)", "(12, 2)"]),
        (lambda: layers(TASK, Model(d=3), WEIGHTS, TASK.population()), ["tokens of shape (3, 3)", "(3, 2)"]),
    ],
)
def test_a_wrong_argument_is_named(call, needles):
    with pytest.raises(InputError) as found:
        call()
    message = str(found.value)
    assert "\n" not in message
    assert all(needle in message for needle in needles), message


@pytest.mark.parametrize(
    ("changed", "needles"),
    [
        ({"bias": np.zeros(3)}, ["weights must be tokens, positions", "'bias'"]),
        ({"query": None}, ["weights must hold 'query'"]),
        ({"query": np.zeros(3)}, ["query must have shape (2,)", "(3,)"]),
        ({"query": [0.0, np.nan]}, ["query must be finite", "query[1]=nan"]),
        ({"value": np.zeros(4)}, ["value must have 2 axes", "(4,)"]),
    ],
)
def test_weights_by_name_are_checked(changed, needles):
    parts = {name: part for name, part in {**PARTS, **changed}.items() if part is not None}
    with pytest.raises(InputError) as found:
        check_weights(TASK, MODEL, parts)
    assert all(needle in str(found.value) for needle in needles), str(found.value)


def test_weights_by_name_are_those_given():
    found = check_weights(TASK, MODEL, PARTS)
    assert (found.flat == WEIGHTS.flat).all()


@pytest.mark.parametrize(("text", "seeds"), [("0:3", [0, 1, 2]), ("3,8", [3, 8]), ("5", [5])])
def test_seeds_are_read(text, seeds):
    assert parse_seeds(text) == seeds


@pytest.mark.parametrize("text", ["5:5", "3,1", "3,3", "x", "0:200000", "-1,2"])
def test_seeds_are_refused(text):
    with pytest.raises(InputError):
        parse_seeds(text)
