"""The map with noise, tails of its imbalance, and the tail that an enlarged transverse factor must have."""

import math
import os
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import repeat

import numpy as np
from scipy import sparse
from scipy.optimize import brentq

from lintrans.two_factor.cycles import Place

CHUNK = 5_000  # orbits that are iterated together, with random numbers of their own
PER_OCTAVE, OCTAVES = 128, 64  # bins of |b| / sigma, from 2^-32 to 2^32
LAST = PER_OCTAVE * OCTAVES - 1
FAR = 1e3  # |a| that counts as escaped; the ellipses reach to 2


@dataclass(frozen=True)
class Response:
    """Histograms of log2(|b| / sigma), one a chunk of orbits; an escaped orbit is in the last bin."""

    counts: np.ndarray
    largest: float  # |b| / sigma in a sample
    escaped: float  # share of orbits

    def quantile(self, survival):
        """|b| / sigma that is exceeded with this probability."""
        return float(_quantiles(self.counts.sum(axis=0), np.array([survival]))[0])

    def error(self, survival):
        """Standard error of `quantile`, from the chunks."""
        found = [_quantiles(c, np.array([survival]))[0] for c in self.counts]
        return float(np.std(found, ddof=1) / math.sqrt(len(found)))

    def slopes(self, survivals):
        """Local slopes -d ln P / d ln x of the tail between successive survivals."""
        return -np.diff(np.log(survivals)) / np.diff(np.log(_quantiles(self.counts.sum(0), survivals)))

    def slope(self, survivals):
        """Slope of the tail fitted over these survivals, and its standard error from the chunks."""

        def fitted(counts):
            return -1 / np.polyfit(np.log(survivals), np.log(_quantiles(counts, survivals)), 1)[0]

        n = len(self.counts)
        without = [fitted(self.counts.sum(axis=0) - c) for c in self.counts]  # jackknife
        return fitted(self.counts.sum(axis=0)), float(np.std(without) * math.sqrt(n - 1))

    def survival(self):
        """Levels |b| / sigma and the probability to exceed them, where it is above 0 and below 1."""
        above = 1 - np.cumsum(self.counts.sum(axis=0)) / self.counts.sum()
        shown = (above > 0.5 / self.counts.sum()) & (above < 1)
        return _edges()[shown], above[shown]


def _edges():
    """Upper ends of the bins."""
    return 2.0 ** ((1 + np.arange(LAST + 1)) / PER_OCTAVE - OCTAVES / 2)


def _quantiles(counts, survivals):
    """Upper ends of the bins, interpolated, above which this share of the counts lies."""
    total = np.cumsum(counts)
    return np.exp(np.interp(1 - np.asarray(survivals), total / total[-1], np.log(_edges())))


def respond(mu, sigma, *, n_orbits, n_transient, n_steps, every, seed, gain=1.0, both=False):
    """Iterate a' = (1 - r) a, b' = gain (1 + r) b + noise from the slice; normal noise, in a too if ``both``.

    Chunks have seeds of their own, so the number of threads does not matter.
    """
    sizes = [min(CHUNK, n_orbits - i) for i in range(0, n_orbits, CHUNK)]
    seeds = np.random.SeedSequence(seed).spawn(len(sizes))
    steps = (n_transient, n_steps, every)
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        parts = list(pool.map(_chunk, repeat(mu), repeat(sigma), sizes, seeds, repeat((gain, both, *steps))))
    counts, largest, escaped = zip(*parts, strict=True)
    return Response(np.array(counts), max(largest), sum(escaped) / n_orbits)


def _chunk(mu, sigma, n, seed, rest):
    gain, both, n_transient, n_steps, every = rest
    rng = np.random.default_rng(seed)
    a, b = rng.uniform(0.2, 1, n) * math.sqrt(largest_square(mu)), np.zeros(n)
    counts, largest = np.zeros(LAST + 1, np.int64), 0.0
    with np.errstate(over="ignore", invalid="ignore"):
        for i in range(1, n_transient + n_steps + 1):
            r = a * a - b * b - mu
            a = (1 - r) * a
            b = gain * (1 + r) * b + sigma * rng.standard_normal(n)
            if both:
                a += sigma * rng.standard_normal(n)
            if i > n_transient and i % every == 0:
                size = np.nan_to_num(np.abs(b) / sigma, copy=False, nan=np.inf, posinf=np.inf)
                place = (np.log2(size) + OCTAVES / 2) * PER_OCTAVE
                place = np.where(place < LAST, np.fmax(place, 0), LAST)
                counts += np.bincount(place.astype(int), minlength=LAST + 1)
                largest = max(largest, float(size.max()))
    return counts, largest, int((~(np.abs(a) < FAR)).sum())


def largest_square(mu):
    """Largest a^2 on the attractor, the image of the critical point."""
    return 4 * (1 + mu) ** 3 / 27


def bound(mu):
    """Factor by which no stretch of the attractor amplifies more. Claim cycles.amplification."""
    return ((2 + mu) / (2 + mu - largest_square(mu))) ** (1 / mu)


def largest_amplification(mu, *, n_orbits, n_steps, seed, gain=1.0):
    """Largest product of gain |1 + z| over a stretch, of any length, of noiseless orbits."""
    rng = np.random.default_rng(seed)
    a, m, largest = rng.uniform(0.2, 1, n_orbits) * math.sqrt(largest_square(mu)), np.ones(n_orbits), 0.0
    for _ in range(n_steps):
        z = a * a - mu
        m = gain * np.abs(1 + z) * np.maximum(m, 1)
        a *= 1 - z
        largest = max(largest, float(m.max()))
    return largest


def balanced_cycles(table):
    """Period, kind ("minimum", "vertices", "inside" or "outside") and |multiplier across| of each."""
    mu = table.mu
    squares = np.maximum.reduceat(table.a**2, np.cumsum(table.period) - table.period)
    for period, place, across, square in zip(table.period, table.place, table.across, squares, strict=True):
        if place != Place.SLICE:
            continue
        kind = "inside" if square <= largest_square(mu) * (1 + 1e-12) else "outside"
        if period == 1 and square > 0:
            kind = "minimum"
        elif abs(square - 2 - mu) < 1e-12:
            kind = "vertices"
        yield int(period), kind, abs(float(across))


def moment_rate(mu, power, *, n_cells=6000):
    """Rate ln E|product of n factors 1 + z|^power / n for large n: leading eigenvalue of Ulam's matrix.

    Cells are even in phi, |a| = top sin phi, in which the density stays bounded at the top, and cut where
    their images end. The minimum is an end of two of them: inside a cell it would keep more or less than the
    true share 1 / (2 mu - 1) in a step.
    """
    top, unit = math.sqrt(largest_square(mu)), math.sqrt((1 + mu) / 3)
    minimum = math.asin(math.sqrt(mu) / top)
    n_below = round(n_cells * minimum / (math.pi / 2))
    above = np.linspace(minimum, math.pi / 2, n_cells - n_below + 1)
    edges = np.concatenate([np.linspace(0, minimum, n_below + 1), above[1:]])
    # Cardano: all three roots of f(x) = -top sin phi are real
    before = np.abs(2 * unit * np.cos((edges + math.pi / 2) / 3 + np.arange(3)[:, None] * (2 * math.pi / 3)))
    cuts = np.unique(np.concatenate([edges, np.arcsin(before[before < top] / top)]))
    phi = (cuts[1:] + cuts[:-1]) / 2
    z = (top * np.sin(phi)) ** 2 - mu
    image = np.arcsin(np.minimum(np.abs((1 - z) * np.sin(phi)), 1))
    of, to = (np.clip(np.searchsorted(edges, x) - 1, 0, n_cells - 1) for x in (phi, image))
    shares = np.diff(cuts) / np.diff(edges)[of]
    matrix = sparse.csr_array((np.abs(1 + z) ** power * shares, (to, of)), shape=(n_cells, n_cells))
    density = np.full(n_cells, 1 / n_cells)
    for _ in range(500):
        density = matrix @ density
        total = density.sum()
        density /= total
    return math.log(total)


def tail_exponent(mu, gain):
    """Power at which E|product of gain (1 + z)|^power neither grows nor decays; NaN if there is none."""

    def rate(power):
        return moment_rate(mu, power) + power * math.log(gain)

    if rate(40.0) < 0:
        return math.nan
    return float(brentq(rate, 1e-2, 40, xtol=1e-4))
