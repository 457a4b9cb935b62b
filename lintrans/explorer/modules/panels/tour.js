// The guided tour: a card with the text of a stop, its question, and the way to the next.

import { button } from "../../../pages/modules/controls.js";
import { h, put } from "../../../pages/modules/dom.js";
import { icon } from "../../../pages/modules/icons.js";
import { FULL_MU } from "../fields.js";
import { STOPS } from "../tour.js";

const FRESH = {
  t: 0,
  window: FULL_MU,
  heights: null,
  quantity: "uv",
  decay: 0,
  momentum: 0,
  schedule: null,
  batch: 0,
};

/** Card of the tour; hidden while there is none. */
export class Tour {
  constructor(session) {
    this.session = session;
    this.el = h("section", { class: "tour", "aria-label": "Guided tour", tabindex: -1 });
    this.show();
  }

  update(changed) {
    if (changed.has("tour")) this.show();
  }

  begin() {
    this.go(0);
    this.el.focus();
  }

  /** Go to a stop: the page shows what it is about. */
  go(i) {
    const { state } = STOPS[i];
    this.session.set({ ...FRESH, from: "probe", ...state, tour: i });
    this.session.moveTo(0);
  }

  end() {
    this.session.set({ tour: -1 });
  }

  show() {
    const i = this.session.state.tour;
    this.el.hidden = i < 0;
    if (i < 0) return;
    const stop = STOPS[i];
    const back = button("Back", () => this.go(i - 1), { disabled: () => i === 0 });
    const isLast = i === STOPS.length - 1;
    const next = button(isLast ? "End the tour" : "Next", () => (isLast ? this.end() : this.go(i + 1)), {
      kind: "main",
    });
    const close = button(icon("close"), () => this.end(), { title: "Leave the tour", kind: "tool" });
    put(
      this.el,
      h(
        "div",
        { class: "tour-text" },
        h("h2", {}, `${i + 1} of ${STOPS.length}: ${stop.name}`),
        h("p", {}, stop.text),
        h("p", { class: "question" }, h("strong", {}, "Question. "), stop.question),
      ),
      h("div", { class: "row" }, back.el, next.el, this.stops(i), close.el),
    );
  }

  stops(now) {
    return h(
      "span",
      { class: "row stops" },
      STOPS.map((stop, i) => {
        const title = `Stop ${i + 1}: ${stop.name}`;
        return button(String(i + 1), () => this.go(i), { title, pressed: () => i === now, kind: "tool" }).el;
      }),
    );
  }
}
