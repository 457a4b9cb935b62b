"""The C rival, compiled for this machine when it is first used: see native.c."""

import ctypes
import functools
import subprocess
import tempfile
from pathlib import Path

import numpy as np

SOURCE = Path(__file__).with_name("native.c")
COMPILE = ["gcc", "-O3", "-march=native", "-ffp-contract=fast", "-shared", "-fPIC"]
PEAK_ROUNDS = 2_000_000  # multiply-adds per chain of `peak`: several milliseconds


@functools.cache
def library():
    """Compile native.c and load it; the file is no longer needed once it is loaded."""
    with tempfile.TemporaryDirectory() as folder:
        target = Path(folder, "native.so")
        subprocess.run([*COMPILE, SOURCE, "-o", target], check=True)
        loaded = ctypes.CDLL(target)
    vector = np.ctypeslib.ndpointer(np.float64, ndim=1, flags="C")
    loaded.multiply_adds.argtypes = [ctypes.c_long, ctypes.c_double, ctypes.c_double]
    loaded.multiply_adds.restype = ctypes.c_double
    loaded.plane.argtypes = [vector, vector, vector, ctypes.c_long, ctypes.c_long]
    loaded.slice.argtypes = [vector, vector, ctypes.c_long, ctypes.c_long]
    return loaded


def peak():
    """`n_peak` multiply-adds, as many at a time as one core can."""
    return library().multiply_adds(PEAK_ROUNDS, 0.999, 0.1)


def n_peak():
    return PEAK_ROUNDS * ctypes.c_long.in_dll(library(), "chains").value


def advance(mu, a, b, n_steps):
    """Final states, like `lintrans.two_factor.kernels.advance`; whole blocks only."""
    if mu.size % ctypes.c_long.in_dll(library(), "block").value:
        raise ValueError(f"the C loop takes whole blocks of orbits, got {mu.size}")
    a, b = a.copy(), b.copy()
    if b.any():
        library().plane(mu, a, b, mu.size, n_steps)
    else:
        library().slice(mu, a, mu.size, n_steps)
    return a, b
