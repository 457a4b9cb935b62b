// The explorer of the two-factor map: one page, computed where it is read.

import { button } from "../../pages/modules/controls.js";
import { h } from "../../pages/modules/dom.js";
import { listenToKeys } from "../../pages/modules/keys.js";
import { SeriesPanel } from "../../pages/modules/series.js";
import { historyButtons, keyHelp, linkButton, themeChoice } from "../../pages/modules/toolbar.js";
import { Tour } from "../../pages/modules/tour.js";
import { Cobweb } from "./panels/cobweb.js";
import { Controls } from "./panels/controls.js";
import { Density } from "./panels/density.js";
import { Diagram } from "./panels/diagram.js";
import { Exponents } from "./panels/exponents.js";
import { LandmarkTable } from "./panels/landmark_table.js";
import { Noisy } from "./panels/noisy.js";
import { Plane } from "./panels/plane.js";
import { lossView, pairView, predictionView, sharpnessView } from "./panels/run_views.js";
import { Schedule } from "./panels/schedule.js";
import { survivalView } from "./panels/survival_view.js";
import { Trained } from "./panels/trained.js";
import { Variants } from "./panels/variants.js";
import { Verdict } from "./panels/verdict.js";
import { Explorer } from "./session.js";
import { STOPS } from "./tour.js";

const GRID = ["prediction", "sharpness", "pair", "cobweb", "density", "survival", "schedule", "variants"];
const TRY_BATCH = { batch: 16, mu: 1.6, u: 0.4, v: 0.4 }; // where batches push out some of the runs

/** Draw the page into an element, for a model as widgets have it; returns what ends it. */
export function render({ model, el }) {
  const session = new Explorer({ model, el });
  addParts(session);
  const of = (name) => session.part(name).el;
  const column = (...names) => h("div", { class: "column" }, names.map(of));
  el.append(
    header(session),
    of("tour"),
    h("div", { class: "top" }, of("verdict"), of("controls")),
    h("div", { class: "stage-row" }, column("diagram", "exponents"), column("plane", "loss")),
    h("div", { class: "grid" }, GRID.map(of)),
    of("landmarks"),
    session.toast,
  );
  session.update();
  return () => session.close();
}

function addParts(session) {
  const refresh = (...names) => names.forEach((name) => session.part(name).refresh());
  const trained = session.add("trained", new Trained(session, () => refresh("loss", "prediction")));
  const noisy = new Noisy(session, () => {
    refresh("loss", "survival");
    session.part("plane").show();
  });
  session.add("noisy", noisy);
  session.add("verdict", new Verdict(session));
  session.add("controls", new Controls(session));
  session.add("tour", new Tour(session, STOPS, (state) => session.visit(state)));
  session.add("diagram", new Diagram(session));
  session.add("exponents", new Exponents(session));
  session.add("plane", new Plane(session, noisy));
  const views = [lossView(session, trained, noisy), predictionView(session, trained), sharpnessView(session)];
  views.push(pairView(session), survivalView(session, noisy));
  for (const view of views) session.add(view.name, new SeriesPanel(session, view));
  session.part("survival").addTools(button("Try it", () => session.set(TRY_BATCH)));
  session.add("cobweb", new Cobweb(session));
  session.add("density", new Density(session));
  session.add("schedule", new Schedule(session));
  session.add("variants", new Variants(session));
  session.add("landmarks", new LandmarkTable(session));
}

function header(session) {
  const { clock, store } = session;
  const table = [
    [" ", "play or pause", () => clock.toggle()],
    [",", "one step back", () => clock.go(session.step - 1)],
    [".", "one step on", () => clock.go(session.step + 1)],
    ["Ctrl+z", "undo", () => store.undo()],
    ["Ctrl+y", "redo", () => store.redo()],
    ["Escape", "leave the tour", () => session.part("tour").end()],
  ];
  listenToKeys(session, table);
  const past = session.add("history", historyButtons(session));
  const theme = session.add("theme", themeChoice(session));
  const tour = button("Tour", () => session.part("tour").begin(), { kind: "main" });
  const help = keyHelp(table, [
    "In a focused panel: arrows move, + and − zoom, 0 shows all",
    "Ctrl and the wheel: zoom; in the diagram Shift and drag: zoom to a box",
    "Drag the axis of the diagram, or Shift and drag in the plane: move the window",
  ]);
  const tools = h("div", { class: "row" }, tour.el, past.el, linkButton(session), theme.el, help);
  const about =
    "How does training end when the learning rate is large? A two-factor linear transformer, step by step: " +
    "the weights w and W of P = diag(0, w), K = diag(W, 0) are trained.";
  return h(
    "header",
    { class: "head" },
    h("h1", {}, session.problem.title()),
    h("p", { class: "about" }, about),
    tools,
  );
}
