"""The import rules hold what their titles say: a fault planted against each of them is found."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
CONTRACTS = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"]["contracts"]
FAULTS = {  # contract: what is planted, and into which files
    "floors": {
        "cli/kit/answers": "import lintrans.cli.commands.theory",
        "cli/commands/theory": "import lintrans.cli.app",
        "explorer/page": "import lintrans.cli.commands.problem",
        "sandbox/page": "import lintrans.explorer",
        "pages/page": "import lintrans.explorer",
        "cli/kit/outputs": "import lintrans.pages",
        "plotting/style": "import lintrans.cli.kit.answers",
        "verification/full_batch": "import lintrans.plotting",
        "minibatch/risk": "import lintrans.many_modes.map",
        "many_modes/map": "import lintrans.verification",
        "two_factor/phase": "import lintrans.minibatch.risk",
        "attention/training": "import lintrans.two_factor.reduction",
        "counting/limits": "import lintrans.two_factor",
        "sweeps/results": "import lintrans.two_factor.phase",
        "prompts/prompt": "import lintrans.attention",
        "errors": "import lintrans.sweeps",
        "registry": "import lintrans.two_factor",
        "compiled/cache": "import lintrans.errors",
    },
    "shared": {
        "sweeps/store": "import lintrans.two_factor.phase",
        "sweeps/grid": "import lintrans.two_factor.kernels",
        "plotting/style": "import lintrans.two_factor.balanced_slice",
        "cli/kit/outputs": "import lintrans.minibatch",
        "pages/page": "import lintrans.two_factor.balanced_slice",
    },
    "symbolic": {"symbolic/modes": "import numpy", "symbolic/slice": "import lintrans.errors"},
    "oracle": {
        "attention/transformer": "import lintrans.two_factor.normal_form",
        "attention/batch_training": "import numba",
        "quadratic_regression/descent": "import lintrans.two_factor.balanced_slice",
    },
    "maps": {
        "two_factor/orbits": "import lintrans.attention.training",
        "minibatch/trainings": "import lintrans.attention.batch_training",
        "many_modes/map": "import lintrans.attention",
    },
    "models": {
        "sandbox/network": "import lintrans.attention",
        "sandbox/blocks": "import lintrans.minibatch.kernels",
    },
    "kernels": {
        "sandbox/kernels/steps": "import lintrans.sandbox.training",
        "two_factor/kernels/walks": "import lintrans.errors",
        "minibatch/kernels/map": "import lintrans.sweeps.grid",
        "compiled/philox": "import lintrans.two_factor.normal_form",
    },
    "h5py": {"two_factor/basins": "import h5py", "cli/kit/answers": "import h5py"},
    "numba": {"two_factor/basins": "import numba", "two_factor/kernels/map": "import numba"},
    "sympy": {"two_factor/basins": "import sympy", "cli/commands/theory": "import sympy"},
    "matplotlib": {"two_factor/basins": "import matplotlib.colors", "cli/kit/outputs": "import matplotlib"},
    "flint": {"two_factor/basins": "import flint", "two_factor/balanced_slice": "import flint"},
    "dask": {
        "two_factor/basins": "import dask",
        "sweeps/grid": "import distributed",
        "sweeps/store": "import cloudpickle",
    },
    "typer": {"two_factor/basins": "import typer", "errors": "import typer"},
    "rich": {"two_factor/basins": "from rich import table", "cli/kit/outputs": "import rich"},
    "notebook": {"explorer/page": "import anywidget", "pages/page": "from IPython import display"},
    "torch": {"two_factor/basins": "import torch", "attention/training": "import transformers"},
    "pyarrow": {"two_factor/basins": "import pyarrow", "circuits/findings": "import pyarrow"},
}
PLANTED = [(contract, file) for contract, faults in FAULTS.items() for file in faults]


@pytest.fixture
def copy(tmp_path):
    shutil.copytree(ROOT / "lintrans", tmp_path / "lintrans", ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    return tmp_path


def check(folder, *options):
    """Run import-linter on a copy; returns its exit code and what it printed."""
    words = [Path(sys.executable).with_name("lint-imports"), "--no-cache", *options]
    clean = {**os.environ, "PYTHONPATH": str(folder)}
    found = subprocess.run(words, cwd=folder, env=clean, capture_output=True, text=True, check=False)
    return found.returncode, found.stdout + found.stderr


def test_every_contract_has_a_planted_fault():
    assert [contract["id"] for contract in CONTRACTS] == list(FAULTS)


def test_every_folder_has_its_floor():
    """`symbolic` stands beside them all, and a contract of its own holds it."""
    named = {name for row in CONTRACTS[0]["layers"] for name in re.findall(r"lintrans\.(\w+)", row)}
    found = {path.stem for path in (ROOT / "lintrans").iterdir() if path.suffix == ".py" or path.is_dir()}
    assert found - {"__init__", "__pycache__", "data"} - named == {"symbolic"}


def test_all_are_kept(copy):
    code, printed = check(copy)
    assert code == 0, printed


@pytest.mark.parametrize(("contract", "file"), PLANTED)
def test_a_planted_fault_breaks_it(copy, contract, file):
    path = copy / "lintrans" / f"{file}.py"
    path.write_text(f"{path.read_text()}\n\ndef planted():\n    {FAULTS[contract][file]}\n")
    code, printed = check(copy, "--contract", contract)
    assert code == 1 and "0 kept, 1 broken" in printed, printed
