"""The ways in which a loop is compiled; of the fast-math flags only ``contract`` is ever set.

The full set deletes the tests for NaN by which an escape is seen.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from numba import njit

from lintrans.compiled.cache import keep

_EXACT: dict[str, Any] = {"nogil": True, "error_model": "numpy"}
_OPTIONS: dict[str, Any] = {**_EXACT, "fastmath": {"contract"}}

compiled: Callable[..., Any] = njit(**_OPTIONS)  # called by other loops
inlined: Callable[..., Any] = njit(**_OPTIONS, forceinline=True)  # a part of their inner loops


@njit(**_EXACT, forceinline=True)
def product(a, b):  # type: ignore[no-untyped-def]
    """Return a * b, rounded before anything is added to it.

    Of a sum of two products a compiler may round either first. It chooses differently for the same loop
    compiled in two places: in the process that compiles it, and in those that find it in the cache. One
    product of the two is written so, and then there is no choice.
    """
    return a * b


def entry(function: Callable[..., Any]) -> Any:
    """Compile a loop that Python calls; its machine code is kept on disk (`lintrans.compiled.cache`)."""
    loop = njit(**_OPTIONS)(function)
    return loop if loop is function else keep(loop)  # the same if NUMBA_DISABLE_JIT is set
