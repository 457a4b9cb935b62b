"""The map in JavaScript against the Python source of compiled loops, to the bit; and what a fault does."""

from __future__ import annotations

import json
import re

import numpy as np
import pytest
from make_golden import compute, read
from node import CHECKOUT, call_many, copy_modules, needs_node, run_tests
from test_closed_forms import FORMS, OTHERS

from lintrans.pages.values import encode

pytestmark = needs_node

CHECKS = "tests/explorer/checks.js"
MODULES = CHECKOUT / "lintrans/explorer/modules"
MAP = MODULES / "kernels/map.js"
IMPORT = re.compile(r'import \{([^}]*)\} from "([^"]*)"')
FAULTS = {  # in map.js: what is replaced, by what, and the check that fails
    "sign in the step": ("return a - r * a;", "return a + r * a;", "orbits"),
    "order in the residual": ("a * a - (b * b + mu)", "(a * a - b * b) - mu", "orbits"),
    "sign in the determinant": ("slope + r * slope", "slope - r * slope", "factors"),
    "sign of the decay": ("scale * (r - decay) * b", "scale * (r + decay) * b", "variants"),
    "order in the force": ("scale * (r + decay) * a", "scale * ((r + decay) * a)", "variants"),
    "sign of the push": ("curvature * r + push", "curvature * r - push", "batches"),
}


def check(golden, folder=None):
    """Largest distance in ulps by check, and how many numbers were compared."""
    found = call_many([(CHECKS, "checkAll", [golden], False)], folder)[0]
    return {x["name"]: x["maxUlp"] for x in found}, sum(x["n"] for x in found)


def test_the_golden_file_is_what_python_computes():
    stored = read()
    fresh = {name.replace("_", "").lower(): x for name, x in compute().items()}
    assert len(fresh) == len(stored)
    for name, values in stored.items():
        assert np.array_equal(values, fresh[name.lower()].ravel())


def test_javascript_is_python_to_the_bit():
    golden = read()
    assert all(np.isfinite(x).all() for x in golden.values())
    worst, n = check(golden)
    assert worst == dict.fromkeys(("orbits", "factors", "variants", "batches"), 0)
    assert n > 10**5


def test_chaotic_orbits_are_among_them():
    """An orbit off by one ulp at the start is somewhere else at the end."""
    golden = read()
    n = golden["orbitA"].size // golden["orbitMu"].size
    golden["orbitA"] = golden["orbitA"].copy()
    golden["orbitA"][-n] = np.nextafter(golden["orbitA"][-n], 2)
    assert check(golden)[0]["orbits"] > 1e12


@pytest.mark.parametrize("fault", FAULTS)
def test_a_planted_fault_is_seen(fault, tmp_path):
    old, new, name = FAULTS[fault]
    path = copy_modules(tmp_path) / "lintrans/explorer/modules/kernels/map.js"
    text = path.read_text()
    assert text.count(old) == 1
    path.write_text(text.replace(old, new))
    worst, _ = check(read(), tmp_path)
    assert worst[name] > 0


def taken_from_the_map(path):
    """Names that a module imports from map.js."""
    found = [
        (names, path.parent / place)
        for names, place in IMPORT.findall(path.read_text())
        if place.endswith("/map.js")
    ]
    assert {place.resolve() for _, place in found} <= {MAP}
    return {name.split()[0] for names, _ in found for name in names.split(",") if name.strip()}


def test_every_function_of_the_map_is_compared_and_used():
    """To the bit those of a step, in checks.js; in ulps the closed forms."""
    printed = set(re.findall(r"^export function (\w+)", MAP.read_text(), re.MULTILINE))
    compared = taken_from_the_map(CHECKOUT / CHECKS)
    assert compared == {
        *("residual", "nextA", "nextB", "changeA", "changeB", "slope", "determinant", "batchResidual")
    }
    assert printed == compared | {*FORMS, *OTHERS}
    assert printed == set().union(*map(taken_from_the_map, MODULES.rglob("*.js")))


def test_the_runner_of_node_agrees(tmp_path):
    folder = copy_modules(tmp_path)
    (folder / "golden.json").write_text(json.dumps(encode(read())))
    ran = run_tests("golden.test.mjs", folder)
    assert ran.returncode == 0, ran.stdout
    assert "# pass 4" in ran.stdout
