"""Grids of the page are those of numpy.linspace to the bit, so that a command meets the same values of mu."""

from __future__ import annotations

import numpy as np
import pytest
from node import call_many, copy_modules, needs_node

pytestmark = needs_node

ARRAYS = "lintrans/pages/modules/arrays.js"
WIDTHS = [*10.0 ** np.arange(-12, 1), 5.2]
SIZES = (1, 2, 3, 700, 1201)


def windows():
    """Windows from 1e-12 wide to that of the plane, anywhere in it."""
    rng = np.random.default_rng(7)
    return [(low, low + width) for width in WIDTHS for low in rng.uniform(-2.6, 2.2, 5).tolist()]


def differing(n, folder=None):
    """How many windows have another grid of n values."""
    calls = [(ARRAYS, "linspace", [*window, n], False) for window in windows()]
    pairs = zip(call_many(calls, folder), windows(), strict=True)
    return sum(not np.array_equal(found, np.linspace(*window, n)) for found, window in pairs)


@pytest.mark.parametrize("n", SIZES)
def test_grids_are_those_of_numpy(n):
    assert differing(n) == 0


def test_another_formula_is_seen(tmp_path):
    path = copy_modules(tmp_path) / ARRAYS
    text = path.read_text()
    assert text.count("i * step + low") == 1
    path.write_text(text.replace("i * step + low", "(i / (n - 1)) * (high - low) + low"))
    assert differing(700, tmp_path) > 0
