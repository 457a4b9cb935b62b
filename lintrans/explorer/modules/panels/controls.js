// What a reader can set: mu, the learning rate, the start, and the animation.

import { fieldNumber, fieldSlider, numberBox } from "../../../pages/modules/controls.js";
import { h } from "../../../pages/modules/dom.js";
import { MU_LIMITS, START_LIMITS } from "../fields.js";

const MU_RANGE = { low: 0.2, high: 2.2 };

/** Bar with all of them. A part. */
export class Controls {
  constructor(session) {
    this.session = session;
    const { clock } = session;
    const mu = fieldSlider(session, "mu", { label: "μ", ...MU_RANGE });
    const rate = session.problem.unit === null ? null : this.rate();
    const [u, v] = ["u", "v"].map((name) => this.start(name));
    const limits = [0, session.store.fields.t.high];
    this.shown = numberBox("step shown", {
      get: () => session.step,
      set: (x) => clock.go(Math.round(x)),
      limits,
    });
    const steps = fieldNumber(session, "steps", "number of steps");
    const speed = fieldSlider(session, "speed", {
      label: "steps/s",
      low: 0.5,
      high: 240,
      log: true,
    });
    const trail = fieldNumber(session, "trail", "steps of the trail");
    this.parts = [mu, rate, u, v, this.shown, steps, speed, trail].filter(Boolean);
    const row = (...items) => h("span", { class: "row" }, ...items);
    const time = [clock.el, row("step", this.shown.el, "of", steps.el), speed.el, row("trail", trail.el)];
    const place = row("start u", u.el, "v", v.el);
    const label = { class: "controls", "aria-label": "Controls" };
    this.el = h("section", label, mu.el, rate && rate.el, place, h("span", { class: "row clock" }, time));
  }

  update() {
    this.parts.forEach((part) => part.update());
  }

  tick() {
    this.shown.update();
  }

  rate() {
    const { session } = this;
    const { unit } = session.problem;
    const box = numberBox("learning rate η", {
      get: () => Number((session.state.mu * unit).toPrecision(6)),
      set: (rate) => session.set({ mu: rate / unit }),
      limits: MU_LIMITS.map((mu) => mu * unit),
    });
    return { el: h("label", { class: "row" }, "η", box.el), update: box.update };
  }

  start(name) {
    const { session } = this;
    const set = (value) => session.startAt({ [name]: value });
    return numberBox(`start ${name}`, { get: () => session.state[name], set, limits: START_LIMITS });
  }
}
