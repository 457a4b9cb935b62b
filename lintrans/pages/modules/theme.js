// Colours of a page: custom properties of its style sheet, read once for every change of theme.

import { hexToRgb } from "./colors.js";

/** Reads colours by name (`ink` is the property `--ink`), and tells when they change. */
export class Theme {
  constructor(el, signal) {
    this.el = el;
    this.listeners = [];
    this.known = new Map();
    const system = matchMedia("(prefers-color-scheme: dark)");
    system.addEventListener("change", () => this.refresh(), { signal });
  }

  /** Colour by name. */
  color(name) {
    if (!this.known.has(name)) {
      const value = getComputedStyle(this.el).getPropertyValue(`--${name}`).trim();
      this.known.set(name, value || "#888");
    }
    return this.known.get(name);
  }

  /** Red, green and blue of a colour by name, 0 to 255. */
  rgb(name) {
    return hexToRgb(this.color(name));
  }

  /** "light", "dark", or "auto": as the system is. */
  choose(name) {
    if (name === "auto") this.el.removeAttribute("data-theme");
    else this.el.setAttribute("data-theme", name);
    this.refresh();
  }

  refresh() {
    this.known.clear();
    for (const listener of this.listeners) listener();
  }

  on(listener) {
    this.listeners.push(listener);
  }
}
