// Mini-batch training: many noisy runs from one start, for the panels that show them.

import { batchEllipse } from "../kernels/batches.js";
import { factorU, factorV, loss, residual } from "../kernels/map.js";
import { population } from "../kernels/population.js";
import { toModes } from "../kernels/states.js";

export const RUNS = 200;
const DRAWS = 2_000_000; // of a task
const LINES = 60; // runs drawn in the panel of the loss
const FIELDS = ["mu", "u", "v", "steps", "batch", "spread", "noise", "seed", "schedule"];

/** Noisy runs, computed together; a part. */
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

  request() {
    const { pool } = this.session;
    if (this.isOn()) this.ask();
    else if (this.found !== null) {
      pool.cancel("batches");
      this.found = null;
      this.onChange();
    }
  }

  ask() {
    const { pool, state } = this.session;
    const { mu, steps } = state;
    const args = this.arguments();
    const n = Math.max(1, Math.min(RUNS, Math.floor(DRAWS / (state.batch * steps))));
    const firsts = Array.from({ length: Math.ceil(RUNS / n) }, (_, i) => i * n);
    const tasks = firsts.map((first) => {
      const part = { first, n: Math.min(n, RUNS - first), keepBatches: first === 0 };
      return { kind: "walk", rank: 6, args: { ...args, ...part } };
    });
    const parts = [];
    const onPart = (part, i) => {
      parts[i] = part;
    };
    const onEnd = () => {
      this.found = joined(parts, mu, steps);
      this.onChange();
    };
    pool.ask("batches", tasks, { onPart, onEnd });
  }

  arguments() {
    const { state, data } = this.session;
    const { mu, spread, noise, seed } = state;
    const [a, b] = toModes(mu, state.u, state.v);
    const prompts = population({ spread, noise, normals: data.normals });
    const schedule = state.schedule && Float64Array.from(state.schedule);
    const batches = {
      population: prompts,
      batchSize: state.batch,
      sampling: "with-replacement",
      seed,
      schedule,
    };
    return { ...batches, mu, a, b, nSteps: state.steps, keepPaths: true };
  }

  /** Losses of some of the runs, as faint lines. */
  losses() {
    if (this.found === null) return [];
    const { mu, runs } = this.found;
    return runs.slice(0, LINES).map(({ a, b }) => {
      const values = a.map((x, k) => loss(mu, residual(mu, x, b[k])));
      return { values, color: "pink", width: 0.8, alpha: 0.35, faint: true };
    });
  }

  /** States (u, v) of all runs at a step, and the ellipse of the batch that the first run takes next. */
  at(step) {
    const { mu, steps, runs } = this.found;
    const k = Math.min(step, steps);
    const us = runs.map(({ a, b }) => factorU(mu, a[k], b[k]));
    const vs = runs.map(({ a, b }) => factorV(mu, a[k], b[k]));
    return { us, vs, axes: this.axes(k) };
  }

  /** Half axes in the modes of the ellipse of a batch alone; null if it has none. */
  axes(step) {
    const { mu, batches } = this.found;
    return step < batches.curvature.length
      ? batchEllipse(mu, batches.curvature[step], batches.target[step])
      : null;
  }
}

/** What the tasks found, run by run: modes {a, b} at every step, first steps of both events, the first batches. */
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
