// Both Lyapunov exponents over the window of mu, under the orbit diagram.

import { linspace } from "../../../pages/modules/arrays.js";
import { Frame, rangeOf } from "../../../pages/modules/axes.js";
import { drawKey } from "../../../pages/modules/legend.js";
import { drawCursor, drawMarks } from "../../../pages/modules/marks.js";
import { Panel } from "../../../pages/modules/panel.js";
import { listenToPointer } from "../../../pages/modules/pointer.js";
import { Scale, short } from "../../../pages/modules/scales.js";
import { legible, within } from "../../../pages/modules/windows.js";
import { option } from "../commands.js";
import { isPlain } from "../run.js";
import { MU_MARGIN } from "./diagram.js";

const COUNTS = { nTransient: 4096, nSteps: 12288 }; // as the command `lintrans lyapunov` has them
const MAX_COLUMNS = 800;
const BAND = 40; // columns of a task
const FLOOR = -3; // below, only an arrow would be of use
const NAMES = ["along", "alongError", "transverse", "transverseError"];
const LINES = [
  { name: "along", text: "along the loss", color: "blue", width: 1.3 },
  { name: "transverse", text: "transverse", color: "orange", width: 1.2, dash: [5, 2] },
];

/** Exponents over mu, from the same starts as the diagram above. */
export class Exponents extends Panel {
  constructor(session) {
    super(session, {
      name: "exponents",
      title: "Lyapunov exponents",
      help:
        "How fast a small difference between two runs grows, per step. Above 0 training is chaotic. Transverse is " +
        "the growth of the imbalance u − v: below 0, runs become balanced.",
    });
    this.found = null;
    const go = (p) => session.set({ mu: this.muAt(p) }, { drag: true });
    listenToPointer(this.canvas, { press: go, drag: go, release: () => session.store.commit() });
  }

  muAt(p) {
    const { window } = this.session.state;
    return within(legible(this.frame().x.value(p.x), window), window);
  }

  update(changed) {
    this.remark(
      isPlain(this.session.state) ? "nats per step" : "of plain gradient descent, without the variant",
    );
    if (changed.has("window") || this.session.movesStarts(changed)) this.resized();
    super.update(changed);
  }

  resized() {
    if (!(this.width > 0)) return;
    const { pool, state } = this.session;
    const n = Math.min(MAX_COLUMNS, Math.round(this.frame().width));
    const mus = linspace(...state.window, n);
    const firsts = Array.from({ length: Math.ceil(n / BAND) }, (_, i) => i * BAND);
    const args = { ...COUNTS, starts: this.session.starts(), transverse: true };
    const tasks = firsts.map((first) => {
      const band = mus.slice(first, first + BAND);
      return { kind: "lyapunov", rank: 3, args: { ...args, mus: band } };
    });
    const next = { mus, ...Object.fromEntries(NAMES.map((name) => [name, new Float64Array(n).fill(NaN)])) };
    const onPart = (part, i) => NAMES.forEach((name) => next[name].set(part[name], firsts[i]));
    pool.ask("exponents", tasks, { onPart, onEnd: () => this.take(next) });
  }

  take(found) {
    this.found = found;
    this.describeAll();
    this.invalidate();
  }

  frame(width = this.width, height = this.height) {
    const [low, high] = this.range();
    const y = { scale: new Scale(low, high), label: "exponent" };
    const margin = { ...MU_MARGIN, top: 8, bottom: 38 };
    return new Frame(width, height, { x: this.session.muAxis(), y, margin });
  }

  range() {
    if (this.found === null) return [FLOOR, 1.2];
    const [low, high] = rangeOf([...this.found.along, ...this.found.transverse, 0], [FLOOR, 1.2]);
    return [Math.max(FLOOR, low), high];
  }

  draw(pen, width, height) {
    const { theme, marks } = this.session;
    const frame = this.frame(width, height);
    frame.drawGrid(pen, theme);
    frame.clipped(pen, () => {
      frame.horizontal(pen, 0, { color: theme.color("ink"), width: 1 });
      drawMarks(pen, frame, theme, marks);
      if (this.found !== null) LINES.forEach((line) => this.drawLine(pen, frame, line));
    });
    frame.drawAxes(pen, theme);
    drawKey(pen, frame, theme, LINES, { sideBySide: true });
  }

  drawLine(pen, frame, { name, color, width, dash }) {
    frame.line(pen, this.found.mus, this.found[name], {
      color: this.session.theme.color(color),
      width,
      dash,
    });
  }

  drawMoving(pen, width, height) {
    drawCursor(pen, this.frame(width, height), this.session.theme, this.session.state.mu);
  }

  describe() {
    if (this.found === null) return "Lyapunov exponents over μ: being computed.";
    const positive = this.found.along.filter((x) => x > 0).length;
    const share = Math.round((100 * positive) / this.found.mus.length);
    const [low, high] = this.session.state.window.map((mu) => short(mu));
    return `Lyapunov exponents for μ from ${low} to ${high}: positive along the loss at ${share} %.`;
  }

  command() {
    const { state } = this.session;
    const [low, high] = state.window;
    const n = this.found ? this.found.mus.length : MAX_COLUMNS;
    const words = [option("--mu", `${low}:${high}:${n}`)];
    return this.session.commandLine("lyapunov", words, [state.from === "start" && "start"]);
  }

  table() {
    if (this.found === null) return null;
    const { mus, along, alongError, transverse, transverseError } = this.found;
    return { mu: mus, along, along_error: alongError, transverse, transverse_error: transverseError };
  }
}
