"""Call functions of the modules of pages in Node, with numbers and arrays in and out."""

from __future__ import annotations

import base64
import functools
import json
import shutil
import subprocess
import tempfile
from pathlib import Path

import numpy as np
import pytest

from lintrans.pages.values import encode

HERE = Path(__file__).parent
CHECKOUT = HERE.parent
FOLDERS = ("lintrans/pages/modules", "lintrans/explorer/modules", "lintrans/sandbox/modules")
CHECKS = ("tests/explorer/checks.js", "tests/sandbox/network_checks.js")
RUNNERS = ("tests/run.mjs", "tests/explorer/golden.test.mjs")
NODE = shutil.which("node")

needs_node = pytest.mark.skipif(NODE is None, reason="no Node: the same checks run in the browser")


def copy_modules(folder: Path) -> Path:
    """Copy all modules to a folder where Node takes them as such, with the checks beside them."""
    for name in FOLDERS:
        shutil.copytree(CHECKOUT / name, folder / name)
    for name in RUNNERS:
        shutil.copy(CHECKOUT / name, folder)
    for name in CHECKS:
        (folder / name).parent.mkdir(parents=True)
        shutil.copy(CHECKOUT / name, folder / name)
    (folder / "package.json").write_text('{"type": "module"}')
    return folder


@functools.cache
def _copied() -> tempfile.TemporaryDirectory:
    place = tempfile.TemporaryDirectory()
    copy_modules(Path(place.name))
    return place


def call_many(calls, folder: Path | None = None):
    """Results of calls (module, name, args): those of the explorer's numerics by file, others by path."""
    place = Path(_copied().name) if folder is None else folder
    asked = [
        {"module": str(place / _path(module)), "name": name, "args": list(args), "each": each}
        for module, name, args, each in calls
    ]
    ran = _run(["run.mjs"], place, json.dumps(encode(asked)))
    assert ran.returncode == 0, ran.stderr
    return decode(json.loads(ran.stdout))


def call(module, name, *args):
    """Result of one call."""
    return call_many([(module, name, args, False)])[0]


def tabulate(module, name, *columns):
    """Values of a function of numbers, row by row of the columns."""
    columns = [np.ascontiguousarray(column, dtype=np.float64) for column in columns]
    return call_many([(module, name, columns, True)])[0]


def run_tests(file: str, folder: Path) -> subprocess.CompletedProcess:
    """Run a file of tests by Node's own runner."""
    return _run(["--test", file], folder)


def _run(words, folder, given=""):
    command = [str(NODE), *words]
    return subprocess.run(command, cwd=folder, input=given, capture_output=True, text=True, check=False)


def decode(value):
    """Arrays and numbers that are not finite from their JSON; flat arrays."""
    if isinstance(value, list):
        return [decode(item) for item in value]
    if not isinstance(value, dict):
        return value
    if "base64" in value:
        return np.frombuffer(base64.b64decode(value["base64"]), dtype=value["dtype"])
    if list(value) == ["number"]:
        return float(value["number"].replace("Infinity", "inf"))
    return {name: decode(item) for name, item in value.items()}


def _path(module: str) -> str:
    return module if "/" in module else f"lintrans/explorer/modules/kernels/{module}"
