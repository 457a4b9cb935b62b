// The invariant density of the error r, measured on many orbits, against its closed form.

import { Frame } from "../../../pages/modules/axes.js";
import { fieldTick } from "../../../pages/modules/controls.js";
import { Panel } from "../../../pages/modules/panel.js";
import { Scale, short } from "../../../pages/modules/scales.js";
import { residualDensity } from "../kernels/map.js";
import { isPlain } from "../run.js";

const BINS = 100;
const ORBITS = 40_000;
const STEPS = { slice: 1000, ellipse: 8 }; // as the command `lintrans density` has them
const PARTS = 16; // tasks
const MARGIN = { left: 46, right: 12, top: 10, bottom: 36 };
const CURVE = 400;
const RESIDUALS = Float64Array.from({ length: BINS }, (_, i) => -2 + (4 * (i + 0.5)) / BINS);

/** Histogram of r = mu (uv - 1) between -2 and 2. */
export class Density extends Panel {
  constructor(session) {
    super(session, {
      name: "density",
      title: "Invariant density",
      help:
        "How often the error r takes each value in the long run, over 40,000 runs. One peak: it converges. On the " +
        "ellipse, and at μ = 2, the density is known exactly.",
    });
    this.values = null; // density in every bin; its integral is 1
    this.addTools(fieldTick(session, "ellipse", "on the ellipse"));
  }

  update(changed) {
    if (changed.has("mu") || changed.has("ellipse")) this.request();
    super.update(changed);
    this.remark(this.words());
  }

  words() {
    if (!isPlain(this.session.state)) return "of plain gradient descent, without the variant";
    if (!this.exists()) return "above μ = 2 almost every start diverges";
    if (this.isKnown()) return "dashed: closed form 1 / (π √(4 − r²))";
    return this.visited() === 1 ? "all runs end at one value" : "";
  }

  /** Whether there is a density to measure: almost no orbit is bounded above mu = 2. */
  exists() {
    const { mu, ellipse } = this.session.state;
    return ellipse ? mu < 2 : mu <= 2;
  }

  isKnown() {
    return this.exists() && (this.session.state.ellipse || this.session.state.mu === 2);
  }

  request() {
    const { pool, state } = this.session;
    this.values = null;
    if (!this.exists()) {
      pool.cancel("density");
      return;
    }
    const nSteps = state.ellipse ? STEPS.ellipse : STEPS.slice;
    const args = { mu: state.mu, onEllipse: state.ellipse, nOrbits: ORBITS / PARTS, nBins: BINS, nSteps };
    const tasks = Array.from({ length: PARTS }, (_, seed) => ({
      kind: "densityCounts",
      rank: 5,
      args: { ...args, seed },
    }));
    const parts = [];
    const onPart = ({ counts }) => parts.push(counts);
    pool.ask("density", tasks, { onPart, onEnd: () => this.take(parts) });
  }

  take(parts) {
    const sum = parts.reduce((total, counts) => total.map((x, i) => x + counts[i]));
    const n = sum.reduce((total, x) => total + x, 0);
    this.values = sum.map((count) => (count * BINS) / (4 * n));
    this.describeAll();
    this.remark(this.words());
    this.invalidate();
  }

  /** Number of bins that runs visit. */
  visited() {
    return this.values === null ? 0 : this.values.filter((x) => x > 0).length;
  }

  frame(width = this.width, height = this.height) {
    const top = this.values === null ? 0.8 : Math.min(4, Math.max(0.8, 1.1 * quantile(this.values, 0.97)));
    return new Frame(width, height, {
      x: { scale: new Scale(-2, 2), label: "error r = μ (uv − 1)" },
      y: { scale: new Scale(0, top), label: "density" },
      margin: MARGIN,
    });
  }

  draw(pen, width, height) {
    const { theme } = this.session;
    const frame = this.frame(width, height);
    frame.drawGrid(pen, theme);
    frame.clipped(pen, () => {
      if (this.values !== null) this.drawBins(pen, frame);
      if (this.isKnown()) {
        const xs = Float64Array.from({ length: CURVE }, (_, i) => -2 + (4 * (i + 0.5)) / CURVE);
        frame.line(pen, xs, xs.map(residualDensity), {
          color: theme.color("orange"),
          width: 2,
          dash: [6, 3],
        });
      }
    });
    frame.drawAxes(pen, theme);
  }

  drawBins(pen, frame) {
    const base = frame.y.pixel(0);
    const look = { color: this.session.theme.color("blue"), alpha: 0.75 };
    this.values.forEach((value, i) => {
      const x0 = frame.x.pixel(-2 + (4 * i) / BINS);
      const x1 = frame.x.pixel(-2 + (4 * (i + 1)) / BINS);
      const y = frame.y.pixel(Math.min(value, 2 * frame.y.high));
      pen.rectangle(x0, y, x1 - x0, base - y, look);
    });
  }

  describe() {
    if (this.values === null) return "Invariant density: none at this μ, or not yet computed.";
    const largest = short(Math.max(...this.values));
    return `Histogram of the error r of ${ORBITS} runs: ${this.visited()} of ${BINS} bins are visited, largest density ${largest}.`;
  }

  command() {
    const { mu, ellipse } = this.session.state;
    const words = [`--mu ${mu}`, `--n-orbits ${ORBITS}`, ...(ellipse ? ["--on-ellipse"] : [])];
    return this.session.commandLine("density", words);
  }

  table() {
    if (this.values === null) return null;
    const columns = { residual: RESIDUALS, density: this.values };
    return this.isKnown() ? { ...columns, closed_form: RESIDUALS.map(residualDensity) } : columns;
  }
}

function quantile(values, part) {
  const sorted = Array.from(values).sort((x, y) => x - y);
  return sorted[Math.floor(part * (sorted.length - 1))];
}
