"""The problems, stated once for both sides of every ratio. Needs NumPy only: the peers read it too."""

from typing import NamedTuple

import numpy as np


class Sweep(NamedTuple):
    """Orbits from one start (a, b) over an axis of mu."""

    mu: np.ndarray
    a: float
    b: float
    n_transient: int
    n_steps: int

    def starts(self):
        """Return mu, a and b as vectors of one length."""
        return self.mu, np.full_like(self.mu, self.a), np.full_like(self.mu, self.b)

    @property
    def n_map_steps(self):
        return self.mu.size * (self.n_transient + self.n_steps)


SLICE_ITERATION = Sweep(np.linspace(0.05, 1.95, 4096), 0.5, 0.0, 0, 16384)
PLANE_ITERATION = Sweep(np.linspace(0.05, 1.95, 4096), 0.5, 0.05, 0, 8192)
ORBIT_DIAGRAM = Sweep(np.linspace(0.8, 1.99, 1000), 0.5, 0.0, 1744, 256)
SLICE_EXPONENT = Sweep(np.linspace(0.8, 1.99, 1000), 0.5, 0.0, 1024, 9984)
PLANE_EXPONENTS = Sweep(np.linspace(0.8, 1.95, 1000), 0.9, 0.1, 1024, 9984)

BASIN_STEPS = 2000
BASIN_EXIT = 100.0  # |u| or |v| beyond it has escaped


def basin_starts():
    """Starts (u, v) on a grid of 512 x 512 over [-3, 3]^2."""
    axis = np.linspace(-3.0, 3.0, 512)
    u, v = np.meshgrid(axis, axis, indexing="ij")
    return u.ravel(), v.ravel()


def to_modes(mu, u, v):
    return np.sqrt(mu) * (u + v) / 2, np.sqrt(mu) * (u - v) / 2


EVIDENCE_STEPS = 928, 3072  # thrown away, measured: 4000 in all
EVIDENCE_SEARCH = 64, 1e-8, 1e-4  # longest period and tolerances, as `lintrans.two_factor.regimes` has them


def evidence_grid(n=2048, every=64):
    """Return mu, a, b of some rows of n x n cells: 0 < mu < 2.2, starts with uv = 1/4, |u^2 - v^2| < 5."""
    mus = np.linspace(0.005, 2.2, n)[every // 2 :: every]
    mu, imbalance = np.meshgrid(mus, np.linspace(-5.0, 5.0, n), indexing="ij")
    u = np.sqrt((imbalance + np.hypot(imbalance, 0.5)) / 2)
    return mu.ravel(), *(mode.ravel() for mode in to_modes(mu, u, 0.25 / u))
