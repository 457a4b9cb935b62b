"""Adaptive refinement: the labels of a whole grid from a few of its cells, those along the boundaries.

Computed first: the points of a coarse lattice, and whole lines through every eighth of them. A box of the
lattice whose known cells differ is halved along both axes, again and again down to single cells, and so are
boxes beside it that a newly computed cell on their edge contradicts: a boundary that is met is followed to
its end. Cells left over in boxes without a difference are filled in. What lies between the lines and is
narrower than a box can be missed.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

Labels = NDArray[np.uint8]
Mask = NDArray[np.bool_]
Indices = NDArray[np.intp]

UNKNOWN = 255  # above all labels
BOXES_BETWEEN_LINES = 8


def refine(labels: Labels, stride: int, compute: Callable[[Mask], Labels]) -> tuple[Labels, Mask]:
    """Fill a grid of labels.

    Parameters
    ----------
    labels
        Shape (n, m): labels known beforehand, ``UNKNOWN`` elsewhere.
    stride
        Side of a box of the lattice to begin with, a power of 2.
    compute
        Called with a mask of cells; returns their labels, in the order of the grid.

    Returns
    -------
    labels, computed
        Labels of all cells, and which of them were computed.
    """
    labels, computed = labels.copy(), np.zeros(labels.shape, dtype=bool)

    def look(wanted: Mask) -> Mask:
        """Compute cells that are wanted and not known."""
        wanted &= labels == UNKNOWN
        if wanted.any():
            labels[wanted] = compute(wanted)
            computed[wanted] = True
        return wanted

    strides = [stride >> k for k in range(stride.bit_length())]
    lattices = [_Lattice(labels.shape, side) for side in strides]
    look(lattices[0].points() | _lines(labels.shape, stride))
    for lattice in lattices[:-1]:
        boxes = np.arange(lattice.n_boxes)
        while boxes.size:
            new = look(lattice.halved(boxes[lattice.differ(labels, boxes)]))
            boxes = lattice.boxes_at(*np.nonzero(new))
    for lattice in reversed(lattices):
        lattice.fill(labels)
    return labels, computed


def _lines(shape: tuple[int, ...], stride: int) -> Mask:
    """Lines of cells through every eighth point of the lattice, both ways; none if there is but one box."""
    mask = np.zeros(shape, dtype=bool)
    for one_way in (mask, mask.T):
        if len(one_way) > stride:
            one_way[:: BOXES_BETWEEN_LINES * stride] = True
    return mask


class _Lattice:
    """Points at a distance of ``side`` along both axes, the last cells included; boxes between them."""

    def __init__(self, shape: tuple[int, ...], side: int) -> None:
        self.shape, self.side = shape, side
        self.lines = [np.unique(np.append(np.arange(0, n, side), n - 1)) for n in shape]
        self.counts = [max(1, lines.size - 1) for lines in self.lines]  # of boxes along each axis

    @property
    def n_boxes(self) -> int:
        """Number of boxes; a box is known by its number."""
        return self.counts[0] * self.counts[1]

    def points(self) -> Mask:
        """All points."""
        mask = np.zeros(self.shape, dtype=bool)
        mask[np.ix_(*self.lines)] = True
        return mask

    def cells(self, boxes: Indices, offsets: Indices) -> tuple[Indices, Indices]:
        """Rows (box, offset, 1) and columns (box, 1, offset) of cells of boxes, edges included."""
        numbers = np.unravel_index(boxes, self.counts)
        rows, columns = (
            np.minimum(lines[i, None] + offsets[offsets < n], lines[np.minimum(i + 1, lines.size - 1), None])
            for lines, i, n in zip(self.lines, numbers, self.shape, strict=True)
        )
        return rows[:, :, None], columns[:, None, :]

    def differ(self, labels: Labels, boxes: Indices) -> Mask:
        """Whether the known cells of each box differ."""
        inside = labels[self.cells(boxes, np.arange(self.side + 1))].reshape(boxes.size, -1)
        highest = np.where(inside == UNKNOWN, 0, inside).max(axis=1, initial=0)
        return np.asarray(inside.min(axis=1, initial=UNKNOWN) < highest)

    def halved(self, boxes: Indices) -> Mask:
        """Corners of the boxes, and the points half way between these."""
        mask = np.zeros(self.shape, dtype=bool)
        mask[self.cells(boxes, np.arange(3) * (self.side // 2))] = True
        return mask

    def boxes_at(self, rows: Indices, columns: Indices) -> Indices:
        """Boxes to which some cell belongs; one on an edge belongs to both."""
        found = []
        for up, left in itertools.product((0, 1), repeat=2):  # the lines at or before, and those before
            i = np.searchsorted(self.lines[0], rows - up, side="right") - 1
            j = np.searchsorted(self.lines[1], columns - left, side="right") - 1
            found.append(np.ravel_multi_index((i, j), self.counts, mode="clip"))
        return np.unique(np.concatenate(found))

    def fill(self, labels: Labels) -> None:
        """Give unknown cells the label of the point before them, if that is known."""
        before = [
            lines[np.searchsorted(lines, np.arange(n), side="right") - 1]
            for lines, n in zip(self.lines, self.shape, strict=True)
        ]
        labels[:] = np.where(labels == UNKNOWN, labels[np.ix_(*before)], labels)
