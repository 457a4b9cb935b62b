"""Write phase_diagram.h5: run by hand when numbers change on purpose, and say so in CHANGELOG."""

from pathlib import Path

import numpy as np

import lintrans as lt

FILE = Path(__file__).parent / "phase_diagram.h5"


def compute() -> lt.PhaseDiagram:
    """A small grid that meets every regime but the saddle."""
    mus = np.linspace(0.05, 2.15, 43)
    return lt.phase_diagram(
        mus,
        start=(1.0, 0.9),
        scales=[0.3, 0.9, 1.4],
        unit_step_size=0.01,
        n_transient=1024,
        n_steps=2048,
        max_period=16,
    )


if __name__ == "__main__":
    lt.save(compute(), FILE, force=True)
