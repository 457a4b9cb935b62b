// Orbits side by side. One orbit alone waits for every sum it forms; several in turn keep the processor busy.

import { changeA, changeB, nextA, nextB, residual } from "./map.js";
import { scaleAt } from "./variants.js";

export const LANES = 16;
const CHUNK = 4; // steps of one lane before the next lane: so few that several lanes are under way at once

/** Empty lanes, of a completed variant or null; `load` puts orbits into them. */
export function lanesOf(variant) {
  const [mu, a, b, lastA, lastB] = Array.from({ length: 5 }, () => new Float64Array(LANES));
  return { mu, a, b, lastA, lastB, variant, done: 0 };
}

/** Put the orbits first, first + 1, ... into the lanes, at their starts; the last fills what is left over. */
export function load(lanes, mus, a, b, first) {
  for (let j = 0; j < LANES; j++) {
    const i = Math.min(first + j, mus.length - 1);
    lanes.mu[j] = mus[i];
    lanes.a[j] = a[i];
    lanes.b[j] = b[i];
  }
  lanes.lastA.fill(0);
  lanes.lastB.fill(0);
  lanes.done = 0;
}

/** Advance all lanes by n steps. */
export function advance(lanes, n) {
  const walk = lanes.variant === null ? advancePlain : advanceVaried;
  for (let first = 0; first < n; first += CHUNK) walk(lanes, Math.min(CHUNK, n - first));
}

/** Write the next n states into rows of length n, one row a lane: rows.a and rows.b. */
export function record(lanes, n, rows) {
  const walk = lanes.variant === null ? recordPlain : recordVaried;
  for (let first = 0; first < n; first += CHUNK) walk(lanes, Math.min(CHUNK, n - first), rows, first, n);
}

function advancePlain({ mu, a, b }, count) {
  for (let j = 0; j < LANES; j++) {
    const m = mu[j];
    let p = a[j];
    let q = b[j];
    for (let i = 0; i < count; i++) {
      const r = residual(m, p, q);
      p = nextA(p, r);
      q = nextB(q, r);
    }
    a[j] = p;
    b[j] = q;
  }
}

function recordPlain({ mu, a, b }, count, rows, first, n) {
  for (let j = 0; j < LANES; j++) {
    const m = mu[j];
    let p = a[j];
    let q = b[j];
    for (let i = 0, at = j * n + first; i < count; i++, at++) {
      rows.a[at] = p;
      rows.b[at] = q;
      const r = residual(m, p, q);
      p = nextA(p, r);
      q = nextB(q, r);
    }
    a[j] = p;
    b[j] = q;
  }
}

function advanceVaried(lanes, count) {
  for (let i = 0; i < count; i++) stepVaried(lanes);
}

function recordVaried(lanes, count, rows, first, n) {
  for (let i = 0; i < count; i++) {
    for (let j = 0; j < LANES; j++) {
      rows.a[j * n + first + i] = lanes.a[j];
      rows.b[j * n + first + i] = lanes.b[j];
    }
    stepVaried(lanes);
  }
}

function stepVaried(lanes) {
  const { mu, a, b, lastA, lastB } = lanes;
  const { weightDecay, momentum, schedule } = lanes.variant;
  const scale = scaleAt(schedule, lanes.done);
  for (let j = 0; j < LANES; j++) {
    const r = residual(mu[j], a[j], b[j]);
    const decay = mu[j] * weightDecay;
    lastA[j] = changeA(a[j], r, lastA[j], scale, decay, momentum);
    lastB[j] = changeB(b[j], r, lastB[j], scale, decay, momentum);
    a[j] += lastA[j];
    b[j] += lastB[j];
  }
  lanes.done += 1;
}
