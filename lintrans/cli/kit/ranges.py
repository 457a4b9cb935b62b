"""Read ranges, lists and starts from the words of a command line.

Heavy imports wait until a text is parsed.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

MAX_RANGE = 10**7


def parse_range(name: str, text: str) -> NDArray[np.float64]:
    """Read ``start:stop:count`` (both ends included, increasing), or one number."""
    from lintrans.errors import InputError

    values = parse_ramp(name, text)
    parts = text.split(":")
    if values.size > 1 and values[0] == values[-1]:
        raise InputError(f"{name} must have two different ends, got {text}; write {parts[0]} for one value")
    if values[0] > values[-1]:
        raise InputError(f"{name} must be increasing, got {text}; write {parts[1]}:{parts[0]}:{parts[2]}")
    return values


def parse_ramp(name: str, text: str) -> NDArray[np.float64]:
    """Read ``start:stop:count`` (both ends included, in any direction), or one number."""
    import numpy as np

    from lintrans.errors import InputError, count, finite

    parts = text.split(":")
    if len(parts) == 1:
        return np.array([finite(name, text)])
    if len(parts) != 3:
        raise InputError(
            f"{name} must be start:stop:count or a number, got {text!r}; write e.g. 0.01:2.2:800"
        )
    start, stop = finite(f"{name} start", parts[0]), finite(f"{name} stop", parts[1])
    return np.linspace(start, stop, count(f"{name} count", whole(parts[2]), minimum=2, maximum=MAX_RANGE))


def parse_schedule(text: str) -> NDArray[np.float64] | None:
    """Read factors on the step size: numbers and ramps ``start:stop:count``, separated by commas.

    None for an empty text.
    """
    import numpy as np

    return np.concatenate([parse_ramp("--schedule", part) for part in text.split(",")]) if text else None


def parse_positive_range(name: str, text: str) -> NDArray[np.float64]:
    """Read a range of positive numbers; see `parse_range`."""
    from lintrans.errors import positive

    values = parse_range(name, text)
    positive(name if values.size == 1 else f"{name} start", values[0])
    return values


def parse_start(text: str) -> tuple[float, float]:
    """Read a start ``u,v``."""
    from lintrans.errors import InputError, finite

    parts = text.split(",")
    if len(parts) != 2:
        raise InputError(f"--start must be two numbers u,v, got {text!r}; write e.g. 0.4,0.4")
    return finite("--start u", parts[0]), finite("--start v", parts[1])


def parse_slice(name: str, text: str) -> slice:
    """Read rows ``start:stop``."""
    from lintrans.errors import InputError, count

    parts = text.split(":")
    if len(parts) != 2:
        raise InputError(f"{name} must be start:stop, got {text!r}; write e.g. 0:64")
    start, stop = (count(f"{name} row", whole(part), minimum=0) for part in parts)
    return slice(start, stop)


def whole(text: str) -> int | str:
    """Return the integer a text spells, or the text for the check that will refuse it."""
    try:
        return int(text)
    except ValueError:
        return text
