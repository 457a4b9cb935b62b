"""Write golden.npz: what the Python source of the compiled loops computes, for other languages to repeat.

Run by hand if the arithmetic of a step changes on purpose, and say so in CHANGELOG:

    python tests/explorer/make_golden.py
"""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np

from lintrans.minibatch import kernels as batch_kernels
from lintrans.two_factor import kernels, normal_form

PATH = Path(__file__).parent / "golden.npz"
N_ORBITS, N_STATES = 24, 1000
N_OTHERS, N_OTHER_STATES = 10, 500

step, slope, determinant = (getattr(kernels, name).py_func for name in ("step", "slope", "determinant"))
varied_step = kernels.varied_step.py_func
batch_step = batch_kernels.batch_step.py_func


def orbits():
    """Orbits at mu up to 2, every third on the slice, with the factors of their Jacobians."""
    mus = np.linspace(0.35, 1.99, N_ORBITS)
    rows = np.empty((4, N_ORBITS, N_STATES))
    for k, mu in enumerate(mus.tolist()):
        a, b = (float(x) for x in normal_form.to_modes(mu, 0.55, 0.55 if k % 3 == 0 else 0.5))
        for i in range(N_STATES):
            new_a, new_b, r = step(mu, a, b)
            factor = slope(mu, r)
            rows[:, k, i] = a, b, factor, determinant(factor, b + b, r)
            a, b = new_a, new_b
    return dict(zip(("orbit_a", "orbit_b", "slopes", "determinants"), rows, strict=True)) | {"orbit_mu": mus}


def varied_orbits(rng):
    """Orbits with weight decay and momentum under one random schedule."""
    mus, decays, momenta = rng.uniform((0.3, 0.0, 0.0), (1.6, 0.3, 0.5), (N_OTHERS, 3)).T
    schedule = rng.uniform(0.1, 1.0, N_OTHER_STATES)
    rows = np.empty((2, N_OTHERS, N_OTHER_STATES))
    for k in range(N_OTHERS):
        mu, decay, momentum = float(mus[k]), float(decays[k]), float(momenta[k])
        a, b, change_a, change_b = 0.5, 0.2, 0.0, 0.0
        for i, scale in enumerate(schedule.tolist()):
            rows[:, k, i] = a, b
            a, b, change_a, change_b, _ = varied_step(mu, a, b, change_a, change_b, scale, decay, momentum)
    return {
        "varied_mu": mus,
        "varied_decay": decays,
        "varied_momentum": momenta,
        "schedule": schedule,
        "varied_a": rows[0],
        "varied_b": rows[1],
    }


def batch_orbits(rng):
    """Trajectories through the same random batches."""
    mus = np.linspace(0.3, 1.8, N_OTHERS)
    curvature, mismatch = rng.normal(1, 0.05, N_OTHER_STATES), rng.normal(0, 0.02, N_OTHER_STATES)
    rows = np.empty((3, N_OTHERS, N_OTHER_STATES))
    for k, mu in enumerate(mus.tolist()):
        a, b = 0.6, 0.1
        for i, (excess, other) in enumerate(zip(curvature.tolist(), mismatch.tolist(), strict=True)):
            new_a, new_b, r = batch_step(mu, a, b, excess, mu * other)
            rows[:, k, i] = a, b, r
            a, b = new_a, new_b
    found = dict(zip(("batch_a", "batch_b", "batch_r"), rows, strict=True))
    return found | {"batch_mu": mus, "curvature": curvature, "mismatch": mismatch}


def compute():
    """All arrays by name."""
    rng = np.random.default_rng(15)
    return orbits() | varied_orbits(rng) | batch_orbits(rng)


def read():
    """The golden arrays, flat, by the names that they have in JavaScript."""
    with np.load(PATH) as file:
        return {re.sub("_(.)", lambda m: m[1].upper(), name): file[name].ravel() for name in file.files}


if __name__ == "__main__":
    np.savez_compressed(PATH, **compute())
