// Lyapunov exponents over mu, by direction: along the slice (or the loss), and transverse to it.

import { isFar } from "./certificates.js";
import { N_BATCHES, WINDOW, meanAndError, wholeBatches } from "./batch_means.js";
import { LANES, advance, lanesOf, load } from "./lanes.js";
import { determinant, nextA, nextB, residual, slope } from "./map.js";
import { startsOf } from "./states.js";

/** Sums of logarithms by lane: of the factors along (off the slice of the determinant) and transverse. */
function sumsOf() {
  return { along: new Float64Array(LANES), transverse: new Float64Array(LANES) };
}

/** WINDOW steps of all lanes, adding the logarithms of the products of their factors. */
function measure({ mu, a, b }, balanced, sums) {
  for (let j = 0; j < LANES; j++) {
    const m = mu[j];
    let [p, q, along, transverse] = [a[j], b[j], 1, 1];
    for (let i = 0; i < WINDOW; i++) {
      const r = residual(m, p, q);
      const factor = slope(m, r);
      along *= balanced ? factor : determinant(factor, q + q, r);
      transverse += r * transverse;
      p = nextA(p, r);
      q = nextB(q, r);
    }
    a[j] = p;
    b[j] = q;
    const across = Math.log(Math.abs(transverse));
    sums.along[j] += Math.log(Math.abs(along)) - (balanced ? 0 : across);
    sums.transverse[j] += across;
  }
}

/** Means over all batches of the lanes: {along, transverse}, each a Float64Array(N_BATCHES) by lane. */
function measureBatches(lanes, balanced, nBatch) {
  const [along, transverse] = [0, 1].map(() =>
    Array.from({ length: LANES }, () => new Float64Array(N_BATCHES)),
  );
  for (let k = 0; k < N_BATCHES; k++) {
    const sums = sumsOf();
    for (let n = 0; n < nBatch; n += WINDOW) measure(lanes, balanced, sums);
    for (let j = 0; j < LANES; j++) {
      along[j][k] = sums.along[j] / nBatch;
      transverse[j][k] = sums.transverse[j] / nBatch;
    }
  }
  return { along, transverse };
}

/**
 * Exponents a step, in nats, at each mu: {along, alongError, transverse, transverseError: Float64Array(n)};
 * NaN after an escape, -Infinity where a factor was exactly 0. Counts are rounded up to multiples of 256.
 * Without `transverse` those two are NaN.
 */
export function lyapunov({ mus, starts = null, nTransient = 4096, nSteps = 12288, transverse = true }) {
  const names = ["along", "alongError", "transverse", "transverseError"];
  const found = Object.fromEntries(names.map((name) => [name, new Float64Array(mus.length).fill(NaN)]));
  const lanes = lanesOf(null);
  const { a, b } = startsOf(mus, starts);
  const balanced = b.every((x) => x === 0);
  const nBatch = wholeBatches(nSteps) / N_BATCHES;
  for (let first = 0; first < mus.length; first += LANES) {
    load(lanes, mus, a, b, first);
    advance(lanes, wholeBatches(nTransient));
    const means = measureBatches(lanes, balanced, nBatch);
    for (let j = 0; j < LANES && first + j < mus.length; j++) {
      if (isFar(lanes.a[j], lanes.b[j])) continue;
      [found.along[first + j], found.alongError[first + j]] = meanAndError(means.along[j]);
      if (!transverse) continue;
      [found.transverse[first + j], found.transverseError[first + j]] = meanAndError(means.transverse[j]);
    }
  }
  return found;
}
