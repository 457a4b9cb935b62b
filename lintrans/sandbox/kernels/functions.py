"""The exponential function and the Gaussian error linear unit, as polynomials: vector code in inner loops.

Coefficients are interpolants at Chebyshev nodes; relative errors are below 1e-15 (tests/sandbox).
"""

from __future__ import annotations

import numpy as np

from lintrans.compiled import inlined, product

_SHIFT = 6755399441055744.0  # 1.5 * 2^52: adding it rounds to an integer
_LOG2_E = 1.4426950408889634
_LN2_HIGH, _LN2_LOW = 6.93147180369123816490e-01, 1.90821492927058770002e-10
_SQRT_HALF_BITS = np.int64(0x3FE6A09E667F3BCD)
_LOWEST = -708.0  # below it results are no normal numbers: it stands for all of them
_DENSITY = 0.3989422804014327  # 1 / sqrt(2 pi)


@inlined
def exponential(y):
    """Return exp(y) for y <= 700; below -708 it is exp(-708), and NaN stays NaN."""
    y = _LOWEST if y < _LOWEST else y
    k = (y * _LOG2_E + _SHIFT) - _SHIFT
    r = y - k * _LN2_HIGH
    r = r - k * _LN2_LOW
    s = 2.7632640675430235e-07
    s = s * r + 2.7640182247362188e-06
    s = s * r + 2.480148547921643e-05
    s = s * r + 0.0001984117026651832
    s = s * r + 0.0013888888952318045
    s = s * r + 0.008333333385671316
    s = s * r + 0.04166666666648808
    s = s * r + 0.16666666666554392
    s = s * r + 0.5000000000000019
    s = s * r + 1.0000000000000067
    s = s * r + 1.0
    return s * np.int64((np.int64(k) + 1023) << 52).view(np.float64)


@inlined
def mills_ratio(y):
    """Return (1 - Phi(y)) / phi(y) for y >= 0, of the normal distribution: a polynomial in 1 / (y + 5)."""
    r = 1.0 / (y + 5.0)
    x = 1.2564102564102564 - 11.282051282051283 * r
    s = 5.209918499233632e-10
    s = s * x - 3.2299557236623048e-09
    s = s * x - 8.393978616278415e-09
    s = s * x + 4.1897243506192087e-08
    s = s * x + 8.679666878748865e-08
    s = s * x - 3.954734583501611e-07
    s = s * x - 7.393593232401594e-07
    s = s * x + 3.966236889622039e-06
    s = s * x + 4.653286796212073e-06
    s = s * x - 4.464028002376711e-05
    s = s * x + 1.1207493736082734e-05
    s = s * x + 0.0004843489475449692
    s = s * x - 0.0013143542392559857
    s = s * x - 0.0021625899504200373
    s = s * x + 0.027736789341785566
    s = s * x - 0.11523705367776102
    s = s * x + 0.32252802336697767
    s = s * x - 0.6948836604246518
    s = s * x + 1.213182757322153
    s = s * x - 1.7577129402247518
    s = s * x + 2.134869344261606
    return s * r


@inlined
def logarithm(x):
    """Return log x for x >= 1; NaN stays NaN."""
    bits = np.float64(x).view(np.int64)
    k = (bits - _SQRT_HALF_BITS) >> 52  # so that the rest lies between sqrt(1/2) and sqrt(2)
    rest = np.int64(bits - (k << 52)).view(np.float64)
    t = (rest - 1.0) / (rest + 1.0)
    y = t * t
    s = 0.14617093237558204
    s = s * y + 0.15331664799306263
    s = s * y + 0.1818289100504977
    s = s * y + 0.2222221110612709
    s = s * y + 0.28571428626173057
    s = s * y + 0.39999999999899005
    s = s * y + 0.666666666666667
    shift = np.float64(k)
    return shift * _LN2_HIGH + (t * y * s + (shift * _LN2_LOW + (t + t))) if x < np.inf else x


@inlined
def gelu(x):
    """Return x Phi(x)."""
    tail = product(_DENSITY * exponential(-0.5 * x * x), mills_ratio(abs(x)))
    return x * (1.0 - tail if x > 0.0 else tail)


@inlined
def gelu_and_slope(x):
    """Return x Phi(x) and its derivative Phi(x) + x phi(x)."""
    density = _DENSITY * exponential(-0.5 * x * x)
    tail = product(density, mills_ratio(abs(x)))
    below = 1.0 - tail if x > 0.0 else tail
    return x * below, below + x * density
