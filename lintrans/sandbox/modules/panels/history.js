// Loss and accuracy over epochs, with spikes, stages, the epoch that is shown, and what was trained here.

import { Frame } from "../../../pages/modules/axes.js";
import { Panel } from "../../../pages/modules/panel.js";
import { listenToPointer } from "../../../pages/modules/pointer.js";
import { Scale, short } from "../../../pages/modules/scales.js";

const MARGIN = { left: 50, right: 16, top: 12, bottom: 36 };
const CROWDED = 14; // pixels between two stages, below which their names go to both sides
const LEAST_LOSS = 1e-12;
const MOST_LOSS = 1e6;
const LINES = [
  { set: 0, color: "blue", dash: [], width: 1.3 },
  { set: 1, color: "orange", dash: [4, 2], width: 1 },
  { set: 2, color: "green", dash: [], width: 2 },
  { set: 3, color: "pink", dash: [1.5, 2], width: 1.2 },
];
const BATCHES = { color: "muted", width: 0.8, alpha: 0.7 };

/** A panel over epochs; `view` has name, title, help, label, `of` (loss or accuracy), `log`, and `rangeOf`. */
export class History extends Panel {
  constructor(session, view) {
    super(session, view);
    this.view = view;
    const { clock } = session;
    const go = (place) => clock.move(Math.round(this.frame().x.value(place.x)));
    listenToPointer(this.canvas, {
      press: go,
      drag: go,
      release: () => clock.pause(),
      hover: (place) => this.tell(Math.round(this.frame().x.value(place.x))),
      leave: () => this.read(null),
    });
  }

  get sets() {
    return this.session.data.sets;
  }

  /** Lines that have been measured: [{name, values, ...}] of a run. */
  lines(run) {
    const { of } = this.view;
    const found = LINES.map((line) => ({
      ...line,
      name: this.sets[line.set],
      values: run.column(of, line.set),
    }));
    return found.filter(({ values }) => values.some(Number.isFinite));
  }

  tell(epoch) {
    const { run } = this.session;
    const told = this.lines(run).map(({ name, values }) => `${name} ${short(values[epoch] ?? NaN, 3)}`);
    this.read(epoch >= 0 && epoch <= run.nEpochs ? `epoch ${epoch}: ${told.join(", ")}` : null);
  }

  trained() {
    this.invalidate();
  }

  rest() {
    this.describeAll();
  }

  frame(width = this.width, height = this.height) {
    const { session } = this;
    const last = Math.max(session.data.epochs.n, session.live.history.epochs.at(-1) ?? 0);
    const [low, high] = this.range();
    const x = { scale: new Scale(0, Math.max(1, last)), label: "epoch" };
    const y = { scale: new Scale(low, high, { log: this.view.log }), label: this.view.label };
    return new Frame(width, height, { x, y, margin: MARGIN });
  }

  /** Range of the axis: all of the runs, and what is trained here. */
  range() {
    const { of, rangeOf } = this.view;
    const key = this.runs.map((run) => run.number).join();
    if (this.known?.key !== key) this.known = { key, range: rangeOf(this.runs.map((run) => run[of])) };
    const [low, high] = this.known.range;
    const here = this.session.live.history[of].filter((x) => x >= LEAST_LOSS && x < MOST_LOSS);
    return [Math.min(low, ...here), Math.max(high, ...here)];
  }

  get runs() {
    return [this.session.run, this.session.other].filter((run) => run !== null);
  }

  draw(pen, width, height) {
    const { runs } = this;
    const { theme } = this.session;
    const frame = this.frame(width, height);
    frame.drawGrid(pen, theme);
    frame.clipped(pen, () => {
      this.drawStages(pen, frame);
      if (runs.length === 1) this.drawRun(pen, frame, runs[0]);
      else runs.forEach((run, i) => this.drawBeside(pen, frame, run, i));
      this.drawLive(pen, frame);
    });
    this.drawSpikes(pen, frame);
    frame.drawAxes(pen, theme);
    this.drawKey(pen, frame);
  }

  drawRun(pen, frame, run) {
    const { theme } = this.session;
    if (this.view.of === "loss") {
      frame.line(pen, epochs(run), this.shown(run.batchLoss), {
        ...BATCHES,
        color: theme.color(BATCHES.color),
      });
    }
    for (const { values, color, dash, width } of this.lines(run)) {
      frame.line(pen, epochs(run), this.shown(values), { color: theme.color(color), dash, width });
    }
  }

  /** Two runs: of each the training set and the population. */
  drawBeside(pen, frame, run, i) {
    const { theme } = this.session;
    for (const { set, values } of this.lines(run)) {
      if (set !== 0 && set !== 2) continue;
      const look = { color: theme.color(i === 0 ? "blue" : "orange"), width: set === 2 ? 2 : 0.8 };
      frame.line(pen, epochs(run), this.shown(values), { ...look, dash: i === 0 ? [] : [5, 2] });
    }
  }

  shown(values) {
    return this.view.log ? Float64Array.from(values, (x) => Math.max(x, LEAST_LOSS)) : values;
  }

  drawLive(pen, frame) {
    const { theme, live } = this.session;
    const { history } = live;
    if (history.epochs.length < 1) return;
    const values = this.shown(history[this.view.of]);
    frame.line(pen, history.epochs, values, { color: theme.color("card"), width: 4.5, alpha: 0.8 });
    frame.line(pen, history.epochs, values, { color: theme.color("accent"), width: 2 });
    frame.dots(pen, [history.epochs.at(-1)], [values.at(-1)], 4, { color: theme.color("accent") });
  }

  drawStages(pen, frame) {
    const { theme, run } = this.session;
    let last = -Infinity;
    for (const { name, epoch } of run.stages.filter((stage) => stage.epoch !== null)) {
      frame.vertical(pen, epoch, { color: theme.color("ink"), width: 1, dash: [2, 3] });
      const x = frame.x.pixel(epoch);
      const isCrowded = x - last < CROWDED;
      last = x;
      const look = { color: theme.color("ink"), halo: theme.color("card"), size: 10.5, turn: -Math.PI / 2 };
      const side = isCrowded ? { baseline: "top" } : {};
      pen.text(name, x + (isCrowded ? 3 : -3), frame.top + frame.height - 6, { ...look, ...side });
    }
  }

  /** Marks above the frame where spikes begin. */
  drawSpikes(pen, frame) {
    const { theme, run } = this.session;
    const color = theme.color("warn");
    for (const epoch of run.spikes) {
      const x = frame.x.pixel(epoch);
      pen.line([x - 3, x + 3, x, x - 3], [frame.top - 8, frame.top - 8, frame.top - 1, frame.top - 8], {
        color,
        fill: color,
      });
    }
  }

  drawKey(pen, frame) {
    const { theme } = this.session;
    const rows =
      this.runs.length > 1
        ? this.runs.map((run, i) => ({
            text: run.name,
            color: ["blue", "orange"][i],
            dash: i === 0 ? [] : [5, 2],
          }))
        : this.lines(this.session.run).map(({ name, color, dash, width }) => ({
            text: name,
            color,
            dash,
            width,
          }));
    if (frame.width < 120) return;
    const top = this.view.log ? frame.top + 3 : frame.top + frame.height - 4 - 13 * rows.length;
    const ground = [frame.left + frame.width - 92, top, 90, 13 * rows.length + 2];
    pen.rectangle(...ground, { color: theme.color("card"), alpha: 0.82 });
    rows.forEach(({ text, color, dash, width = 1.6 }, i) => {
      const y = this.view.log
        ? frame.top + 10 + 13 * i
        : frame.top + frame.height - 10 - 13 * (rows.length - 1 - i);
      const x = frame.left + frame.width - 88;
      pen.line([x, x + 18], [y, y], { color: theme.color(color), width, dash });
      const look = { color: theme.color("ink"), halo: theme.color("card"), size: 10.5, baseline: "middle" };
      pen.text(text, x + 22, y, look);
    });
  }

  drawMoving(pen, width, height) {
    const { theme, epoch } = this.session;
    const frame = this.frame(width, height);
    frame.clipped(pen, () => frame.vertical(pen, epoch, { color: theme.color("accent"), width: 1.5 }));
  }

  describe() {
    const { run, epoch } = this.session;
    const told = this.lines(run).map(({ name, values }) => `${name} ${short(values[epoch], 4)}`);
    return `${this.title} over ${run.nEpochs} epochs, ${run.name}. At epoch ${epoch}: ${told.join(", ")}. ${run.spikes.length} spikes.`;
  }

  table() {
    const { run, live } = this.session;
    const columns = { epoch: epochs(run) };
    for (const { name, values } of this.lines(run)) columns[name] = values;
    if (this.view.of === "loss") columns.batches = run.batchLoss;
    if (live.history.epochs.length > 0) {
      columns.epoch_trained_here = live.history.epochs;
      columns.population_trained_here = live.history[this.view.of];
    }
    return columns;
  }
}

function epochs(run) {
  return Float64Array.from({ length: run.nEpochs + 1 }, (_, i) => i);
}

function lossRange(losses) {
  let [least, most] = [1, 1];
  for (const value of losses.flatMap((each) => Array.from(each))) {
    if (value > 0 && value < least) least = value;
    if (value > most && value < MOST_LOSS) most = value;
  }
  return [Math.max(LEAST_LOSS, least / 1.5), most * 1.5];
}

function accuracyRange(accuracies) {
  const least = accuracies.flatMap((each) => Array.from(each)).reduce((x, y) => (y < x ? y : x), 0.5);
  return [least - 0.02, 1.02];
}

export const historyViews = {
  loss: {
    name: "loss",
    title: "15 Loss",
    label: "cross entropy (nats)",
    of: "loss",
    log: true,
    rangeOf: lossRange,
    help:
      "Mean cross entropy after every epoch, of the training set, the test set, the whole population and the sequences " +
      "never trained on; thin and grey the batches. Marks above are spikes, dotted lines stages. Click or drag to go to " +
      "an epoch. What is trained here is drawn thick.",
  },
  accuracy: {
    name: "accuracy",
    title: "16 Accuracy",
    label: "share right",
    of: "accuracy",
    log: false,
    rangeOf: accuracyRange,
    help:
      "Share of right answers after every epoch. The test set shares sequences with the training set; those never " +
      "trained on say whether the task was learned. Click or drag to go to an epoch.",
  },
};
