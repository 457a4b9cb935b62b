// What can be added to plain gradient descent: weight decay, momentum, mini-batches.

import { button, fieldSlider, foldout } from "../../../pages/modules/controls.js";
import { h } from "../../../pages/modules/dom.js";

const PLAIN = { decay: 0, momentum: 0, schedule: null, batch: 0 };
const SLIDERS = [
  ["decay", "weight decay", 1],
  ["momentum", "momentum", 0.95],
  ["batch", "batch size, 0 is all", 128],
  ["spread", "spread of curvatures", 1],
  ["noise", "noise of labels", 1.5],
  ["seed", "seed of the batches", 20],
];

const HELP =
  "Weight decay pulls both factors towards 0: by μ times this number in every step. Momentum adds this part of the " +
  "last step. A batch is drawn from 200 prompts: the spread says how much their curvatures differ, the noise how " +
  "much their labels do.";

/** Sliders of the variants, and the way back to plain gradient descent. A part. */
export class Variants {
  constructor(session) {
    const sliders = SLIDERS.map(([name, label, high]) => fieldSlider(session, name, { label, low: 0, high }));
    const isPlain = () => Object.entries(PLAIN).every(([name, value]) => session.state[name] === value);
    const plain = button("Plain gradient descent", () => session.set(PLAIN), { disabled: isPlain });
    this.parts = [...sliders, plain];
    const { prompt } = session.problem;
    const words = prompt
      ? "batches are of 200 random prompts, not of your rows"
      : "batches exclude decay and momentum";
    const note = h("span", { class: "note", title: words }, words);
    const help = foldout("?", "About: Variants", h("p", { class: "help" }, HELP));
    this.el = h(
      "section",
      { class: "panel variants", "aria-label": "Variants" },
      h("header", {}, h("h2", {}, "Variants"), note, h("div", { class: "tools" }, plain.el, help)),
      h(
        "div",
        { class: "sliders" },
        sliders.map((slider) => slider.el),
      ),
    );
  }

  update() {
    this.parts.forEach((part) => part.update());
  }
}
