"""Map steps per second: the block kernels against a NumPy loop and a compiled loop of single orbits."""

import statistics
import time

import numpy as np
from numba import njit

from lintrans import kernels

N_ORBITS, N_STEPS, ROUNDS = 4096, 4096, 7


def numpy_loop(mu, a, b):
    """One vectorised step at a time, no tests."""
    for _ in range(N_STEPS):
        r = a * a - b * b - mu
        a, b = a - r * a, b + r * b
    return a


@njit(error_model="numpy", fastmath={"contract"})
def single_orbits(mu, a, b):
    """One orbit after the other: every step waits for the one before."""
    end = np.empty_like(a)
    for j in range(mu.size):
        x, y = a[j], b[j]
        for _ in range(N_STEPS):
            r = x * x - (y * y + mu[j])
            x, y = x - r * x, y + r * y
        end[j] = x
    return end


def block_steps(mu, a, b):
    """The block kernel, states only."""
    return kernels.orbits(mu, a, b, N_STEPS, 1)


def block_evidence(mu, a, b):
    """The whole evidence for a regime: escape, rises, both exponents with errors, periods, losses."""
    return kernels.evidence(mu, a, b, N_STEPS // 4, 3 * N_STEPS // 4, 64, 1e-8, 1e-4)


def main():
    candidates = [numpy_loop, single_orbits, block_steps, block_evidence]
    mu = np.linspace(0.05, 1.95, N_ORBITS)
    a, b = np.full(N_ORBITS, 0.5), np.full(N_ORBITS, 0.05)
    seconds = {f: [] for f in candidates}
    for f in candidates:
        f(mu, a, b)
    for _ in range(ROUNDS):
        for f in candidates:
            began = time.perf_counter()
            f(mu, a, b)
            seconds[f].append(time.perf_counter() - began)
    base = statistics.median(seconds[numpy_loop])
    print(f"{N_ORBITS} orbits, {N_STEPS} steps, one thread, median of {ROUNDS} rounds")
    for f in candidates:
        median = statistics.median(seconds[f])
        rate = N_ORBITS * N_STEPS / median / 1e9
        print(f"{f.__name__:<16} {rate:6.3f} Git/s  {base / median:6.2f} x the NumPy loop")


if __name__ == "__main__":
    main()
