// Probabilities of the answers: three of them in a triangle, more as a table of labels and answers.

import { Frame } from "../../../pages/modules/axes.js";
import { Scale } from "../../../pages/modules/scales.js";
import { heatColor, heatInk } from "../marks.js";
import { Plot } from "../plot.js";
import { Clouds } from "./clouds.js";

const HEIGHT = Math.sqrt(3) / 2;
const CORNERS = [
  [0, 0],
  [1, 0],
  [0.5, HEIGHT],
];
const TITLE = { name: "simplex", title: "14 Probabilities" };

/** The panel that suits the number of answers. */
export function probabilities(session) {
  return session.data.task.nTokens === 3 ? new Triangle(session) : new Table(session);
}

/** Every sequence in a triangle: at a corner the answer is sure. */
class Triangle extends Clouds {
  constructor(session) {
    super(session, {
      ...TITLE,
      help:
        "Every sequence by its three probabilities. At a corner the network is sure of that answer; the corner of a " +
        "token that never occurs stays empty after a short while. On the lower edge only the two real answers compete.",
      x: "",
      y: "",
      points: (side) => side.once("triangle", () => inTriangle(side.found.shares)),
    });
  }

  reach() {
    return [-0.06, 1.06, -0.1, HEIGHT + 0.1];
  }

  range(side) {
    return this.reach(side);
  }

  drawGround(pen, frame) {
    const { theme, data } = this.session;
    const corners = [...CORNERS, CORNERS[0]];
    const [xs, ys] = [0, 1].map((k) => corners.map((corner) => corner[k]));
    frame.line(pen, xs, ys, { color: theme.color("line"), width: 1.2 });
    frame.line(pen, [0.5, 0.5], [0, HEIGHT / 3], { color: theme.color("line"), width: 1, dash: [3, 3] });
    CORNERS.forEach(([x, y], answer) => {
      const look = { color: theme.color("ink"), size: 11.5, bold: true, align: "center" };
      const isIdle = answer >= data.task.p;
      const words = isIdle ? `${answer} (never a label)` : String(answer);
      pen.text(words, frame.x.pixel(x), frame.y.pixel(y) + (answer < 2 ? 15 : -7), look);
    });
  }

  /** No axes: the corners have names. */
  draw(pen, width, height) {
    const { sides } = this.session;
    sides.forEach((side, i) => {
      const frame = this.frame(i, width, height);
      this.drawGround(pen, frame);
      frame.clipped(pen, () => this.drawPoints(pen, frame, side));
      if (sides.length > 1) this.drawName(pen, frame, side);
    });
  }

  table() {
    const { sides, sequences } = this.session;
    const columns = { run: [], label: [], p0: [], p1: [], p2: [] };
    for (const side of sides) {
      for (let i = 0; i < sequences.n; i += 1) {
        columns.run.push(side.name);
        columns.label.push(sequences.labels[i]);
        [0, 1, 2].forEach((k) => columns[`p${k}`].push(side.found.shares[3 * i + k]));
      }
    }
    return columns;
  }
}

function inTriangle(shares) {
  const n = shares.length / 3;
  const points = new Float64Array(2 * n);
  for (let i = 0; i < n; i += 1) {
    points[2 * i] = shares[3 * i + 1] + 0.5 * shares[3 * i + 2];
    points[2 * i + 1] = HEIGHT * shares[3 * i + 2];
  }
  return points;
}

/** Mean probability of each answer among the sequences of each label. */
class Table extends Plot {
  constructor(session) {
    super(session, {
      ...TITLE,
      x: "answer",
      y: "label",
      help:
        "Mean probability of every answer among the sequences of every label: lighter is more. A network that has learned " +
        "the task has all of it on the diagonal.",
    });
  }

  frame(i = 0, width = this.width, height = this.height) {
    const { sides, data } = this.session;
    const { p, nTokens } = data.task;
    const part = width / sides.length;
    const axis = (n, label) => {
      const scale = new Scale(-0.5, n - 0.5);
      scale.ticks = () => {
        const values = Array.from({ length: n }, (_, k) => k);
        return { values, labels: values.map(String), note: "" };
      };
      return { scale, label };
    };
    const margin = { left: i * part + 34, right: width - (i + 1) * part + 8, top: 8, bottom: 36 };
    const y = axis(p, i === 0 ? this.axes.y : "");
    return new Frame(width, height, { x: axis(nTokens, this.axes.x), y, margin });
  }

  means(side) {
    return side.once("answers by label", () => {
      const { p, nTokens } = side.network;
      const [sums, counts] = [new Float64Array(p * nTokens), new Float64Array(p)];
      side.sequences.labels.forEach((label, i) => {
        counts[label] += 1;
        for (let k = 0; k < nTokens; k += 1) sums[label * nTokens + k] += side.found.shares[i * nTokens + k];
      });
      return sums.map((sum, k) => sum / counts[Math.floor(k / nTokens)]);
    });
  }

  drawGround() {} // no grid

  drawPoints(pen, frame, side) {
    const { p, nTokens } = side.network;
    const [width, height] = [frame.width / nTokens, frame.height / p];
    this.means(side).forEach((share, k) => {
      const [label, answer] = [Math.floor(k / nTokens), k % nTokens];
      const [left, top] = [frame.left + answer * width, frame.top + (p - 1 - label) * height];
      pen.rectangle(left, top, width + 0.5, height + 0.5, { color: heatColor(share) });
      const look = { color: heatInk(share), size: 10, align: "center", baseline: "middle" };
      if (width > 24) pen.text(share.toFixed(2), left + width / 2, top + height / 2, look);
    });
  }

  drawPick() {}

  find() {
    return null;
  }

  describe() {
    const told = this.session.sides.map(({ name, measures }) => `${name}: loss ${measures.loss.toFixed(4)}`);
    return `Mean probability of every answer by label. ${told.join("; ")}.`;
  }

  table() {
    const columns = { run: [], label: [], answer: [], probability: [] };
    for (const side of this.session.sides) {
      this.means(side).forEach((share, k) => {
        columns.run.push(side.name);
        columns.label.push(Math.floor(k / side.network.nTokens));
        columns.answer.push(k % side.network.nTokens);
        columns.probability.push(share);
      });
    }
    return columns;
  }
}
