"""Claims are cited by id, in docstrings, tests and prose: every id exists, and every claim is in use."""

from __future__ import annotations

import ast
import re
import tokenize
from functools import cache
from importlib import import_module
from inspect import getdoc, getmembers, isclass, isfunction
from pathlib import Path

import pytest

from lintrans.symbolic.claims import FAMILIES, claims

ROOT = Path(__file__).parents[2]
PACKAGE = sorted((ROOT / "lintrans").rglob("*.py"))
TESTS = sorted(path for path in (ROOT / "tests").rglob("*.py") if path.name != Path(__file__).name)
EXPERIMENTS = sorted((ROOT / "experiments").rglob("*.py"))
PROSE = [
    *ROOT.glob("*.md"),
    *ROOT.glob("docs/*.md"),
    *ROOT.glob("experiments/**/*.md"),
    *ROOT.glob("theory/*.*"),
]
FILES = [*PACKAGE, *TESTS, *EXPERIMENTS, *sorted(PROSE)]

# "Claim modes.step." or "claims modes.step, slice.cubic and slice.crisis", over several lines too
CITATION = re.compile(r"\b[Cc]laims? (\w+\.\w+(?:(?:,? and |, )\w+\.\w+)*)")
IN_A_STATEMENT = re.compile(rf"\b(?:{'|'.join(FAMILIES)})\.\w+")

# Claims that nothing but their own control cites: steps of proofs, and what a stronger claim repeats.
PROVED_ONLY = {
    "landmarks.doubling",
    "many_modes.imbalance",
    "reduction.full_weights",
    "reduction.many_modes",
    "sampling.exponential_moment",
    "schedules.identity",
    "schedules.step",
}
# Public, but without a result of the theory: coordinates, definitions and procedures.
NO_RESULT = {
    "two_factor.normal_form.to_modes",
    "two_factor.normal_form.from_modes",
    "many_modes.map.ManyModes.of",
    "many_modes.map.ManyModes.n_modes",
    "many_modes.map.ManyModes.project",
    "many_modes.map.ManyModes.weights",
    "many_modes.map.ManyModes.residual",
    "many_modes.map.ManyModes.iterate",
    "two_factor.reduction.Mode.of",
    "two_factor.reduction.Mode.project",
    "two_factor.reduction.Mode.weights",
    "two_factor.reduction.NormalForm.weights",
}
MEASURED_AGAINST_CLAIMS = {
    "verification.full_batch.verify",
    "two_factor.regimes.Evidence",
    "two_factor.regimes.classify",
    "two_factor.regimes.gather_evidence",
    "two_factor.exponents.LyapunovExponents",
    "two_factor.exponents.lyapunov_exponents",
}


@cache
def ids():
    return {claim.id for claim in claims()}


def cited(text):
    return {
        name for found in CITATION.findall(" ".join(text.split())) for name in re.split(r",? and |, ", found)
    }


@cache
def docstrings(path):
    documented = (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)
    nodes = [node for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, documented)]
    return "\n\n".join(filter(None, map(ast.get_docstring, nodes)))


def prose(path):
    """Docstrings and comments of Python, all of any other file."""
    if path.suffix != ".py":
        return path.read_text()
    with path.open("rb") as file:
        comments = [x.string for x in tokenize.tokenize(file.readline) if x.type == tokenize.COMMENT]
    return "\n".join([docstrings(path), *(comment.lstrip("# ") for comment in comments)])


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(ROOT)))
def test_every_id_cited_exists(path):
    assert cited(prose(path)) <= ids()


@pytest.mark.parametrize("claim", claims(), ids=lambda claim: claim.id)
def test_every_id_in_a_statement_exists(claim):
    assert set(IN_A_STATEMENT.findall(claim.statement)) <= ids()


@pytest.mark.parametrize(
    ("planted", "missed"),
    [
        ("Stable. Claim modes.nothing.", {"modes.nothing"}),
        ("Claim mode.step.", {"mode.step"}),
        ("in claims modes.step, modes.step2 and\n    slice.cubics, or so", {"modes.step2", "slice.cubics"}),
        ("Claims modes.step\nand modes.ellipse.", set()),
        ("It claims nothing. See modes.step_uv.", set()),
    ],
)
def test_a_false_id_is_caught(planted, missed, tmp_path):
    assert cited(planted) - ids() == missed
    path = tmp_path / "room.py"
    path.write_text(f'"""A room."""\n\n\ndef f():\n    """Return 1.\n\n    {planted}\n    """\n')
    assert cited(prose(path)) - ids() == missed
    path.write_text("".join(f"# {line.strip()}\n" for line in planted.splitlines()))
    assert cited(prose(path)) - ids() == missed


def test_every_claim_is_cited_or_only_proved():
    documents = [path for path in PACKAGE if "symbolic" not in path.parts] + EXPERIMENTS
    used = set().union(
        *(cited(docstrings(path)) for path in documents), *(cited(prose(path)) for path in TESTS)
    )
    tables = [*(ROOT / "experiments" / "three_faces").glob("*.py"), ROOT / "experiments/minibatch/checks.py"]
    of_the_table = set(re.findall(r'"(\w+\.\w+)"', "".join(x.read_text() for x in tables))) & ids()
    assert len(of_the_table) > 20
    assert ids() - used - of_the_table == PROVED_ONLY  # cite a new claim, or add it there


def results(room):
    """Public functions, classes and methods of a room, by name."""
    module = import_module(f"lintrans.{room}")
    for name, item in getmembers(module, lambda x: isfunction(x) or isclass(x)):
        if item.__module__ == module.__name__ and not name.startswith("_"):
            yield f"{room}.{name}", item
            for part, member in vars(item).items() if isclass(item) else ():
                documented = isfunction(member) or isinstance(member, property | classmethod)
                if documented and not part.startswith("_"):
                    yield f"{room}.{name}.{part}", member


@pytest.mark.parametrize(
    "room",
    ["two_factor.normal_form", "two_factor.invariant_ellipse", "many_modes.map", "two_factor.reduction"],
)
def test_docstrings_that_state_a_result_cite_it(room):
    silent = {name for name, item in results(room) if not cited(getdoc(item) or "")}
    assert silent == {name for name in NO_RESULT if name.startswith(f"{room}.")}


def test_measuring_rooms_cite_what_they_rest_on():
    rooms = ("verification.full_batch", "two_factor.regimes", "two_factor.exponents")
    assert {
        n for room in rooms for n, item in results(room) if cited(getdoc(item) or "")
    } == MEASURED_AGAINST_CLAIMS
