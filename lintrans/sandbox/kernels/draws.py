"""What is drawn while a run trains: the order of its sequences in every epoch, and dropout.

All from a counter (`lintrans.compiled.philox`) with the seed of the run as key: neither lanes nor where a run
was interrupted matter.
"""

from __future__ import annotations

import numpy as np

from lintrans.compiled import compiled
from lintrans.compiled.philox import HALF, LOW, philox
from lintrans.sandbox.kernels.layout import COLUMNS, LANES, SAMPLES

ORDER, DROPOUT = np.uint64(1), np.uint64(2)  # the third word of the counter
_UNIT = 2.0**-32


@compiled
def shuffle(seeds, epoch, order):
    """Order of the sequences of all lanes in an epoch: Fisher and Yates, from 0, 1, 2, ..."""
    n = order.shape[1]
    for j in range(LANES):
        key0, key1 = seeds[j] & LOW, seeds[j] >> HALF
        row = order[j]
        for i in range(n):
            row[i] = i
        words = (np.uint64(0), np.uint64(0), np.uint64(0), np.uint64(0))
        for i in range(n - 1):
            if i % 4 == 0:
                words = philox(np.uint64(i // 4), np.uint64(epoch), ORDER, np.uint64(0), key0, key1)
            other = i + np.int64((words[i % 4] * np.uint64(n - i)) >> HALF)
            row[i], row[other] = row[other], row[i]


@compiled
def draw_kept(seeds, step, first_row, n_rows, dropout, keep):
    """Factors (width, rows, COLUMNS) of hidden units: 0 with this probability, else 1 / (1 - dropout)."""
    factor = 1.0 / (1.0 - dropout)
    for u in range(keep.shape[0]):
        for r in range(n_rows):
            for c in range(COLUMNS):
                j, sample = c % LANES, (first_row + r) * SAMPLES + c // LANES
                words = philox(
                    np.uint64(sample),
                    np.uint64(step),
                    DROPOUT,
                    np.uint64(u),
                    seeds[j] & LOW,
                    seeds[j] >> HALF,
                )
                keep[u, r, c] = factor if words[0] * _UNIT >= dropout else 0.0
