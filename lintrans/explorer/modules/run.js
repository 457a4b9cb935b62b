// One training run: its orbit, how it ends, and what is read off it. Quantities are in units of y_q.

import { variedEnding } from "./kernels/endings.js";
import { classify, gatherEvidence, REGIMES } from "./kernels/regimes.js";
import { factorU, factorV, loss } from "./kernels/map.js";
import { orbit, toModes } from "./kernels/states.js";
import { scaleAt } from "./kernels/variants.js";

export const PAIR_DISTANCE = 1e-9; // in u, between two runs
export const VARIED_STEPS = 20_000;
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
  const u = found.a.map((x, i) => factorU(mu, x, found.b[i]));
  const v = found.a.map((x, i) => factorV(mu, x, found.b[i]));
  return {
    ...found,
    u,
    v,
    prediction: found.r.map((r) => 1 + r / mu),
    loss: found.r.map((r) => loss(mu, r)),
    sharpness: u.map((x, i) => sharpnessAt(x, v[i])),
  };
}

/** Largest eigenvalue of the Hessian of (uv - 1)^2 / 2; at a minimum u^2 + v^2. */
function sharpnessAt(u, v) {
  const mixed = 2 * u * v - 1;
  return (u * u + v * v) / 2 + Math.hypot((u * u - v * v) / 2, mixed);
}

/**
 * Largest sharpness at which a minimum is stable, at every step: 2 / mu, in a step of a schedule over its factor,
 * with momentum 1 + momentum times as much; weight decay adds its own curvature and takes it away here. Claims
 * variants.minima and variants.heavy_ball.
 */
export function edges({ mu, steps, decay, momentum, schedule }) {
  const factors = schedule || [1];
  return Float64Array.from({ length: steps + 1 }, (_, i) => {
    const edge = (2 * (1 + momentum)) / (mu * scaleAt(factors, i)) - decay;
    return Number.isFinite(edge) ? edge : NaN;
  });
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
