"""Print the three faces of every closed form."""

import sympy as sp

from experiments.tables import check
from experiments.three_faces import all_weights, cycles, ellipse, landmarks, states, thresholds
from experiments.three_faces.closed_form import Row, evaluate

FORMS = [
    form
    for subject in (states, thresholds, landmarks, cycles, ellipse, all_weights)
    for form in subject.FORMS
]


def measure(found):
    table = found.table(
        "faces",
        "float less SymPy in ulps; simulation less SymPy in standard errors (se) or tolerances (tol)",
        quantity="<38", claim="<27", at="<29", SymPy="19.15g", ulps="5.1f", simulation="19.15g",
        error="7.1e", off_by="6.2f", unit="<4", float="<5", simulated="<9",
    )  # fmt: skip
    for form in FORMS:
        for point in form.points:
            table.row(**cells(evaluate(form, point)))


def cells(row: Row):
    """What is printed and kept of a row."""
    values = ", ".join(f"{x:g}" for x in row.point)
    return {
        "quantity": row.form.name,
        "claim": row.form.claim,
        "at": f"{row.form.symbols} = {values}" if row.form.symbols else "",
        "SymPy": float(sp.N(row.exact, 15)),
        "ulps": row.ulps,
        "simulation": row.measured.value,
        "error": row.measured.error,
        "off_by": row.deviation,
        "unit": "se" if row.measured.sampled else "tol",
        "float": "pass" if row.float_agrees else "FAIL",
        "simulated": "pass" if row.simulation_agrees else "FAIL",
    }


def claims(found):
    table = found["faces"]
    ulps = found.config["ulps"]
    yield check(
        f"points where the float function is off by more than {ulps} ulps",
        (table["float"] == "FAIL").sum(),
        equals=0,
    )
    yield check(
        "points where the simulation is off by more than its error allows",
        (table["simulated"] == "FAIL").sum(),
        equals=0,
    )
