// The clock of a page: which step is shown, and the buttons that move it.

import { button } from "./controls.js";
import { h, put, wantsStillness } from "./dom.js";
import { icon } from "./icons.js";

const MAX_FRAME_MS = 100; // a page in the background does not jump
const STILL_SPEED = 2; // steps a second, for a reader who wants little motion

/** Steps 0 .. length(); the field `field` of the state has the step once the clock stands still. */
export class Clock {
  constructor(session, { field, length, speed }) {
    Object.assign(this, { session, field, length, speed });
    this.time = session.state[field];
    this.isPlaying = false;
    this.buttons = {
      first: button(icon("first"), () => this.go(0), { title: "Back to the start", kind: "tool" }),
      back: button(icon("back"), () => this.go(this.step - 1), { title: "One step back", kind: "tool" }),
      play: button("", () => this.toggle(), { kind: "main play" }),
      next: button(icon("next"), () => this.go(this.step + 1), { title: "One step on", kind: "tool" }),
    };
    this.el = h(
      "span",
      { class: "row" },
      Object.values(this.buttons).map((each) => each.el),
    );
    this.label();
  }

  /** The step that is shown. */
  get step() {
    return Math.floor(this.time);
  }

  update(changed) {
    if (changed.has(this.field)) this.time = this.session.state[this.field];
    this.time = Math.min(this.time, this.length());
  }

  /** Show a step, and stay there. */
  go(step) {
    this.move(step);
    this.pause();
  }

  /** Show a step; the state gets it later, by `pause`. */
  move(time) {
    const before = this.step;
    this.time = Math.max(0, Math.min(this.length(), time));
    if (this.step !== before) this.session.tick();
  }

  toggle() {
    if (this.isPlaying) this.pause();
    else this.play();
  }

  play() {
    if (this.step >= this.length()) this.move(0);
    this.isPlaying = true;
    this.label();
    this.last = performance.now();
    requestAnimationFrame((now) => this.frame(now));
  }

  frame(now) {
    if (!this.isPlaying) return;
    const seconds = Math.min(MAX_FRAME_MS, now - this.last) / 1000;
    this.last = now;
    const speed = wantsStillness() ? Math.min(STILL_SPEED, this.speed()) : this.speed();
    this.move(this.time + seconds * speed);
    if (this.step >= this.length()) this.pause();
    else requestAnimationFrame((next) => this.frame(next));
  }

  pause() {
    this.isPlaying = false;
    this.label();
    this.session.set({ [this.field]: this.step });
  }

  label() {
    const [name, text] = this.isPlaying ? ["pause", " Pause"] : ["play", " Play"];
    put(this.buttons.play.el, icon(name), text);
  }

  close() {
    this.isPlaying = false;
  }
}
