"""Values on their way to the browser: JSON, in which an array is its bytes.

An array becomes ``{"dtype": "float64", "shape": [2, 200], "base64": "..."}``: its numbers in C order, little
end first, so that the browser reads them as a typed array, to the bit and with NaN. A number outside an array
is plain JSON, which has no NaN: such a number is refused.
"""

from __future__ import annotations

import base64
import json
import math
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lintrans.errors import InputError, short

DTYPES = ("float64", "float32", "int64", "int32", "uint32", "uint16", "uint8", "int8")  # of arrays.js
ARRAY_KEY = "base64"  # the key by which the browser knows an array
MAX_WHOLE = 2**53  # beyond it float64, the only number of JavaScript, skips integers


def encode(value: Any, name: str = "data") -> Any:
    """Return a value as JSON values; ``name`` is what messages call it.

    Parameters
    ----------
    value
        Mappings with texts as keys, lists, tuples, texts, numbers, None, and arrays, at any depth.
    name
        Name of the value.

    Raises
    ------
    InputError
        If JSON and typed arrays have no place for a value: a number that is not finite outside an array, a
        whole number beyond 2^53, an array of another type, a key that is no text, any other object.

    Examples
    --------
    >>> encode({"start": (0.4, 0.5), "mu": np.array([1.0])})
    {'start': [0.4, 0.5], 'mu': {'dtype': 'float64', 'shape': [1], 'base64': 'AAAAAAAA8D8='}}
    """
    if isinstance(value, np.ndarray):
        return _array(value, name)
    if isinstance(value, np.generic):
        return encode(value.item(), name)
    if isinstance(value, Mapping):
        return {_key(key, name): encode(item, f"{name}.{key}") for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [encode(item, f"{name}[{i}]") for i, item in enumerate(value)]
    return _scalar(value, name)


def to_json(value: Any, name: str = "data") -> str:
    r"""Return a value as the text of a JSON block in HTML: ASCII, and without ``<``.

    Examples
    --------
    >>> print(to_json({"name": "</script>"}))
    {"name":"\u003c/script>"}
    """
    return json.dumps(encode(value, name), allow_nan=False, separators=(",", ":")).replace("<", r"\u003c")


def _array(value: NDArray[Any], name: str) -> dict[str, Any]:
    if value.dtype.name not in DTYPES:
        known = ", ".join(DTYPES)
        raise InputError(f"{name} must be an array of {known}, got {value.dtype}; convert it with astype")
    little = np.ascontiguousarray(value, dtype=value.dtype.newbyteorder("<"))
    text = base64.b64encode(little.tobytes()).decode("ascii")
    return {"dtype": value.dtype.name, "shape": list(value.shape), ARRAY_KEY: text}


def _key(key: Any, name: str) -> str:
    if not isinstance(key, str):
        raise InputError(f"keys of {name} must be texts, got {short(key)}; pass str(key)")
    if key == ARRAY_KEY:
        raise InputError(f"keys of {name} must not be {ARRAY_KEY!r}, which marks arrays; choose another name")
    return key


def _scalar(value: Any, name: str) -> str | int | float | bool | None:
    if isinstance(value, float) and not math.isfinite(value):
        raise InputError(f"{name} must be finite, got {value}; pass None, or an array, which keeps it")
    if isinstance(value, int) and abs(value) > MAX_WHOLE:
        raise InputError(f"{name} must be at most 2^53 in size, got {short(value)}; pass it as a text")
    if value is None or isinstance(value, str | int | float):
        return value
    raise InputError(f"{name} must be JSON or an array, got {short(value)}; convert it first")
