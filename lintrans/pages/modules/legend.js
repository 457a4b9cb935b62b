// Legends: of colours and strokes below a panel, and of lines within it.

import { h } from "./dom.js";

/** Entry for a colour. */
export function swatch(color, words) {
  const mark = h("span", { class: "swatch", "aria-hidden": "true" });
  mark.style.backgroundColor = color;
  return h("li", {}, mark, words);
}

/** Entry for a line; `kind` is a class of the style sheet. */
export function stroke(kind, words) {
  return h("li", {}, h("span", { class: `stroke ${kind}`, "aria-hidden": "true" }), words);
}

/** Entry for a ramp of colours. */
export function rampEntry(colors, words) {
  const mark = h("span", { class: "ramp", "aria-hidden": "true" });
  mark.style.background = `linear-gradient(90deg, ${colors.map((rgb) => `rgb(${rgb.join(" ")})`).join(", ")})`;
  return h("li", {}, mark, words);
}

/** Names of lines within a frame, at its lower left; `rows` are {text, color, dash, width}, side by side or not. */
export function drawKey(pen, frame, theme, rows, { sideBySide = false } = {}) {
  const look = { color: theme.color("ink"), halo: theme.color("card"), baseline: "middle" };
  rows.forEach(({ text, color, dash = [], width = 1.8 }, i) => {
    const x = frame.left + 8 + (sideBySide ? 115 * i : 0);
    const y = frame.top + frame.height - (sideBySide ? 10 : 10 + 15 * (rows.length - 1 - i));
    pen.line([x, x + 20], [y, y], { color: theme.color(color), width, dash });
    pen.text(text, x + 26, y, look);
  });
}
