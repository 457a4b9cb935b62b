"""Layer 4: full gradient descent of the transformer commutes with the map, in every regime, on real data."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import lintrans as lt
from lintrans.two_factor.reduction import Mode
from lintrans.verification import full_batch as verification

LONGLEY = Path(__file__).parents[1] / "data" / "longley.csv"
# mu and balance of one case per regime; u, v are the start of training.
CASES = {
    "monotone": (0.5, 0.5, 0.3),
    "catapult": (0.95, 1.21, 1.21),
    "periodic, period 2": (1.1, 0.5, 0.3),
    "periodic, period 4": (1.25, 0.5, 0.3),
    "periodic, period 3": (1.453, 0.5, 0.5),
    "chaotic": (1.5, 0.5, 0.3),
    "divergent": (1.9, 0.5, -1.3),
}
PROMPTS = {
    "diabetes": lt.Prompt.from_csv(
        lt.example_data(), target="progression", context=slice(0, 64), query=64, standardize=True, center=True
    ),
    "longley": lt.Prompt.from_csv(LONGLEY, target="TOTEMP", context=slice(0, 15), query=15),
    "one number": lt.Prompt.from_arrays([[2.0]], [-3.0], [0.5], 4.0),
}
# A single step rounds in sums of n (d + 1) terms; measured at most 3e-15 on these prompts.
ROUNDING = 2e-14


def start(prompt, u, v, frozen_scale=1.0, seed=0):
    """Weights at (u, v), with a random frozen part."""
    mode = Mode.of(prompt)
    noise = frozen_scale * mode.weight_unit * np.random.default_rng(seed).normal(size=(prompt.d, prompt.d))
    value, key_query = mode.weights(u, v, mode.frozen_part(noise))
    return mode, {"value": float(value), "key_query": key_query}


@pytest.mark.parametrize("data", list(PROMPTS))
@pytest.mark.parametrize("regime", list(CASES))
def test_every_step_commutes_and_the_regimes_agree(data, regime):
    mu, u, v = CASES[regime]
    mode, weights = start(PROMPTS[data], u, v)
    report = lt.verify(PROMPTS[data], step_size=mu * mode.unit_step_size, **weights)
    assert report.max_commutation_error < ROUNDING
    assert report.regime_predicted == report.regime_trained == regime
    assert report.agrees
    if regime == "chaotic":
        # Rounding starts anywhere within a few ulp and grows unevenly: a factor of two either way.
        assert report.predicted_horizon / 2 < report.horizon < 2 * report.predicted_horizon
        assert report.horizon < 200
    elif regime == "periodic, period 3":  # reached through transient chaos: the phases differ
        assert report.predicted_horizon / 2 < report.horizon < 2 * report.predicted_horizon
    elif regime != "divergent":
        assert report.horizon == 4096 and report.predicted_horizon == np.inf


def test_saddle():
    """W exactly anti-balanced in a problem without rounding: d = 1 and powers of two."""
    prompt = lt.Prompt.from_arrays([[1.0]], [1.0], [1.0], 1.0)
    report = lt.verify(prompt, step_size=0.5, value=0.5, key_query=[[-0.5]])
    assert report.regime_predicted == report.regime_trained == "saddle"
    assert report.max_commutation_error < ROUNDING


@pytest.mark.parametrize(
    "fault",
    [
        lambda mu, a, b: (a + (a * a - b * b - mu) * a, b + (a * a - b * b - mu) * b),
        lambda mu, a, b: (a - (a * a - b * b - mu) * a, b - (a * a - b * b - mu) * b),
        lambda mu, a, b: (a - (a * a - b * b - 2 * mu) * a, b + (a * a - b * b - 2 * mu) * b),
    ],
    ids=["sign of a", "sign of b", "mu doubled"],
)
def test_a_wrong_map_does_not_commute(monkeypatch, fault):
    def wrong_orbits(mu, a, b, n_transient, n_samples):
        states = [(a, b)]
        for _ in range(n_transient + n_samples - 1):
            states.append(fault(mu, *states[-1]))
        kept = states[n_transient:]
        return np.stack([s[0] for s in kept], axis=1), np.stack([s[1] for s in kept], axis=1)

    prompt = PROMPTS["one number"]
    mode, weights = start(prompt, 0.5, 0.3)
    monkeypatch.setattr(verification.kernels, "orbits", wrong_orbits)
    report = lt.verify(prompt, step_size=0.5 * mode.unit_step_size, n_steps=64, **weights)
    assert report.max_commutation_error > 1e-3
    assert not report.agrees


def test_a_transformer_trained_otherwise_does_not_commute(monkeypatch):
    """Weight decay of 1e-6 in the oracle is noticed."""
    plain = verification.training.train

    def decayed(*args, **options):
        run = plain(*args, **options)
        run.value[1:] *= 1 - 1e-6
        return run

    monkeypatch.setattr(verification.training, "train", decayed)
    prompt = PROMPTS["one number"]
    mode, weights = start(prompt, 0.5, 0.3)
    report = lt.verify(prompt, step_size=1.1 * mode.unit_step_size, n_steps=64, **weights)
    assert report.max_commutation_error > 1e-8 and not report.agrees


def test_a_large_frozen_part_is_part_of_the_scale():
    mode, weights = start(PROMPTS["diabetes"], 0.5, 0.3, frozen_scale=1e6)
    report = lt.verify(PROMPTS["diabetes"], step_size=0.5 * mode.unit_step_size, n_steps=256, **weights)
    assert report.max_commutation_error < ROUNDING


def test_training_that_overflows_at_once_is_reported():
    prompt = PROMPTS["one number"]
    mode, weights = start(prompt, 1e30, 1e30)
    report = lt.verify(prompt, step_size=mode.unit_step_size, **weights)
    assert report.regime_trained == report.regime_predicted == "divergent"


def test_bad_arguments():
    prompt = PROMPTS["one number"]
    for change, message in (
        ({"n_steps": 3}, "n_steps must lie between 64"),
        ({"tol": 0.0}, "tol must be positive"),
        ({"step_size": -1.0}, "step_size must be positive"),
    ):
        good = {"step_size": 0.1, "value": 0.1, "key_query": [[0.1]]}
        with pytest.raises(lt.InputError, match=message):
            lt.verify(prompt, **(good | change))
