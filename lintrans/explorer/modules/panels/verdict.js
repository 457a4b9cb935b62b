// The verdict in words, spoken when it changes, and the numbers behind it.

import { h, put, say } from "../../../pages/modules/dom.js";
import { short } from "../../../pages/modules/scales.js";
import { changesRun, isPlain } from "../run.js";
import { cycleWords, exponentWords, placeWords, sentence, title } from "../words.js";

const SPEAK_MS = 350; // while something is dragged the verdict is not spoken

/** Regime, sentence, learning rate, exponents and the next landmarks. A part. */
export class Verdict {
  constructor(session) {
    this.session = session;
    this.swatch = h("span", { class: "swatch", "aria-hidden": "true" });
    this.name = h("strong");
    this.sentence = h("span");
    this.detail = h("p", { class: "detail" });
    this.spoken = h("p", { class: "unseen", "aria-live": "polite", role: "status" });
    const headline = h("p", { class: "headline" }, this.swatch, this.name, " ", this.sentence);
    const label = { class: "verdict", "aria-label": "Verdict" };
    this.el = h("section", label, headline, this.detail, this.spoken);
  }

  update(changed) {
    if (changesRun(changed)) this.show();
  }

  show() {
    const { verdict, problem, state, theme } = this.session;
    const name = title(verdict);
    this.swatch.style.backgroundColor = verdict.label ? problem.palette[verdict.label] : theme.color("muted");
    say(this.name, `${name[0].toUpperCase()}${name.slice(1)}.`);
    say(this.sentence, sentence(verdict));
    put(
      this.detail,
      this.details().map((text) => h("span", {}, text, " ")),
    );
    clearTimeout(this.timer);
    const words = `${problem.words(state.mu)}: ${name}. ${sentence(verdict)}`;
    this.timer = setTimeout(() => say(this.spoken, words), SPEAK_MS);
  }

  details() {
    const { problem, state, verdict } = this.session;
    const rate = problem.rate(state.mu);
    const known = rate === null ? [] : [`Learning rate ${short(rate, 5)}.`];
    if (!isPlain(state))
      return [...known, "Landmarks and exponents are those of plain gradient descent: left out here."];
    const safe = problem.words(problem.safeMu(state));
    return [
      ...known,
      exponentWords(verdict),
      cycleWords(state.mu, verdict),
      placeWords(problem, state.mu),
      `From this start training stays bounded up to ${safe}.`,
    ].filter(Boolean);
  }
}
