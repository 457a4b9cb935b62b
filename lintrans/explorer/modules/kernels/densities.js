// Invariant densities: how often the residual r takes a value in the long run, from many orbits at one step.

import { Numbers } from "./draws.js";
import { LANES, advance, lanesOf, load } from "./lanes.js";
import { residual } from "./map.js";

const N_STEPS = 1000;
const N_STEPS_ELLIPSE = 8; // errors of rounding grow by up to 3 + mu a step across the ellipse
const BLOCK = 1024; // orbits at a time

/** A uniform number in [0, 1) of 53 bits, from the next two words of a stream. */
function uniform(numbers) {
  const [first, second] = [numbers.next() >>> 5, numbers.next() >>> 6];
  return (first * 67108864 + second) / 9007199254740992;
}

/** Put a start into place i of a block: uniform in the angle on the ellipse, or in a on the slice. */
function writeStart({ mu, onEllipse }, numbers, block, i) {
  const x = uniform(numbers);
  block.a[i] = Math.sqrt(2 + mu) * (onEllipse ? Math.cos(2 * Math.PI * x) : 2 * x - 1);
  block.b[i] = onEllipse ? Math.sqrt(2 - mu) * Math.sin(2 * Math.PI * x) : 0;
}

/** Add the residuals of the lanes to counts over [-2, 2], and return how many there are. */
function tally({ mu, a, b }, n, counts) {
  let nCounted = 0;
  for (let j = 0; j < n; j++) {
    const r = residual(mu[j], a[j], b[j]);
    if (!(Math.abs(r) <= 2)) continue; // it escaped by rounding
    counts[Math.min(Math.floor(((r + 2) / 4) * counts.length), counts.length - 1)] += 1;
    nCounted += 1;
  }
  return nCounted;
}

/**
 * How often the residual of nOrbits orbits lies in each of nBins between -2 and 2 after nSteps: {counts:
 * Float64Array(nBins), nCounted}, without those that escaped by rounding. Starts are uniform in a on the
 * slice, |a| < sqrt(2 + mu), or in the angle on the ellipse; two words of Philox each, trajectory 0 of the
 * seed.
 */
export function densityCounts({ mu, onEllipse = false, nOrbits, nBins = 100, nSteps, seed = 0 }) {
  const steps = nSteps ?? (onEllipse ? N_STEPS_ELLIPSE : N_STEPS);
  const counts = new Float64Array(nBins);
  const numbers = new Numbers(seed, 0);
  const lanes = lanesOf(null);
  const mus = new Float64Array(BLOCK).fill(mu);
  const block = { a: new Float64Array(BLOCK), b: new Float64Array(BLOCK) };
  let nCounted = 0;
  for (let first = 0; first < nOrbits; first += LANES) {
    const at = first % BLOCK;
    if (at === 0) for (let i = 0; i < BLOCK; i++) writeStart({ mu, onEllipse }, numbers, block, i);
    load(lanes, mus, block.a, block.b, at);
    advance(lanes, steps);
    nCounted += tally(lanes, Math.min(LANES, nOrbits - first), counts);
  }
  return { counts, nCounted };
}
