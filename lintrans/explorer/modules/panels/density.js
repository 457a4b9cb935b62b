// The invariant density of the error r, measured on many orbits, against its closed form.

import { tick } from "../../../pages/modules/controls.js";
import { Frame } from "../../../pages/modules/axes.js";
import { Panel } from "../../../pages/modules/panel.js";
import { Scale, short } from "../../../pages/modules/scales.js";
import { residualDensity } from "../map.js";

const BINS = 100;
const ORBITS = 40_000;
const STEPS = { slice: 1000, ellipse: 8 }; // as the command `lintrans density` has them
const PARTS = 16;
const MARGIN = { left: 46, right: 12, top: 10, bottom: 36 };
const CURVE = 400;

/** Histogram of r = mu (uv - 1) between -2 and 2. */
export class Density {
  constructor(session) {
    this.session = session;
    this.counts = null;
    this.choice = tick("on the ellipse", {
      get: () => session.state.ellipse,
      set: (ellipse) => session.set({ ellipse }),
    });
    this.panel = new Panel(
      {
        name: "density",
        title: "Invariant density",
        help:
          "How often the error r takes each value in the long run, over 40,000 runs. One peak: it converges. On the " +
          "ellipse, and at μ = 2, the density is known exactly.",
        tools: [this.choice],
        draw: (pen, width, height) => this.draw(pen, width, height),
        describe: () => this.describe(),
        table: () => this.table(),
        command: () => this.command(),
        onResize: () => this.counts === null && this.request(),
      },
      session,
    );
    this.el = this.panel.el;
  }

  update(changed) {
    if (changed.has("mu") || changed.has("ellipse")) this.request();
    this.choice.update();
  }

  /** Whether there is a density to measure: almost no orbit is bounded above mu = 2. */
  exists() {
    const { mu, ellipse } = this.session.state;
    return ellipse ? mu < 2 : mu <= 2;
  }

  request() {
    const { pool, state } = this.session;
    this.counts = null;
    if (!this.exists()) {
      pool.cancel("density");
      this.refresh("above μ = 2 almost every start diverges");
      return;
    }
    const { mu, ellipse } = state;
    const args = {
      mu,
      onEllipse: ellipse,
      nOrbits: ORBITS / PARTS,
      nBins: BINS,
      nSteps: ellipse ? STEPS.ellipse : STEPS.slice,
    };
    const tasks = Array.from({ length: PARTS }, (_, seed) => ({
      kind: "densityCounts",
      rank: 5,
      args: { ...args, seed },
    }));
    const sum = new Float64Array(BINS);
    pool.ask(
      "density",
      tasks,
      ({ counts }) => {
        counts.forEach((n, i) => {
          sum[i] += n;
        });
      },
      () => {
        this.counts = sum;
        this.refresh(this.isKnown() ? "dashed: closed form 1 / (π √(4 − r²))" : "");
      },
    );
  }

  refresh(remark) {
    this.panel.remark(remark);
    this.panel.describe();
    this.panel.invalidate();
  }

  isKnown() {
    return this.session.state.ellipse || this.session.state.mu === 2;
  }

  /** Density in every bin; its integral is 1. */
  values() {
    const n = this.counts.reduce((sum, x) => sum + x, 0);
    return this.counts.map((count) => (count * BINS) / (4 * n));
  }

  draw(pen, width, height) {
    const { theme } = this.session;
    const values = this.counts === null ? new Float64Array(BINS) : this.values();
    const top = Math.min(4, Math.max(0.8, 1.1 * quantile(values, 0.97)));
    const frame = new Frame(width, height, {
      x: { scale: new Scale(-2, 2), label: "error r = μ (uv − 1)" },
      y: { scale: new Scale(0, top), label: "density" },
      margin: MARGIN,
    });
    frame.drawGrid(pen, theme);
    frame.clipped(pen, () => {
      const base = frame.y.pixel(0);
      values.forEach((value, i) => {
        const x0 = frame.x.pixel(-2 + (4 * i) / BINS);
        const x1 = frame.x.pixel(-2 + (4 * (i + 1)) / BINS);
        const y = frame.y.pixel(Math.min(value, 2 * top));
        pen.rectangle(x0, y, x1 - x0, base - y, { color: theme.color("blue"), alpha: 0.75 });
      });
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

  describe() {
    if (this.counts === null) return "Invariant density: none at this μ, or not yet computed.";
    const values = this.values();
    const occupied = values.filter((x) => x > 0).length;
    return (
      `Histogram of the error r of ${ORBITS} orbits after many steps: ${occupied} of ${BINS} bins are visited, ` +
      `the largest density is ${short(Math.max(...values))}.`
    );
  }

  command() {
    const { mu, ellipse } = this.session.state;
    const words = [`--mu ${mu}`, `--n-orbits ${ORBITS}`, ...(ellipse ? ["--on-ellipse"] : [])];
    return this.session.command("density", words);
  }

  table() {
    const residual = Float64Array.from({ length: BINS }, (_, i) => -2 + (4 * (i + 0.5)) / BINS);
    const columns = { residual, density: this.values() };
    return this.isKnown() ? { ...columns, closed_form: residual.map(residualDensity) } : columns;
  }
}

function quantile(values, part) {
  const sorted = Array.from(values).sort((x, y) => x - y);
  return sorted[Math.floor(part * (sorted.length - 1))];
}
