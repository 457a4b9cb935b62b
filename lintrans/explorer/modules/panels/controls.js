// What a reader can set: mu, the start, and the animation.

import { button, numberBox, slider } from "../../../pages/modules/controls.js";
import { h, put, wantsStillness } from "../../../pages/modules/dom.js";
import { icon } from "../../../pages/modules/icons.js";
import { FULL_MU, MAX_STEPS, MU_LIMITS, START_LIMITS } from "../fields.js";

const FRAME_MS = 100; // longest step of the clock: a page in the background does not jump

/** Bar with mu, learning rate, start, and the buttons of the animation. */
export class Controls {
  constructor(session) {
    this.session = session;
    this.playing = false;
    this.parts = [
      this.mu(),
      session.problem.unit === null ? null : this.rate(),
      this.start(),
      this.clock(),
    ].filter(Boolean);
    this.el = h(
      "section",
      { class: "controls", "aria-label": "Controls" },
      this.parts.map((part) => part.el),
    );
  }

  update() {
    this.parts.forEach((part) => part.update());
  }

  tick() {
    this.shown.update();
  }

  mu() {
    const { session } = this;
    return slider({
      label: "μ",
      low: FULL_MU[0] / 3,
      high: 2.2,
      limits: MU_LIMITS,
      get: () => session.state.mu,
      set: (mu, drag) => session.set({ mu }, { drag }),
      commit: () => session.store.commit(),
    });
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

  start() {
    const { session } = this;
    const of = (name) =>
      numberBox(`start ${name}`, {
        get: () => session.state[name],
        set: (value) => session.set({ [name]: value, t: 0 }),
        limits: START_LIMITS,
      });
    const [u, v] = [of("u"), of("v")];
    const update = () => [u, v].forEach((box) => box.update());
    return { el: h("span", { class: "row" }, "start u", u.el, "v", v.el), update };
  }

  clock() {
    const { session } = this;
    const go = (time) => {
      this.pause();
      session.moveTo(time);
      session.set({ t: session.step });
    };
    const buttons = [
      button(icon("first"), () => go(0), { title: "Back to the start", kind: "tool" }),
      button(icon("back"), () => go(session.step - 1), { title: "One step back", kind: "tool" }),
      button(h("span", {}, icon("play"), " Play"), () => this.toggle(), { kind: "main play" }),
      button(icon("next"), () => go(session.step + 1), { title: "One step on", kind: "tool" }),
    ];
    [, , this.play] = buttons;
    this.shown = numberBox("step shown", { get: () => session.step, set: go, limits: [0, MAX_STEPS] });
    const steps = numberBox("number of steps", {
      get: () => session.state.steps,
      set: (x) => session.set({ steps: Math.round(x) }),
      limits: [1, MAX_STEPS],
    });
    const speed = slider({
      label: "speed",
      low: 0.5,
      high: 240,
      log: true,
      get: () => session.state.speed,
      set: (x, drag) => session.set({ speed: Number(x.toPrecision(2)) }, { drag }),
      commit: () => session.store.commit(),
      unit: "steps/s",
    });
    const trail = numberBox("steps of the trail", {
      get: () => session.state.trail,
      set: (x) => session.set({ trail: Math.round(x) }),
      limits: [0, MAX_STEPS],
    });
    const el = h(
      "span",
      { class: "row clock" },
      buttons.map((x) => x.el),
      h("span", { class: "row" }, "step", this.shown.el, "of", steps.el),
      speed.el,
      h("span", { class: "row" }, "trail", trail.el),
    );
    return { el, update: () => [this.shown, steps, speed, trail].forEach((part) => part.update()) };
  }

  toggle() {
    if (this.playing) this.pause();
    else this.begin();
  }

  begin() {
    const { session } = this;
    if (session.step >= session.state.steps) session.moveTo(0);
    this.playing = true;
    put(this.play.el, icon("pause"), " Pause");
    this.frames = [];
    this.last = performance.now();
    requestAnimationFrame((now) => this.frame(now));
  }

  /** One frame. A reader who wants little motion sees whole steps, at most two a second. */
  frame(now) {
    if (!this.playing) return;
    const { session } = this;
    const seconds = Math.min(FRAME_MS, now - this.last) / 1000;
    this.frames.push(now - this.last);
    this.last = now;
    const speed = wantsStillness() ? Math.min(2, session.state.speed) : session.state.speed;
    const before = session.step;
    session.time = Math.min(session.state.steps, session.time + seconds * speed);
    if (session.step !== before) session.moveTo(session.time);
    if (session.step >= session.state.steps) this.pause();
    else requestAnimationFrame((next) => this.frame(next));
  }

  pause() {
    if (!this.playing) return;
    this.playing = false;
    put(this.play.el, icon("play"), " Play");
    this.session.set({ t: this.session.step });
  }
}
