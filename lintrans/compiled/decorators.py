"""The three ways in which a loop is compiled; of the fast-math flags only ``contract`` is ever set.

The full set deletes the tests for NaN by which an escape is seen.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from numba import njit

from lintrans.compiled.cache import keep

_OPTIONS: dict[str, Any] = {"nogil": True, "error_model": "numpy", "fastmath": {"contract"}}

compiled: Callable[..., Any] = njit(**_OPTIONS)  # called by other loops
inlined: Callable[..., Any] = njit(**_OPTIONS, forceinline=True)  # a part of their inner loops


def entry(function: Callable[..., Any]) -> Any:
    """Compile a loop that Python calls; its machine code is kept on disk (`lintrans.compiled.cache`)."""
    loop = njit(**_OPTIONS)(function)
    return loop if loop is function else keep(loop)  # the same if NUMBA_DISABLE_JIT is set
