// Periods of the tails of orbits, and the cycles found there.

import { determinant, nextA, nextB, residual, slope } from "./map.js";

const PERIOD_TOL = 1e-8; // a return this close in r, over the whole tail, counts as periodic
export const SEPARATION = 1e-4; // and no shorter lag may come this close: else a slow approach looks periodic

/** Largest |r[i + lag] - r[i]| of a tail; Infinity once it exceeds SEPARATION or is NaN. */
function mismatch(r, lag) {
  let worst = 0;
  for (let i = 0; i + lag < r.length; i++) {
    const change = Math.abs(r[i + lag] - r[i]);
    if (!(change <= SEPARATION)) return Infinity;
    if (change > worst) worst = change;
  }
  return worst;
}

/** Whether `a` comes back with its sign after one period of r. */
function hasSameSign(a, period) {
  return Math.abs(a[period] - a[0]) <= Math.abs(a[period] + a[0]);
}

/** Period of the tails r and a: the first lag at which r returns; 0 = none up to half their length. */
export function findPeriod(r, a) {
  let separation = Infinity;
  for (let period = 1; period <= r.length >> 1; period++) {
    const worst = mismatch(r, period);
    if (worst <= PERIOD_TOL) {
      const periodA = hasSameSign(a, period) ? period : 2 * period;
      return { periodUv: period, periodA, returnError: worst, separation };
    }
    separation = Math.min(separation, worst);
  }
  return { periodUv: 0, periodA: 0, returnError: NaN, separation };
}

/** Exponent along one turn of the cycle through (a, b), from its factors one by one. */
export function cycleExponent(mu, a, b, period) {
  const balanced = b === 0;
  let [p, q, total] = [a, b, 0];
  for (let i = 0; i < period; i++) {
    const r = residual(mu, p, q);
    const along = slope(mu, r);
    if (balanced) total += Math.log(Math.abs(along));
    else total += Math.log(Math.abs(determinant(along, q + q, r))) - Math.log(Math.abs(1 + r));
    p = nextA(p, r);
    q = nextB(q, r);
  }
  return total / period;
}
