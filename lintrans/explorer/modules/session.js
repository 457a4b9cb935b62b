// What all panels share: the state, the problem, the run that is shown, and who is to be told of a change.

import { say } from "../../pages/modules/dom.js";
import { Pool } from "../../pages/modules/pool.js";
import { Store } from "../../pages/modules/state.js";
import { Theme } from "../../pages/modules/theme.js";
import { fieldsOf } from "./fields.js";
import { linearTicks, Scale, short } from "../../pages/modules/scales.js";
import { commandLine, Problem } from "./problem.js";
import { changesRun, follow, judge, title } from "./run.js";

const TOAST_MS = 4000;

/** Everything that one page is about; a page of a widget has one of its own. */
export class Session {
  constructor(model, data, el) {
    this.problem = new Problem(data);
    const { mu, u, v } = data.start;
    this.store = new Store(fieldsOf({ mu, u, v, hasPrompt: this.problem.prompt !== null }), model);
    this.theme = new Theme(el);
    this.pool = new Pool(model.get("worker"), { onError: (text) => this.announce(text) });
    this.stem = "lintrans";
    this.parts = [];
    this.toast = null;
    this.time = this.state.t;
    this.recompute();
    this.store.on((changed) => this.update(changed));
  }

  get state() {
    return this.store.values;
  }

  set(changes, options) {
    this.store.set(changes, options);
  }

  /** Add a part with `update(changed)`, and if it moves with time `tick()`. */
  add(part) {
    this.parts.push(part);
    return part;
  }

  recompute() {
    this.run = follow(this.state);
    this.verdict = judge(this.state);
  }

  update(changed) {
    const began = performance.now();
    if (changesRun(changed)) this.recompute();
    if (changed.has("t")) this.time = this.state.t;
    this.time = Math.min(this.time, this.state.steps);
    if (changed.has("theme")) this.theme.choose(this.state.theme);
    for (const part of this.parts) part.update(changed);
    this.latency = performance.now() - began;
  }

  /** Show another step of the run; the link gets it once the run stands still. */
  moveTo(time) {
    this.time = Math.max(0, Math.min(this.state.steps, time));
    for (const part of this.parts) if (part.tick) part.tick();
  }

  /** Step of the run that is shown. */
  get step() {
    return Math.floor(this.time);
  }

  /** End what goes on in the background. */
  close() {
    this.pool.close();
    this.theme.close();
  }

  /** Tell the reader something once. */
  announce(text) {
    if (this.toast === null) return;
    say(this.toast, text);
    clearTimeout(this.timer);
    this.timer = setTimeout(() => say(this.toast, ""), TOAST_MS);
  }

  /** The run in words, for files that leave the page. */
  about() {
    const { mu, u, v } = this.state;
    return `Two-factor model, mu = ${mu}, start u = ${u}, v = ${v}: ${title(this.verdict)}.`;
  }

  /** Command line of the present state; see `commandLine`. */
  command(name, words, of) {
    return commandLine(this.state, name, words, of);
  }

  /** Scale of mu over the window of the diagram, with ticks in learning rates if they are wanted. */
  muScale() {
    const scale = new Scale(...this.state.window);
    if (this.state.rates && this.problem.unit !== null) {
      const { unit } = this.problem;
      scale.ticks = (n) => {
        const found = linearTicks(scale.low * unit, scale.high * unit, n);
        return { ...found, values: found.values.map((rate) => rate / unit) };
      };
    }
    return scale;
  }

  muLabel() {
    const inRates = this.state.rates && this.problem.unit !== null;
    return inRates ? "learning rate η" : "effective step size μ";
  }

  /** The mark that belongs to a value of mu, in the unit of the axis. */
  muWords(mu) {
    return this.state.rates && this.problem.unit !== null ? short(mu * this.problem.unit, 5) : short(mu, 7);
  }
}
