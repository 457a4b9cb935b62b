// What all parts of a page share: its data and state, its workers and colours, and who hears of a change.

import { decode } from "./arrays.js";
import { h, say } from "./dom.js";
import { Pool } from "./pool.js";
import { Store } from "./state.js";
import { Theme } from "./theme.js";

const TOAST_MS = 4000;
const BUSY_MS = 500;

/**
 * One page, in a file or in a widget; a document may have several. A page derives its own from it, and may have
 * `derive(changed)`, called with the names of changed fields before the parts hear of them.
 *
 * A part is anything with `update(changed)`, and if it moves with time `tick()`; `el` is its element.
 */
export class Session {
  constructor({ model, el, name, fieldsOf, normalize }) {
    this.el = el;
    this.model = model;
    this.ending = new AbortController();
    this.data = decode(model.get("data"));
    this.store = new Store(fieldsOf(this.data), model, normalize);
    this.theme = new Theme(el, this.signal);
    const onError = (text) => this.announce(text);
    this.pool = new Pool(model.get("worker"), { onError, onWork: () => this.noteWork() });
    this.toast = h("div", { class: "toast", role: "status" });
    this.parts = new Map();
    this.store.on((changed) => this.update(changed));
    addEventListener("pagehide", () => this.store.save(), { signal: this.signal });
    el.classList.add("lintrans", name);
    el.setAttribute("data-lm-suppress-shortcuts", "true"); // notebooks leave its keys alone
    el.page = this;
  }

  /** Ends the listeners of the page outside its element. */
  get signal() {
    return this.ending.signal;
  }

  /** Values of all fields by name. */
  get state() {
    return this.store.values;
  }

  /** Change fields; see `Store.set`. */
  set(changes, options) {
    this.store.set(changes, options);
  }

  add(name, part) {
    this.parts.set(name, part);
    return part;
  }

  part(name) {
    return this.parts.get(name);
  }

  /** Tell all parts what has changed; at the beginning everything. */
  update(changed = new Set(Object.keys(this.store.fields))) {
    if (this.derive) this.derive(changed);
    if (changed.has("theme")) this.theme.choose(this.state.theme);
    for (const part of this.parts.values()) if (part.update) part.update(changed);
  }

  /** Tell all parts that the clock has moved. */
  tick() {
    for (const part of this.parts.values()) if (part.tick) part.tick();
  }

  /** Mark the page as busy, once work takes so long that a reader would wonder. */
  noteWork() {
    if (this.pool.isIdle()) {
      clearTimeout(this.waiting);
      this.waiting = null;
      this.el.removeAttribute("aria-busy");
    } else this.waiting ??= setTimeout(() => this.el.setAttribute("aria-busy", "true"), BUSY_MS);
  }

  /** Tell the reader something once. */
  announce(text) {
    say(this.toast, text);
    clearTimeout(this.timer);
    this.timer = setTimeout(() => say(this.toast, ""), TOAST_MS);
  }

  /** End what goes on in the background. */
  close() {
    this.ending.abort();
    this.store.save();
    this.pool.close();
    for (const part of this.parts.values()) if (part.close) part.close();
  }
}
