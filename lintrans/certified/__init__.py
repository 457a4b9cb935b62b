"""Landmarks with proofs: exact polynomials, ball arithmetic, existence by interval Newton.

The only folder that imports python-flint, the `certify` extra. Derived in theory/03_balanced_slice.py.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from lintrans.errors import count, require_extra
from lintrans.two_factor.balanced_slice import Landmark

MAX_DIGITS = 1000
MAX_PERIOD = 6


@dataclass(frozen=True)
class CertifiedLandmark(Landmark):
    """A `lintrans.two_factor.Landmark` that is proved to exist, with two more fields that enclose it.

    Attributes
    ----------
    name : str
        For an event of a cycle: its kind, period, family and number, e.g. ``doubling_4_pair_2``.
    exact : str or None
        In SymPy's notation; None for events of cycles, which ``minimal_polynomial`` and ``value`` define.
    value, radius : str
        Decimal numbers: the landmark lies within ``radius`` of ``value``.
    """

    value: str
    radius: str


def certified_landmarks(
    digits: int = 30, *, max_period: int = 0, progress: Callable[[int, int], None] | None = None
) -> dict[str, CertifiedLandmark]:
    """Landmarks to ``digits`` digits, each proved to exist, in ascending order of mu.

    An interval Newton step in ball arithmetic proves that an algebraic landmark is the only root of its
    minimal polynomial nearby. The accumulation is enclosed by renormalization:
    `lintrans.certified.renormalization`.

    Parameters
    ----------
    digits : int
        Significant digits, 5 to 1000. The accumulation takes 8 s for 30 digits and 30 s for 50.
    max_period : int
        Add the saddle-node, superstable and period-doubling values of all cycles up to this period, at most
        6: there the multiplier is 1, 0 or -1. An interval Newton step in the plane of mu and A also proves
        that the cycle exists. Period 6 takes half a minute, 5 a few seconds.
    progress : callable, optional
        Called with (done, total) polynomials.

    Returns
    -------
    dict of str to CertifiedLandmark
        The landmarks of `lintrans.landmarks`, and 303 events of cycles up to period 6.

    Raises
    ------
    InputError
        If an argument is out of range.
    ArithmeticError
        If a proof fails.

    Examples
    --------
    >>> found = certified_landmarks(20, max_period=2)
    >>> found["crisis"].value, found["crisis"].minimal_polynomial
    ('1.5980762113533159403', (4, 8, -23))
    >>> found["doubling_2_symmetric_1"].value
    '1.8376650926553395009'
    """
    digits = count("digits", digits, minimum=5, maximum=MAX_DIGITS)
    max_period = count("max_period", max_period, minimum=0, maximum=MAX_PERIOD)
    require_extra("certify", "flint", "certified_landmarks")
    from lintrans.certified.landmarks import enclose

    marks = [CertifiedLandmark(*fields) for fields in enclose(digits, max_period, progress)]
    return {mark.name: mark for mark in marks}
