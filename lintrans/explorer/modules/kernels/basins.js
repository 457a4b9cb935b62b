// Where training ends from each of many starts, at one mu.

import { CRISIS } from "./certificates.js";
import { CONVERGED, DIVERGED, SETTLED, follow, orbitOf } from "./fates.js";
import { ellipseLevel, probeStart, residual, sharpness as sharpnessAt } from "./map.js";
import { CATAPULT, DIVERGENT, MONOTONE, SADDLE, UNRESOLVED, regime } from "./regimes.js";
import { toModes } from "./states.js";
import { completed } from "./variants.js";

/** Regime of almost every balanced start where minima are unstable, 1 <= mu < 2; else unresolved. */
export function attractorCode(mu) {
  if (!(mu >= 1 && mu < 2)) return UNRESOLVED;
  return regime({ mu, u: probeStart(mu), v: probeStart(mu) }).code;
}

/** Verdict on a start that neither diverged nor settled, from the theory. Claim convergence.inside. */
function theory(mu, a, b, attractor) {
  if (mu >= 2 || !(ellipseLevel(mu, a, b) < 0)) return UNRESOLVED;
  if (a === 0) return SADDLE;
  return residual(mu, a, b) === 0 ? UNRESOLVED : attractor; // a minimum from the start
}

/** Sharpness u^2 + v^2 of the minimum that a settled orbit tends to, from its state, up to order r^3. */
function limitSharpness(mu, a, b) {
  const r = residual(mu, a, b);
  const size = 1 - 2 * (a * a + b * b);
  const product = 2 * (a * b * (1 - (r * r) / (1 - size * size)));
  return (2 * Math.sqrt(mu * mu + product * product)) / mu;
}

/** What the starts of one picture have in common. */
function problem({ mu, nSteps = 2000, variant = null, attractor, regimeOnly = false }) {
  const varied = completed(variant);
  const isPlain = varied === null;
  return {
    mu,
    nSteps,
    isPlain,
    orbit: orbitOf(varied),
    attractor: isPlain ? (attractor ?? attractorCode(mu)) : UNRESOLVED,
    isKnownInside: regimeOnly && isPlain && mu >= 1 && mu < 2,
    isOneSided: isPlain && mu >= CRISIS,
  };
}

/** Write the ending of the orbit just followed, started at (a, b), into cell i. */
function write({ mu, orbit, isPlain, isOneSided, attractor }, a, b, cells, i) {
  const { code, step } = orbit;
  cells.steps[i] = step;
  cells.branch[i] = isOneSided || code === DIVERGED ? 0 : Math.sign(orbit.a);
  if (code === DIVERGED) {
    cells.regime[i] = DIVERGENT;
  } else if (code === CONVERGED) {
    cells.regime[i] = orbit.rose ? CATAPULT : MONOTONE;
    const size = isPlain ? limitSharpness : sharpnessAt;
    cells.sharpness[i] = size(mu, orbit.a, orbit.b);
  } else {
    cells.regime[i] = isPlain ? theory(mu, a, b, attractor) : UNRESOLVED;
  }
}

/**
 * Where the starts x[i], y[i] end: {regime: Uint8Array of codes, steps: Int32Array until it escaped or
 * settled, sharpness: Float64Array of the minimum selected or NaN, branch: Int8Array, the sign of a}. With
 * regimeOnly starts inside the ellipse of 1 <= mu < 2 are not followed, since the theory knows their regime:
 * their branch is 0. `attractor` is attractorCode(mu), measured if it is not given.
 */
export function basinPoints({ x, y, coordinates = "uv", ...options }) {
  const n = x.length;
  const cells = {
    regime: new Uint8Array(n),
    steps: new Int32Array(n),
    sharpness: new Float64Array(n).fill(NaN),
    branch: new Int8Array(n),
  };
  const shared = problem(options);
  const { mu, nSteps, orbit } = shared;
  for (let i = 0; i < n; i++) {
    const [a, b] = coordinates === "ab" ? [x[i], y[i]] : toModes(mu, x[i], y[i]);
    if (shared.isKnownInside && ellipseLevel(mu, a, b) < 0) {
      cells.regime[i] = theory(mu, a, b, shared.attractor);
      cells.steps[i] = nSteps;
    } else {
      follow(orbit, mu, a, b, nSteps, SETTLED);
      write(shared, a, b, cells, i);
    }
  }
  return cells;
}
