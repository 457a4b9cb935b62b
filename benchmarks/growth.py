"""Time per cell and memory of a sweep to a file, verdicts only; prints them as JSON.

A process of its own, so that its peak memory is that of the sweep. A small sweep before and after, in the
same process, says how fast the machine is meanwhile.

python benchmarks/growth.py FOLDER N_CELLS
"""

import json
import resource
import sys
import time
from pathlib import Path

import numpy as np

import lintrans as lt
from lintrans.two_factor import PhaseSweep

SMALL = 10**5
ROW = 1000  # cells along the second axis


def main():
    output, n_cells = Path(sys.argv[1], "growth.h5"), int(sys.argv[2])
    seconds_per_cell(output, SMALL)
    before = [seconds_per_cell(output, SMALL) for _ in range(5)]
    found = seconds_per_cell(output, n_cells)
    megabytes = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    after = [seconds_per_cell(output, SMALL) for _ in range(5)]
    answer = {"small": float(np.median(before + after)), "seconds": found, "megabytes": megabytes}
    print(json.dumps(answer | {"bytes_per_cell": output.stat().st_size / SMALL}))


def seconds_per_cell(output, n_cells):
    axes = {"mus": np.linspace(0.005, 2.2, n_cells // ROW), "imbalances": np.linspace(-5.0, 5.0, ROW)}
    sweep = PhaseSweep(**axes, start=(0.5, 0.5), n_transient=256, n_steps=256, verdicts_only=True)
    began = time.perf_counter()
    lt.run_to_file(sweep, output, force=True)
    return (time.perf_counter() - began) / n_cells


if __name__ == "__main__":
    main()
