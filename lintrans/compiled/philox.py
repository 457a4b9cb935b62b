"""Random numbers from a counter: Philox4x32-10 (Salmon, Moraes, Dror and Shaw, SC 2011).

What is drawn depends on nothing but the counter and the key: not on threads, tiles or the order of work.
"""

from __future__ import annotations

import numpy as np

from lintrans.compiled.decorators import inlined

LOW, HALF = np.uint64(0xFFFFFFFF), np.uint64(32)  # to take a 64-bit integer apart into two words
_MULTIPLIERS = np.uint64(0xD2511F53), np.uint64(0xCD9E8D57)
_WEYL = np.uint64(0x9E3779B9), np.uint64(0xBB67AE85)
_ROUNDS = 10


@inlined
def philox(x0, x1, x2, x3, key0, key1):
    """Four random words of 32 bits, in 64-bit integers, from a counter of four and a key of two."""
    for _ in range(_ROUNDS):
        first, second = _MULTIPLIERS[0] * x0, _MULTIPLIERS[1] * x2
        x0, x1, x2, x3 = (
            (second >> HALF) ^ x1 ^ key0,
            second & LOW,
            (first >> HALF) ^ x3 ^ key1,
            first & LOW,
        )
        key0, key1 = (key0 + _WEYL[0]) & LOW, (key1 + _WEYL[1]) & LOW
    return x0, x1, x2, x3
