// How one orbit ends: escaped, settled in a minimum, or neither.

import { ESCAPED, RISE_FLOOR, converges, isFar } from "./certificates.js";
import { changeA, changeB, nextA, nextB, residual } from "./map.js";
import { scaleAt } from "./variants.js";

const UNDECIDED = 0;
export const CONVERGED = 1;
export const DIVERGED = 2;
export const SETTLED = 1e-6; // |r| at which an orbit has settled; its sharpness is then known to 1e-12

const EARLY = 16; // steps after which most of what escapes has escaped
const LOOK = 32; // steps between two looks at whether an orbit has settled
const FLAT = 1e-3; // of the fixed point of a variant: margin of its stability, and |b| left to decay
const PLAIN = { weightDecay: 0, momentum: 0, schedule: [1] };

/** What `follow` works on: orbits of a completed variant or of null, one after another in one place. */
export function orbitOf(variant) {
  // One literal with fractions in it: engines then keep one shape for all, and plain orbits stay fast.
  return {
    mu: 1.5,
    a: 0.5,
    b: 0.5,
    lastA: 0.5,
    lastB: 0.5,
    last: 0.5,
    rose: false,
    done: 0,
    escape: -1,
    code: UNDECIDED,
    step: 0,
    variant,
  };
}

function begin(orbit, mu, a, b) {
  orbit.mu = mu;
  orbit.a = a;
  orbit.b = b;
  orbit.lastA = 0;
  orbit.lastB = 0;
  orbit.last = Infinity;
  orbit.rose = false;
  orbit.done = 0;
  orbit.escape = -1;
}

/** Steps up to the `end`-th; notes whether the loss rose, and the first step that escapes. */
function walk(orbit, end) {
  const { mu, variant } = orbit;
  const { weightDecay, momentum, schedule } = variant ?? PLAIN;
  const decay = mu * weightDecay;
  let { a, b, lastA, lastB, last, rose, escape } = orbit;
  for (let i = orbit.done; i < end; i++) {
    const r = residual(mu, a, b);
    const size = Math.abs(r);
    if (size - last > RISE_FLOOR) rose = true;
    if (!(size <= ESCAPED) && escape < 0) escape = i;
    last = size;
    if (variant === null) {
      a = nextA(a, r);
      b = nextB(b, r);
    } else {
      const scale = scaleAt(schedule, i);
      lastA = changeA(a, r, lastA, scale, decay, momentum);
      lastB = changeB(b, r, lastB, scale, decay, momentum);
      a += lastA;
      b += lastB;
    }
  }
  orbit.a = a;
  orbit.b = b;
  orbit.lastA = lastA;
  orbit.lastB = lastB;
  orbit.last = last;
  orbit.rose = rose;
  orbit.escape = escape;
  orbit.done = end;
}

/** Whether a variant is as close as `settled` to a fixed point that attracts, once its schedule is over. */
function isNearFixedPoint({ mu, a, b, lastA, lastB, done, variant }, settled) {
  const { weightDecay, momentum, schedule } = variant;
  const scale = schedule[schedule.length - 1];
  const decay = mu * weightDecay;
  const size = a * a + b * b;
  const atOrigin = decay > mu;
  const off = atOrigin ? size : Math.abs(residual(mu, a, b) + decay);
  const curvature = atOrigin ? decay + mu : 2 * Math.max(size, decay);
  return (
    done >= schedule.length - 1 &&
    off <= settled &&
    Math.abs(lastA) + Math.abs(lastB) <= settled &&
    (decay === 0 || Math.abs(b) <= FLAT) &&
    scale > 0 &&
    scale * curvature <= 2 * (1 + momentum) * (1 - FLAT)
  );
}

function isSettled(orbit, settled) {
  if (orbit.variant !== null) return isNearFixedPoint(orbit, settled);
  const { mu, a, b } = orbit;
  return converges(mu, a, b) && Math.abs(residual(mu, a, b)) <= settled;
}

function end(orbit, code, step) {
  orbit.code = code;
  orbit.step = step;
}

/**
 * Follow the orbit of modes (a, b) for nSteps: sets its code and step. DIVERGED: |r| > 1e4 at that step;
 * CONVERGED: it is settled within `settled` at that step, a multiple of 32; else UNDECIDED after nSteps. Its
 * state is that of the last look, and `rose` tells whether the loss rose on the way there.
 */
export function follow(orbit, mu, a, b, nSteps, settled) {
  begin(orbit, mu, a, b);
  if (nSteps >= EARLY) {
    walk(orbit, EARLY);
    if (orbit.escape >= 0) return end(orbit, DIVERGED, orbit.escape);
  }
  for (let next = LOOK; ; next += LOOK) {
    orbit.escape = -1;
    walk(orbit, next);
    const escapes = isFar(orbit.a, orbit.b) && orbit.escape >= 0 && orbit.escape < nSteps;
    if (escapes) return end(orbit, DIVERGED, orbit.escape);
    if (next <= nSteps && isSettled(orbit, settled)) return end(orbit, CONVERGED, next);
    if (next >= nSteps) return end(orbit, UNDECIDED, nSteps);
  }
}
