// What the panels over steps show of a run: loss, prediction, sharpness, and the distance to a second run.

import { short } from "../../../pages/modules/scales.js";
import { orbitLine } from "../commands.js";
import { changesRun, edges, follow, isPlain, PAIR_DISTANCE } from "../run.js";

const EDGE = [8, 3, 2, 3];
const GROWTH = [5, 3];

/** Loss along training; with a prompt also that of full gradient descent, with batches that of noisy runs. */
export function lossView(session, trained, noisy) {
  return {
    name: "loss",
    title: "Loss",
    help:
      "The squared error at every step, halved, in units of y_q². A straight line down: training converges at a " +
      "steady rate.",
    label: "loss / y_q²",
    log: true,
    depends: changesRun,
    lines: () => [
      { values: session.run.loss, color: "blue", column: "loss" },
      ...noisy.losses(),
      ...trained.line("loss"),
    ],
    remark: () => trained.remark(),
    describe: ([{ values }]) => {
      const largest = values.reduce((x, y) => (Number.isFinite(y) ? Math.max(x, y) : x), 0);
      const ends = `from ${short(values[0])} to ${short(values.at(-1))}, largest ${short(largest)}`;
      return `Loss over ${session.state.steps} steps: ${ends}.`;
    },
    command: () => orbitLine(session.state),
  };
}

/** Prediction along training, in units of the label. */
export function predictionView(session, trained) {
  return {
    name: "prediction",
    title: "Prediction",
    help: "What the layer predicts at every step, where 1 is the label. Above 1 it overshoots.",
    label: "prediction / y_q",
    depends: changesRun,
    lines: () => [
      { values: session.run.prediction, color: "blue", column: "prediction" },
      ...trained.line("prediction"),
    ],
    levels: () => [{ value: 1, color: "green", dash: [], text: "label" }],
    describe: ([{ values }]) =>
      `Prediction uv, where 1 is the label: ${short(values[0])} at the start, ${short(values.at(-1))} at the end.`,
    command: () => orbitLine(session.state),
  };
}

/** Sharpness along training, with the edge of stability; with a prompt those of its loss, h |y_q| times as large. */
export function sharpnessView(session) {
  const unit = session.problem.unit ?? 1;
  const scaled = (values) => values.map((x) => x / unit);
  const name = () => {
    if (!isPlain(session.state)) return "edge of stability";
    return `2 / ${session.problem.unit === null ? "μ" : "η"}: edge of stability`;
  };
  return {
    name: "sharpness",
    title: "Sharpness",
    help:
      "The curvature of the loss at every step. A minimum is stable only below the dashed line: training comes to " +
      "rest below it, or not at all.",
    label: "sharpness",
    depends: changesRun,
    lines: () => [{ values: scaled(session.run.sharpness), color: "blue", column: "sharpness" }],
    levels: () => [{ values: scaled(edges(session.state)), color: "pink", dash: EDGE, text: name() }],
    describe: ([{ values }]) =>
      `Sharpness, the largest eigenvalue of the Hessian: ${short(values[0])} at the start, ` +
      `${short(values.at(-1))} at the end; the edge of stability is ${short(edges(session.state).at(-1) / unit)}.`,
    command: () => orbitLine(session.state),
  };
}

/** Distance of two runs that start a billionth apart, with the growth that the exponent predicts. */
export function pairView(session) {
  const growth = (distance) => {
    if (!isPlain(session.state) || session.verdict.label !== "chaotic") return [];
    const { along } = session.verdict.evidence;
    const first = distance.find((x) => x > 0) || PAIR_DISTANCE;
    const n = Math.min(session.state.steps, Math.ceil(-Math.log(first) / along));
    const values = Float64Array.from({ length: n + 1 }, (_, i) => first * Math.exp(along * i));
    return [{ values, color: "orange", dash: GROWTH, faint: true }];
  };
  return {
    name: "pair",
    title: "Two runs, 10⁻⁹ apart",
    help:
      "How far apart two runs are that began a billionth apart in u. In chaos the distance grows like an " +
      "exponential until it is as large as it can be.",
    label: "distance in uv",
    log: true,
    depends: changesRun,
    lines: () => {
      const other = follow(session.state, PAIR_DISTANCE);
      const distance = session.run.prediction.map((x, i) => Math.abs(x - other.prediction[i]));
      return [{ values: distance, color: "blue", column: "distance" }, ...growth(distance)];
    },
    remark: () => (session.verdict.label === "chaotic" ? "dashed: growth at the measured exponent" : ""),
    describe: ([{ values }]) =>
      `Distance of the predictions of two runs whose starts differ by 1e-9 in u: ${short(values[0])} at the ` +
      `start, ${short(values.at(-1))} after ${session.state.steps} steps.`,
    command: () =>
      `${orbitLine(session.state)}; ${orbitLine(session.state, session.state.u + PAIR_DISTANCE)}`,
  };
}
