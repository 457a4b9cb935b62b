// A schedule of step sizes, drawn by hand: factors on mu, step by step.

import { choice, listenToPointer } from "../../../pages/modules/controls.js";
import { Frame } from "../../../pages/modules/axes.js";
import { Panel } from "../../../pages/modules/panel.js";
import { Scale } from "../../../pages/modules/scales.js";
import { SCHEDULE_STEPS } from "../fields.js";
import { variantOptions } from "../problem.js";

const TOP = 1.5;
const MARGIN = { left: 46, right: 12, top: 10, bottom: 36 };
const KEY_STEP = 0.05;
const PRESETS = {
  constant: null,
  "warm-up": (i) => Math.min(1, (i + 1) / 40),
  decay: (i) => Math.max(0.05, 1 - i / SCHEDULE_STEPS),
  cosine: (i) => 0.05 + 0.475 * (1 + Math.cos((Math.PI * i) / SCHEDULE_STEPS)),
  cycles: (i) => 0.6 + 0.4 * Math.sin((2 * Math.PI * i) / 25),
};

/** The schedule, which the pointer draws; arrow keys move the factor at the step shown. */
export class Schedule {
  constructor(session) {
    this.session = session;
    this.last = null;
    this.preset = choice(
      "Shape of the schedule",
      [["", "shape …"], ...Object.keys(PRESETS).map((x) => [x, x])],
      {
        get: () => "",
        set: (name) => name && this.take(PRESETS[name]),
        hidden: true,
      },
    );
    this.panel = new Panel(
      {
        name: "schedule",
        title: "Schedule of step sizes",
        help:
          "Draw a factor on μ for every step: a warm-up, a decay, anything. While it stays at most 1, a run that " +
          "starts inside the ellipse never leaves it.",
        role: "application",
        tools: [this.preset],
        keys: (event) => this.key(event),
        draw: (pen, width, height) => this.draw(pen, width, height),
        drawMoving: (pen, width, height) => this.drawMoving(pen, width, height),
        describe: () => this.describe(),
        table: () => ({ step: this.values().map((_, i) => i), factor: this.values() }),
        command: () =>
          session.command(
            "orbit",
            [`--mu ${session.state.mu}`, `--n-steps ${session.state.steps}`],
            ["start", "variant"],
          ),
      },
      session,
    );
    this.el = this.panel.el;
    this.listen();
  }

  update() {
    this.panel.remark(
      this.session.state.schedule === null ? "draw with the pointer" : "the last factor is kept",
    );
    this.panel.describe();
    this.panel.invalidate();
    this.preset.update();
  }

  tick() {
    this.panel.move();
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

  frame(width = this.panel.width, height = this.panel.height) {
    return new Frame(width, height, {
      x: { scale: new Scale(0, SCHEDULE_STEPS), label: "gradient descent step" },
      y: { scale: new Scale(0, TOP), label: "factor on μ" },
      margin: MARGIN,
    });
  }

  draw(pen, width, height) {
    const { theme } = this.session;
    const frame = this.frame(width, height);
    frame.drawGrid(pen, theme);
    const xs = [];
    const ys = [];
    this.values().forEach((factor, i) => {
      xs.push(i, i + 1);
      ys.push(factor, factor);
    });
    frame.clipped(pen, () => {
      frame.line(pen, xs, ys, { color: theme.color("blue"), width: 1.8 });
    });
    frame.drawAxes(pen, theme);
  }

  drawMoving(pen, width, height) {
    const { theme, step } = this.session;
    const frame = this.frame(width, height);
    const look = { color: theme.color("accent"), dash: [3, 2] };
    if (step <= SCHEDULE_STEPS) frame.vertical(pen, step, look);
  }

  listen() {
    const at = (p) => {
      const frame = this.frame();
      const i = Math.max(0, Math.min(SCHEDULE_STEPS - 1, Math.floor(frame.x.value(p.x))));
      return { i, factor: Math.max(0, Math.min(TOP, frame.y.value(p.y))) };
    };
    listenToPointer(this.panel.canvas, {
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
    const change = { ArrowUp: KEY_STEP, ArrowDown: -KEY_STEP }[event.key];
    const move = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
    if (move) this.session.moveTo(this.session.step + move);
    else if (change) {
      const i = Math.min(this.session.step, SCHEDULE_STEPS - 1);
      const factor = this.values()[i] + change;
      this.stroke({ i, factor: Math.max(0, Math.min(TOP, factor)) }, null);
      this.session.store.commit();
    } else return false;
    return true;
  }

  describe() {
    const values = this.values();
    const words = this.session.state.schedule === null ? "constant" : `from ${values[0]} to ${values.at(-1)}`;
    return (
      `Schedule of step sizes: ${words}. Left and right move the step, up and down its factor. ` +
      `${variantOptions(this.session.state).join(" ").slice(0, 60)}`
    );
  }
}
