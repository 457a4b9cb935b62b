"""Measure all comparisons, or the parts named; write results.json and the table of docs/performance.md.

python benchmarks/run.py [limit] [peers] [evidence] [threads] [startup]
"""

import sys

import report
from comparisons import PARTS


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
