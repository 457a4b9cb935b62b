"""Layer 5: small stored results of every kind are still read, and still what is computed today.

`phase_diagram` is compared up to rounding, on any machine. All others are compared bit for bit: they were
written before the package was put into folders, and need the libraries they were written with.
"""

from __future__ import annotations

import importlib.util
import json
import shutil
from dataclasses import fields, replace
from pathlib import Path

import h5py
import numpy as np
import pytest

import lintrans as lt
from lintrans import registry
from lintrans.two_factor.regimes import Regime

GOLDEN = Path(__file__).parent
SPEC = importlib.util.spec_from_file_location("make_golden", GOLDEN / "make.py")
make = importlib.util.module_from_spec(SPEC)
SPEC.loader.exec_module(make)
ELSEWHERE = make.environment() != json.loads((GOLDEN / "environment.json").read_text())
exact = pytest.mark.skipif(ELSEWHERE, reason="last digits are those of other libraries or processors")


@pytest.fixture(scope="module")
def stored():
    return lt.load(GOLDEN / "phase_diagram.h5")


@pytest.fixture(scope="module")
def computed():
    return make.compute()


def changes(old, new):
    """Names of the fields that differ beyond rounding, which chaos amplifies to whole digits."""
    found = [name for name in ("mu", "start", "step_size", "regime") if differs(old, new, name)]
    calm = np.isin(old.regime, [Regime.MONOTONE, Regime.CATAPULT, Regime.PERIODIC])
    chaotic = old.regime == Regime.CHAOTIC
    for field in fields(old.evidence):
        before, after = (getattr(x.evidence, field.name) for x in (old, new))
        if field.name in ("period_uv", "period_a", "rise_step", "escape_step"):
            same = np.array_equal(before[~chaotic], after[~chaotic])
        elif field.name.startswith("along"):  # cusps of the exponent amplify rounding, hence 1e-6
            same = np.allclose(before[calm], after[calm], rtol=1e-6, atol=1e-9)
        else:
            same = np.allclose(before[calm], after[calm], rtol=1e-7, atol=1e-9, equal_nan=True)
        found += [] if same else [field.name]
    sigma = np.hypot(old.evidence.along_error, new.evidence.along_error)[chaotic]
    if (np.abs(old.evidence.along - new.evidence.along)[chaotic] > 6 * sigma).any():
        found.append("along in chaos")
    return found


def differs(old, new, name):
    return not np.array_equal(getattr(old, name), getattr(new, name))


def test_stored_result_is_what_is_computed(stored, computed):
    assert changes(stored, computed) == []
    assert stored.settings.items() <= computed.settings.items()


def test_it_meets_every_regime(stored):
    assert set(stored.count()) >= {"monotone", "catapult", "periodic", "chaotic", "divergent"}


def test_a_small_change_is_noticed(stored):
    moved = replace(stored.evidence, along=stored.evidence.along * (1 + 1e-4))
    assert changes(stored, replace(stored, evidence=moved)) == ["along"]
    relabelled = np.where(stored.regime == Regime.CATAPULT, Regime.MONOTONE, stored.regime)
    assert changes(stored, replace(stored, regime=relabelled)) == ["regime"]


def datasets(path):
    """Everything a reader of the file sees of its arrays: name, entries, type, axes and meaning."""
    with h5py.File(path) as file:
        return {
            name: (x.dtype.str, x.shape, x[()].tobytes(), x.attrs["dims"], x.attrs["long_name"])
            for name, x in file.items()
        }


def settings(path):
    with h5py.File(path) as file:
        return file.attrs["kind"], json.loads(file.attrs["settings"])


@exact
@pytest.mark.parametrize("name", make.EXACT)
def test_the_same_command_writes_the_same_bits(name, tmp_path):
    old, new = GOLDEN / f"{name}.h5", tmp_path / "x.h5"
    make.write(name, new)
    assert datasets(old) == datasets(new)
    (old_kind, old_settings), (new_kind, new_settings) = settings(old), settings(new)
    assert old_kind == new_kind
    assert old_settings.items() <= new_settings.items()


@pytest.mark.parametrize("name", make.EXACT)
def test_a_file_of_every_kind_is_read(name):
    result = lt.load(GOLDEN / f"{name}.h5")
    assert {v.name for v in result.variables()} == set(datasets(GOLDEN / f"{name}.h5"))


def test_one_bit_is_noticed(tmp_path):
    path = tmp_path / "x.h5"
    shutil.copy(GOLDEN / "orbit.h5", path)
    with h5py.File(path, "r+") as file:
        file["a"][3] = np.nextafter(file["a"][3], 1)
    assert datasets(path) != datasets(GOLDEN / "orbit.h5")


def test_there_is_one_of_every_kind():
    kinds = {settings(GOLDEN / f"{name}.h5")[0].decode() for name in make.EXACT}
    assert kinds == set(registry.kinds())
