"""The import rules hold what their titles say: a fault planted against each of them is found."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
CONTRACTS = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"]["contracts"]
FAULTS = {  # contract: what is planted, and into which files
    "floors": {"results": "import lintrans.phase", "errors": "import lintrans.prompt"},
    "oracle-and-map": {"training": "import lintrans.kernels"},
    "oracle": {"transformer": "import lintrans.normal_form"},
    "kernels": {"kernels": "import lintrans.errors", "minibatch/kernels": "import lintrans.errors"},
    "symbolic": {"symbolic/modes": "import numpy"},
    "h5py": {"basins": "import h5py", "cli/answers": "import h5py"},
    "numba": {"basins": "import numba", "densities": "import numba"},
    "sympy": {"basins": "import sympy", "cli/commands/theory": "import sympy"},
    "matplotlib": {"basins": "import matplotlib.colors", "cli/outputs": "import matplotlib"},
    "flint": {"basins": "import flint", "balanced_slice": "import flint"},
    "dask": {"basins": "import dask", "sweeps": "import distributed", "store": "import cloudpickle"},
    "typer": {"basins": "import typer", "errors": "import typer"},
    "rich": {"basins": "from rich import table", "cli/outputs": "import rich"},
    "torch": {"basins": "import torch", "training": "import transformers"},
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


def test_all_are_kept(copy):
    code, printed = check(copy)
    assert code == 0, printed


@pytest.mark.parametrize(("contract", "file"), PLANTED)
def test_a_planted_fault_breaks_it(copy, contract, file):
    path = copy / "lintrans" / f"{file}.py"
    path.write_text(f"{path.read_text()}\n\ndef planted():\n    {FAULTS[contract][file]}\n")
    code, printed = check(copy, "--contract", contract)
    assert code == 1 and "0 kept, 1 broken" in printed, printed
