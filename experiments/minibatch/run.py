"""Print every statement on mini-batches beside its simulation; exit with 1 if one disagrees."""

from __future__ import annotations

import argparse
import sys
import time
from pathlib import Path

import numpy as np
import shrink
from checks import CHECKS, CONFIG, Row


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("checks", nargs="*", help=f"some of: {', '.join(CHECKS)}, shrinkage")
    parser.add_argument(
        "--spread", type=float, default=1.0, help="deviations of the prompts simulated; a control"
    )
    parser.add_argument("--quick", action="store_true", help="a hundredth of the draws")
    parser.add_argument("--output", type=Path, default=Path(__file__).with_name("shrinkage.png"))
    given = parser.parse_args()
    if given.quick:
        CONFIG["n_draws"], CONFIG["n_trajectories"] = 10_000, 1_000
    names = given.checks or [*CHECKS, "shrinkage"]
    compared = [name for name in names if name != "shrinkage"]
    failed = compare(compared, given.spread) if compared else 0
    if "shrinkage" in names:
        shrink.report(given.output, n_trajectories=CONFIG["n_trajectories"] // 50)
    return 1 if failed else 0


def compare(names: list[str], spread: float) -> int:
    """Print the rows of some checks; returns how many fail."""
    rows: list[Row] = []
    for name in names:
        began = time.monotonic()
        for row in CHECKS[name](spread):
            rows.append(row)
            print(line(row), flush=True)
        print(f"{name}: {time.monotonic() - began:.0f} s", file=sys.stderr)
    z = np.array([row.z for row in rows if np.isfinite(row.error)])
    failed = sum(not row.passed for row in rows)
    print(
        f"{len(rows)} rows, {failed or 'none'} failed; "
        f"{z.size} with a standard error, rms deviation {rms(z):.2f} of it"
    )
    return failed


def rms(z: np.ndarray) -> float:
    return float(np.sqrt(np.mean(z**2))) if z.size else 0.0


def line(row: Row) -> str:
    if np.isnan(row.error):
        numbers, z = f"{row.measured:14.6g} <= {row.derived:<10.6g}", ""
    else:
        numbers, z = f"{row.measured:14.6g} +- {row.error:<10.2g}", f"{row.z:+.2f}"
        numbers = f"{row.derived:14.6g} {numbers}"
    return f"{row.claim:<24} {row.what:<62} {numbers:>42} {z:>6} {'' if row.passed else 'FAIL'}".rstrip()


if __name__ == "__main__":
    sys.exit(main())
