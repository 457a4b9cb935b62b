// The landmarks as a table, with the learning rates of a prompt: a click goes there.

import { button } from "../../../pages/modules/controls.js";
import { h, put } from "../../../pages/modules/dom.js";
import { copyText } from "../../../pages/modules/export.js";
import { short } from "../../../pages/modules/scales.js";
import { promptLine } from "../commands.js";
import { named } from "../problem.js";

/** Critical values of mu: the landmarks, and the one up to which this start stays bounded. A part. */
export class LandmarkTable {
  constructor(session) {
    this.session = session;
    const { problem } = session;
    const heads = ["landmark", problem.prompt && "learning rate", "μ", "meaning"].filter(Boolean);
    const head = heads.map((text) => h("th", { scope: "col" }, text));
    this.body = h("tbody");
    const note = h("span", { class: "note" }, problem.prompt ? about(problem) : "click one to go there");
    this.el = h(
      "section",
      { class: "panel landmarks", "aria-label": "Critical values" },
      h("header", {}, h("h2", {}, problem.prompt ? "Critical learning rates" : "Critical values of μ"), note),
      h("div", { class: "scrolls" }, h("table", {}, h("thead", {}, h("tr", {}, head)), this.body)),
      problem.prompt && this.commands(),
    );
  }

  update(changed) {
    if (!changed.has("u") && !changed.has("v")) return;
    const { problem, state } = this.session;
    const rows = problem.landmarks.map((mark) => this.row(named(mark), mark.mu, mark.meaning));
    const bounded = "up to here training from this start stays bounded";
    put(this.body, rows, this.row("this start", problem.safeMu(state), bounded));
  }

  row(name, mu, meaning) {
    const { session } = this;
    const rate = session.problem.rate(mu);
    const go = button(name, () => session.set({ mu }), { kind: "tool" });
    const cells = [rate !== null && short(rate, 4), short(mu, 6), meaning].filter(Boolean);
    return h("tr", {}, h("th", { scope: "row" }, go.el), ...cells.map((text) => h("td", {}, text)));
  }

  /** Command lines about the prompt itself, at the present learning rate. */
  commands() {
    const copy = (name) => async () => {
      const { session } = this;
      const rate = session.problem.rate(session.state.mu);
      const line = promptLine(session.data.options, name, rate);
      session.announce((await copyText(line)) ? `Copied: ${line}` : line);
    };
    const buttons = ["reduce", "verify"].map((name) => button(`Copy lintrans ${name}`, copy(name)).el);
    return h("div", { class: "row foot" }, buttons);
  }
}

function about({ prompt }) {
  const features = prompt.d === 1 ? "1 feature" : `${prompt.d} features`;
  return (
    `${prompt.dataName}: ${prompt.n} context rows with ${features} predict ${prompt.target}. ` +
    "These are learning rates of the two-factor model: P = diag(0, w), K = diag(W, 0)."
  );
}
