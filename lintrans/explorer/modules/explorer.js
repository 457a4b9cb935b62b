// The explorer of the two-factor map: one page, computed where it is read.

import { button, choice, foldout } from "../../pages/modules/controls.js";
import { h } from "../../pages/modules/dom.js";
import { copyText } from "../../pages/modules/export.js";
import { icon } from "../../pages/modules/icons.js";
import { adopt, dataOf, toFragment } from "../../pages/modules/start.js";
import { attractorCode } from "./basins.js";
import { Noisy, Survival } from "./panels/batches.js";
import { Cobweb } from "./panels/cobweb.js";
import { Controls } from "./panels/controls.js";
import { Density } from "./panels/density.js";
import { Diagram } from "./panels/diagram.js";
import { Exponents } from "./panels/exponents.js";
import { LandmarkTable } from "./panels/landmark_table.js";
import { Plane } from "./panels/plane.js";
import { Schedule } from "./panels/schedule.js";
import { lossView, pairView, predictionView, sharpnessView, StepPanel } from "./panels/steps.js";
import { Tour } from "./panels/tour.js";
import { Trained } from "./panels/trained.js";
import { Variants } from "./panels/variants.js";
import { Verdict } from "./panels/verdict.js";
import { Session } from "./session.js";

/** Draw the page into an element, for a model as widgets have it; returns what ends it. */
export function render({ model, el }) {
  const session = new Session(model, dataOf(model), el);
  adopt(el, "explorer", session);
  const parts = partsOf(session);
  const {
    tour,
    verdict,
    controls,
    diagram,
    exponents,
    plane,
    steps,
    cobweb,
    density,
    survival,
    schedule,
    variants,
  } = parts;
  session.toast = h("div", { class: "toast", role: "status" });
  el.append(
    header(session, parts),
    tour.el,
    h("div", { class: "top" }, verdict.el, controls.el),
    h("div", { class: "stage-row" }, h("div", { class: "over-mu" }, diagram.el, exponents.el), plane.el),
    h(
      "div",
      { class: "grid" },
      steps.map((part) => part.el),
      cobweb.el,
      density.el,
      survival.el,
      schedule.el,
      variants.el,
    ),
    parts.landmarks.el,
    session.toast,
  );
  session.theme.choose(session.state.theme);
  listenToKeys(session, controls, el);
  session.update(new Set(Object.keys(session.store.fields)));
  return () => {
    controls.pause();
    session.close();
  };
}

function partsOf(session) {
  session.attractorAt = attractorCode;
  const trained = new Trained(session, () => lossAndPrediction.forEach((part) => part.refresh()));
  const noisy = new Noisy(session, () => {
    plane.cloud = noisy.found && noisy;
    plane.tick();
    lossAndPrediction[0].refresh();
    survival.refresh();
  });
  const survival = new Survival(session, noisy);
  const lossAndPrediction = [lossView(trained, noisy), predictionView(trained)].map(
    (view) => new StepPanel(session, view),
  );
  const plane = new Plane(session);
  const parts = {
    trained,
    noisy,
    survival,
    plane,
    verdict: new Verdict(session),
    controls: new Controls(session),
    tour: new Tour(session),
    diagram: new Diagram(session),
    exponents: new Exponents(session),
    steps: [
      ...lossAndPrediction,
      ...[sharpnessView(), pairView()].map((view) => new StepPanel(session, view)),
    ],
    cobweb: new Cobweb(session),
    density: new Density(session),
    schedule: new Schedule(session),
    variants: new Variants(session),
    landmarks: new LandmarkTable(session),
  };
  Object.values(parts)
    .flat()
    .forEach((part) => session.add(part));
  return parts;
}

function header(session, { tour, diagram }) {
  const { store } = session;
  const history = [
    button(icon("undo"), () => store.undo(), {
      title: "Undo",
      disabled: () => store.past.length === 0,
      kind: "tool",
    }),
    button(icon("redo"), () => store.redo(), {
      title: "Redo",
      disabled: () => store.future.length === 0,
      kind: "tool",
    }),
  ];
  const theme = choice(
    "Theme",
    [
      ["auto", "auto"],
      ["light", "light"],
      ["dark", "dark"],
    ],
    {
      get: () => session.state.theme,
      set: (name) => session.set({ theme: name }),
      hidden: true,
    },
  );
  const quantity = choice(
    "Quantity",
    [
      ["uv", "prediction uv"],
      ["a", "mean mode a"],
      ["loss", "loss"],
    ],
    {
      get: () => session.state.quantity,
      set: (name) => session.set({ quantity: name, heights: null }),
      hidden: true,
    },
  );
  const from = choice(
    "Start of the orbits",
    [
      ["probe", "the probe start"],
      ["start", "this start"],
    ],
    {
      get: () => session.state.from,
      set: (name) => session.set({ from: name, heights: null }),
      hidden: true,
    },
  );
  const rates =
    session.problem.unit === null
      ? null
      : choice(
          "Axis",
          [
            ["1", "learning rate η"],
            ["0", "μ"],
          ],
          {
            get: () => (session.state.rates ? "1" : "0"),
            set: (x) => session.set({ rates: x === "1" }),
            hidden: true,
          },
        );
  session.add({
    update: () => [...history, theme, quantity, from, rates].forEach((part) => part && part.update()),
  });
  diagram.panel.el
    .querySelector("header .tools")
    .before(h("span", { class: "row" }, quantity.el, from.el, rates && rates.el));
  const copy = async () => {
    const link = `${location.href.split("#")[0]}#${toFragment(store.texts())}`;
    session.announce((await copyText(link)) ? "Copied the link to this very state." : link);
  };
  return h(
    "header",
    { class: "head" },
    h("h1", {}, session.problem.title()),
    h(
      "p",
      { class: "about" },
      "Gradient descent with a large constant step on a two-factor linear transformer: ",
      "P = diag(0, w) and K = diag(W, 0) are trained.",
    ),
    h(
      "div",
      { class: "row" },
      button("Tour", () => tour.begin(), { kind: "main" }).el,
      history.map((x) => x.el),
      button("Copy link", copy).el,
      theme.el,
      foldout(
        "?",
        "Help: keys",
        h(
          "ul",
          {},
          KEYS.map((text) => h("li", {}, text)),
        ),
      ),
    ),
  );
}

const KEYS = [
  "Space: play or pause",
  ", and .: one step back or on",
  "Ctrl+Z, Ctrl+Y: undo, redo",
  "In a focused panel: arrows move, + and − zoom, 0 shows all",
  "Ctrl and the wheel: zoom; Shift and drag: zoom to a box",
];

function listenToKeys(session, controls, el) {
  el.addEventListener("keydown", (event) => {
    const inText =
      ["INPUT", "SELECT", "TEXTAREA"].includes(event.target.tagName) && event.target.type !== "range";
    const letter = event.key.toLowerCase();
    if ((event.ctrlKey || event.metaKey) && (letter === "z" || letter === "y") && !inText) {
      event.preventDefault();
      if (letter === "y" || event.shiftKey) session.store.redo();
      else session.store.undo();
    } else if (!inText && !event.ctrlKey && !event.metaKey) {
      const isButton = ["BUTTON", "SUMMARY"].includes(event.target.tagName);
      if (event.key === " " && !isButton) {
        event.preventDefault();
        controls.toggle();
      } else if (event.key === "," || event.key === ".")
        session.moveTo(session.step + (event.key === "." ? 1 : -1));
    }
  });
}
