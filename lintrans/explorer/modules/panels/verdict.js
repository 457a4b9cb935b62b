// The verdict in words, spoken when it changes, and the numbers behind it.

import { h, put, say } from "../../../pages/modules/dom.js";
import { short } from "../../../pages/modules/scales.js";
import { changesRun, exponentWords, isPlain, placeWords, sentence, title } from "../run.js";

const SPEAK_MS = 350; // while something is dragged the verdict is not spoken

/** Regime, sentence, learning rate, exponents and the next landmarks. */
export class Verdict {
  constructor(session) {
    this.session = session;
    this.swatch = h("span", { class: "swatch", "aria-hidden": "true" });
    this.name = h("strong");
    this.sentence = h("span");
    this.detail = h("p", { class: "detail" });
    this.spoken = h("p", { class: "unseen", "aria-live": "polite", role: "status" });
    this.el = h(
      "section",
      { class: "verdict", "aria-label": "Verdict" },
      h("p", { class: "headline" }, this.swatch, this.name, " ", this.sentence),
      this.detail,
      this.spoken,
    );
    this.show();
  }

  update(changed) {
    if (changesRun(changed)) this.show();
  }

  show() {
    const { verdict, problem, state } = this.session;
    const name = title(verdict);
    const color = verdict.label ? problem.palette[verdict.label] : this.session.theme.color("muted");
    this.swatch.style.backgroundColor = color;
    say(this.name, `${name[0].toUpperCase()}${name.slice(1)}.`);
    say(this.sentence, sentence(verdict));
    put(this.detail, ...this.details().map((text) => h("span", {}, text, " ")));
    clearTimeout(this.timer);
    const words = `${problem.words(state.mu)}: ${name}. ${sentence(verdict)}`;
    this.timer = setTimeout(() => say(this.spoken, words), SPEAK_MS);
  }

  details() {
    const { session } = this;
    const { problem, state, verdict } = session;
    const rate = problem.rate(state.mu);
    const safe = problem.safeMu(state);
    return [
      rate !== null && `Learning rate ${short(rate, 5)}.`,
      exponentWords(verdict, short),
      placeWords(problem, state.mu, short),
      isPlain(state) && `From this start training stays bounded up to ${problem.words(safe)}.`,
    ].filter(Boolean);
  }
}
