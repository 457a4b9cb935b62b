// Both Lyapunov exponents over the window of mu, under the orbit diagram.

import { Frame, rangeOf } from "../../../pages/modules/axes.js";
import { Panel } from "../../../pages/modules/panel.js";
import { Scale, short } from "../../../pages/modules/scales.js";
import { linspace, option } from "../problem.js";
import { isPlain } from "../run.js";
import { MU_MARGIN } from "./diagram.js";
import { drawCursor, drawLandmarks } from "./landmarks.js";

const COUNTS = { nTransient: 4096, nSteps: 12288 }; // as the command `lintrans lyapunov` has them
const MAX_COLUMNS = 800;
const BAND = 40;
const FLOOR = -3; // below, only an arrow would be of use
const NAMES = ["along", "alongError", "transverse", "transverseError"];

/** Exponents over mu, from the same starts as the diagram above. */
export class Exponents {
  constructor(session) {
    this.session = session;
    this.found = null;
    this.panel = new Panel(
      {
        name: "exponents",
        title: "Lyapunov exponents",
        help:
          "How fast a small difference between two runs grows, per step. Above 0 training is chaotic. Transverse is " +
          "the growth of the imbalance u − v: below 0, runs become balanced.",
        draw: (pen, width, height) => this.draw(pen, width, height),
        describe: () => this.describe(),
        table: () => this.table(),
        command: () => this.command(),
        onResize: () => this.request(),
      },
      session,
    );
    this.el = this.panel.el;
  }

  update(changed) {
    const { from } = this.session.state;
    const restarted = from === "start" && (changed.has("u") || changed.has("v"));
    const moved = ["window", "from", "decay", "momentum", "schedule"].some((name) => changed.has(name));
    if (restarted || moved) this.request();
    this.panel.describe();
    this.panel.invalidate();
  }

  starts() {
    const { from, u, v } = this.session.state;
    return from === "start" ? { u, v } : null;
  }

  request() {
    const { session } = this;
    if (!(this.panel.width > 0)) return;
    this.panel.remark(
      isPlain(session.state) ? "nats per step" : "of plain gradient descent, without the variant",
    );
    const n = Math.min(MAX_COLUMNS, Math.round(this.frame().width));
    const mus = linspace(...session.state.window, n);
    const firsts = Array.from({ length: Math.ceil(n / BAND) }, (_, i) => i * BAND);
    const args = { ...COUNTS, starts: this.starts(), transverse: true };
    const tasks = firsts.map((first) => ({
      kind: "lyapunov",
      rank: 3,
      args: { ...args, mus: mus.slice(first, first + BAND) },
    }));
    const next = { mus, ...Object.fromEntries(NAMES.map((name) => [name, new Float64Array(n).fill(NaN)])) };
    const began = performance.now();
    session.pool.ask(
      "exponents",
      tasks,
      (part, i) => {
        for (const name of NAMES) next[name].set(part[name], firsts[i]);
      },
      () => {
        this.found = next;
        this.latency = performance.now() - began;
        this.panel.describe();
        this.panel.invalidate();
      },
    );
  }

  frame(width = this.panel.width, height = this.panel.height) {
    const { session, found } = this;
    const [, high] = found ? rangeOf([...found.along, ...found.transverse]) : [FLOOR, 1.2];
    const y = { scale: new Scale(FLOOR, Math.max(0.5, high)), label: "exponent" };
    const margin = { ...MU_MARGIN, top: 8, bottom: 38 };
    return new Frame(width, height, { x: { scale: session.muScale(), label: session.muLabel() }, y, margin });
  }

  draw(pen, width, height) {
    const { session, found } = this;
    const frame = this.frame(width, height);
    const { theme } = session;
    frame.drawGrid(pen, theme);
    frame.clipped(pen, () => {
      frame.horizontal(pen, 0, { color: theme.color("ink"), width: 1 });
      drawLandmarks(pen, frame, session);
      if (found === null) return;
      frame.line(pen, found.mus, found.transverse, {
        color: theme.color("orange"),
        width: 1.2,
        dash: [5, 2],
      });
      frame.line(pen, found.mus, found.along, { color: theme.color("blue"), width: 1.3 });
    });
    frame.drawAxes(pen, theme);
    this.drawKey(pen, frame);
    drawCursor(pen, frame, session);
  }

  drawKey(pen, frame) {
    const { theme } = this.session;
    const y = frame.top + frame.height - 10;
    const entries = [
      ["along the loss", "blue", [], 8],
      ["transverse", "orange", [5, 2], 118],
    ];
    for (const [text, color, dash, x] of entries) {
      pen.line([frame.left + x, frame.left + x + 20], [y, y], {
        color: theme.color(color),
        width: 1.6,
        dash,
      });
      const look = { color: theme.color("ink"), baseline: "middle", halo: theme.color("card") };
      pen.text(text, frame.left + x + 25, y, look);
    }
  }

  describe() {
    if (this.found === null) return "Lyapunov exponents over μ: being computed.";
    const positive = this.found.along.filter((x) => x > 0).length;
    const share = Math.round((100 * positive) / this.found.mus.length);
    const [low, high] = this.session.state.window;
    return `Lyapunov exponents for μ from ${short(low)} to ${short(high)}: positive along the loss at ${share} %.`;
  }

  command() {
    const { state } = this.session;
    const [low, high] = state.window;
    const words = [option("--mu", `${low}:${high}:${this.found ? this.found.mus.length : MAX_COLUMNS}`)];
    return this.session.command("lyapunov", words, [state.from === "start" && "start"]);
  }

  table() {
    const { mus, along, alongError, transverse, transverseError } = this.found;
    return { mu: mus, along, along_error: alongError, transverse, transverse_error: transverseError };
  }
}
