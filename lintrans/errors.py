"""Exceptions and the checks of arguments.

Every message has four parts on one line: the argument, the rule, the value received and the remedy.
The command line prints that line and exits with 2; a library user may catch `InputError` (also a
`ValueError`).
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

MAX_COUNT = 10**9


class LintransError(Exception):
    """Base of all errors raised on purpose by this package."""


class InputError(LintransError, ValueError):
    """An argument, a data file or a result file cannot be used as given."""


class NoNormalFormError(InputError):
    """The prompt has a zero label or a zero context moment: mu is 0 or the target is."""


def finite(name: str, value: Any) -> float:
    """Return ``value`` as a float, or say that it is not a finite number."""
    number = _as_float(name, value)
    if not math.isfinite(number):
        raise InputError(f"{name} must be finite, got {number}; pass an ordinary number")
    return number


def positive(name: str, value: Any) -> float:
    """Return ``value`` as a positive finite float."""
    number = finite(name, value)
    if number <= 0:
        raise InputError(f"{name} must be positive, got {number:g}; pass a value above 0")
    return number


def count(name: str, value: Any, *, minimum: int = 1, maximum: int = MAX_COUNT) -> int:
    """Return ``value`` as an int between ``minimum`` and ``maximum``."""
    try:
        number = int(value)
    except (TypeError, ValueError, OverflowError):
        number = None
    if number is None or number != value:
        raise InputError(f"{name} must be a whole number, got {value!r}; pass an integer")
    if not minimum <= number <= maximum:
        raise InputError(
            f"{name} must lie between {minimum} and {maximum}, got {number}; choose a count in range"
        )
    return number


def finite_array(name: str, value: ArrayLike, ndim: int) -> NDArray[np.float64]:
    """Return ``value`` as a float64 array with ``ndim`` axes and finite entries."""
    try:
        array = np.asarray(value, dtype=np.float64)
    except (TypeError, ValueError):
        raise InputError(f"{name} must hold numbers, got {value!r:.60}; convert it first") from None
    if array.ndim != ndim:
        raise InputError(f"{name} must have {ndim} axes, got shape {array.shape}; reshape it before the call")
    bad = np.argwhere(~np.isfinite(array))
    if bad.size:
        where = ", ".join(map(str, bad[0]))
        at = f"[{where}]" if ndim else ""
        raise InputError(
            f"{name} must be finite, got {name}{at}={array[tuple(bad[0])]}; drop or impute that entry"
        )
    return array


def increasing(name: str, value: ArrayLike) -> NDArray[np.float64]:
    """Return ``value`` as a finite, strictly increasing, non-empty float64 vector."""
    array = finite_array(name, value, 1)
    if array.size == 0:
        raise InputError(f"{name} must not be empty, got 0 values; pass at least one")
    steps = np.flatnonzero(np.diff(array) <= 0)
    if steps.size:
        i = int(steps[0]) + 1
        raise InputError(
            f"{name} must be increasing, got {name}[{i}]={array[i]:g} after {array[i - 1]:g}; "
            f"pass np.unique({name})"
        )
    return array


def _as_float(name: str, value: Any) -> float:
    try:
        return float(value)
    except (TypeError, ValueError):
        raise InputError(f"{name} must be a number, got {value!r}; pass a float") from None
