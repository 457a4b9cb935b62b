// How a page begins: its data, its model, and its first picture.

import { decode } from "./arrays.js";

const WRITE_MS = 120;

/** Draw a page that lies in a file of its own. */
export function start(render) {
  const el = document.getElementById("page");
  const data = JSON.parse(document.getElementById("page-data").textContent);
  const worker = document.getElementById("page-worker");
  render({ model: new LinkModel(data, worker ? worker.textContent : ""), el });
}

/** Make an element that of a page, in a file or in a notebook; notebooks then leave its keys alone. */
export function adopt(el, name, page) {
  el.classList.add("lintrans", name);
  el.setAttribute("data-lm-suppress-shortcuts", "true");
  el.page = page;
}

/** Data of a page, with its arrays as typed arrays: the same for a file and for a widget in a notebook. */
export function dataOf(model) {
  return decode(model.get("data"));
}

/** A model as widgets have it, that keeps its state in the fragment of the address. */
class LinkModel {
  constructor({ data, state }, worker) {
    this.values = { data, worker, state };
    this.listeners = [];
    this.timer = null;
    if (location.hash.length > 1) this.values.state = fromFragment(location.hash);
    addEventListener("hashchange", () => this.readLink());
    addEventListener("pagehide", () => this.writeLink());
  }

  get(name) {
    return this.values[name];
  }

  set(name, value) {
    this.values[name] = value;
  }

  on(event, listener) {
    this.listeners.push([event, listener]);
  }

  /** Browsers limit how often an address may change. */
  save_changes() {
    if (this.timer === null) this.timer = setTimeout(() => this.writeLink(), WRITE_MS);
  }

  writeLink() {
    clearTimeout(this.timer);
    this.timer = null;
    try {
      history.replaceState(null, "", `#${toFragment(this.values.state)}`);
    } catch {
      // a sandboxed frame has no address of its own: the state stays in memory
    }
  }

  readLink() {
    if (this.timer !== null) return;
    this.values.state = fromFragment(location.hash);
    for (const [event, listener] of this.listeners) if (event === "change:state") listener();
  }
}

/** Texts by name as `a=1&b=2`. */
export function toFragment(texts) {
  return new URLSearchParams(texts).toString().replaceAll("%2C", ",").replaceAll("%3A", ":");
}

/** The inverse of `toFragment`. */
export function fromFragment(fragment) {
  return Object.fromEntries(new URLSearchParams(fragment.replace(/^#/, "")));
}
