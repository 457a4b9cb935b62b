// Colours of a page: custom properties of its style sheet, read once for every change of theme.

/** Reads colours by name (`ink` is the property `--ink`), and tells when they change. */
export class Theme {
  constructor(el) {
    this.el = el;
    this.listeners = [];
    this.known = new Map();
    this.system = matchMedia("(prefers-color-scheme: dark)");
    this.follow = () => this.refresh();
    this.system.addEventListener("change", this.follow);
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

  isDark() {
    const [red, green, blue] = this.rgb("paper");
    return red + green + blue < 384;
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

  close() {
    this.system.removeEventListener("change", this.follow);
  }
}

/** Red, green and blue of "#rgb" or "#rrggbb", 0 to 255. */
export function hexToRgb(hex) {
  const digits = hex.replace("#", "");
  const pairs = digits.length === 3 ? [...digits].map((x) => x + x) : digits.match(/../g);
  return pairs.slice(0, 3).map((pair) => parseInt(pair, 16));
}
