"""Exceptions, and the checks of arguments.

Every message has four parts on one line: the argument, the rule, the value received and the remedy.
The command line prints that line and exits with 2; a library user may catch `InputError` (also a
`ValueError`).
"""

from __future__ import annotations

import importlib.util
import math
from collections.abc import Iterable
from typing import Any, TypeVar

import numpy as np
from numpy.typing import ArrayLike, NDArray

Entry = TypeVar("Entry", bound=np.generic)
Kind = TypeVar("Kind")

MAX_COUNT = 10**9
MAX_HISTORY_BYTES = 2**30  # of a training run
MAX_SCHEDULE = 10**6  # step sizes
MAX_SHOWN = 60  # characters of a value in a message


class LintransError(Exception):
    """Base class of all errors that this package raises on purpose."""


class InputError(LintransError, ValueError):
    """An argument, a data file or a result file cannot be used as given."""


class NoNormalFormError(InputError):
    """The prompt has a zero label or a zero context moment, so that mu or the target is 0."""


class StorageError(LintransError, OSError):
    """A file cannot be written, e.g. because the disk is full or the device is gone."""


class ExecutorError(LintransError):
    """Work cannot continue on the executor: the scheduler is lost, or workers die or have other versions."""


class Interrupted(LintransError):
    """A sweep was stopped by Ctrl-C; the message says how to continue it."""


class MissingExtraError(LintransError, ImportError):
    """A package is missing that only an extra of this package installs."""


def require_extra(extra: str, package: str, name: str) -> None:
    """Raise `MissingExtraError` if ``package`` of that extra is not installed; ``name`` is what needs it."""
    if importlib.util.find_spec(package) is None:
        raise MissingExtraError(
            f"{name} needs the package {package}, which is not installed; pip install 'lintrans[{extra}]'"
        )


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
    """Return ``value`` as an int between ``minimum`` and ``maximum``; 3.0 is a whole number, True is not."""
    number = _whole(value)
    if number is None:
        raise InputError(f"{name} must be a whole number, got {short(value)}; pass an integer")
    if not minimum <= number <= maximum:
        raise InputError(
            f"{name} must lie between {minimum} and {maximum}, got {short(number)}; choose a count in range"
        )
    return number


def instance(name: str, value: Any, kind: type[Kind]) -> Kind:
    """Return ``value`` if it is of one of our own classes.

    Raises
    ------
    InputError
        If it is something else.
    """
    if not isinstance(value, kind):
        made = kind.__name__
        raise InputError(f"{name} must be made by {made}, got {short(value)}; pass {made}(...)")
    return value


def listed(name: str, value: Any) -> tuple[Any, ...]:
    """Return the items of a list, a tuple or another iterable that is no text.

    Raises
    ------
    InputError
        If it has no items.
    """
    if isinstance(value, str) or not isinstance(value, Iterable):
        raise InputError(f"{name} must be a list, got {short(value)}; pass a list or a tuple")
    return tuple(value)


def flag(name: str, value: Any) -> bool:
    """Return ``value`` if it is True or False, or one of NumPy's.

    Raises
    ------
    InputError
        If it is something else.
    """
    if not isinstance(value, bool | np.bool_):
        raise InputError(f"{name} must be True or False, got {short(value)}; pass one of them")
    return bool(value)


def check_seed(seed: Any) -> int:
    """Return a random seed as an int, at least 0."""
    return count("seed", seed, minimum=0)


def check_history(n_steps: int, numbers: int) -> None:
    """Refuse more than 1 GiB for ``numbers`` float64 numbers at each of n_steps + 1 steps."""
    size = 8 * (n_steps + 1) * numbers
    if size > MAX_HISTORY_BYTES:
        raise InputError(
            f"n_steps must keep the history below {MAX_HISTORY_BYTES / 2**30:g} GiB, got {n_steps} "
            f"({size / 2**30:.3g} GiB); lower n_steps to {MAX_HISTORY_BYTES // (8 * numbers) - 1} or less"
        )


def finite_array(name: str, value: ArrayLike, ndim: int) -> NDArray[np.float64]:
    """Return ``value`` as a float64 array with ``ndim`` axes and finite entries.

    Complex numbers are refused, even with a zero imaginary part: what is accepted depends on the type of the
    numbers and not on their rounding.
    """
    try:
        given = np.asarray(value)
        with np.errstate(over="ignore"):  # a long double may become inf, which is refused below
            array = None if _is_complex(given) else np.asarray(given, dtype=np.float64)
    except (TypeError, ValueError):
        raise InputError(f"{name} must hold numbers, got {short(value)}; convert it first") from None
    except OverflowError:
        raise InputError(f"{name} must hold numbers below 1.8e308, got {short(value)}; rescale it") from None
    if array is None:
        raise InputError(f"{name} must be real, got complex numbers; pass {name}.real if that is meant")
    if array.ndim != ndim:
        raise InputError(f"{name} must have {ndim} axes, got shape {array.shape}; reshape it before the call")
    bad = np.argwhere(~np.isfinite(array))
    if len(bad):  # not bad.size, which is 0 for a number: it has no index
        where = ", ".join(map(str, bad[0]))
        at = f"[{where}]" if ndim else ""
        raise InputError(
            f"{name} must be finite, got {name}{at}={array[tuple(bad[0])]}; drop or impute that entry"
        )
    return array


def read_only(array: NDArray[Entry]) -> NDArray[Entry]:
    """Return an array of our own that cannot be written to any more."""
    array.setflags(write=False)
    return array


def frozen_array(name: str, value: ArrayLike, ndim: int) -> NDArray[np.float64]:
    """Return a copy of ``value``, checked by `finite_array`, that cannot be written to."""
    return read_only(finite_array(name, value, ndim).copy())


def settle(instance: Any, **fields: Any) -> None:
    """Put checked values in the place of those given, while a frozen dataclass is made."""
    for name, value in fields.items():
        object.__setattr__(instance, name, value)


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


def step_schedule(value: ArrayLike, *, largest: float = math.inf) -> NDArray[np.float64]:
    """Return a copy of relative step sizes, one per step: not empty, between 0 and ``largest``."""
    relative = finite_array("schedule", value, 1).copy()
    if relative.size == 0:
        raise InputError("schedule must not be empty, got 0 values; omit it for a constant step size")
    count("the length of schedule", relative.size, maximum=MAX_SCHEDULE)
    for is_bad, rule, remedy in (
        (relative < 0, "must be at least 0", "pass 0 to rest for a step"),
        (
            relative > largest,
            f"must be at most {largest:g}",
            "raise the step size and divide by the largest",
        ),
    ):
        if is_bad.any():
            i = int(np.argmax(is_bad))
            raise InputError(f"schedule {rule}, got schedule[{i}]={relative[i]:g}; {remedy}")
    return relative


def short(value: Any) -> str:
    """Return ``repr`` of any value on one line of at most 60 characters, for a message."""
    try:
        text = " ".join(repr(value).split())
    except ValueError:  # an int of more than 4300 digits, alone or in a list
        return f"a value of type {type(value).__name__}, too long to show"
    return text if len(text) <= MAX_SHOWN else text[: MAX_SHOWN - 3] + "..."


def _as_float(name: str, value: Any) -> float:
    if isinstance(value, complex | np.complexfloating):
        raise InputError(f"{name} must be real, got {short(value)}; pass {name}.real if that is meant")
    try:
        return float(value)
    except (TypeError, ValueError):
        raise InputError(f"{name} must be a number, got {short(value)}; pass a float") from None
    except OverflowError:
        raise InputError(f"{name} must be below 1.8e308, got {short(value)}; pass a smaller number") from None


def _whole(value: Any) -> int | None:
    """Return the int equal to ``value``, or None."""
    if isinstance(value, bool | np.bool_ | complex | np.complexfloating):
        return None
    try:
        number = int(value)
    except (TypeError, ValueError, OverflowError):
        return None
    return number if number == value else None


def _is_complex(array: NDArray[Any]) -> bool:
    """Tell complex arrays, and arrays of objects among which a number is complex."""
    if array.dtype == object:
        return any(map(np.iscomplexobj, array.flat))
    return bool(np.iscomplexobj(array))
