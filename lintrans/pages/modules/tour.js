// A guided tour: a card with the text of a stop, its question, and the way to the next.

import { button } from "./controls.js";
import { h, put } from "./dom.js";
import { icon } from "./icons.js";

/**
 * A part. Stops are {name, text, question, answer, state, panels}, the last the names of parts to point out; the
 * state of the page has a field "tour", the number of a stop or -1.
 */
export class Tour {
  constructor(session, stops, go) {
    Object.assign(this, { session, stops, go, before: {} });
    this.heading = h("h2");
    this.text = h("p");
    this.question = h("span");
    this.answer = h("p");
    this.shown = h("details", {}, h("summary", {}, "Show the answer"), this.answer);
    const asked = h("p", { class: "question" }, h("strong", {}, "Question. "), this.question);
    const words = h("div", { class: "tour-text", "aria-live": "polite" }, this.heading, this.text, asked);
    this.back = button("Back", () => this.visit(this.now - 1), { disabled: () => this.now <= 0 });
    this.next = button("Next", () => this.visit(this.now + 1), { kind: "main" });
    const close = button(icon("close"), () => this.end(), { title: "Leave the tour", kind: "tool" });
    this.numbers = stops.map((stop, i) => this.number(stop, i));
    const numbers = h(
      "span",
      { class: "row stops" },
      this.numbers.map((each) => each.el),
    );
    const way = h("div", { class: "row" }, this.back.el, this.next.el, numbers, close.el);
    this.el = h(
      "section",
      { class: "tour", "aria-label": "Guided tour", tabindex: -1 },
      words,
      this.shown,
      way,
    );
  }

  number({ name }, i) {
    const options = { title: `Stop ${i + 1}: ${name}`, pressed: () => i === this.now, kind: "tool" };
    return button(String(i + 1), () => this.visit(i), options);
  }

  /** Number of the stop that is shown; -1 is none. */
  get now() {
    return this.session.state.tour;
  }

  begin() {
    this.before = this.session.state;
    this.visit(0);
    this.el.focus();
  }

  /** Go to a stop, or after the last one end. */
  visit(i) {
    if (i >= this.stops.length) this.end();
    else this.go({ ...this.stops[i].state, tour: i });
  }

  /** Leave the tour: the page is as it was before. */
  end() {
    if (this.now < 0) return;
    this.session.set({ ...this.before, tour: -1 });
    this.before = {};
  }

  /** Point out the panels that a stop is about. */
  point(names) {
    for (const [name, { el }] of this.session.parts) {
      if (el) el.classList.toggle("pointed", names.includes(name));
    }
  }

  update(changed) {
    if (!changed.has("tour")) return;
    this.el.hidden = this.now < 0;
    this.point(this.now < 0 ? [] : this.stops[this.now].panels);
    if (this.now < 0) return;
    const { name, text, question, answer } = this.stops[this.now];
    put(this.heading, `${this.now + 1} of ${this.stops.length}: ${name}`);
    put(this.text, text);
    put(this.question, question);
    put(this.answer, answer);
    this.shown.open = false;
    put(this.next.el, this.now === this.stops.length - 1 ? "End the tour" : "Next");
    [this.back, ...this.numbers].forEach((each) => each.update());
  }
}
