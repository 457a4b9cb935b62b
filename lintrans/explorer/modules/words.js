// The verdict on a run in words.

import { short } from "../../pages/modules/scales.js";
import { nextA, nextB, residual } from "./kernels/map.js";
import { named } from "./problem.js";
import { VARIED_STEPS } from "./run.js";

const ROUNDING = 1e-12; // what is smaller is that of adding up
const SUPERSTABLE = -25; // a factor that is 0 is measured as that of rounding, about -36 per step
const MAX_LISTED = 8; // predictions of a cycle
const AT = 1e-9; // distance at which mu is at a landmark

const SENTENCES = {
  unresolved: ({ evidence }) =>
    evidence.residual === 0
      ? "It rests on a minimum that is unstable: any rounding would move it away."
      : "It is too slow, or too close to a boundary, to be decided in 16,384 steps.",
  monotone: () => "Training converges; the loss falls at every step.",
  catapult: ({ evidence }) =>
    `Training converges after the loss has risen, first at step ${evidence.riseStep}.`,
  periodic: ({ period }) => `Training never converges: it ends on a cycle of period ${period}.`,
  chaotic: () => "Training never converges: it wanders chaotically, within bounds.",
  divergent: ({ evidence }) => divergence(evidence.escapeStep),
  saddle: () => "It runs into the saddle at the origin: u = −v, and the factors shrink to 0.",
};

function divergence(step) {
  return step === 0
    ? "Training diverges at once."
    : `Training diverges: by step ${step} the error is out of bounds.`;
}

/** The verdict in one sentence. */
export function sentence(verdict) {
  if (verdict.ending === undefined) return SENTENCES[verdict.label](verdict);
  const { code, step, period } = verdict.ending;
  if (code === "converged") return `Training comes to rest by step ${step}.`;
  if (code === "diverged") return divergence(step);
  const cycle = period > 1 ? `it repeats every ${period} steps` : "no period was found";
  return `Training neither rests nor diverges within ${VARIED_STEPS} steps; ${cycle}.`;
}

/** Name of the regime, with its period. */
export function title(verdict) {
  if (verdict.ending !== undefined) return verdict.ending.code;
  return verdict.label === "periodic" ? `periodic, period ${verdict.period}` : verdict.label;
}

/** Both exponents with their errors; "" where there are none. */
export function exponentWords({ ending, evidence }) {
  if (ending !== undefined || evidence.escapeStep >= 0) return "";
  const { along, alongError, transverse, transverseError } = evidence;
  const [first, second] = [measured(along, alongError), measured(transverse, transverseError)];
  return `Exponent along the loss ${first}, transverse ${second} per step.`;
}

function measured(value, error) {
  if (value < SUPERSTABLE) return `below ${short(SUPERSTABLE)} (superstable: faster than exponential)`;
  const shown = Math.abs(value) > ROUNDING ? short(value, 4) : "0";
  return error > ROUNDING ? `${shown} ± ${short(error, 1)}` : shown;
}

/** Predictions of a short cycle, and their mean; "" where there is none. */
export function cycleWords(mu, { label, period, evidence }) {
  if (label !== "periodic" || period > MAX_LISTED) return "";
  let [a, b] = [evidence.finalA, evidence.finalB];
  const predictions = Array.from({ length: period }, () => {
    const r = residual(mu, a, b);
    [a, b] = [nextA(a, r), nextB(b, r)];
    return 1 + r / mu;
  });
  const mean = predictions.reduce((sum, x) => sum + x, 0) / period;
  const listed = predictions.map((x) => short(x)).sort();
  return `Predictions in units of the label: ${listed.join(", ")}; their mean is ${short(mean)}.`;
}

/** Where mu lies among the landmarks. */
export function placeWords(problem, mu) {
  const { below, above } = problem.around(mu);
  if (below && mu - below.mu < AT) return `μ is at the landmark ${named(below)}.`;
  const parts = [];
  if (below) parts.push(`${short(mu - below.mu, 3)} above ${named(below)} (μ = ${short(below.mu, 5)})`);
  if (above) parts.push(`${short(above.mu - mu, 3)} below ${named(above)} (μ = ${short(above.mu, 5)})`);
  return `μ is ${parts.join(" and ")}.`;
}
