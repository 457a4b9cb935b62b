// The scrubber: which epoch is shown, playing, spikes and stages, colours and axes.

import { button, fieldChoice, fieldSlider, numberBox } from "../../../pages/modules/controls.js";
import { h, put, uniqueId } from "../../../pages/modules/dom.js";
import { colorOf, cssOf, groupColors, shapeOf, SHAPES } from "../marks.js";

const NAMES = { circle: "●", cross: "✕", triangle: "▲", plus: "✚", square: "■", diamond: "◆" };
const AXES = [
  ["fixed", "fixed"],
  ["free", "free"],
];
const COLORS = [
  ["class", "count"],
  ["label", "label"],
];

/** A part, which stays at the top while the page is scrolled. */
export class Transport {
  constructor(session) {
    this.session = session;
    const { clock } = session;
    const id = uniqueId("epoch");
    this.range = h("input", {
      type: "range",
      id,
      min: 0,
      max: session.data.epochs.n,
      step: 1,
      title: "Epoch that is shown. Arrow keys: one snapshot; with Shift ten.",
      onInput: () => clock.move(Number(this.range.value)),
      onChange: () => clock.hold(),
    });
    this.number = numberBox("epoch that is shown, exact", {
      get: () => session.epoch,
      set: (x) => clock.go(x),
      limits: [0, session.data.epochs.n],
      check: Number.isInteger,
    });
    const speed = fieldSlider(session, "speed", { label: "epochs/s", low: 1, high: 250, log: true });
    const axes = fieldChoice(session, "axes", "Axes", AXES);
    const color = fieldChoice(session, "color", "Colour", COLORS);
    axes.el.title =
      "Fixed: the axes have all snapshots of the run in them. Free: those of the snapshot that is shown.";
    color.el.title =
      "Colour of a sequence: how its summed tokens count, or its label. Its shape is always the label.";
    this.parts = [this.number, speed, axes, color, ...this.spikeButtons()];
    this.stages = h("span", { class: "row stages" });
    this.legend = h("ul", { class: "legend" });
    const scrub = [h("label", { for: id }, "epoch"), this.range, this.number.el];
    const jumps = [...this.spikes.map((each) => each.el), this.stages];
    this.el = h(
      "section",
      { class: "transport", "aria-label": "Epoch" },
      h("span", { class: "row scrub" }, clock.el, scrub, speed.el),
      h("span", { class: "row" }, jumps, axes.el, color.el, this.legend),
    );
  }

  spikeButtons() {
    const { session } = this;
    const jump = (side) => {
      const epoch = session.run.spikeBeside(session.epoch, side);
      if (epoch !== undefined) session.clock.go(epoch);
      else session.announce(`There is no ${side > 0 ? "later" : "earlier"} spike in this run.`);
    };
    const none = (side) => () => session.run.spikeBeside(session.epoch, side) === undefined;
    this.jump = jump;
    this.spikes = [
      button("◂ spike", () => jump(-1), { title: "◂ spike: go to the spike before", disabled: none(-1) }),
      button("spike ▸", () => jump(1), { title: "spike ▸: go to the next spike", disabled: none(1) }),
    ];
    return this.spikes;
  }

  update(changed) {
    this.tick();
    this.parts.forEach((part) => part.update());
    if (changed.has("run")) this.listStages();
    if (changed.has("run") || changed.has("color") || changed.has("theme")) this.writeLegend();
  }

  tick() {
    const { epoch } = this.session;
    this.range.value = epoch;
    this.range.setAttribute("aria-valuetext", `epoch ${epoch}`);
    this.number.update();
    this.spikes.forEach((each) => each.update());
  }

  listStages() {
    const { run, clock } = this.session;
    const buttons = run.stages.map(({ name, epoch }) => {
      const words = epoch === null ? `${name}: not reached` : `${name}: ${epoch}`;
      const options = { title: `${words}. Go to the end of this stage`, disabled: () => epoch === null };
      return button(words, () => clock.go(epoch), options).el;
    });
    put(this.stages, buttons);
  }

  /** Shapes of labels, and colours of counts. */
  writeLegend() {
    const { session } = this;
    const { data, sequences, state, theme } = session;
    const { p } = data.task;
    const nShapes = Math.min(p, SHAPES.length);
    const labels = Array.from({ length: nShapes }, (_, label) => {
      const mark = h("span", { class: "mark", "aria-hidden": "true" }, NAMES[shapeOf(label)]);
      if (state.color === "label") mark.style.color = theme.color(colorOf(label));
      return h("li", {}, mark, ` label ${label}${label + nShapes < p ? `, ${label + nShapes}, ...` : ""}`);
    });
    const classes =
      state.color === "class" && sequences.nClasses <= 8 ? this.classEntries(groupColors(session)) : [];
    put(this.legend, labels, classes);
  }

  classEntries(colors) {
    const { classNames } = this.session.sequences;
    const isCount = this.session.data.task.p === 2;
    return classNames.map((name, i) => {
      const swatch = h("span", { class: "swatch", "aria-hidden": "true" });
      swatch.style.backgroundColor = cssOf(colors[i]);
      return h("li", {}, swatch, isCount ? `${name.split(" ")[1]} ones` : name);
    });
  }
}
