// The orbit diagram over mu, with landmarks and a cursor to drag.

import { Frame } from "../../../pages/modules/axes.js";
import { fieldChoice } from "../../../pages/modules/controls.js";
import { drawCursor, drawMarks, drawNames } from "../../../pages/modules/marks.js";
import { Panel, zoomTools } from "../../../pages/modules/panel.js";
import { listenToPointer } from "../../../pages/modules/pointer.js";
import { Scale, short } from "../../../pages/modules/scales.js";
import { legible, shifted, widened, within, zoomed } from "../../../pages/modules/windows.js";
import { option } from "../commands.js";
import { FULL_MU, LEAST_WIDTH, MU_LIMITS } from "../fields.js";
import { title } from "../words.js";
import { OrbitImage } from "./orbit_image.js";

const MARGIN = { left: 56, right: 14, top: 50, bottom: 38 };
const LABELS = { uv: "prediction uv", a: "mean mode a", loss: "loss (uv − 1)² / 2" };
const QUANTITIES = [
  ["uv", "prediction uv"],
  ["a", "mean mode a"],
  ["loss", "loss"],
];
const STARTS = [
  ["probe", "the probe start"],
  ["start", "this start"],
];
const AXES = [
  ["1", "learning rate η"],
  ["0", "step size μ"],
];
const FIELDS = ["window", "heights", "quantity", "decay", "momentum", "schedule"];
const END = "Float64 ends here: pixels have few numbers between them.";
const KEY_STEP = 0.005; // of the window
const LEAST_BOX = 5; // pixels
const NARROW = 0.1; // of a window whose width is worth saying

/** The margin that the panels over mu share, so that they stand above each other. */
export const MU_MARGIN = { left: MARGIN.left, right: MARGIN.right };

/** Orbit diagram, and its window. */
export class Diagram extends Panel {
  constructor(session) {
    super(session, {
      name: "diagram",
      title: "Orbit diagram",
      role: "slider",
      help:
        "For every step size μ, the predictions that training takes in the long run. One line: it converges. Two " +
        "lines: it jumps between two values. A band: chaos. Nothing: it diverges. Drag to move μ. Runs begin at the " +
        "probe start of their μ, whose regime is that of balanced training, or all at this start.",
    });
    this.box = null; // that is being drawn, in pixels
    this.held = null; // the axis, while the pointer moves it
    this.isBoxing = false;
    this.image = new OrbitImage(session, () => this.show());
    this.addTools(...this.choices(), ...this.zooms());
    this.listen();
  }

  choices() {
    const { session } = this;
    const whole = { hidden: true, also: () => ({ heights: null }) };
    const rates =
      session.problem.unit === null ? [] : [fieldChoice(session, "rates", "Axis", AXES, { hidden: true })];
    return [
      fieldChoice(session, "quantity", "Quantity", QUANTITIES, whole),
      fieldChoice(session, "from", "Start of the orbits", STARTS, whole),
      ...rates,
    ];
  }

  zooms() {
    return zoomTools("orbit diagram", {
      zoom: (factor) => this.zoom(this.session.state.mu, factor),
      reset: () => this.session.set({ window: FULL_MU, heights: null }),
      box: { toggle: () => this.toggleBox(), isOn: () => this.isBoxing },
    });
  }

  update(changed) {
    const moved = FIELDS.some((name) => changed.has(name));
    if (moved || this.session.movesStarts(changed)) this.resized();
    super.update(changed);
  }

  resized() {
    if (this.width > 0) this.image.request(this.frame());
  }

  show() {
    const [low, high] = this.session.state.window;
    const wide = high - low < NARROW ? `${short(high - low, 2)} wide` : "";
    this.remark(this.isEnd() ? END : wide);
    this.invalidate();
  }

  /** Whether a zoom goes no further. */
  isEnd() {
    const [low, high] = this.session.state.window;
    return high - low <= LEAST_WIDTH * 1.5;
  }

  describe() {
    return "Cursor at the effective step size μ. Arrow keys move it, plus and minus zoom, 0 shows all.";
  }

  value() {
    const { problem, state, verdict } = this.session;
    const text = `${problem.words(state.mu)}: ${title(verdict)}`;
    return { now: state.mu, low: MU_LIMITS[0], high: MU_LIMITS[1], text };
  }

  frame(width = this.width, height = this.height) {
    const { session } = this;
    const y = { scale: new Scale(...this.image.heights()), label: LABELS[session.state.quantity] };
    return new Frame(width, height, { x: session.muAxis(), y, margin: MARGIN });
  }

  draw(pen, width, height) {
    const { theme, marks } = this.session;
    const frame = this.frame(width, height);
    frame.drawGrid(pen, theme);
    frame.clipped(pen, () => {
      this.image.picture.draw(pen, frame);
      drawMarks(pen, frame, theme, marks);
    });
    frame.drawAxes(pen, theme);
    drawNames(pen, frame, theme, marks);
    if (this.isEnd())
      pen.text(END, frame.left + 8, frame.top + 16, { color: theme.color("ink"), halo: theme.color("card") });
  }

  /** The cursor, where the run is now, and a box that is being drawn. */
  drawMoving(pen, width, height) {
    const { run, step, theme, state } = this.session;
    const frame = this.frame(width, height);
    const color = theme.color("accent");
    const value = { uv: run.prediction, a: run.a, loss: run.loss }[state.quantity][step];
    drawCursor(pen, frame, theme, state.mu);
    frame.clipped(pen, () => frame.dots(pen, [state.mu], [value], 5, { color }));
    if (this.box === null) return;
    const [left, right, top, bottom] = edgesOf(this.box);
    pen.rectangle(left, top, right - left, bottom - top, { color, alpha: 0.18 });
    pen.rectangle(left, top, right - left, bottom - top, { color, hollow: true, width: 1.5 });
  }

  listen() {
    listenToPointer(this.canvas, {
      press: (p) => this.press(p),
      drag: (p) => this.drag(p),
      release: (p, isCancelled) => this.release(isCancelled),
      zoom: (p, factor) => this.zoom(this.frame().x.value(p.x), factor),
      hover: (p) => this.read(this.words(p)),
      leave: () => this.read(null),
      twice: (p) => this.zoom(this.frame().x.value(p.x), p.shift ? 4 : 1 / 4),
    });
  }

  /** What is under the pointer. */
  words(p) {
    const frame = this.frame();
    if (!frame.has(p.x, p.y)) return null;
    const { problem, state } = this.session;
    return `${problem.words(frame.x.value(p.x))}, ${state.quantity} = ${short(frame.y.value(p.y))}`;
  }

  press(p) {
    const frame = this.frame();
    if (p.y > frame.top + frame.height) this.held = { x: p.x, frame, window: this.session.state.window };
    else if (this.isBoxing || p.shift) this.box = { x0: p.x, y0: p.y, x1: p.x, y1: p.y };
    else this.moveCursor(p.x);
  }

  drag(p) {
    if (this.held !== null) this.pan(p.x);
    else if (this.box === null) this.moveCursor(p.x);
    else Object.assign(this.box, { x1: p.x, y1: p.y });
    this.move();
  }

  release(isCancelled) {
    if (this.box !== null && !isCancelled) this.takeBox();
    this.box = null;
    this.held = null;
    this.session.store.commit();
    this.move();
  }

  /** Move the window with the axis, which the pointer holds. */
  pan(x) {
    const { frame, window } = this.held;
    const distance = frame.x.value(this.held.x) - frame.x.value(x);
    this.session.set({ window: shifted(window, distance, MU_LIMITS) }, { drag: true });
  }

  moveCursor(x) {
    const { window } = this.session.state;
    const mu = within(legible(this.frame().x.value(x), window), window);
    this.session.set({ mu: within(mu, MU_LIMITS) }, { drag: true });
  }

  toggleBox() {
    this.isBoxing = !this.isBoxing;
    this.tools.forEach((tool) => tool.update());
  }

  takeBox() {
    const frame = this.frame();
    const [left, right, top, bottom] = edgesOf(this.box);
    if (right - left < LEAST_BOX || bottom - top < LEAST_BOX) return;
    this.isBoxing = false;
    const window = widened([frame.x.value(left), frame.x.value(right)], LEAST_WIDTH);
    const heights = widened([frame.y.value(bottom), frame.y.value(top)], LEAST_WIDTH);
    this.session.set({ window, heights });
  }

  /** Zoom about a place; heights follow by themselves unless a box was chosen. */
  zoom(place, factor) {
    const { window, heights } = this.session.state;
    const next = zoomed(window, place, factor, { least: LEAST_WIDTH, limits: MU_LIMITS });
    this.session.set({ window: next, heights: factor > 1 ? null : heights });
  }

  key(event) {
    const { window, mu } = this.session.state;
    const step = (window[1] - window[0]) * KEY_STEP * (event.shiftKey ? 10 : 1);
    const moves = { ArrowLeft: -step, ArrowRight: step, ArrowDown: -step, ArrowUp: step };
    const jumps = { PageUp: mu + 10 * step, PageDown: mu - 10 * step, Home: window[0], End: window[1] };
    const target = event.key in moves ? mu + moves[event.key] : jumps[event.key];
    if (target !== undefined) this.session.set({ mu: within(legible(target, window), MU_LIMITS) });
    else if (event.key === "+" || event.key === "=") this.zoom(mu, 1 / 2);
    else if (event.key === "-") this.zoom(mu, 2);
    else if (event.key === "0") this.session.set({ window: FULL_MU, heights: null });
    else return false;
    return true;
  }

  columns() {
    return this.image.found ? this.image.found.columns : Math.round(this.frame().width);
  }

  table() {
    return this.image.table(this.columns());
  }

  command() {
    const { state } = this.session;
    const [low, high] = state.window;
    const words = [option("--mu", `${low}:${high}:${this.columns()}`)];
    return this.session.commandLine("bifurcation", words, [state.from === "start" && "start", "variant"]);
  }
}

/** Left, right, top and bottom of a box in pixels. */
function edgesOf({ x0, y0, x1, y1 }) {
  return [Math.min(x0, x1), Math.max(x0, x1), Math.min(y0, y1), Math.max(y0, y1)];
}
