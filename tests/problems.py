"""Prompts and weights that several test files train on."""

from __future__ import annotations

import functools
from pathlib import Path

import numpy as np
import pytest

from lintrans.attention.transformer import FullWeights, TwoFactorWeights
from lintrans.errors import InputError, LintransError
from lintrans.minibatch import Batches, Population, escape_times, risk_map, stationary_density
from lintrans.prompts.prompt import Prompt, example_data
from lintrans.sandbox import Training, cases, measure_run, study, train
from lintrans.sweeps import store
from lintrans.sweeps.executors import Threads
from lintrans.two_factor import (
    boundary_dimension,
    find_cycles,
    follow_cycles,
    invariant_density,
    orbit_exponents,
)
from lintrans.verification import verify_batches

LONGLEY = Path(__file__).parent / "data" / "longley.csv"
GOOD = TwoFactorWeights(1.0, [[1.0]])
UNIT = Prompt.from_arrays([[1.0]], [1.0], [1.0], 1.0)  # prediction w W: mu = step size, u = w, v = W


def random_prompt(n: int, d: int, seed: int = 0) -> Prompt:
    rng = np.random.default_rng(seed)
    return Prompt.from_arrays(rng.normal(size=(n, d)), rng.normal(size=n), rng.normal(size=d), rng.normal())


def real_prompt(path: Path, target: str, **settings) -> Prompt:
    return Prompt.from_csv(path, target=target, context=slice(0, 14), query=15, **settings)


PROMPTS = {
    "one token, one feature": random_prompt(1, 1),
    "one token": random_prompt(1, 4),
    "one feature": random_prompt(6, 1),
    "random": random_prompt(7, 3),
    "longley raw": real_prompt(LONGLEY, "TOTEMP"),
    "longley": real_prompt(LONGLEY, "TOTEMP", standardize=True, center=True),
    "diabetes raw": real_prompt(example_data(), "progression"),
    "diabetes": real_prompt(example_data(), "progression", standardize=True, center=True),
}


def random_weights(kind: type, d: int, seed: int = 5):
    rng = np.random.default_rng(seed)
    if kind is TwoFactorWeights:
        return TwoFactorWeights(rng.normal(), rng.normal(size=(d, d)))
    return FullWeights(*rng.normal(size=(2, d + 1, d + 1)))


every_prompt = pytest.mark.parametrize("prompt", PROMPTS.values(), ids=PROMPTS)
both_kinds = pytest.mark.parametrize("kind", [TwoFactorWeights, FullWeights])


def check_refused(call, parts):
    """The call raises one line with a remedy and all the parts."""
    with pytest.raises(InputError) as caught:
        call()
    message = str(caught.value)
    assert "\n" not in message
    assert ";" in message
    for part in parts:
        assert part in message


class Stop(Exception):
    pass


def stopped_after(n, sweep, path, error=Stop, **options):
    """Run a sweep into a file until ``n`` of its tiles are done; returns what it raised."""
    calls = []

    def progress(*_):
        calls.append(1)
        if len(calls) == n + 1:  # once before any work
            raise error

    with pytest.raises((error, LintransError)) as raised:
        store.run_to_file(sweep, path, executor=Threads(1), progress=progress, **options)
    return raised.value


OF_THE_PLANE = {  # small results of every kind that is not a sweep
    "cycles": lambda: find_cycles(1.7, 4),
    "cycles above 2": lambda: find_cycles(2.2, 2),
    "branches": lambda: follow_cycles(0.9, 1.3, 4),
    "branches without events": lambda: follow_cycles(0.6, 0.7, 2),
    "dimension": lambda: boundary_dimension(finest=7, n_events=200),
    "exponents of an orbit": lambda: orbit_exponents(1.9, 0.4, 0.3, n_windows=64),
    "exponents of an escape": lambda: orbit_exponents(2.5, 0.4, 0.3, n_windows=64),
    "density": lambda: invariant_density(1.3, n_orbits=1000, n_bins=20),
    "density on the ellipse": lambda: invariant_density(1.3, on_ellipse=True, n_orbits=1000),
}

NOISY = Population.sampled(20, spread=0.3, noise=0.3, seed=1)
MODE = [Prompt.from_arrays([[x]], [1.0], [2.0], 2 * x + 0.5) for x in (0.5, 1.0, 1.5)]  # share a mode
NEAR = [random_prompt(40, 2, seed) for seed in range(4)]  # do not
BRIEF = Batches(1, n_steps=50)
OF_BATCHES = {
    "risk map": lambda: risk_map(
        NOISY, [0.1, 0.3, 1.0], [1, 4, 16], 0.5, 0.5, batches=BRIEF, n_trajectories=40
    ),
    "risk of one cell": lambda: risk_map(NOISY, [0.3], [4], 0.5, 0.5, batches=BRIEF, n_trajectories=40),
    "escapes": lambda: escape_times(NOISY, 0.9, 0.5, 0.5, batches=BRIEF, n_trajectories=40),
    "no escapes": lambda: escape_times(
        NOISY, 0.1, 0.5, 0.5, batches=Batches(8, n_steps=9), n_trajectories=10
    ),
    "density of batches": lambda: stationary_density(
        NOISY, 0.5, 0.5, 0.5, batches=Batches(4, n_steps=1024), n_trajectories=200, n_bins=8
    ),
    "batches on a mode": lambda: verify_batches(
        MODE, step_size=0.05, value=0.5, key_query=[[0.5]], batches=Batches(2, n_steps=40)
    ),
    "batches near a mode": lambda: verify_batches(
        NEAR, step_size=0.05, value=0.5, key_query=np.eye(2), batches=Batches(2, n_steps=40)
    ),
}


def of_the_sandbox(what):
    """A small result of the sandbox; one training serves two of them."""
    short = Training(n_epochs=2)
    if what == "study":
        return study(cases(training=short, widths=[2, 4]), seeds=[0, 1])
    runs = train(seeds=[0, 1], training=short, n_snapshots=2)
    return runs if what == "runs" else measure_run(runs, 1)


OF_THE_SANDBOX = {
    f"{what} of the sandbox": functools.partial(of_the_sandbox, what)
    for what in ("runs", "study", "measures")
}
