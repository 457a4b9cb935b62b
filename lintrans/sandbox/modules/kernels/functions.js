// The Gaussian error linear unit, x Phi(x), from a polynomial: much faster than a series of erf.

export const DENSITY = 0.3989422804014327; // 1 / sqrt(2 pi)

/**
 * (1 - Phi(y)) / phi(y) for y >= 0, of the normal distribution: a polynomial in 1 / (y + 5), the one of
 * `lintrans.sandbox.kernels.functions`. Odd and even powers apart, so that a processor can do both at once.
 */
export function millsRatio(y) {
  const r = 1 / (y + 5);
  const x = 1.2564102564102564 - 11.282051282051283 * r;
  const z = x * x;
  let even = 5.209918499233632e-10;
  let odd = -3.2299557236623048e-9;
  even = even * z - 8.393978616278415e-9;
  odd = odd * z + 4.1897243506192087e-8;
  even = even * z + 8.679666878748865e-8;
  odd = odd * z - 3.954734583501611e-7;
  even = even * z - 7.393593232401594e-7;
  odd = odd * z + 3.966236889622039e-6;
  even = even * z + 4.653286796212073e-6;
  odd = odd * z - 4.464028002376711e-5;
  even = even * z + 1.1207493736082734e-5;
  odd = odd * z + 0.0004843489475449692;
  even = even * z - 0.0013143542392559857;
  odd = odd * z - 0.0021625899504200373;
  even = even * z + 0.027736789341785566;
  odd = odd * z - 0.11523705367776102;
  even = even * z + 0.32252802336697767;
  odd = odd * z - 0.6948836604246518;
  even = even * z + 1.213182757322153;
  odd = odd * z - 1.7577129402247518;
  even = even * z + 2.134869344261606;
  return (even + odd * x) * r;
}

/** x Phi(x), without a branch, of which a processor would guess the side. */
export function gelu(x) {
  const size = Math.abs(x);
  return 0.5 * (x + size) - size * (DENSITY * Math.exp(-0.5 * x * x) * millsRatio(size));
}

/** Its derivative, Phi(x) + x phi(x). */
export function geluSlope(x) {
  const density = DENSITY * Math.exp(-0.5 * x * x);
  const tail = density * millsRatio(Math.abs(x));
  return (x > 0 ? 1 - tail : tail) + x * density;
}
