// What can be added to plain gradient descent: weight decay, momentum, mini-batches.

import { button, slider } from "../../../pages/modules/controls.js";
import { h } from "../../../pages/modules/dom.js";

const PLAIN = { decay: 0, momentum: 0, schedule: null, batch: 0 };

/** Sliders of the variants, and the way back to plain gradient descent. */
export class Variants {
  constructor(session) {
    const field = (name, label, high, options = {}) =>
      slider({
        label,
        low: 0,
        high,
        get: () => session.state[name],
        set: (x, drag) =>
          session.set({ [name]: options.whole ? Math.round(x) : x, ...options.also?.(x) }, { drag }),
        commit: () => session.store.commit(),
        limits: options.limits,
      });
    const noBatch = (x) => (x > 0 ? { batch: 0 } : {});
    const noVariant = (x) => (x > 0 ? { decay: 0, momentum: 0 } : {});
    this.parts = [
      field("decay", "weight decay", 1, { limits: [0, 2], also: noBatch }),
      field("momentum", "momentum", 0.95, { limits: [0, 0.99], also: noBatch }),
      field("batch", "batch size, 0 is all", 128, { limits: [0, 1024], whole: true, also: noVariant }),
      field("spread", "spread of curvatures", 1, { limits: [0, 1.5] }),
      field("noise", "noise of labels", 1.5, { limits: [0, 3] }),
      field("seed", "seed of the batches", 20, { limits: [0, 2 ** 31], whole: true }),
    ];
    this.plain = button("Plain gradient descent", () => session.set(PLAIN), {
      disabled: () => Object.entries(PLAIN).every(([name, value]) => session.state[name] === value),
    });
    this.el = h(
      "section",
      { class: "panel variants" },
      h(
        "header",
        {},
        h("h2", {}, "Variants"),
        h("span", { class: "note" }, "in the normal form; batches exclude decay " + "and momentum"),
        h("div", { class: "tools" }, this.plain.el),
      ),
      h(
        "div",
        { class: "sliders" },
        this.parts.map((part) => part.el),
      ),
    );
  }

  update() {
    this.parts.forEach((part) => part.update());
    this.plain.update();
  }
}
