// A schedule of step sizes, drawn by hand: factors on mu, step by step.

import { Frame } from "../../../pages/modules/axes.js";
import { choice } from "../../../pages/modules/controls.js";
import { Panel } from "../../../pages/modules/panel.js";
import { listenToPointer } from "../../../pages/modules/pointer.js";
import { Scale } from "../../../pages/modules/scales.js";
import { within } from "../../../pages/modules/windows.js";
import { orbitLine } from "../commands.js";
import { SCHEDULE_STEPS, SCHEDULE_TOP } from "../fields.js";

const MARGIN = { left: 46, right: 12, top: 10, bottom: 36 };
const KEY_STEP = 0.05;
const SHAPES = {
  constant: null,
  "warm-up": (i) => Math.min(1, (i + 1) / 40),
  decay: (i) => Math.max(0.05, 1 - i / SCHEDULE_STEPS),
  cosine: (i) => 0.05 + 0.475 * (1 + Math.cos((Math.PI * i) / SCHEDULE_STEPS)),
  cycles: (i) => 0.6 + 0.4 * Math.sin((2 * Math.PI * i) / 25),
};

/** The schedule, which the pointer draws; arrow keys move the factor at the step shown. */
export class Schedule extends Panel {
  constructor(session) {
    super(session, {
      name: "schedule",
      title: "Schedule of step sizes",
      role: "application",
      help:
        "Draw a factor on μ for every step: a warm-up, a decay, anything. Without weight decay and momentum, and " +
        "while it stays at most 1, a run that starts inside the ellipse never leaves it.",
    });
    this.last = null;
    const shapes = [["", "shape …"], ...Object.keys(SHAPES).map((name) => [name, name])];
    const take = (name) => name && this.take(SHAPES[name]);
    this.addTools(choice("Shape of the schedule", shapes, { get: () => "", set: take, hidden: true }));
    this.listen();
  }

  update(changed) {
    super.update(changed);
    this.remark(this.session.state.schedule === null ? "draw with the pointer" : "the last factor is kept");
  }

  values() {
    const { schedule } = this.session.state;
    if (schedule === null) return new Array(SCHEDULE_STEPS).fill(1);
    return Array.from({ length: SCHEDULE_STEPS }, (_, i) => schedule[Math.min(i, schedule.length - 1)]);
  }

  take(shape) {
    const values = shape && Array.from({ length: SCHEDULE_STEPS }, (_, i) => Number(shape(i).toFixed(3)));
    this.session.set({ schedule: values });
  }

  frame(width = this.width, height = this.height) {
    return new Frame(width, height, {
      x: { scale: new Scale(0, SCHEDULE_STEPS), label: "gradient descent step" },
      y: { scale: new Scale(0, SCHEDULE_TOP), label: "factor on μ" },
      margin: MARGIN,
    });
  }

  draw(pen, width, height) {
    const { theme } = this.session;
    const frame = this.frame(width, height);
    const values = this.values();
    const xs = values.flatMap((_, i) => [i, i + 1]);
    const ys = values.flatMap((factor) => [factor, factor]);
    frame.drawGrid(pen, theme);
    frame.clipped(pen, () => frame.line(pen, xs, ys, { color: theme.color("blue"), width: 1.8 }));
    frame.drawAxes(pen, theme);
  }

  drawMoving(pen, width, height) {
    const { theme, step } = this.session;
    const look = { color: theme.color("accent"), dash: [3, 2] };
    if (step <= SCHEDULE_STEPS) this.frame(width, height).vertical(pen, step, look);
  }

  listen() {
    const at = (p) => {
      const frame = this.frame();
      const i = within(Math.floor(frame.x.value(p.x)), [0, SCHEDULE_STEPS - 1]);
      return { i, factor: within(frame.y.value(p.y), [0, SCHEDULE_TOP]) };
    };
    listenToPointer(this.canvas, {
      press: (p) => this.stroke(at(p), null),
      drag: (p) => this.stroke(at(p), this.last),
      release: () => {
        this.last = null;
        this.session.store.commit();
      },
    });
  }

  /** Set the factors between the last place and this one. */
  stroke(place, from) {
    const values = this.values();
    const other = from || place;
    const [first, last] = [Math.min(place.i, other.i), Math.max(place.i, other.i)];
    for (let i = first; i <= last; i += 1) {
      const part = place.i === other.i ? 1 : (i - other.i) / (place.i - other.i);
      values[i] = Number((other.factor + part * (place.factor - other.factor)).toFixed(3));
    }
    this.last = place;
    this.session.set({ schedule: values }, { drag: true });
  }

  key(event) {
    const { clock, step, store } = this.session;
    const change = { ArrowUp: KEY_STEP, ArrowDown: -KEY_STEP }[event.key];
    const move = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
    if (move) clock.go(step + move);
    else if (change) {
      const i = Math.min(step, SCHEDULE_STEPS - 1);
      this.stroke({ i, factor: within(this.values()[i] + change, [0, SCHEDULE_TOP]) }, null);
      store.commit();
    } else return false;
    return true;
  }

  describe() {
    const values = this.values();
    const words = this.session.state.schedule === null ? "constant" : `from ${values[0]} to ${values.at(-1)}`;
    return `Schedule of step sizes: ${words}. Left and right move the step, up and down its factor.`;
  }

  table() {
    const factor = this.values();
    return { step: factor.map((_, i) => i), factor };
  }

  command() {
    return orbitLine(this.session.state);
  }
}
