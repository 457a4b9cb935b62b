// Panels over the steps of a clock: lines that begin at step 0, levels, bands, and a mark at the step shown.

import { Frame, rangeOf } from "./axes.js";
import { drawKey } from "./legend.js";
import { Panel } from "./panel.js";
import { listenToPointer } from "./pointer.js";
import { Scale, short } from "./scales.js";

const MARGIN = { left: 56, right: 12, top: 10, bottom: 36 };
const LEAST = 1e-32; // on a logarithmic axis: rounding, below which there is nothing to see
const MOST = 1e6; // and divergence, above which neither is there
const ROOM = 13; // pixels of a text above a line
const FAR = 6; // on a linear axis what diverges is cut off at so many times the largest level

/**
 * A panel over steps. `view` has
 *   name, title, label, help   words; `log` for a logarithmic axis, `range` for a fixed one
 *   lines()                    [{values, color, dash, width, column}]; `faint` ones are no matter for the range
 *   levels()                   horizontal lines [{value, color, dash, text}], or `values` over steps
 *   bands()                    [{low, high, color}]
 *   key()                      rows of a legend, see `drawKey`
 *   describe(), remark()       what is seen, in words; the first is given the lines
 *   command(), table()         as of a panel; the table is that of the lines if there is none
 *   depends(changed)           whether a change concerns it
 */
export class SeriesPanel extends Panel {
  constructor(session, view) {
    super(session, view);
    this.view = view;
    this.lines = [];
    this.range = [0, 1];
    const keep = () => session.clock.pause();
    const go = (p) => session.clock.move(Math.round(this.frame().x.value(p.x)));
    const hover = (p) => this.read(this.words(Math.round(this.frame().x.value(p.x))));
    const leave = () => this.read(null);
    listenToPointer(this.canvas, { press: go, drag: go, release: keep, hover, leave });
  }

  /** Value of the first line at a step. */
  words(step) {
    const value = this.lines[0]?.values[step];
    return value === undefined ? null : `step ${step}: ${short(value, 5)}`;
  }

  update(changed) {
    if (this.view.depends(changed)) this.refresh();
    else this.invalidate();
    this.tools.forEach((tool) => tool.update());
  }

  /** What is shown has changed. */
  refresh() {
    this.lines = this.view.lines();
    this.range = this.view.range || this.findRange();
    this.describeAll();
    this.remark(this.view.remark ? this.view.remark() : "");
    this.invalidate();
  }

  describe() {
    return this.view.describe(this.lines);
  }

  levels() {
    return this.view.levels ? this.view.levels() : [];
  }

  /** Range of the axis, over what is not faint. */
  findRange() {
    const main = this.lines.filter((line) => !line.faint).flatMap((line) => Array.from(line.values));
    if (this.view.log) return logRange(main);
    const levels = this.levels().flatMap(({ value, values }) => (values ? Array.from(values) : [value]));
    const most = FAR * Math.max(...levels.map(Math.abs), Math.abs(main[0]));
    return rangeOf([...main.map((x) => Math.max(-most, Math.min(most, x))), ...levels]);
  }

  frame(width = this.width, height = this.height) {
    const x = {
      scale: new Scale(0, Math.max(1, this.session.clock.length())),
      label: "gradient descent step",
    };
    const y = { scale: new Scale(...this.range, { log: this.view.log }), label: this.view.label };
    return new Frame(width, height, { x, y, margin: MARGIN });
  }

  draw(pen, width, height) {
    const { theme } = this.session;
    const frame = this.frame(width, height);
    frame.drawGrid(pen, theme);
    frame.clipped(pen, () => {
      for (const band of this.view.bands ? this.view.bands() : []) this.drawBand(pen, frame, band);
      for (const level of this.levels()) this.drawLevel(pen, frame, level);
      for (const line of this.lines) this.drawLine(pen, frame, line);
    });
    frame.drawAxes(pen, theme);
    if (this.view.key) drawKey(pen, frame, theme, this.view.key());
  }

  drawMoving(pen, width, height) {
    const { theme, clock } = this.session;
    const frame = this.frame(width, height);
    frame.clipped(pen, () => {
      frame.vertical(pen, clock.step, { color: theme.color("accent"), width: 1, dash: [3, 2] });
      const [first] = this.lines;
      const value = first ? this.shown(first.values[clock.step]) : NaN;
      frame.dots(pen, [clock.step], [value], 4, { color: theme.color("accent") });
    });
  }

  drawLine(pen, frame, { values, color, dash = [], width = 1.4, alpha = 1 }) {
    const shown = Float64Array.from(values, (value) => this.shown(value));
    frame.line(pen, steps(values.length), shown, {
      color: this.session.theme.color(color),
      dash,
      width,
      alpha,
    });
  }

  /** On a logarithmic axis 0 has no place: it is drawn at the lower edge. */
  shown(value) {
    return this.view.log ? Math.max(value, LEAST) : value;
  }

  drawLevel(pen, frame, { value, values = [value, value], color, dash, text }) {
    const { theme } = this.session;
    const xs = values.length === 2 ? [frame.x.low, frame.x.high] : steps(values.length);
    frame.line(pen, xs, values, { color: theme.color(color), dash, width: 1.3 });
    const look = { color: theme.color(color), align: "right", halo: theme.color("card") };
    const y = frame.y.pixel(values.findLast(Number.isFinite) ?? NaN);
    pen.text(text, frame.left + frame.width - 5, y - frame.top < ROOM ? y + ROOM : y - 4, look);
  }

  drawBand(pen, frame, { low, high, color }) {
    const n = low.length;
    const xs = Float64Array.from({ length: 2 * n }, (_, i) => (i < n ? i : 2 * n - 1 - i));
    const ys = Float64Array.from({ length: 2 * n }, (_, i) => (i < n ? low[i] : high[2 * n - 1 - i]));
    frame.line(pen, xs, ys, { fill: this.session.theme.color(color), alpha: 0.18 });
  }

  table() {
    if (this.view.table) return this.view.table();
    const lines = this.lines.filter((line) => line.column);
    if (lines.length === 0) return null;
    return {
      step: steps(lines[0].values.length),
      ...Object.fromEntries(lines.map((x) => [x.column, x.values])),
    };
  }

  command() {
    return this.view.command();
  }
}

function steps(n) {
  return Float64Array.from({ length: n }, (_, i) => i);
}

/** Range of a logarithmic axis; what diverges is cut off. */
function logRange(values) {
  let low = Infinity;
  let high = 0;
  for (const value of values) {
    if (value > 0 && value < low) low = value;
    if (value <= MOST && value > high) high = value;
  }
  if (high === 0) return [1e-3, 1];
  return [Math.min(Math.max(LEAST, low) / 2, high / 100), high * 2];
}
