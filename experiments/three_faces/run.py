"""Print the three faces of every closed form; exit with 1 if two of them disagree."""

import sys

import numpy as np
import sympy as sp
from faces import FORMS, Row, evaluate

LAYOUT = "{:<39} {:<30} {:>20} {:>5}  {:>19} {:>10}  {}"


def main() -> int:
    print(LAYOUT.format("quantity", "at", "SymPy", "ulps", "simulation", "off by", ""))
    rows = []
    for form in FORMS:
        for point in form.points:
            rows.append(evaluate(form, point))
            print(line(rows[-1]), flush=True)
    failed = sum(not row.passed for row in rows)
    print(f"{len(FORMS)} closed forms at {len(rows)} points; {failed or 'none'} failed")
    return 1 if failed else 0


def line(row: Row) -> str:
    values = ", ".join(f"{x:g}" for x in row.point)
    at = f"{row.form.symbols} = {values}" if row.form.symbols else ""
    unit = "se" if row.measured.sampled else "tol"
    exact = sp.N(row.exact, 15)
    digits = int(np.clip(1 - np.floor(np.log10(row.measured.error)), 0, 15))
    cells = (f"{float(exact):.15g}", f"{row.ulps:.1f}", f"{row.measured.value:.{digits}f}")
    return LAYOUT.format(row.form.name, at, *cells, f"{row.deviation:+.2f} {unit}", verdict(row))


def verdict(row: Row) -> str:
    return "pass" if row.passed else "FAIL"


if __name__ == "__main__":
    sys.exit(main())
