// One training run: its orbit, how it ends, and what is read off it. Quantities are in units of y_q.

import { named } from "./problem.js";
import { variedEnding } from "./endings.js";
import { classify, gatherEvidence, REGIMES } from "./regimes.js";
import { orbit, toModes } from "./states.js";

export const PAIR_DISTANCE = 1e-9; // in u, between two runs
const VARIED_STEPS = 20_000;
const ROUNDING = 1e-12; // what is smaller is that of adding up
const FIELDS = ["mu", "u", "v", "steps", "decay", "momentum", "schedule"];

/** Whether a change of some fields, by name, changes the run. */
export function changesRun(changed) {
  return FIELDS.some((name) => changed.has(name));
}

/** Whether the state asks for plain gradient descent. */
export function isPlain({ decay, momentum, schedule }) {
  return decay === 0 && momentum === 0 && schedule === null;
}

/** The variant of a state as the kernels take it; null is the plain map. */
export function variantOf(state) {
  if (isPlain(state)) return null;
  const schedule = Float64Array.from(state.schedule || [1]);
  return { weightDecay: state.decay, momentum: state.momentum, schedule };
}

/** Orbit of a state with its factors, losses, predictions and sharpness, step by step. */
export function follow(state, du = 0) {
  const { mu, steps } = state;
  const [a, b] = toModes(mu, state.u + du, state.v);
  const found = orbit({ mu, a, b, nSteps: steps, variant: variantOf(state) });
  const n = found.a.length;
  const [u, v, prediction, loss, sharpness] = Array.from({ length: 5 }, () => new Float64Array(n));
  const root = Math.sqrt(mu);
  for (let i = 0; i < n; i += 1) {
    u[i] = (found.a[i] + found.b[i]) / root;
    v[i] = (found.a[i] - found.b[i]) / root;
    const error = found.r[i] / mu;
    prediction[i] = 1 + error;
    loss[i] = (error * error) / 2;
    sharpness[i] = sharpnessAt(u[i], v[i]);
  }
  return { ...found, u, v, prediction, loss, sharpness };
}

/** Largest eigenvalue of the Hessian of (uv - 1)^2 / 2; at a minimum u^2 + v^2. */
export function sharpnessAt(u, v) {
  const mixed = 2 * u * v - 1;
  return (u * u + v * v) / 2 + Math.hypot((u * u - v * v) / 2, mixed);
}

/** How the run of a state ends: {code, label, period, evidence} of the plain map, {ending} of a variant. */
export function judge(state) {
  const [a, b] = toModes(state.mu, state.u, state.v);
  if (!isPlain(state)) {
    const variant = variantOf(state);
    return { ending: variedEnding({ mu: state.mu, a, b, variant, nSteps: VARIED_STEPS }) };
  }
  const evidence = gatherEvidence({ mu: state.mu, a, b });
  const code = classify(state.mu, evidence);
  const label = REGIMES[code];
  return { code, label, period: label === "periodic" ? evidence.periodUv : 0, evidence };
}

const SENTENCES = {
  unresolved: () => "Unresolved: the evidence does not decide.",
  monotone: () => "Converges; the loss falls at every step.",
  catapult: (e) => `Converges, but the loss rises on the way, first at step ${e.riseStep}: a catapult.`,
  periodic: (e) => `Never converges: it ends on a cycle of period ${e.periodUv}.`,
  chaotic: () => "Never converges: it wanders chaotically, within bounds.",
  divergent: (e) => `Diverges: the error exceeds every bound by step ${e.escapeStep}.`,
  saddle: () => "Runs into the saddle at the origin: u = −v, and the factors shrink to 0.",
};

/** The verdict in one sentence, and its name: what a reader wants to know first. */
export function sentence(verdict) {
  if (verdict.ending === undefined) return SENTENCES[verdict.label](verdict.evidence);
  const { code, step, period } = verdict.ending;
  if (code === "converged") return `Comes to rest at a minimum by step ${step}.`;
  if (code === "diverged") return `Diverges: the error exceeds every bound by step ${step}.`;
  const cycle = period > 1 ? `it repeats every ${period} steps` : "no period was found";
  return `Neither rests nor diverges within ${VARIED_STEPS} steps; ${cycle}.`;
}

/** Name of the regime, with its period. */
export function title(verdict) {
  if (verdict.ending !== undefined) return verdict.ending.code;
  return verdict.label === "periodic" ? `periodic, period ${verdict.period}` : verdict.label;
}

/** Both exponents with their errors in words; "" where there are none. */
export function exponentWords(verdict, number) {
  if (verdict.ending !== undefined || verdict.evidence.escapeStep >= 0) return "";
  const { along, alongError, transverse, transverseError } = verdict.evidence;
  const write = (value, error) => {
    const shown = Math.abs(value) > ROUNDING ? number(value, 4) : "0";
    return error > ROUNDING ? `${shown} ± ${number(error, 1)}` : shown;
  };
  return (
    `Exponent along the loss ${write(along, alongError)}, transverse ${write(transverse, transverseError)} ` +
    "per step."
  );
}

/** Where mu lies among the landmarks, in words. */
export function placeWords(problem, mu, number) {
  const { below, above } = problem.around(mu);
  const parts = [];
  if (below) parts.push(`${number(mu - below.mu, 3)} above ${named(below)} (μ = ${number(below.mu, 5)})`);
  if (above) parts.push(`${number(above.mu - mu, 3)} below ${named(above)} (μ = ${number(above.mu, 5)})`);
  return `μ is ${parts.join(" and ")}.`;
}
