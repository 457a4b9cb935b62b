"""The map printed in JavaScript: it is up to date, and a wrong sign is refused before it is printed."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
import sympy as sp

from lintrans.symbolic.javascript import FORMULAS, printed
from lintrans.symbolic.written import Letter, javascript

MAP = Path(__file__).parents[2] / "lintrans/explorer/modules/kernels/map.js"
BY_NAME = {formula.layout.__name__: formula for formula in FORMULAS}
WRONG = {
    "residual": lambda mu, a, b: a * a - (b * b - mu),
    "next_a": lambda a, r: a + r * a,
    "change_b": lambda b, r, change, scale, decay, momentum: momentum * change + (scale * (r + decay)) * b,
    "slope": lambda mu, r: (1 - 2 * mu) + 3 * r,
    "determinant": lambda slope, double, r: (slope + r * slope) + double * double,
    "batch_residual": lambda r, curvature, push: curvature * r - push,
    "mode_a": BY_NAME["mode_b"].layout,
    "batch_semi_axis_a": lambda mu, curvature, target: (2 + mu * target) / curvature,
}


def test_the_file_is_what_is_printed_now():
    assert MAP.read_text() == printed(), "stale: run the command in its first line"


def test_the_command_writes_the_file(tmp_path):
    path = tmp_path / "map.js"
    command = [sys.executable, "-m", "lintrans.symbolic.javascript"]
    subprocess.run([*command, str(path)], check=True)
    shown = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    assert path.read_text() == shown == MAP.read_text()


@pytest.mark.parametrize("name", WRONG)
def test_a_wrong_layout_is_not_printed(name):
    with pytest.raises(ValueError, match="must equal its derivation"):
        replace(BY_NAME[name], layout=WRONG[name]).printed()


def test_a_wrong_derivation_is_seen():
    formula = BY_NAME["residual"]
    with pytest.raises(ValueError, match="residual must equal"):
        replace(formula, derived=-formula.derived).printed()


def test_nothing_is_printed_that_rounds_differently():
    text = printed()
    code = "\n".join(line for line in text.splitlines() if line.startswith("  return"))
    assert len(FORMULAS) == code.count("return") == text.count("export function")
    for forbidden in ("**", "Math.pow", "Math.hypot", "Math.fround"):
        assert forbidden not in code


def test_the_order_of_operations_is_kept():
    x, y, z = (Letter(name) for name in "xyz")
    assert javascript((x + y) + z) == "x + y + z"
    assert javascript(x + (y + z)) == "x + (y + z)"
    assert javascript(x - (y - z)) == "x - (y - z)"
    assert javascript(x * (y * z) / (x / y)) == "x * (y * z) / (x / y)"
    assert javascript((z * y) * x + y * x) == "z * y * x + y * x"


@pytest.mark.parametrize("build", [lambda x: sp.Rational(1, 2) * x, lambda x: x**2])
def test_what_sympy_has_sorted_is_not_printed(build):
    with pytest.raises(ValueError, match="between letters"):
        javascript(1 + Letter("y") * build(Letter("x")))


def test_a_fraction_that_float64_has_not_is_not_printed():
    with pytest.raises(ValueError, match="exact in float64"):
        javascript(Letter("x") + sp.Rational(1, 3))
