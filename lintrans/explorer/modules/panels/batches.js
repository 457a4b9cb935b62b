// Mini-batches: many noisy runs from one start, how many stay inside, and the ellipse of one batch.

import { button } from "../../../pages/modules/controls.js";
import { Frame } from "../../../pages/modules/axes.js";
import { Panel } from "../../../pages/modules/panel.js";
import { Scale, short } from "../../../pages/modules/scales.js";
import { batchEllipse, survival } from "../batches.js";
import { population } from "../population.js";
import { toModes } from "../states.js";

const RUNS = 200;
const DRAWS = 2_000_000; // of a task
const FIELDS = ["mu", "u", "v", "steps", "batch", "spread", "noise", "seed", "schedule"];
const MARGIN = { left: 46, right: 12, top: 10, bottom: 36 };
const LINES = 60; // runs drawn in the panel of the loss

/** 200 noisy runs, computed together; other panels ask for their losses and states. */
export class Noisy {
  constructor(session, onChange) {
    this.session = session;
    this.onChange = onChange;
    this.found = null;
  }

  isOn() {
    return this.session.state.batch > 0;
  }

  update(changed) {
    if (FIELDS.some((name) => changed.has(name))) this.request();
  }

  prompts() {
    const { spread, noise } = this.session.state;
    return population({ spread, noise, normals: this.session.problem.data.normals });
  }

  request() {
    const { pool, state } = this.session;
    if (!this.isOn()) {
      pool.cancel("batches");
      this.found = null;
      this.onChange();
      return;
    }
    const { mu, steps } = state;
    const [a, b] = toModes(mu, state.u, state.v);
    const schedule = state.schedule && Float64Array.from(state.schedule);
    const common = { population: this.prompts(), batchSize: state.batch, seed: state.seed, schedule };
    const args = { ...common, sampling: "with-replacement", mu, a, b, nSteps: steps, keepPaths: true };
    const n = Math.max(1, Math.min(RUNS, Math.floor(DRAWS / (state.batch * steps))));
    const firsts = Array.from({ length: Math.ceil(RUNS / n) }, (_, i) => i * n);
    const tasks = firsts.map((first) => {
      const part = { first, n: Math.min(n, RUNS - first), keepBatches: first === 0 };
      return { kind: "walk", rank: 4, args: { ...args, ...part } };
    });
    const parts = [];
    const onPart = (part, i) => {
      parts[i] = part;
    };
    pool.ask("batches", tasks, onPart, () => {
      this.found = joined(parts, mu, steps);
      this.onChange();
    });
  }

  /** Losses of some of the runs, as faint lines. */
  losses() {
    if (this.found === null) return [];
    const { mu, runs } = this.found;
    return runs.slice(0, LINES).map(({ a, b }) => {
      const values = a.map((_, k) => {
        const error = (a[k] * a[k] - (b[k] * b[k] + mu)) / mu;
        return (error * error) / 2;
      });
      return { values, color: "pink", width: 0.8, alpha: 0.35, faint: true };
    });
  }

  /** States (u, v) of all runs at a step, and the ellipse of the batch that the first run takes next. */
  at(step) {
    const { mu, steps, runs } = this.found;
    const k = Math.min(step, steps);
    const root = Math.sqrt(mu);
    const us = runs.map(({ a, b }) => (a[k] + b[k]) / root);
    const vs = runs.map(({ a, b }) => (a[k] - b[k]) / root);
    return { us, vs, conic: this.conic(k) };
  }

  conic(step) {
    const { mu, batches } = this.found;
    const { curvature, target } = batches;
    if (step >= curvature.length) return null;
    const axes = batchEllipse(mu, curvature[step], target[step]);
    if (axes === null) return null;
    const [along, across] = axes.map((x) => mu / (4 * x * x));
    return { p: along + across, q: along - across };
  }
}

/** What the tasks found, run by run: modes {a, b} of every step, first steps of both events, the first batches. */
function joined(parts, mu, steps) {
  const runs = parts.flatMap(({ left, paths }) =>
    Array.from(left, (_, i) => {
      const place = [i * (steps + 1), (i + 1) * (steps + 1)];
      return { a: paths.a.subarray(...place), b: paths.b.subarray(...place) };
    }),
  );
  const all = (name) => Int32Array.from(parts.flatMap((part) => Array.from(part[name])));
  return { mu, steps, runs, left: all("left"), diverged: all("diverged"), batches: parts[0].batches };
}

/** The share of runs that have neither left the full-batch ellipse, or diverged, over steps. */
export class Survival {
  constructor(session, noisy) {
    this.session = session;
    this.noisy = noisy;
    this.start = button("Try it", () => session.set({ batch: 16, decay: 0, momentum: 0 }), {
      disabled: () => session.state.batch > 0,
    });
    this.panel = new Panel(
      {
        name: "survival",
        tools: [this.start],
        title: "Mini-batches: runs still inside",
        help:
          "200 runs from this start, each with batches of its own, drawn from 200 prompts on one mode. Full-batch " +
          "training never leaves the ellipse; batches can push it out. The plane shows all 200.",
        draw: (pen, width, height) => this.draw(pen, width, height),
        drawMoving: (pen, width, height) => this.drawMoving(pen, width, height),
        describe: () => this.describe(),
        table: () => this.table(),
        command: () => this.command(),
      },
      session,
    );
    this.el = this.panel.el;
  }

  update() {
    const { batch } = this.session.state;
    this.panel.remark(batch > 0 ? `${RUNS} runs, batches of ${batch}` : "none: set a batch size");
    this.panel.invalidate();
  }

  tick() {
    this.panel.move();
  }

  refresh() {
    this.curves =
      this.noisy.found &&
      Object.fromEntries(
        ["left", "diverged"].map((name) => [
          name,
          survival({ steps: this.noisy.found[name], nSteps: this.noisy.found.steps }),
        ]),
      );
    this.panel.describe();
    this.update();
  }

  frame(width, height) {
    return new Frame(width, height, {
      x: { scale: new Scale(0, Math.max(1, this.session.state.steps)), label: "gradient descent step" },
      y: { scale: new Scale(0, 1.02), label: "share of runs" },
      margin: MARGIN,
    });
  }

  draw(pen, width, height) {
    const { theme } = this.session;
    const frame = this.frame(width, height);
    frame.drawGrid(pen, theme);
    if (this.curves) {
      frame.clipped(pen, () => {
        this.drawCurve(pen, frame, this.curves.diverged, {
          color: theme.color("ink"),
          dash: [5, 3],
          width: 1.4,
        });
        this.drawCurve(pen, frame, this.curves.left, { color: theme.color("pink"), width: 1.8 });
      });
      this.drawKey(pen, frame, theme);
    }
    frame.drawAxes(pen, theme);
  }

  drawMoving(pen, width, height) {
    const { theme, step } = this.session;
    if (this.curves)
      this.frame(width, height).vertical(pen, step, { color: theme.color("accent"), dash: [3, 2] });
  }

  drawCurve(pen, frame, { share, low, high }, look) {
    const n = share.length;
    const steps = Float64Array.from({ length: n }, (_, i) => i);
    const round = Float64Array.from({ length: 2 * n }, (_, i) => (i < n ? i : 2 * n - 1 - i));
    const edges = Float64Array.from({ length: 2 * n }, (_, i) => (i < n ? low[i] : high[2 * n - 1 - i]));
    frame.line(pen, round, edges, { fill: look.color, alpha: 0.18 });
    frame.line(pen, steps, share, look);
  }

  drawKey(pen, frame, theme) {
    const look = { color: theme.color("ink"), halo: theme.color("card"), baseline: "middle" };
    const rows = [
      ["inside the ellipse of the full batch", "pink", []],
      ["not diverged", "ink", [5, 3]],
    ];
    rows.forEach(([text, color, dash], i) => {
      const y = frame.top + frame.height - 28 + 15 * i;
      pen.line([frame.left + 8, frame.left + 28], [y, y], { color: theme.color(color), dash, width: 1.8 });
      pen.text(text, frame.left + 34, y, look);
    });
  }

  describe() {
    if (!this.curves) return "Mini-batch runs: none; set a batch size among the variants.";
    const { left, diverged } = this.curves;
    return (
      `Of ${RUNS} mini-batch runs a share of ${short(left.share.at(-1))} never left the full-batch ellipse, ` +
      `${short(diverged.share.at(-1))} did not diverge.`
    );
  }

  /** In Python: the command line has no prompts that are drawn at random. */
  command() {
    const { mu, u, v, spread, noise, batch, steps, seed, schedule } = this.session.state;
    const how = [`${batch}`, `n_steps=${steps}`, `seed=${seed}`, schedule && `schedule=[${schedule}]`].filter(
      Boolean,
    );
    const lines = [
      "from lintrans.minibatch import *",
      `prompts = Population.sampled(${RUNS}, spread=${spread}, noise=${noise}, seed=0)`,
      `print(escape_times(prompts, ${mu}, ${u}, ${v}, batches=Batches(${how.join(", ")}), n_trajectories=${RUNS}).summary())`,
    ];
    return `python -c "${lines.join("; ")}"`;
  }

  table() {
    const { left, diverged } = this.curves;
    const step = Float64Array.from(left.share, (_, i) => i);
    return {
      step,
      inside: left.share,
      inside_low: left.low,
      inside_high: left.high,
      bounded: diverged.share,
      bounded_low: diverged.low,
      bounded_high: diverged.high,
    };
  }
}
