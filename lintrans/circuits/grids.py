"""Steps at which checkpoints were kept, and those that seem to be missing."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from typing import NamedTuple

MAX_IN_A_ROW = 4  # missing steps; a longer gap is more likely meant
MIN_EQUAL = 3  # spacings around a gap that must agree
RATIO_TOL = 0.01  # relative; steps of a geometric grid are rounded


class Gap(NamedTuple):
    """Steps that seem to be missing.

    Attributes
    ----------
    after, before : int
        Steps on both sides, which are there.
    missing : tuple of int
        Steps between them.
    """

    after: int
    before: int
    missing: tuple[int, ...]


def missing_steps(steps: Iterable[int]) -> list[Gap]:
    """Find gaps in a grid of steps, by the spacing around them.

    A gap counts if the spacing next to it is the same on both sides, if at least three of the two spacings
    before and the two behind are equal, and if two to five of them fill the gap exactly. Spacings are
    differences or, for grids such as 1, 2, 4, 8, ratios within 1 %. Where a grid changes its spacing nothing
    is reported, nor at its ends, where the last checkpoint often has a step of its own.

    Parameters
    ----------
    steps
        Steps of one stage, in any order.

    Examples
    --------
    >>> missing_steps([0, 1000, 2000, 4000, 5000])
    [Gap(after=2000, before=4000, missing=(3000,))]
    >>> missing_steps([1, 2, 4, 16, 32])
    [Gap(after=4, before=16, missing=(8,))]
    >>> missing_steps([0, 1, 2, 4, 8, 512, 1000, 2000, 3000])
    []
    """
    known = sorted(set(steps))
    gaps = []
    for i in range(1, len(known) - 2):
        missing = _fill(known, i) or _fill_ratio(known, i)
        if missing:
            gaps.append(Gap(known[i], known[i + 1], missing))
    return gaps


def _fill(steps: Sequence[int], i: int) -> tuple[int, ...]:
    """Steps missing after ``steps[i]`` in a grid of equal differences."""
    around = [steps[j + 1] - steps[j] for j in (i - 1, i + 1, i - 2, i + 2) if 0 <= j < len(steps) - 1]
    width = around[0]
    n, rest = divmod(steps[i + 1] - steps[i], width)
    if rest or around[1] != width or around.count(width) < MIN_EQUAL or not 2 <= n <= MAX_IN_A_ROW + 1:
        return ()
    return tuple(steps[i] + k * width for k in range(1, n))


def _fill_ratio(steps: Sequence[int], i: int) -> tuple[int, ...]:
    """Steps missing after ``steps[i]`` in a grid of equal ratios."""
    around = [steps[j + 1] / steps[j] for j in (i - 1, i + 1, i - 2, i + 2) if _has_ratio(steps, j)]
    if len(around) < MIN_EQUAL or not _has_ratio(steps, i - 1):
        return ()
    ratio = around[0]
    near = [math.isclose(other, ratio, rel_tol=RATIO_TOL) for other in around]
    gap = steps[i + 1] / steps[i]
    n = round(math.log(gap) / math.log(ratio))
    is_filled = math.isclose(gap, ratio**n, rel_tol=n * RATIO_TOL)
    if not (near[1] and sum(near) >= MIN_EQUAL and 2 <= n <= MAX_IN_A_ROW + 1 and is_filled):
        return ()
    return tuple(round(steps[i] * ratio**k) for k in range(1, n))


def _has_ratio(steps: Sequence[int], j: int) -> bool:
    return 0 <= j < len(steps) - 1 and steps[j] > 0
