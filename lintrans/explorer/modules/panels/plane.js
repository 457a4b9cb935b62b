// The plane of starts (u, v) at one mu: where training ends from each, the curves of the theory, the run itself.

import { choice, listenToPointer } from "../../../pages/modules/controls.js";
import { h, put } from "../../../pages/modules/dom.js";
import { Frame } from "../../../pages/modules/axes.js";
import { Panel, zoomTools } from "../../../pages/modules/panel.js";
import { Scale, short } from "../../../pages/modules/scales.js";
import { FULL_PLANE, LEAST_WIDTH, START_LIMITS } from "../fields.js";
import { option } from "../problem.js";
import { title } from "../run.js";
import { Basin } from "./basin_image.js";
import { curveNames, drawConic, drawCurves } from "./curves.js";

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
export class Plane {
  constructor(session) {
    this.session = session;
    this.basin = new Basin(session, () => this.show());
    this.cloud = null; // states of many noisy runs, if there are any
    this.ghost = null;
    this.choice = choice("Colour of a start", SHOWN, {
      get: () => session.state.show,
      set: (show) => session.set({ show }),
      hidden: true,
    });
    const tools = zoomTools("plane of starts", {
      zoom: (factor) => this.zoom(this.middle(), factor),
      reset: () => session.set({ plane: FULL_PLANE }),
    });
    this.legend = h("ul", { class: "legend" });
    this.panel = new Panel(
      {
        name: "plane",
        below: this.legend,
        title: "Plane of starts",
        help:
          "Every point is a start (u, v) of training; its colour says how training from there ends at this μ. Click or " +
          "drag to choose the start. Inside the dashed ellipse no run diverges.",
        role: "application",
        tools: [this.choice, ...tools],
        keys: (event) => this.key(event),
        draw: (pen, width, height) => this.draw(pen, width, height),
        drawMoving: (pen, width, height) => this.drawMoving(pen, width, height),
        describe: () => this.describe(),
        table: () => this.basin.table(),
        command: () => this.command(),
        onResize: () => this.request(),
      },
      session,
    );
    this.el = this.panel.el;
    this.listen();
  }

  update(changed) {
    if (FIELDS.some((name) => changed.has(name))) this.request();
    this.choice.update();
    this.panel.describe();
    this.panel.invalidate();
  }

  tick() {
    this.panel.move();
  }

  /** The picture has got finer: draw it, and say what its colours are. */
  show() {
    const { palette } = this.session.problem;
    const regimes = Object.entries(this.basin.shares()).map(([label, share]) =>
      swatch(palette[label], label, share),
    );
    put(
      this.legend,
      regimes,
      this.lookKey(),
      curveNames(this.session).map(([name, kind]) => key(name, kind)),
    );
    this.panel.invalidate();
  }

  /** What shades of the colours mean. */
  lookKey() {
    const { show, mu } = this.basin.cells;
    const words = { steps: "lighter: takes longer", branch: "lighter: ends at a < 0" };
    if (show === "sharpness") return ramp(`sharpness at the end, 2 to ${short(2 / mu, 3)}`);
    return words[show] ? h("li", {}, words[show]) : null;
  }

  request() {
    if (!(this.panel.width > 0)) return;
    this.basin.request(this.frame());
  }

  /** The window, with both axes at the same scale: it shows at least what the state asks for. */
  frame(width = this.panel.width, height = this.panel.height) {
    const [u0, u1, v0, v1] = this.session.state.plane;
    const inner = [width - MARGIN.left - MARGIN.right, height - MARGIN.top - MARGIN.bottom];
    const unit = Math.max((u1 - u0) / inner[0], (v1 - v0) / inner[1]);
    const half = inner.map((pixels) => (unit * pixels) / 2);
    const [u, v] = [(u0 + u1) / 2, (v0 + v1) / 2];
    const x = { scale: new Scale(u - half[0], u + half[0]), label: "factor u of the start" };
    const y = { scale: new Scale(v - half[1], v + half[1]), label: "factor v of the start" };
    return new Frame(width, height, { x, y, margin: MARGIN });
  }

  draw(pen, width, height) {
    const { session } = this;
    const frame = this.frame(width, height);
    frame.clipped(pen, () => {
      this.basin.draw(pen, frame);
      drawCurves(pen, frame, session);
    });
    frame.drawAxes(pen, session.theme);
  }

  drawMoving(pen, width, height) {
    const frame = this.frame(width, height);
    frame.clipped(pen, () => {
      if (this.cloud) this.drawCloud(pen, frame);
      this.drawRun(pen, frame);
      if (this.ghost) this.drawGhost(pen, frame);
    });
  }

  /** The run up to now: a fading trail, and the state. */
  drawRun(pen, frame) {
    const { run, step, state, theme } = this.session;
    const first = Math.max(0, step - state.trail);
    const us = run.u.subarray(first, step + 1);
    const vs = run.v.subarray(first, step + 1);
    const halo = theme.color("card");
    frame.line(pen, us, vs, { color: halo, width: 2.6, alpha: 0.55 });
    frame.line(pen, us, vs, { color: theme.color("accent"), width: 1.1, alpha: 0.8 });
    frame.dots(pen, us, vs, 2.4, { color: theme.color("accent") });
    frame.dots(pen, [state.u], [state.v], 6, { color: halo, hollow: true, width: 4 });
    frame.dots(pen, [state.u], [state.v], 6, { color: theme.color("accent"), hollow: true, width: 2 });
    frame.dots(pen, [run.u[step]], [run.v[step]], 5.5, { color: halo });
    frame.dots(pen, [run.u[step]], [run.v[step]], 4.2, { color: theme.color("accent") });
  }

  /** Noisy runs at this step, and the ellipse of the batch that comes next. */
  drawCloud(pen, frame) {
    const { theme, step } = this.session;
    const { us, vs, conic } = this.cloud.at(step);
    frame.dots(pen, us, vs, 1.8, { color: theme.color("pink"), alpha: 0.8 });
    const look = { color: theme.color("pink"), width: 1.6, dash: [2, 2] };
    if (conic) drawConic(pen, frame, conic, look, theme.color("card"));
  }

  drawGhost(pen, frame) {
    const { u, v } = this.ghost;
    const look = { color: this.session.theme.color("ink"), size: 11, halo: this.session.theme.color("card") };
    pen.text(`u = ${short(u)}, v = ${short(v)}`, frame.left + 6, frame.top + 14, look);
  }

  listen() {
    const at = (p) => {
      const frame = this.frame();
      return { u: frame.x.value(p.x), v: frame.y.value(p.y) };
    };
    const { canvas } = this.panel;
    listenToPointer(canvas, {
      press: (p) => this.restart(at(p), true),
      drag: (p) => this.restart(at(p), true),
      release: () => this.session.store.commit(),
      hover: (p) => this.showGhost(this.frame().has(p.x, p.y) ? at(p) : null),
      leave: () => this.showGhost(null),
      zoom: (p, factor) => this.zoom(at(p), factor),
    });
  }

  showGhost(place) {
    this.ghost = place;
    this.panel.move();
  }

  restart({ u, v }, drag) {
    const [u0, u1] = this.session.state.plane;
    const digits = Math.max(0, Math.min(17, Math.ceil(3 - Math.log10(u1 - u0))));
    const bounded = (x) => Number(Math.min(START_LIMITS[1], Math.max(START_LIMITS[0], x)).toFixed(digits));
    this.session.set({ u: bounded(u), v: bounded(v), t: 0 }, { drag });
    this.session.moveTo(0);
  }

  middle() {
    const { plane, u, v } = this.session.state;
    const inside = u > plane[0] && u < plane[1] && v > plane[2] && v < plane[3];
    return inside ? { u, v } : { u: (plane[0] + plane[1]) / 2, v: (plane[2] + plane[3]) / 2 };
  }

  zoom({ u, v }, factor) {
    const [u0, u1, v0, v1] = this.session.state.plane;
    const next = [u + (u0 - u) * factor, u + (u1 - u) * factor, v + (v0 - v) * factor, v + (v1 - v) * factor];
    if (next[1] - next[0] < LEAST_WIDTH * 4 || next[1] - next[0] > 1000) return;
    this.session.set({ plane: next });
  }

  key(event) {
    const { plane, u, v } = this.session.state;
    const step = (plane[1] - plane[0]) * KEY_STEP * (event.shiftKey ? 10 : 1);
    const moves = { ArrowLeft: [-step, 0], ArrowRight: [step, 0], ArrowUp: [0, step], ArrowDown: [0, -step] };
    if (event.key in moves) this.restart({ u: u + moves[event.key][0], v: v + moves[event.key][1] }, false);
    else if (event.key === "+" || event.key === "=") this.zoom(this.middle(), 1 / 2);
    else if (event.key === "-") this.zoom(this.middle(), 2);
    else if (event.key === "0") this.session.set({ plane: FULL_PLANE });
    else return false;
    return true;
  }

  describe() {
    const { state, verdict } = this.session;
    return (
      `Plane of starts at μ = ${short(state.mu, 6)}. The start is u = ${short(state.u)}, v = ${short(state.v)}: ` +
      `${title(verdict)}. Arrow keys move it, plus and minus zoom.`
    );
  }

  command() {
    const { x, y } = this.basin.window(this.frame());
    const words = [`--mu ${this.session.state.mu}`, option("--u", range(x)), option("--v", range(y))];
    return this.session.command("basin", words, ["variant"]);
  }
}

function swatch(color, label, share) {
  const mark = h("span", { class: "swatch", "aria-hidden": "true" });
  mark.style.backgroundColor = color;
  return h("li", {}, mark, `${label} ${share >= 0.005 ? `${Math.round(100 * share)} %` : "< 1 %"}`);
}

function ramp(words) {
  return h("li", {}, h("span", { class: "ramp", "aria-hidden": "true" }), words);
}

function key(name, kind) {
  return h("li", {}, h("span", { class: `stroke ${kind}`, "aria-hidden": "true" }), name);
}

function range({ low, high, n }) {
  return `${low}:${high}:${n}`;
}
