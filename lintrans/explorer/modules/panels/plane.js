// The plane of starts (u, v) at one mu: where training ends from each, the curves of the theory, the run itself.

import { Frame } from "../../../pages/modules/axes.js";
import { RAMP } from "../../../pages/modules/colors.js";
import { fieldChoice } from "../../../pages/modules/controls.js";
import { h, put } from "../../../pages/modules/dom.js";
import { rampEntry, stroke, swatch } from "../../../pages/modules/legend.js";
import { Panel, zoomTools } from "../../../pages/modules/panel.js";
import { listenToPointer } from "../../../pages/modules/pointer.js";
import { Scale, short } from "../../../pages/modules/scales.js";
import { legible, shifted, within } from "../../../pages/modules/windows.js";
import { option } from "../commands.js";
import { FULL_PLANE, LEAST_WIDTH, START_LIMITS } from "../fields.js";
import { title } from "../words.js";
import { Basin } from "./basin_image.js";
import { batchConic, curveNames, drawConic, drawCurves } from "./curves.js";

const MARGIN = { left: 46, right: 10, top: 8, bottom: 38 };
const FIELDS = ["mu", "plane", "show", "decay", "momentum", "schedule"];
const KEY_STEP = 0.004; // of the window
const SHOWN = [
  ["auto", "automatic"],
  ["regime", "regime"],
  ["steps", "how fast it ends"],
  ["sharpness", "sharpness at the end"],
  ["branch", "side it ends on"],
];

/** Basins, curves and the run. */
export class Plane extends Panel {
  constructor(session, noisy) {
    super(session, {
      name: "plane",
      title: "Plane of starts",
      role: "application",
      help:
        "Every point is a start (u, v) of training; its colour says how training from there ends at this μ. Click or " +
        "drag to choose the start. Inside the dashed ellipse no run diverges.",
    });
    this.noisy = noisy;
    this.basin = new Basin(session, () => this.show());
    this.legend = h("ul", { class: "legend" });
    this.el.append(this.legend);
    const zoom = (factor) => this.zoom(this.middle(), factor);
    const reset = () => session.set({ plane: FULL_PLANE });
    const look = fieldChoice(session, "show", "Colour of a start", SHOWN, { hidden: true });
    this.addTools(look, ...zoomTools("plane of starts", { zoom, reset }));
    this.listen();
  }

  update(changed) {
    if (FIELDS.some((name) => changed.has(name))) this.resized();
    super.update(changed);
  }

  resized() {
    if (this.width > 0) this.basin.request(this.frame());
  }

  /** The picture has got finer: draw it, and say what its colours are. */
  show() {
    if (this.basin.cells !== null) this.writeLegend();
    this.invalidate();
  }

  writeLegend() {
    const { palette } = this.session.problem;
    const { show } = this.basin.cells;
    const isHidden = (label) => show === "sharpness" && ["monotone", "catapult"].includes(label);
    const regimes = Object.entries(this.basin.shares()).map(([label, share]) => {
      const words = `${label} ${share >= 0.005 ? `${Math.round(100 * share)} %` : "< 1 %"}`;
      return isHidden(label) ? null : swatch(palette[label], words);
    });
    const curves = curveNames(this.session).map(([words, kind]) => stroke(kind, words));
    const batches = this.noisy.found && stroke("batch", "noisy runs, ellipse of the next batch");
    put(this.legend, regimes, this.shades(), curves, batches);
  }

  /** What shades of the colours mean. */
  shades() {
    const { show, mu } = this.basin.cells;
    const words = { steps: "lighter: takes longer", branch: "lighter: ends at a < 0" };
    if (show === "sharpness" && mu < 1)
      return rampEntry(RAMP, `sharpness at the end, 2 to ${short(2 / mu, 3)}`);
    return words[show] ? h("li", {}, words[show]) : null;
  }

  /** The window, with both axes at the same scale: it shows at least what the state asks for. */
  frame(width = this.width, height = this.height) {
    const [u0, u1, v0, v1] = this.session.state.plane;
    const inner = [width - MARGIN.left - MARGIN.right, height - MARGIN.top - MARGIN.bottom];
    const unit = Math.max((u1 - u0) / inner[0], (v1 - v0) / inner[1]);
    const half = inner.map((pixels) => (unit * pixels) / 2);
    const axis = (middle, reach, label) => ({ scale: new Scale(middle - reach, middle + reach), label });
    const x = axis((u0 + u1) / 2, half[0], "factor u of the start");
    const y = axis((v0 + v1) / 2, half[1], "factor v of the start");
    return new Frame(width, height, { x, y, margin: MARGIN });
  }

  draw(pen, width, height) {
    const { session } = this;
    const frame = this.frame(width, height);
    frame.clipped(pen, () => {
      this.basin.picture.draw(pen, frame);
      drawCurves(pen, frame, session);
    });
    frame.drawAxes(pen, session.theme);
  }

  drawMoving(pen, width, height) {
    const frame = this.frame(width, height);
    frame.clipped(pen, () => {
      if (this.noisy.found) this.drawNoisy(pen, frame);
      this.drawRun(pen, frame);
    });
  }

  /** The run up to now: a trail, and the state. */
  drawRun(pen, frame) {
    const { run, step, state, theme } = this.session;
    const first = Math.max(0, step - state.trail);
    const us = run.u.subarray(first, step + 1);
    const vs = run.v.subarray(first, step + 1);
    const [halo, accent] = ["card", "accent"].map((name) => theme.color(name));
    frame.line(pen, us, vs, { color: halo, width: 2.6, alpha: 0.55 });
    frame.line(pen, us, vs, { color: accent, width: 1.1, alpha: 0.8 });
    frame.dots(pen, us, vs, 2.4, { color: accent });
    frame.dots(pen, [state.u], [state.v], 6, { color: halo, hollow: true, width: 4 });
    frame.dots(pen, [state.u], [state.v], 6, { color: accent, hollow: true, width: 2 });
    frame.dots(pen, [run.u[step]], [run.v[step]], 5.5, { color: halo });
    frame.dots(pen, [run.u[step]], [run.v[step]], 4.2, { color: accent });
  }

  /** Noisy runs at this step, and the ellipse of the batch that comes next. */
  drawNoisy(pen, frame) {
    const { theme, step, state } = this.session;
    const { us, vs, axes } = this.noisy.at(step);
    const color = theme.color("pink");
    frame.dots(pen, us, vs, 1.8, { color, alpha: 0.8 });
    const look = { color, width: 1.6, dash: [2, 2] };
    if (axes) drawConic(pen, frame, batchConic(state.mu, axes), look, theme.color("card"));
  }

  listen() {
    const at = (p) => {
      const frame = this.frame();
      return { u: frame.x.value(p.x), v: frame.y.value(p.y) };
    };
    const words = ({ u, v }) => `u = ${short(u)}, v = ${short(v)}`;
    let held = null; // {place, frame, plane}, while Shift and the pointer move the window
    const drag = (p) => (held === null ? this.startAt(at(p), { drag: true }) : this.pan(held, p));
    const press = (p) => {
      held = p.shift ? { place: p, frame: this.frame(), plane: this.session.state.plane } : null;
      drag(p);
    };
    listenToPointer(this.canvas, {
      press,
      drag,
      release: () => this.session.store.commit(),
      hover: (p) => this.read(this.frame().has(p.x, p.y) ? words(at(p)) : null),
      leave: () => this.read(null),
      zoom: (p, factor) => this.zoom(at(p), factor),
    });
  }

  pan({ place, frame, plane }, p) {
    const us = shifted(plane.slice(0, 2), frame.x.value(place.x) - frame.x.value(p.x));
    const vs = shifted(plane.slice(2), frame.y.value(place.y) - frame.y.value(p.y));
    this.session.set({ plane: [...us, ...vs] }, { drag: true });
  }

  startAt({ u, v }, options) {
    const span = this.session.state.plane.slice(0, 2);
    const bounded = (x) => within(legible(x, span, 3), START_LIMITS);
    this.session.startAt({ u: bounded(u), v: bounded(v) }, options);
  }

  middle() {
    const { plane, u, v } = this.session.state;
    const isInside = u > plane[0] && u < plane[1] && v > plane[2] && v < plane[3];
    return isInside ? { u, v } : { u: (plane[0] + plane[1]) / 2, v: (plane[2] + plane[3]) / 2 };
  }

  zoom({ u, v }, factor) {
    const [u0, u1, v0, v1] = this.session.state.plane;
    if ((u1 - u0) * factor < LEAST_WIDTH * 4) return;
    const about = (x, place) => place + (x - place) * factor;
    this.session.set({ plane: [about(u0, u), about(u1, u), about(v0, v), about(v1, v)] });
  }

  key(event) {
    const { plane, u, v } = this.session.state;
    const step = (plane[1] - plane[0]) * KEY_STEP * (event.shiftKey ? 10 : 1);
    const moves = { ArrowLeft: [-step, 0], ArrowRight: [step, 0], ArrowUp: [0, step], ArrowDown: [0, -step] };
    const move = moves[event.key];
    if (move) this.startAt({ u: u + move[0], v: v + move[1] });
    else if (event.key === "+" || event.key === "=") this.zoom(this.middle(), 1 / 2);
    else if (event.key === "-") this.zoom(this.middle(), 2);
    else if (event.key === "0") this.session.set({ plane: FULL_PLANE });
    else return false;
    return true;
  }

  describe() {
    const { state, verdict } = this.session;
    const start = `u = ${short(state.u)}, v = ${short(state.v)}`;
    return (
      `Plane of starts at μ = ${short(state.mu, 6)}. The start is ${start}: ${title(verdict)}. ` +
      "Arrow keys move it, plus and minus zoom."
    );
  }

  table() {
    return this.basin.table();
  }

  command() {
    const { x, y } = this.basin.window(this.frame());
    const range = ({ low, high, n }) => `${low}:${high}:${n}`;
    const words = [`--mu ${this.session.state.mu}`, option("--u", range(x)), option("--v", range(y))];
    return this.session.commandLine("basin", words, ["variant"]);
  }
}
