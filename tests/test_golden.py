"""Layer 5: a small stored result is still read, and still what is computed today."""

from __future__ import annotations

import importlib.util
from dataclasses import fields, replace
from pathlib import Path

import numpy as np
import pytest

import lintrans as lt
from lintrans.regimes import Regime

GOLDEN = Path(__file__).parent / "golden"


@pytest.fixture(scope="module")
def stored():
    return lt.load(GOLDEN / "phase_diagram.h5")


@pytest.fixture(scope="module")
def computed():
    spec = importlib.util.spec_from_file_location("make_golden", GOLDEN / "make.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.compute()


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
    assert stored.settings == computed.settings


def test_it_meets_every_regime(stored):
    assert set(stored.count()) >= {"monotone", "catapult", "periodic", "chaotic", "divergent"}


def test_a_small_change_is_noticed(stored):
    moved = replace(stored.evidence, along=stored.evidence.along * (1 + 1e-4))
    assert changes(stored, replace(stored, evidence=moved)) == ["along"]
    relabelled = np.where(stored.regime == Regime.CATAPULT, Regime.MONOTONE, stored.regime)
    assert changes(stored, replace(stored, regime=relabelled)) == ["regime"]
