"""Words of every command that do little work, and the checks of what a command leaves behind."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

import lintrans as lt

SMALL = ["--n-transient", "128", "--n-steps", "128"]
FEW = ["--n-transient", "128", "--n-samples", "8"]
DATA = [str(lt.example_data()), "--target", "progression", "--context", "0:64", "--query", "64"]
DATA += ["--standardize", "--center"]
SWEEPS = {
    "phase-diagram": [*SMALL, "--mu", "0.3:1.5:3"],
    "bifurcation": [*FEW, "--mu", "0.3:1.5:3"],
    "lyapunov": [*SMALL, "--mu", "0.3:1.5:3"],
}
SINGLE = {
    "reduce": ["--mu", "0.5"],
    "orbit": ["--mu", "0.5", "--n-steps", "8"],
    "exponents": ["--mu", "0.5", "--n-transient", "64", "--n-window", "16", "--n-windows", "16"],
    "verify": ["--mu", "0.5", "--n-steps", "64"],
    "basin": ["--mu", "0.5", "--u=-2:2:5", "--v=-2:2:4"],
}
PLANE = {
    "cycles": ["--mu", "0.5", "--period", "2"],
    "continue": ["--mu", "0.9:1.1:5", "--period", "2"],
    "dimension": ["--mu", "0.5", "--finest", "7", "--n-events", "200", "--quiet"],
    "density": ["--mu", "0.5", "--n-orbits", "500", "--n-bins", "5"],
}
TABLE = [str(lt.example_data()), "--target", "progression", "--features", "bmi", "--center"]
TABLE += ["--n-prompts", "20", "--context-length", "8", "--n-steps", "20", "--n-trajectories", "8"]
BATCHES = {
    "minibatch": [*TABLE, "--step-sizes", "0.1:1:3", "--batch-sizes", "1,4", "--batch-size", "4", "--quiet"],
    "escapes": [*TABLE, "--step-size", "0.3", "--quiet"],
}
ON_DATA = {**SINGLE, "thresholds": [], **SWEEPS, "explore": ["--mu", "0.5", "--no-open"]}
WRITING = {
    "orbit": [*DATA, *SINGLE["orbit"]],
    "exponents": [*DATA, *SINGLE["exponents"]],
    **PLANE,
    **BATCHES,
    "verify": [*DATA, *SINGLE["verify"]],
    "basin": [*SINGLE["basin"], "--quiet"],
    **{name: [*words, "--quiet"] for name, words in SWEEPS.items()},
}
on_data = pytest.mark.parametrize("command", ON_DATA)
writing = pytest.mark.parametrize("command", WRITING)
sweeping = pytest.mark.parametrize("command", SWEEPS)
no_proc = pytest.mark.skipif(not Path("/proc/self").exists(), reason="no /proc, a folder none can write")


def one_object(text):
    """The one JSON object on standard output, or list of them; strict, so that NaN is an error."""
    value, end = json.JSONDecoder(parse_constant=pytest.fail).raw_decode(text)
    assert text[end:] == "\n"
    assert isinstance(value, dict | list)
    return value


def check_refusal(code, out, err, needles):
    assert (code, out) == (2, "")
    assert err.startswith("lintrans: ")
    assert err.count("\n") == 1 and err.endswith("\n"), err
    assert err.rpartition(";")[2].strip(), f"no remedy: {err}"
    assert [needle for needle in needles if str(needle) not in err] == [], err
    return err


def contents(folder):
    return {str(p.relative_to(folder)): p.read_bytes() for p in folder.rglob("*") if p.is_file()}


def without_mu(words):
    return words[: words.index("--mu")] + words[words.index("--mu") + 2 :] if "--mu" in words else words
