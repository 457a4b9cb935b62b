"""The derivation notebooks run, and fail when a claim in them is false."""

import runpy
from pathlib import Path

import pytest
import sympy as sp

from lintrans.symbolic import claims as registry

NOTEBOOKS = sorted((Path(__file__).parents[2] / "theory").glob("*.py"))
FAMILY_OF = {
    "01_reduction": "reduction",
    "02_modes": "modes",
    "03_balanced_slice": "slice",
    "04_ellipse": "ellipse",
    "05_transverse_stability": "transverse",
    "06_many_modes": "many_modes",
    "07_schedules": "schedules",
    "08_cycles": "cycles",
    "09_quadratic_regression": "quadratic",
    "10_minibatches": "minibatch",
    "11_sampling": "sampling",
    "12_sandbox": "sandbox",
}


@pytest.mark.parametrize("notebook", NOTEBOOKS, ids=lambda path: path.stem)
def test_notebook_runs(notebook):
    runpy.run_path(str(notebook))


@pytest.mark.parametrize("stem", FAMILY_OF)
def test_notebook_fails_with_a_planted_claim(stem, monkeypatch):
    family = FAMILY_OF[stem]
    registry.claims(family)
    planted = registry.Claim(f"{family}.planted", "0 = 1", "", lambda: registry.vanishes(sp.Integer(1)))
    monkeypatch.setattr(registry, "_registry", {planted.id: planted})
    (notebook,) = [path for path in NOTEBOOKS if path.stem == stem]
    with pytest.raises(AssertionError, match="planted"):
        runpy.run_path(str(notebook))


@pytest.mark.parametrize("notebook", NOTEBOOKS, ids=lambda path: path.stem)
def test_notebook_is_percent_format_and_ends_with_its_claims(notebook):
    cells = notebook.read_text(encoding="utf-8").split("\n# %%")
    assert "[markdown]" in cells[1]
    assert "assert verdict.passed" in cells[-1]


def broken_formulas(text):
    """Lines that begin a list in the middle of a formula: an odd number of dollars before them."""
    found = []
    for paragraph in text.replace("$$", "").split("\n#\n"):
        lines = paragraph.split("\n")
        for i, line in enumerate(lines):
            if line.startswith(("# - ", "# + ", "# * ")) and "\n".join(lines[:i]).count("$") % 2:
                found.append(line)
    return found


@pytest.mark.parametrize("notebook", NOTEBOOKS, ids=lambda path: path.stem)
def test_lines_of_a_numbered_formula_end_in_cr(notebook):
    r"""Sphinx wraps a formula with \\ into an environment that MathJax allows no number in."""
    for formula in notebook.read_text(encoding="utf-8").split("$$")[1::2]:
        assert not ("\\\\" in formula and "\\tag" in formula), formula


@pytest.mark.parametrize("notebook", NOTEBOOKS, ids=lambda path: path.stem)
def test_no_formula_is_broken_into_a_list(notebook):
    assert broken_formulas(notebook.read_text(encoding="utf-8")) == []
    assert broken_formulas("#\n# at a rate $2\n# - 1$ a step\n#\n# - an item $x$\n") == ["# - 1$ a step"]
