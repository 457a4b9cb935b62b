// The reader's prompt: what the numbers of the page are about, and its critical learning rates.

import { h } from "../../../pages/modules/dom.js";
import { short } from "../../../pages/modules/scales.js";
import { named } from "../problem.js";

/** A table of landmarks with their learning rates; null without a prompt. */
export function promptPanel(session) {
  const { problem } = session;
  if (problem.prompt === null) return null;
  const { prompt, boundedStepSize } = problem.data;
  const rows = problem.landmarks.map((mark) => row(session, named(mark), mark.mu, mark.meaning));
  const bounded = row(
    session,
    "this start",
    boundedStepSize / problem.unit,
    "up to here training from the initial weights stays bounded",
  );
  const about =
    `${prompt.dataName}: ${prompt.n} context rows with ${prompt.d} features predict ${prompt.target}. ` +
    "Learning rates are those of the two-factor model: P = diag(0, w), K = diag(W, 0).";
  return h(
    "section",
    { class: "panel prompt", "aria-label": "Critical learning rates" },
    h("header", {}, h("h2", {}, "Critical learning rates"), h("span", { class: "note" }, about)),
    h(
      "table",
      {},
      h(
        "thead",
        {},
        h(
          "tr",
          {},
          ["landmark", "learning rate", "μ", "meaning"].map((text) => h("th", { scope: "col" }, text)),
        ),
      ),
      h("tbody", {}, rows, bounded),
    ),
  );
}

function row(session, name, mu, meaning) {
  const go = h("button", { type: "button", class: "tool", onClick: () => session.set({ mu }) }, name);
  return h(
    "tr",
    {},
    h("th", { scope: "row" }, go),
    h("td", {}, short(session.problem.rate(mu), 4)),
    h("td", {}, short(mu, 6)),
    h("td", {}, meaning),
  );
}
