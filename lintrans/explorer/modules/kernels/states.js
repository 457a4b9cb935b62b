// States of orbits: one orbit step by step, samples of many, and the picture that samples make over mu.

import { ESCAPED } from "./certificates.js";
import { LANES, advance, lanesOf, load, record } from "./lanes.js";
import { changeA, changeB, loss, modeA, modeB, nextA, nextB, probeStart, residual } from "./map.js";
import { completed, scaleAt } from "./variants.js";

const QUANTITIES = {
  uv: (mu, a, b) => 1 + residual(mu, a, b) / mu,
  a: (mu, a) => a,
  loss: (mu, a, b) => loss(mu, residual(mu, a, b)),
};

/** Modes [a, b] of a state (u, v). */
export function toModes(mu, u, v) {
  return [modeA(mu, u, v), modeB(mu, u, v)];
}

/** Starts in modes, {a, b: Float64Array(n)}, of every mu: of one start {u, v}, or of null the probe start. */
export function startsOf(mus, starts) {
  const n = mus.length;
  const a = new Float64Array(n);
  const b = new Float64Array(n);
  for (let i = 0; i < n; i++) {
    const { u, v } = starts ?? { u: probeStart(mus[i]), v: probeStart(mus[i]) };
    [a[i], b[i]] = toModes(mus[i], u, v);
  }
  return { a, b };
}

/** States 0 .. nSteps of one orbit, and their residuals: {a, b, r: Float64Array(nSteps + 1)}. */
export function orbit({ mu, a, b, nSteps, variant = null }) {
  const rows = { a: new Float64Array(nSteps + 1), b: new Float64Array(nSteps + 1) };
  const r = new Float64Array(nSteps + 1);
  const varied = completed(variant);
  const balanced = b === 0; // and it stays so, even after a has overflowed
  let [p, q, lastA, lastB] = [a, b, 0, 0];
  for (let i = 0; i <= nSteps; i++) {
    rows.a[i] = p;
    rows.b[i] = q;
    r[i] = residual(mu, p, q);
    if (varied === null) {
      p = nextA(p, r[i]);
      q = balanced ? 0 : nextB(q, r[i]);
    } else {
      const scale = scaleAt(varied.schedule, i);
      const decay = mu * varied.weightDecay;
      lastA = changeA(p, r[i], lastA, scale, decay, varied.momentum);
      lastB = changeB(q, r[i], lastB, scale, decay, varied.momentum);
      p += lastA;
      q = balanced ? 0 : q + lastB;
    }
  }
  return { ...rows, r };
}

/** Call visit(i, rows, first) for every orbit: its samples are nSamples entries of rows, from `first` on. */
function sampleEach({ mus, starts = null, nTransient, nSamples, variant = null }, visit) {
  const lanes = lanesOf(completed(variant));
  const rows = { a: new Float64Array(LANES * nSamples), b: new Float64Array(LANES * nSamples) };
  const { a, b } = startsOf(mus, starts);
  for (let first = 0; first < mus.length; first += LANES) {
    load(lanes, mus, a, b, first);
    advance(lanes, nTransient);
    record(lanes, nSamples, rows);
    const end = Math.min(first + LANES, mus.length);
    for (let i = first; i < end; i++) visit(i, rows, (i - first) * nSamples);
  }
}

/** Whether all samples of an orbit are bounded. */
function isBounded(mu, rows, first, n) {
  for (let at = first; at < first + n; at++) {
    if (!(Math.abs(residual(mu, rows.a[at], rows.b[at])) <= ESCAPED)) return false;
  }
  return true;
}

/** States after a transient: {a, b: Float64Array(n * nSamples)}, a row for each mu; NaN of what escaped. */
export function orbitSamples(options) {
  const { mus, nSamples } = options;
  const [a, b] = [0, 1].map(() => new Float64Array(mus.length * nSamples).fill(NaN));
  sampleEach(options, (i, rows, first) => {
    if (!isBounded(mus[i], rows, first, nSamples)) return;
    a.set(rows.a.subarray(first, first + nSamples), i * nSamples);
    b.set(rows.b.subarray(first, first + nSamples), i * nSamples);
  });
  return { a, b };
}

/**
 * How often samples meet each cell of a picture: {counts: Uint32Array(height * n) with row 0 lowest and a
 * column for each mu, of the quantity "uv", "a" or "loss" from low to high; min, max of it over all bounded}.
 */
export function orbitImage({ quantity, low, high, height, ...options }) {
  const { mus, nSamples } = options;
  const n = mus.length;
  const counts = new Uint32Array(height * n);
  const measure = QUANTITIES[quantity];
  const scale = height / (high - low);
  let [min, max] = [Infinity, -Infinity];
  sampleEach(options, (i, rows, first) => {
    if (!isBounded(mus[i], rows, first, nSamples)) return;
    for (let at = first; at < first + nSamples; at++) {
      const value = measure(mus[i], rows.a[at], rows.b[at]);
      if (value < min) min = value;
      if (value > max) max = value;
      const row = Math.floor((value - low) * scale);
      if (row >= 0 && row < height) counts[row * n + i] += 1;
    }
  });
  return { counts, min, max };
}
