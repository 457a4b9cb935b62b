// How an orbit of a variant ends. There is no theory of it: what is found here is numerical.

import { CONVERGED, DIVERGED, SETTLED, follow, orbitOf } from "./fates.js";
import { findPeriod } from "./periods.js";
import { orbit } from "./states.js";
import { completed } from "./variants.js";

const TAIL = 128; // steps searched for a period, up to half as long

/** Period of r in the steps after nSteps, once the schedule is over; 0 if none is found. */
function tailPeriod({ mu, a, b, variant, nSteps }) {
  const { schedule } = completed(variant) ?? { schedule: [1] };
  const first = Math.max(nSteps, schedule.length);
  const states = orbit({ mu, a, b, variant, nSteps: first + TAIL - 1 });
  return findPeriod(states.r.subarray(first), states.a.subarray(first)).periodUv;
}

/**
 * Ending of the orbit from modes (a, b): {code: "converged" | "diverged" | "unresolved", step, rose, period}:
 * when it settled or escaped, whether its loss rose on the way, and if it did neither the period of its tail.
 */
export function variedEnding({ mu, a, b, variant, nSteps = 2000 }) {
  const found = orbitOf(completed(variant));
  follow(found, mu, a, b, nSteps, SETTLED);
  const { code, step, rose } = found;
  if (code === CONVERGED) return { code: "converged", step, rose, period: 1 };
  if (code === DIVERGED) return { code: "diverged", step, rose: true, period: 0 };
  return { code: "unresolved", step, rose, period: tailPeriod({ mu, a, b, variant, nSteps }) };
}
