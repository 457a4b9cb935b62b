// The page of the sandbox: every layer of a small transformer at every step of its training.

import { button } from "../../pages/modules/controls.js";
import { h } from "../../pages/modules/dom.js";
import { listenToKeys } from "../../pages/modules/keys.js";
import { historyButtons, keyHelp, linkButton, themeChoice } from "../../pages/modules/toolbar.js";
import { Tour } from "../../pages/modules/tour.js";
import { listenToArrows } from "./arrow_keys.js";
import { Attention } from "./panels/attention.js";
import { cloudViews } from "./panels/cloud_views.js";
import { Clouds } from "./panels/clouds.js";
import { Gallery } from "./panels/gallery.js";
import { History, historyViews } from "./panels/history.js";
import { Reading } from "./panels/reading.js";
import { probabilities } from "./panels/simplex.js";
import { Training } from "./panels/training.js";
import { Transport } from "./panels/transport.js";
import { vectorViews } from "./panels/vector_views.js";
import { Vectors } from "./panels/vectors.js";
import { Sandbox } from "./session.js";
import { STOPS } from "./tour.js";
import { saveWeights } from "./weights_file.js";

const PANELS = [
  ...["tokens", "positions", "sums", "normed", "attention", "values", "xi", "ximap", "normedxi"],
  ...["rows", "columns", "output", "outmap", "simplex", "loss", "accuracy"],
];

/** Draw the page into an element, for a model as widgets have it; returns what ends it. */
export function render({ model, el }) {
  const session = new Sandbox({ model, el });
  addParts(session);
  const of = (name) => session.part(name).el;
  const grid = h("div", { class: "grid panels" }, PANELS.map(of));
  session.add("layout", { update: () => grid.classList.toggle("paired", session.other !== null) });
  el.append(
    header(session),
    of("gallery"),
    of("tour"),
    h("div", { class: "dock" }, of("transport"), of("training"), of("reading")),
    grid,
    session.toast,
  );
  session.update();
  return () => session.close();
}

function addParts(session) {
  const views = vectorViews(session);
  session.add("gallery", new Gallery(session));
  session.add("tour", new Tour(session, STOPS, (state) => session.visit(state)));
  session.add("transport", new Transport(session));
  session.add("reading", new Reading(session));
  session.add("training", new Training(session));
  for (const [name, view] of Object.entries(views)) session.add(name, new Vectors(session, view));
  session.add("attention", new Attention(session));
  for (const [name, view] of Object.entries(cloudViews)) session.add(name, new Clouds(session, view));
  session.add("simplex", probabilities(session));
  for (const [name, view] of Object.entries(historyViews)) session.add(name, new History(session, view));
}

function header(session) {
  const { clock, store, live } = session;
  const next = (name, values) => () =>
    session.set({ [name]: values[(values.indexOf(session.state[name]) + 1) % values.length] });
  const table = [
    [" ", "play or pause", () => clock.toggle()],
    ["[", "spike before", () => session.part("transport").jump(-1)],
    ["]", "next spike", () => session.part("transport").jump(1)],
    ["t", "train from here, or stop", () => live.toggle()],
    ["r", "rewind: back to the recorded run", () => live.rewind()],
    ["a", "fixed or free axes", next("axes", ["fixed", "free"])],
    ["c", "colour by count or label", next("color", ["class", "label"])],
    ["Ctrl+z", "undo", () => store.undo()],
    ["Ctrl+y", "redo", () => store.redo()],
    ["Escape", "let go of what is held, leave the tour", () => leave(session)],
  ];
  listenToKeys(session, table);
  listenToArrows(session);
  const past = session.add("history", historyButtons(session));
  const theme = session.add("theme", themeChoice(session));
  const tour = button("Tour", () => session.part("tour").begin(), { kind: "main" });
  const help = keyHelp(table, [
    "Left and right arrow: one snapshot; with Shift ten; Home and End: first and last",
    "Click a point or a cell to hold it, and again to let go",
    "Drag points of tokens, positions, query and hidden units to change weights",
  ]);
  const weights = button("Weights", () => saveWeights(session), {
    title:
      "Weights: save the weights that are shown as an NPZ file, for numpy.load and lintrans sandbox label",
  });
  const tools = h("div", { class: "row" }, tour.el, past.el, linkButton(session), weights.el, theme.el, help);
  return h(
    "header",
    { class: "head" },
    h("h1", {}, title(session)),
    h("p", { class: "about" }, about(session)),
    tools,
  );
}

function leave(session) {
  session.keep(null);
  session.part("tour").end();
}

function title({ data: { task } }) {
  return `Sparse addition modulo ${task.p}`;
}

function about({ data: { task, model }, sequences }) {
  const whole = task.p ** task.length;
  const isExact = Number.isSafeInteger(whole);
  const many = isExact ? String(whole) : `about ${whole.toPrecision(2).replace("e+", " × 10^")}`;
  const shown = sequences.n === whole ? `all ${many} sequences` : `${sequences.n} of ${many} sequences`;
  return (
    `A transformer of one layer with embeddings in the plane learns the sum of ${task.positions.length} of ` +
    `${task.length} tokens modulo ${task.p}; ${model.width} hidden units. Shown: ${shown}.`
  );
}
