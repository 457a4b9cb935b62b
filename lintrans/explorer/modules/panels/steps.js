// Panels over gradient descent steps: loss, prediction, sharpness, and the distance of two runs.

import { Frame, rangeOf } from "../../../pages/modules/axes.js";
import { listenToPointer } from "../../../pages/modules/controls.js";
import { Panel } from "../../../pages/modules/panel.js";
import { Scale, short } from "../../../pages/modules/scales.js";
import { changesRun, isPlain, PAIR_DISTANCE, follow } from "../run.js";

const MARGIN = { left: 56, right: 12, top: 10, bottom: 36 };
const LEAST_LOSS = 1e-32; // rounding: below it there is nothing to see
const MOST_LOSS = 1e6;
const FAR = 6;

/**
 * A panel over steps. `view` is
 *   name, title, label     words; `log` for a logarithmic axis; `help`: what to look at
 *   lines(session)         [{values, color, dash, width, text}]; values begin at step 0
 *   levels(session)        horizontal lines [{value, color, dash, text}]
 *   describe(session)      what is seen, in words
 */
export class StepPanel {
  constructor(session, view) {
    this.session = session;
    this.view = view;
    this.panel = new Panel(
      {
        name: view.name,
        title: view.title,
        help: view.help,
        draw: (pen, width, height) => this.draw(pen, width, height),
        drawMoving: (pen, width, height) => this.drawMoving(pen, width, height),
        describe: () => view.describe(session),
        table: () => this.table(),
        command: () => (view.command || trainingCommand)(session),
      },
      session,
    );
    this.el = this.panel.el;
    this.listen();
  }

  update(changed) {
    if (dependsOn(changed, this.view)) this.refresh();
    else this.panel.invalidate();
  }

  refresh() {
    this.lines = this.view.lines(this.session);
    this.range = this.findRange();
    this.panel.describe();
    this.panel.remark(this.view.remark ? this.view.remark(this.session) : "");
    this.panel.invalidate();
  }

  tick() {
    this.panel.move();
  }

  frame(width = this.panel.width, height = this.panel.height) {
    const { session, view } = this;
    const x = { scale: new Scale(0, Math.max(1, session.state.steps)), label: "gradient descent step" };
    const [low, high] = this.range;
    const y = { scale: new Scale(low, high, { log: view.log }), label: view.label };
    return new Frame(width, height, { x, y, margin: MARGIN });
  }

  /** Range of the axis, over what is not faint. */
  findRange() {
    const { view, session } = this;
    const main = this.lines.filter((line) => !line.faint).flatMap((line) => Array.from(line.values));
    if (view.log) return logRange(main);
    const levels = (view.levels ? view.levels(session) : []).map((level) => level.value);
    const most = FAR * Math.max(...levels, Math.abs(main[0])); // of a run that diverges the beginning is shown
    return rangeOf([...main.map((x) => Math.max(-most, Math.min(most, x))), ...levels]);
  }

  draw(pen, width, height) {
    const { session, view } = this;
    const { theme } = session;
    const frame = this.frame(width, height);
    frame.drawGrid(pen, theme);
    frame.clipped(pen, () => {
      for (const level of view.levels ? view.levels(session) : []) this.drawLevel(pen, frame, level);
      for (const line of this.lines) this.drawLine(pen, frame, line);
    });
    frame.drawAxes(pen, theme);
  }

  drawMoving(pen, width, height) {
    const { step, theme } = this.session;
    const frame = this.frame(width, height);
    const value = this.shown(this.lines[0].values[step]);
    frame.clipped(pen, () => {
      frame.vertical(pen, step, { color: theme.color("accent"), width: 1, dash: [3, 2] });
      frame.dots(pen, [step], [value], 4, { color: theme.color("accent") });
    });
  }

  drawLine(pen, frame, { values, color, dash = [], width = 1.4, alpha = 1, steps = null }) {
    const xs = steps || Float64Array.from(values, (_, i) => i);
    const shown = Float64Array.from(values, (value) => this.shown(value));
    frame.line(pen, xs, shown, { color: this.session.theme.color(color), dash, width, alpha });
  }

  /** On a logarithmic axis 0 has no place: it is drawn at the lower edge. */
  shown(value) {
    return this.view.log ? Math.max(value, LEAST_LOSS) : value;
  }

  drawLevel(pen, frame, { value, color, dash, text }) {
    const { theme } = this.session;
    frame.horizontal(pen, value, { color: theme.color(color), dash, width: 1.3 });
    const look = { color: theme.color(color), align: "right", halo: theme.color("card") };
    pen.text(text, frame.left + frame.width - 5, frame.y.pixel(value) - 4, look);
  }

  listen() {
    const go = (p) => this.session.moveTo(Math.round(this.frame().x.value(p.x)));
    const keep = () => this.session.set({ t: this.session.step });
    listenToPointer(this.panel.canvas, { press: go, drag: go, release: keep });
  }

  table() {
    const lines = this.lines.filter((line) => !line.faint);
    const step = Float64Array.from(lines[0].values, (_, i) => i);
    return { step, ...Object.fromEntries(lines.map((line) => [line.column, line.values])) };
  }
}

function dependsOn(changed, view) {
  return changesRun(changed) || (view.fields || []).some((name) => changed.has(name));
}

/** Range of a logarithmic axis; what diverges is cut off. */
function logRange(values) {
  let low = Infinity;
  let high = 0;
  for (const value of values) {
    if (value > 0 && value < low) low = value;
    if (value <= MOST_LOSS && value > high) high = value;
  }
  if (high === 0) return [1e-3, 1];
  const floor = Math.max(LEAST_LOSS, low);
  return [Math.min(floor / 2, high / 100), high * 2];
}

function trainingCommand(session) {
  const { state } = session;
  return session.command("orbit", [`--mu ${state.mu}`, `--n-steps ${state.steps}`], ["start", "variant"]);
}

/** Loss along training; with a prompt also that of full gradient descent. */
export function lossView(trained, noisy) {
  return {
    name: "loss",
    title: "Loss",
    help: "The squared error at every step, halved, in units of y_q². A straight line down: it converges at a steady rate.",
    label: "loss / y_q²",
    log: true,
    fields: ["batch", "spread", "noise", "seed"],
    lines: (session) => [
      { values: session.run.loss, color: "blue", column: "loss" },
      ...noisy.losses(),
      ...trained.line("loss"),
    ],
    remark: () => trained.remark(),
    describe: ({ run, state }) =>
      `Loss over ${state.steps} steps: from ${short(run.loss[0])} to ` +
      `${short(run.loss.at(-1))}, largest ${short(Math.max(...finite(run.loss)))}.`,
  };
}

/** Prediction along training, in units of the label. */
export function predictionView(trained) {
  return {
    name: "prediction",
    title: "Prediction",
    help: "What the layer predicts at every step, where 1 is the label. Above 1 it overshoots.",
    label: "prediction / y_q",
    lines: (session) => [
      { values: session.run.prediction, color: "blue", column: "prediction" },
      ...trained.line("prediction"),
    ],
    levels: () => [{ value: 1, color: "green", dash: [], text: "label" }],
    describe: ({ run }) =>
      `Prediction uv, where 1 is the label: it begins at ${short(run.prediction[0])} and is ` +
      `${short(run.prediction.at(-1))} after the last step.`,
  };
}

/** Sharpness along training, with the edge of stability. */
export function sharpnessView() {
  return {
    name: "sharpness",
    title: "Sharpness",
    help: "The curvature of the loss at every step. A minimum is stable only below the dashed line: training ends there, or not at all.",
    label: "sharpness",
    lines: (session) => [{ values: sharpnesses(session), color: "blue", column: "sharpness" }],
    levels: (session) => [
      { value: edge(session), color: "pink", dash: [8, 3, 2, 3], text: edgeName(session) },
    ],
    describe: (session) => {
      const values = sharpnesses(session);
      return (
        `Sharpness, the largest eigenvalue of the Hessian: ${short(values[0])} at the start, ` +
        `${short(values.at(-1))} at the end; the edge of stability is ${short(edge(session))}.`
      );
    },
  };
}

/** Sharpness in the normal form; with a prompt that of its loss, which is h |y_q| times as large. */
function sharpnesses({ run, problem }) {
  return problem.unit === null ? run.sharpness : run.sharpness.map((x) => x / problem.unit);
}

/** Largest curvature at which a minimum is stable: 2 / mu or 2 / eta; 1 + momentum times as much with momentum. */
function edge({ state, problem }) {
  return (2 * (1 + state.momentum)) / (problem.unit === null ? state.mu : problem.rate(state.mu));
}

function edgeName({ state, problem }) {
  const step = problem.unit === null ? "μ" : "η";
  return state.momentum > 0 ? `2 (1 + momentum) / ${step}` : `2 / ${step}: edge of stability`;
}

/** Distance of two runs that start a billionth apart, with the growth that the exponent predicts. */
export function pairView() {
  return {
    name: "pair",
    title: "Two runs, 10⁻⁹ apart",
    help: "How far apart two runs are that began a billionth apart. In chaos the distance grows like an exponential until it is as large as it can be.",
    label: "distance in uv",
    log: true,
    lines: (session) => [
      { values: distances(session), color: "blue", column: "distance" },
      ...growth(session),
    ],
    command: (session) => pairCommand(session),
    remark: (session) => (growth(session).length > 0 ? "dashed: growth at the measured exponent" : ""),
    describe: (session) =>
      `Distance of the predictions of two runs whose starts differ by 1e-9 in u: ` +
      `${short(distances(session).at(-1))} after ${session.state.steps} steps.`,
  };
}

function distances(session) {
  const other = follow(session.state, PAIR_DISTANCE);
  return session.run.prediction.map((x, i) => Math.abs(x - other.prediction[i]));
}

function growth(session) {
  if (!isPlain(session.state) || session.verdict.label !== "chaotic") return [];
  const { along } = session.verdict.evidence;
  const first = distances(session).find((x) => x > 0) || PAIR_DISTANCE;
  const n = Math.min(session.state.steps, Math.ceil(Math.log(1 / first) / along));
  const values = Float64Array.from({ length: n + 1 }, (_, i) => first * Math.exp(along * i));
  return [{ values, color: "orange", dash: [5, 3], faint: true }];
}

function pairCommand(session) {
  const { mu, u, v, steps } = session.state;
  const one = (x) => `lintrans orbit --mu ${mu} --start ${x},${v} --n-steps ${steps}`;
  return `${one(u)}; ${one(u + PAIR_DISTANCE)}`;
}

function finite(values) {
  return values.filter(Number.isFinite);
}
