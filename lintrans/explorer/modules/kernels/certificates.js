// What one state tells: whether it has escaped, will converge, or can never leave.

import { residual } from "./map.js";

export const ESCAPED = 1e4; // |r| beyond which no orbit returns; bounded ones have |r| <= max(2, mu)
export const RISE_FLOOR = 1 / 17592186044416; // 2^-44: what rounding can add to |r|
export const CRISIS = 1.598076211353316; // 3 sqrt(3) / 2 - 1: above, one attractor for both signs of a

/** Whether (a, b) certainly converges with a loss that only falls. Claim convergence.sufficient. */
export function converges(mu, a, b) {
  const rho = Math.abs(residual(mu, a, b));
  const s = a * a + b * b;
  const size = Math.abs(1 - 2 * s);
  const gamma = (1 + size) / 2;
  const delta = (rho * (3 * rho + 2 * mu)) / (1 - gamma);
  return size < 1 && size + 2 * delta + rho * (rho + mu) <= gamma && s + delta <= 1;
}

/** Whether (a, b) is so far out, or NaN, that its orbit escapes. */
export function isFar(a, b) {
  return !(a * a + b * b <= ESCAPED / 2);
}

/** Whether the orbit of (a, b) reaches the saddle: on its stable set. Claim modes.saddle. */
export function isOnStableSet(mu, a, b) {
  return a === 0 && Math.abs(b) < Math.sqrt(Math.max(2 - mu, 0));
}
