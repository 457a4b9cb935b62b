"""Full gradient descent of the page is that of the package, with and without a variant."""

from __future__ import annotations

import numpy as np
import pytest
from node import call, call_many, copy_modules, needs_node

import lintrans as lt

pytestmark = needs_node

ETA, N_STEPS = 9e-5, 60  # mu = 1.22, where plain descent ends on a cycle
VARIANTS = {
    "plain": {},
    "decay": {"weight_decay": 2e3},
    "momentum": {"momentum": 0.4},
    "warm-up": {"schedule": [0.1, 0.4, 0.7, 0.9]},
    "all of them": {"weight_decay": 1e3, "momentum": 0.3, "schedule": [0.2, 0.5, 0.8]},
}


@pytest.fixture(scope="module")
def weights(prompt):
    return lt.initial_weights(prompt.d, value=0.3, scale=0.2, seed=1)


def options_of(prompt, weights, variant, n_steps=N_STEPS):
    told = {"contextInputs": prompt.context, "contextLabels": prompt.labels}
    told |= {"query": prompt.query, "queryLabel": prompt.query_label}
    options = {"prompt": told, "value": weights.value, "keyQuery": weights.key_query.ravel()}
    options |= {"stepSize": ETA, "nSteps": n_steps}
    if not variant:
        return options
    words = {"weightDecay": variant.get("weight_decay", 0.0), "momentum": variant.get("momentum", 0.0)}
    return options | {"variant": words | {"schedule": np.array(variant.get("schedule", [1.0]))}}


def relative(found, expected):
    """Largest difference, over the size of the largest number."""
    return np.abs(found - expected).max() / np.abs(expected).max()


@pytest.mark.parametrize("name", VARIANTS)
def test_it_is_that_of_the_package(prompt, weights, name):
    expected = lt.train(prompt, weights, step_size=ETA, n_steps=N_STEPS, **VARIANTS[name])
    assert not expected.overflowed
    found = call("descent.js", "descend", options_of(prompt, weights, VARIANTS[name]))
    label = prompt.query_label
    # sums of 64 products in another order: a few 1e-16 a step, which neither a cycle nor a minimum amplifies
    assert relative(found["prediction"] * label, expected.predictions) < N_STEPS * 1e-15
    assert relative(found["loss"] * label**2, expected.losses) < N_STEPS * 1e-15


FAULTS = {
    "sign of the step": ("momentum * moved[i] - scale", "momentum * moved[i] + scale", "plain"),
    "W and x_q": ("weights[1 + i * d + j]", "weights[1 + j * d + i]", "plain"),
    "no mean": (" / n;", ";", "plain"),
    "decay of the displacement": ("weightDecay * weights[i]", "weightDecay * moved[i]", "decay"),
    "momentum of the weights": ("momentum * moved[i]", "momentum * weights[i]", "momentum"),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_a_planted_fault_is_seen(prompt, weights, fault, tmp_path):
    old, new, name = FAULTS[fault]
    path = copy_modules(tmp_path) / "lintrans/explorer/modules/kernels/descent.js"
    text = path.read_text()
    assert text.count(old) == 1
    path.write_text(text.replace(old, new))
    options = options_of(prompt, weights, VARIANTS[name], n_steps=4)
    faulty = call_many([("descent.js", "descend", [options], False)], tmp_path)[0]["prediction"]
    right = call("descent.js", "descend", options)["prediction"]
    assert relative(faulty, right) > 1e-3
