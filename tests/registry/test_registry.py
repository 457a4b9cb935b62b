"""A new subject is one folder and one entry: computed, killed, resumed, saved, read by others and drawn."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import h5py
import numpy as np
import pytest
import xarray

from lintrans import registry

ROOT = Path(__file__).parents[2]
RUN = "from lintrans.cli import run; raise SystemExit(run())"
ENTRY = """SUBJECTS["toy"] = Subject(
    packages=("matplotlib",),
    kinds={
        "toy_marks": Kind(
            "lintrans.toy:Marks", "lintrans.toy:draw_marks", sweeps=("lintrans.toy:MarkSweep",)
        )
    },
    groups=(Group("Marks", "lintrans.toy", ("toy-marks",)),),
)
"""
N_TILES = 30


@pytest.fixture(scope="module")
def package(tmp_path_factory):
    """A copy of the package with the toy in it."""
    folder = tmp_path_factory.mktemp("package")
    shutil.copytree(ROOT / "lintrans", folder / "lintrans", ignore=shutil.ignore_patterns("__pycache__"))
    (folder / "lintrans" / "toy").mkdir()
    shutil.copy(Path(__file__).with_name("toy.py"), folder / "lintrans" / "toy" / "__init__.py")
    path = folder / "lintrans" / "registry.py"
    before, after = path.read_text().split("\n\ndef find(", 1)
    path.write_text(f"{before}\n{ENTRY}\n\ndef find({after}")
    return folder


@pytest.fixture
def call(package, tmp_path):
    """Start Python in an empty folder, with the copy."""
    clean = {**os.environ, "PYTHONPATH": str(package)}

    def start(*words, wait=True):
        pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
        process = subprocess.Popen([sys.executable, "-c", *words], cwd=tmp_path, env=clean, **pipes)
        if not wait:
            return process
        out, err = process.communicate(timeout=120)
        assert process.returncode == 0, err
        return out

    return start


@pytest.fixture
def whole(call, tmp_path):
    """The file as threads write it."""
    answer = json.loads(call(RUN, "toy-marks", "--json"))
    assert answer == {"best": "Böðvar", "output": "marks.h5"}
    return tmp_path / "marks.h5"


def test_threads_and_dask_write_the_same_file(call, whole, tmp_path):
    words = ["--executor", "dask", "--n-workers", "2", "--output", "dask.h5", "--json"]
    call(RUN, "toy-marks", *words)
    assert (tmp_path / "dask.h5").read_bytes() == whole.read_bytes()


def test_killed_and_resumed_it_is_the_same_file(call, tmp_path):
    words = [RUN, "toy-marks", "--seconds", "0.1", "--n-workers", "1", "--output"]
    call(*words, "whole.h5", "--json")
    killed = call(*words, "x.h5", "--json", wait=False)
    journal, size = tmp_path / "x.h5.sweep", 0
    while size < 3000:  # a header and some tiles
        time.sleep(0.01)
        assert killed.poll() is None
        size = journal.stat().st_size if journal.exists() else 0
    killed.send_signal(signal.SIGKILL)
    killed.communicate()
    assert journal.exists() and not (tmp_path / "x.h5").exists()
    call(RUN, "resume", "x.h5", "--json")
    assert (tmp_path / "x.h5").read_bytes() == (tmp_path / "whole.h5").read_bytes()
    assert not journal.exists()


def test_it_is_loaded_shown_and_drawn(call, whole, tmp_path):
    shown = json.loads(call(RUN, "show", "marks.h5", "--json"))
    assert shown["kind"] == "toy_marks" and shown["best"] == "Böðvar"
    assert shown["axes"] == {"difficulty": 60, "pupil": 4}
    assert shown["settings"] == {"seconds": 0.0, "class": "7b"}
    assert set(shown["versions"]) == {"python", "lintrans", "numpy", "h5py", "matplotlib"}  # and no Numba
    call(RUN, "plot", "marks.h5", "--output", "marks.svg")
    assert "difficulty" in (tmp_path / "marks.svg").read_text()
    code = "import lintrans as lt; r = lt.load('marks.h5'); print(r.pupil.tolist(), r.mark.max(), r.remark)"
    assert call(code).strip() == "['Ann', 'Böðvar', '李雷', 'Zoë de la Tour'] 2 None"


def test_xarray_finds_names_and_labels(whole):
    with xarray.open_dataset(whole, engine="h5netcdf") as data:
        assert data["pupil"].values.tolist() == ["Ann", "Böðvar", "李雷", "Zoë de la Tour"]
        assert data["score"].sel(pupil="李雷").dims == ("difficulty",)
        marks = data["mark"]
        assert marks.attrs["flag_values"].tolist() == [0, 1, 2]
        assert marks.attrs["flag_meanings"] == "poor fair very_good"
        assert marks.dims == ("difficulty", "pupil")


@pytest.mark.parametrize(
    ("pupils", "complaint"),
    [
        (["Ann", "Ann", "B", "C"], "must hold different names"),
        (["Ann", "", "B", "C"], "must hold different names"),
        ([1.0, 2.0, 3.0, 4.0], "must have"),
    ],
)
def test_damaged_names_are_refused(call, whole, tmp_path, pupils, complaint):
    with h5py.File(whole, "r+") as file:
        attributes = dict(file["pupil"].attrs)
        del file["pupil"]
        entries = np.array(pupils)
        if entries.dtype.kind == "U":
            entries = np.char.encode(entries).astype(h5py.string_dtype("utf-8", 20))
        file["pupil"] = entries
        for name in ("dims", "long_name"):
            file["pupil"].attrs[name] = attributes[name]
    refused = call(RUN, "show", "marks.h5", wait=False)
    out, err = refused.communicate()
    assert (refused.returncode, out, err.count("\n")) == (2, "", 1) and complaint in err, err


def test_a_category_without_a_label_is_refused(call, whole):
    with h5py.File(whole, "r+") as file:
        file["mark"][0, 0] = 3
    refused = call(RUN, "show", "marks.h5", wait=False)
    assert "mark must lie between 0 and 2, got 3; " in refused.communicate()[1]


def test_commands_are_listed_under_their_titles_and_imported_when_asked_for(call):
    assert "\nMarks:\n  toy-marks " in call(RUN, "--help")
    code = "import sys; from lintrans.cli import main; main(['critical', '--start', '1,1', '--json']); "
    printed = call(
        code + "print('lintrans.toy' in sys.modules, 'lintrans.cli.commands.theory' in sys.modules)"
    )
    assert printed.splitlines()[-1] == "False True"


def test_every_place_is_there_and_every_command_has_one_group():
    for name, kind in registry.kinds().items():
        assert registry.find(kind.result).kind == name
        assert all(registry.find(place).result.kind == name for place in kind.sweeps)
        assert callable(registry.find(kind.figure))
    listed = [name for group in registry.groups() for name in group.commands]
    assert len(listed) == len(set(listed)) == 24


def test_packages_are_those_that_a_folder_imports():
    """Besides what every result records; those of folders beneath it may be added."""
    known = {"numba", "scipy", "mpmath", "sympy", "torch"}
    for name, subject in registry.SUBJECTS.items():
        if not subject.kinds:
            continue
        code = "".join(path.read_text() for path in (ROOT / "lintrans" / name).rglob("*.py"))
        found = {package for package in known if f"import {package}" in code or f"from {package}" in code}
        found |= {"numba"} if "lintrans.compiled" in code else set()
        assert found <= set(subject.packages) <= known
