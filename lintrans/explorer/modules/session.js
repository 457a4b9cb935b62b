// The session of the explorer: the problem, the run that is shown, and how it ends.

import { Clock } from "../../pages/modules/clock.js";
import { linearTicks, Scale } from "../../pages/modules/scales.js";
import { Session } from "../../pages/modules/session.js";
import { commandLine } from "./commands.js";
import { fieldsOf, normalize } from "./fields.js";
import { Problem } from "./problem.js";
import { changesRun, follow, isPlain, judge } from "./run.js";
import { title } from "./words.js";

/** A session with `problem`, `run`, `verdict` and a clock of training steps. */
export class Explorer extends Session {
  constructor({ model, el }) {
    super({ model, el, name: "explorer", fieldsOf, normalize });
    this.problem = new Problem(this.data);
    this.run = follow(this.state);
    this.verdict = judge(this.state);
    const clock = new Clock(this, {
      field: "t",
      length: () => this.state.steps,
      speed: () => this.state.speed,
    });
    this.clock = this.add("clock", clock);
  }

  /** The run and the verdict follow the state. */
  derive(changed) {
    if (!changesRun(changed)) return;
    this.run = follow(this.state);
    this.verdict = judge(this.state);
  }

  /** Step of the run that is shown. */
  get step() {
    return Math.min(this.clock.step, this.state.steps);
  }

  /** Train from another start, from its first step on. */
  startAt(place, options) {
    this.set({ ...place, t: 0 }, options);
    this.clock.move(0);
  }

  /** Go to a stop of the tour: the page shows that, and nothing left from before but the theme. */
  visit(state) {
    const { base, fields } = this.store;
    const names = Object.keys(fields).filter((name) => name !== "theme" && name !== "rates");
    const fresh = Object.fromEntries(names.map((name) => [name, base[name]]));
    this.set({ ...fresh, from: "probe", ...state });
    this.clock.move(state.t || 0);
  }

  /** Landmarks to mark on an axis of mu: they are those of plain gradient descent. */
  get marks() {
    return isPlain(this.state) ? this.problem.marks : [];
  }

  /** Where the orbits of the panels over mu start: one start, or null, the probe start of each mu. */
  starts() {
    const { from, u, v } = this.state;
    return from === "start" ? { u, v } : null;
  }

  /** Whether a change moves those starts. */
  movesStarts(changed) {
    return changed.has("from") || (this.state.from === "start" && (changed.has("u") || changed.has("v")));
  }

  /** The run in words, for files that leave the page. */
  about() {
    const { mu, u, v } = this.state;
    const run = `mu = ${mu}, start u = ${u}, v = ${v}: ${title(this.verdict)}`;
    return `lintrans ${this.data.version}, two-factor model, ${run}.`;
  }

  /** Command line of the present state; see `commandLine`. */
  commandLine(name, words, of) {
    return commandLine(this.state, name, words, of);
  }

  /** Axis of mu over the window of the diagram, in learning rates if they are wanted. */
  muAxis() {
    const scale = new Scale(...this.state.window);
    const { unit } = this.problem;
    if (unit === null || !this.state.rates) return { scale, label: "effective step size μ" };
    scale.ticks = (n) => {
      const found = linearTicks(scale.low * unit, scale.high * unit, n);
      return { ...found, values: found.values.map((rate) => rate / unit) };
    };
    return { scale, label: "learning rate η" };
  }
}
