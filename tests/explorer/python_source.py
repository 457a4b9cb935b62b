"""What the Python source of the compiled loops finds, uncompiled: cases for the page to repeat to the bit.

NUMBA_DISABLE_JIT=1 python tests/explorer/python_source.py found.npz
"""

from __future__ import annotations

import sys
from typing import NamedTuple

import numpy as np

from lintrans.minibatch import Batches, walks
from lintrans.minibatch.population import Population
from lintrans.two_factor import Variant, normal_form
from lintrans.two_factor.basins import BasinSweep
from lintrans.two_factor.orbits import BifurcationSweep

CHAOTIC = 4
WARM_UP = Variant(schedule=tuple(np.linspace(0.1, 1.0, 24)))


class Basin(NamedTuple):
    """Starts of a basin map; the attractor of plain maps is given, since it takes long to find uncompiled."""

    mu: float
    coordinates: str
    width: float
    height: float
    n_steps: int
    variant: Variant | None = None
    attractor: int = 0

    @property
    def axes(self):
        return np.linspace(-self.width, self.width, 28), np.linspace(-self.height, self.height, 25)

    def compute(self):
        axes = dict(zip(self.coordinates, self.axes, strict=True))
        sweep = BasinSweep(self.mu, **axes, n_steps=self.n_steps, variant=self.variant)
        vars(sweep)["attractor"] = self.attractor
        return sweep.compute(slice(None), slice(None))


class Samples(NamedTuple):
    """Samples over mu."""

    start: tuple[float, float] | None
    variant: Variant | None = None
    n_transient: int = 70
    n_samples: int = 21

    mus = np.linspace(0.6, 2.2, 39)

    def compute(self):
        counts = {"n_transient": self.n_transient, "n_samples": self.n_samples}
        sweep = BifurcationSweep(self.mus, start=self.start, variant=self.variant, **counts)
        return sweep.compute(slice(None))


class Walk(NamedTuple):
    """Trajectories of mini-batch training."""

    sampling: str
    batch_size: int
    n_steps: int = 40
    schedule: tuple[float, ...] | None = None
    mu: float = 1.35
    start: tuple[float, float] = (1.3, 0.9)
    n: int = 70
    seed: int = 2**40 + 5
    first: int = 7

    population = Population.sampled(30, spread=0.5, noise=0.3, seed=1)

    @property
    def modes(self):
        return (float(x) for x in normal_form.to_modes(self.mu, *self.start))

    def compute(self):
        counts = {"sampling": self.sampling, "n_steps": self.n_steps}
        batches = Batches(self.batch_size, **counts, schedule=self.schedule)
        vars(batches)["seed"] = self.seed  # of two words, larger than a user may choose
        states = (np.full(self.n, x) for x in (self.mu, *self.modes))
        prompts = self.population.for_kernels()
        events, ends = walks.walk(prompts, *states, batches=batches, first=self.first)
        return {"left": events[:, 0], "diverged": events[:, 1], "end_a": ends[0], "end_b": ends[1]}


CASES = {
    "plain": Basin(0.9, "uv", 2.5, 2.5, 400),
    "to the corners": Basin(0.3, "uv", 4.0, 4.0, 400),
    "chaos": Basin(1.5, "ab", 2.0, 1.0, 100, attractor=CHAOTIC),
    "one attractor": Basin(1.8, "ab", 2.0, 0.5, 64, attractor=CHAOTIC),
    "no ellipse": Basin(2.05, "uv", 1.5, 1.5, 64),
    "few steps": Basin(0.9, "uv", 2.5, 2.5, 8),
    "broken off": Basin(0.9, "uv", 2.5, 2.5, 41),
    "weight decay": Basin(0.5, "uv", 4.0, 4.0, 300, Variant(weight_decay=0.4)),
    "to the origin": Basin(0.5, "uv", 2.0, 2.0, 200, Variant(weight_decay=1.5)),
    "momentum": Basin(1.1, "uv", 2.5, 2.5, 300, Variant(momentum=0.3)),
    "warm-up": Basin(0.9, "uv", 3.0, 3.0, 200, WARM_UP),
    "all of them": Basin(0.7, "uv", 3.0, 3.0, 200, Variant(0.1, 0.4, WARM_UP.schedule)),
    "samples of the probe": Samples(None),
    "samples off the slice": Samples((0.5, 0.4)),
    "samples of a variant": Samples((0.5, 0.4), Variant(0.05, 0.3, WARM_UP.schedule)),
    "by fours": Walk("with-replacement", 4),
    "one by one": Walk("with-replacement", 3),
    "a subset each": Walk("without-replacement", 5),
    "epochs": Walk("epochs", 7),
    "a schedule": Walk("epochs", 4, 50, (0.2, 0.5, 1.0, 0.8)),
    "mu = 2, on the slice": Walk("with-replacement", 4, mu=2.0, start=(0.9, 0.9)),
    "mu = 2, off the slice": Walk("with-replacement", 4, mu=2.0, start=(0.9, 0.8)),
    "above mu = 2": Walk("with-replacement", 4, mu=2.05, start=(0.9, 0.9)),
}


def main(path):
    found = {(name, key): x for name, case in CASES.items() for key, x in case.compute().items()}
    np.savez(path, **{"/".join(place): x for place, x in found.items()})


if __name__ == "__main__":
    main(sys.argv[1])
