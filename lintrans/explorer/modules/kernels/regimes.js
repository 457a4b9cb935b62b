// How training ends: the evidence measured on one orbit, and the verdict based on it.

import { ESCAPED, RISE_FLOOR, converges, isOnStableSet } from "./certificates.js";
import { N_BATCHES, WINDOW, meanAndError, wholeBatches } from "./batch_means.js";
import { determinant, loss, nextA, nextB, residual, slope } from "./map.js";
import { SEPARATION, cycleExponent, findPeriod } from "./periods.js";
import { toModes } from "./states.js";

export const REGIMES = ["unresolved", "monotone", "catapult", "periodic", "chaotic", "divergent", "saddle"];
export const UNRESOLVED = 0;
export const MONOTONE = 1;
export const CATAPULT = 2;
const PERIODIC = 3;
const CHAOTIC = 4;
export const DIVERGENT = 5;
export const SADDLE = 6;

const SIGMAS = 4; // standard errors by which an exponent must exceed 0 to count as chaos
const MIN_GROWTH = 40; // and e^40 > 1/eps: growth that no orbit leaving one unstable cycle can sustain

/** What is known of an orbit: its state, the events so far, and the products of its factors over a window. */
function orbitFrom(mu, a, b) {
  const events = { last: Infinity, riseStep: -1, escapeStep: -1 };
  return { mu, a, b, balanced: b === 0, ...events, along: 1, transverse: 1 };
}

/** WINDOW steps of an orbit: notes first events, leaves products of Jacobian factors; stops at an escape. */
function walk(orbit, nDone, watching) {
  const { mu, balanced } = orbit;
  let { a, b, last } = orbit;
  let [along, transverse] = [1, 1];
  for (let i = nDone; i < nDone + WINDOW; i++) {
    const r = residual(mu, a, b);
    const size = Math.abs(r);
    if (watching && orbit.riseStep < 0 && size - last > RISE_FLOOR) orbit.riseStep = i;
    if (!(size <= ESCAPED)) {
      orbit.escapeStep = i;
      break;
    }
    const factor = slope(mu, r);
    along *= balanced ? factor : determinant(factor, b + b, r);
    transverse += r * transverse;
    a = nextA(a, r);
    b = nextB(b, r);
    last = size;
  }
  Object.assign(orbit, { a, b, last, along, transverse });
}

/** Follow an orbit through nTransient + nSteps steps; means of the logarithms of its factors by batch. */
function follow(orbit, nTransient, nSteps) {
  const [along, transverse] = [new Float64Array(N_BATCHES), new Float64Array(N_BATCHES)];
  const perBatch = nSteps / N_BATCHES;
  let watching = true;
  for (let n = 0; n < nTransient + nSteps && orbit.escapeStep < 0; n += WINDOW) {
    walk(orbit, n, watching);
    const k = n / WINDOW;
    const isLook = (k & (k - 1)) === 0; // rarely: once it certainly converges, its loss only falls
    if (isLook && watching) watching = orbit.riseStep < 0 && !converges(orbit.mu, orbit.a, orbit.b);
    if (n < nTransient) continue;
    const batch = Math.floor((n - nTransient) / perBatch);
    along[batch] += Math.log(Math.abs(orbit.along)) / perBatch;
    transverse[batch] += Math.log(Math.abs(orbit.transverse)) / perBatch;
  }
  return { along: orbit.balanced ? along : along.map((x, i) => x - transverse[i]), transverse };
}

/** What the 2 maxPeriod states after (a, b) show: periods, the exponent of their cycle, losses. */
function judgeTail(mu, a, b, maxPeriod) {
  const n = 2 * maxPeriod;
  const tail = { a: new Float64Array(n), r: new Float64Array(n) };
  let [p, q, lossLow, lossHigh, total] = [a, b, Infinity, 0, 0];
  for (let i = 0; i < n; i++) {
    tail.a[i] = p;
    tail.r[i] = residual(mu, p, q);
    const now = loss(mu, tail.r[i]);
    lossLow = Math.min(lossLow, now);
    lossHigh = Math.max(lossHigh, now);
    total += now;
    p = nextA(p, tail.r[i]);
    q = nextB(q, tail.r[i]);
  }
  const found = findPeriod(tail.r, tail.a);
  const cycleAlong = found.periodUv > 0 ? cycleExponent(mu, a, b, found.periodUv) : NaN;
  return { ...found, cycleAlong, lossLow, lossMean: total / n, lossHigh };
}

/** What is known of an orbit that has escaped: when, and when its loss rose. */
function escaped({ escapeStep, riseStep }, nMeasured) {
  const names = [
    "along",
    "alongError",
    "transverse",
    "transverseError",
    "finalA",
    "finalB",
    "residual",
    "returnError",
    "separation",
    "cycleAlong",
    "lossLow",
    "lossMean",
    "lossHigh",
  ];
  const unknown = Object.fromEntries(names.map((name) => [name, NaN]));
  return { escapeStep, riseStep, ...unknown, periodUv: 0, periodA: 0, nMeasured };
}

/**
 * Evidence of the orbit from modes (a, b): escapeStep and riseStep (-1 = never), along, transverse and their
 * errors (nats a step, over nMeasured steps), finalA, finalB, residual (uv - 1), periodUv and periodA (0 =
 * none), returnError, separation, cycleAlong, lossLow, lossMean, lossHigh. NaN after an escape.
 */
export function gatherEvidence({ mu, a, b, nTransient = 4096, nSteps = 12288, maxPeriod = 64 }) {
  const orbit = orbitFrom(mu, a, b);
  const nMeasured = wholeBatches(nSteps);
  const means = follow(orbit, wholeBatches(nTransient), nMeasured);
  if (orbit.escapeStep >= 0) return escaped(orbit, nMeasured);
  const [along, alongError] = meanAndError(means.along);
  const [transverse, transverseError] = meanAndError(means.transverse);
  return {
    escapeStep: -1,
    riseStep: orbit.riseStep,
    along,
    alongError,
    transverse,
    transverseError,
    nMeasured,
    finalA: orbit.a,
    finalB: orbit.b,
    residual: residual(mu, orbit.a, orbit.b) / mu,
    ...judgeTail(mu, orbit.a, orbit.b, maxPeriod),
  };
}

/** Verdict on an orbit from its evidence: a code, an index of REGIMES. */
export function classify(mu, evidence) {
  const e = evidence;
  if (e.escapeStep >= 0) return DIVERGENT;
  if (isOnStableSet(mu, e.finalA, e.finalB)) return SADDLE;
  if (converges(mu, e.finalA, e.finalB)) return e.riseStep < 0 ? MONOTONE : CATAPULT;
  if (e.periodUv > 1 && e.separation > SEPARATION && e.cycleAlong < 0) return PERIODIC;
  const grown = e.along > SIGMAS * e.alongError && e.along * e.nMeasured > MIN_GROWTH;
  return e.periodUv === 0 && grown && mu <= 2 ? CHAOTIC : UNRESOLVED;
}

/** Regime of training from (u, v): {regime, code, period, evidence}; counts as in gatherEvidence. */
export function regime({ mu, u, v, ...counts }) {
  const [a, b] = toModes(mu, u, v);
  const evidence = gatherEvidence({ mu, a, b, ...counts });
  const code = classify(mu, evidence);
  return { regime: REGIMES[code], code, period: code === PERIODIC ? evidence.periodUv : 0, evidence };
}
