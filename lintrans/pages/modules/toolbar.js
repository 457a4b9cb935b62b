// What stands at the head of every page: undo and redo, the link, the theme, the keys.

import { button, fieldChoice, foldout } from "./controls.js";
import { h } from "./dom.js";
import { copyText } from "./export.js";
import { icon } from "./icons.js";

const THEMES = [
  ["auto", "auto"],
  ["light", "light"],
  ["dark", "dark"],
];

/** Undo and redo; a part. */
export function historyButtons({ store }) {
  const undo = { title: "Undo", disabled: () => store.past.length === 0, kind: "tool" };
  const redo = { title: "Redo", disabled: () => store.future.length === 0, kind: "tool" };
  const buttons = [
    button(icon("undo"), () => store.undo(), undo),
    button(icon("redo"), () => store.redo(), redo),
  ];
  const el = h(
    "span",
    { class: "row" },
    buttons.map((each) => each.el),
  );
  return { el, update: () => buttons.forEach((each) => each.update()) };
}

/** Copies the address of this very state; null where a page has none. */
export function linkButton(session) {
  const { model, store } = session;
  if (!model.link || model.link({}) === null) return null;
  const copy = async () => {
    const link = model.link(store.texts());
    session.announce((await copyText(link)) ? "Copied the link to this very state." : link);
  };
  return button("Copy link", copy).el;
}

/** Light, dark, or as the system is; a part. The state has a field "theme". */
export function themeChoice(session) {
  return fieldChoice(session, "theme", "Theme", THEMES, { hidden: true });
}

/** The keys of the page, in words: those of the table, and others. */
export function keyHelp(table, others) {
  const words = [...table.map(([key, text]) => `${key === " " ? "Space" : key}: ${text}`), ...others];
  const items = words.map((text) => h("li", {}, text));
  return foldout("?", "Help: keys", h("ul", {}, items));
}
