"""Measure all comparisons, or the parts named; write results.json and the table of docs/performance.md.

python benchmarks/run.py [limit] [peers] [basins] [evidence] [minibatch] [threads] [startup] [growth]
"""

import sys

import comparisons
import processes
import report

PARTS = {
    "limit": [comparisons.iterate_plane, comparisons.iterate_slice, comparisons.plain_loops],
    "peers": [
        comparisons.orbit_diagram,
        comparisons.slice_exponent,
        comparisons.plane_exponents,
        comparisons.basin_of_convergence,
        comparisons.basin_of_chaos,
    ],
    "basins": [comparisons.basin_maps_large, comparisons.basin_maps],
    "evidence": [comparisons.evidence],
    "minibatch": [comparisons.random_map, comparisons.trainings],
    "threads": [
        comparisons.threads_of_the_machine,
        comparisons.threads_iterating,
        comparisons.threads_of_evidence,
        comparisons.threads_of_a_basin,
    ],
    "startup": [processes.startup, processes.phases_of_a_start],
    "growth": [processes.growth],
}


def main():
    for name in sys.argv[1:] or PARTS:
        rows = []
        for comparison in PARTS[name]:
            for row in comparison():
                print(report.line(row), flush=True)
                rows.append(row)
        report.write(name, rows)


if __name__ == "__main__":
    main()
