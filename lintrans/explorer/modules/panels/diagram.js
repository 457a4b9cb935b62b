// The orbit diagram over mu, with landmarks and a cursor to drag.

import { Frame } from "../../../pages/modules/axes.js";
import { listenToPointer } from "../../../pages/modules/controls.js";
import { Panel, zoomTools } from "../../../pages/modules/panel.js";
import { Scale, short } from "../../../pages/modules/scales.js";
import { FULL_MU, LEAST_WIDTH, MU_LIMITS } from "../fields.js";
import { option } from "../problem.js";
import { title } from "../run.js";
import { drawCursor, drawLandmarks, drawNames } from "./landmarks.js";
import { OrbitImage, SAMPLES } from "./orbit_image.js";

const MARGIN = { left: 56, right: 14, top: 50, bottom: 38 };
const LABELS = { uv: "prediction uv", a: "mean mode a", loss: "loss (uv − 1)² / 2" };
const FIELDS = ["window", "heights", "quantity", "from", "decay", "momentum", "schedule"];
const KEY_STEP = 0.005; // of the window
const LEAST_BOX = 5; // pixels

/** The margin that the panels over mu share, so that they stand above each other. */
export const MU_MARGIN = { left: MARGIN.left, right: MARGIN.right };

/** Orbit diagram, and its window. */
export class Diagram {
  constructor(session) {
    this.session = session;
    this.box = null; // that is being drawn, in pixels
    this.boxing = false;
    this.image = new OrbitImage(session, () => this.show());
    const tools = zoomTools("orbit diagram", {
      zoom: (factor) => this.zoom(session.state.mu, factor),
      reset: () => session.set({ window: FULL_MU, heights: null }),
      boxing: { toggle: () => this.toggleBox(), isOn: () => this.boxing },
    });
    const spec = {
      name: "diagram",
      title: "Orbit diagram",
      role: "slider",
      tools,
      help:
        "For every step size μ, the predictions that training takes in the long run. One line: it converges. Two " +
        "lines: it jumps between two values. A band: chaos. Nothing: it diverges. Drag to move μ.",
      keys: (event) => this.key(event),
      draw: (pen, width, height) => this.draw(pen, width, height),
      drawMoving: (pen, width, height) => this.drawMoving(pen, width, height),
      describe: () =>
        "Cursor at the effective step size μ. Arrow keys move it, plus and minus zoom, 0 shows all.",
      value: () => this.value(),
      table: () => this.image.table(this.columns()),
      command: () => this.command(),
      onResize: () => this.request(),
    };
    this.panel = new Panel(spec, session);
    this.el = this.panel.el;
    this.listen();
  }

  update(changed) {
    const moved = FIELDS.some((name) => changed.has(name));
    const restarted = this.session.state.from === "start" && (changed.has("u") || changed.has("v"));
    if (moved || restarted) this.request();
    this.panel.describe();
    this.panel.invalidate();
  }

  tick() {
    this.panel.move();
  }

  request() {
    if (this.panel.width > 0) this.image.request(this.frame());
  }

  show() {
    const [low, high] = this.session.state.window;
    const ends = high - low <= LEAST_WIDTH * 1.5;
    const wide = high - low < 0.1 ? `${short(high - low, 2)} wide` : "drag the cursor";
    this.panel.remark(ends ? "Float64 ends here: pixels have few numbers between them." : wide);
    this.panel.invalidate();
  }

  /** The cursor as a slider, for those who hear the page. */
  value() {
    const { problem, state, verdict } = this.session;
    const text = `${problem.words(state.mu)}: ${title(verdict)}`;
    return { now: state.mu, low: MU_LIMITS[0], high: MU_LIMITS[1], text };
  }

  frame(width = this.panel.width, height = this.panel.height) {
    const { session } = this;
    const x = { scale: session.muScale(), label: session.muLabel() };
    const y = { scale: new Scale(...this.image.heights()), label: LABELS[session.state.quantity] };
    return new Frame(width, height, { x, y, margin: MARGIN });
  }

  draw(pen, width, height) {
    const { session } = this;
    const frame = this.frame(width, height);
    frame.drawGrid(pen, session.theme);
    frame.clipped(pen, () => {
      this.image.draw(pen, frame);
      drawLandmarks(pen, frame, session);
    });
    frame.drawAxes(pen, session.theme);
    drawNames(pen, frame, session);
  }

  /** The cursor, where the run is now, and a box that is being drawn. */
  drawMoving(pen, width, height) {
    const { session } = this;
    const { run, step, theme, state } = session;
    const frame = this.frame(width, height);
    drawCursor(pen, frame, session);
    const value = { uv: run.prediction, a: run.a, loss: run.loss }[state.quantity][step];
    const draw = () => frame.dots(pen, [state.mu], [value], 5, { color: theme.color("accent") });
    frame.clipped(pen, draw);
    if (this.box) this.drawBox(pen);
  }

  drawBox(pen) {
    const [left, right, top, bottom] = edgesOf(this.box);
    const color = this.session.theme.color("accent");
    pen.rectangle(left, top, right - left, bottom - top, { color, alpha: 0.18 });
    pen.rectangle(left, top, right - left, bottom - top, { color, hollow: true, width: 1.5 });
  }

  listen() {
    const { canvas } = this.panel;
    listenToPointer(canvas, {
      press: (p) => this.press(p),
      drag: (p) => this.drag(p),
      release: (p, cancelled) => this.release(cancelled),
      zoom: (p, factor) => this.zoom(this.frame().x.value(p.x), factor),
    });
    canvas.addEventListener("dblclick", (event) => {
      const x = event.clientX - canvas.getBoundingClientRect().left;
      this.zoom(this.frame().x.value(x), event.shiftKey ? 4 : 1 / 4);
    });
  }

  press(p) {
    if (this.boxing || p.shift) this.box = { x0: p.x, y0: p.y, x1: p.x, y1: p.y };
    else this.moveCursor(p.x);
  }

  drag(p) {
    if (this.box === null) this.moveCursor(p.x);
    else Object.assign(this.box, { x1: p.x, y1: p.y });
    this.panel.invalidate();
  }

  release(cancelled) {
    if (this.box !== null && !cancelled) this.takeBox();
    this.box = null;
    this.session.store.commit();
    this.panel.invalidate();
  }

  moveCursor(x) {
    const { window } = this.session.state;
    this.session.set({ mu: legible(within(this.frame().x.value(x), window), window) }, { drag: true });
  }

  toggleBox() {
    this.boxing = !this.boxing;
    this.panel.invalidate();
  }

  takeBox() {
    const frame = this.frame();
    const [left, right, top, bottom] = edgesOf(this.box);
    if (right - left < LEAST_BOX || bottom - top < LEAST_BOX) return;
    this.boxing = false;
    const window = widened([frame.x.value(left), frame.x.value(right)]);
    this.session.set({ window, heights: widened([frame.y.value(bottom), frame.y.value(top)]) });
  }

  /** Zoom about a place; heights follow by themselves unless a box was chosen. */
  zoom(centre, factor) {
    const { window, heights } = this.session.state;
    const about = within(centre, window);
    const next = widened(window.map((mu) => about + (mu - about) * factor));
    const limited = [Math.max(MU_LIMITS[0], next[0]), Math.min(MU_LIMITS[1], next[1])];
    this.session.set({ window: limited, heights: factor > 1 ? null : heights });
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
    return this.image.pixels ? this.image.pixels.columns : Math.round(this.frame().width);
  }

  command() {
    const { state } = this.session;
    const [low, high] = state.window;
    const { nSamples } = this.image.counts();
    const words = [option("--mu", `${low}:${high}:${this.columns()}`)];
    if (nSamples !== SAMPLES) words.push(`--n-samples ${nSamples}`);
    return this.session.command("bifurcation", words, [state.from === "start" && "start", "variant"]);
  }
}

/** Left, right, top and bottom of a box in pixels. */
function edgesOf({ x0, y0, x1, y1 }) {
  return [Math.min(x0, x1), Math.max(x0, x1), Math.min(y0, y1), Math.max(y0, y1)];
}

function within(value, [low, high]) {
  return Math.min(high, Math.max(low, value));
}

/** A value with no more digits than the window can tell, so that it can be read and typed. */
function legible(value, [low, high]) {
  const digits = Math.max(0, Math.min(17, Math.ceil(3.5 - Math.log10(high - low))));
  return Number(value.toFixed(digits));
}

/** The range, or one about its middle that is as narrow as float64 allows. */
function widened([low, high]) {
  if (high - low >= LEAST_WIDTH) return [low, high];
  const middle = (low + high) / 2;
  return [middle - LEAST_WIDTH / 2, middle + LEAST_WIDTH / 2];
}
