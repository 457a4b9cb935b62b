// The state of a page: named fields with defaults, as text in the link, with undo.

const MERGE_MS = 600;
const MAX_HISTORY = 300;

/** A finite number, between limits. */
export function numberField(value, low = -Infinity, high = Infinity) {
  const parse = (text) => {
    const x = text.trim() === "" ? NaN : Number(text);
    return Number.isFinite(x) && x >= low && x <= high ? x : undefined;
  };
  return { value, parse, format: String };
}

/** One of some words. */
export function choiceField(value, choices) {
  return { value, parse: (text) => (choices.includes(text) ? text : undefined), format: String };
}

/** Yes or no. */
export function flagField(value) {
  const words = { 1: true, 0: false };
  return { value, parse: (text) => words[text], format: (x) => (x ? "1" : "0") };
}

/** Finite numbers with commas between them; `check` says whether the list is one. "" is null. */
export function listField(value, check) {
  const parse = (text) => {
    if (text === "") return null;
    const list = text.split(",").map((word) => (word.trim() === "" ? NaN : Number(word)));
    return list.every(Number.isFinite) && check(list) ? list : undefined;
  };
  return { value, parse, format: (list) => (list === null ? "" : list.join(",")) };
}

/** Fields of a page by name. The model keeps what differs from the defaults, as texts, in its "state". */
export class Store {
  constructor(fields, model) {
    this.fields = fields;
    this.model = model;
    this.listeners = [];
    this.past = [];
    this.future = [];
    this.dragging = false;
    this.last = { names: "", time: -Infinity };
    this.values = { ...this.defaults(), ...this.read(model.get("state")) };
    model.on("change:state", () => this.apply({ ...this.defaults(), ...this.read(model.get("state")) }));
  }

  defaults() {
    return Object.fromEntries(Object.entries(this.fields).map(([name, field]) => [name, field.value]));
  }

  /** Values of the texts that are valid; others, and unknown names, are left out. */
  read(texts) {
    const found = {};
    for (const [name, text] of Object.entries(texts || {})) {
      const value = name in this.fields ? this.fields[name].parse(String(text)) : undefined;
      if (value !== undefined) found[name] = value;
    }
    return found;
  }

  /** Texts of what differs from the defaults. */
  texts() {
    const found = {};
    for (const [name, field] of Object.entries(this.fields)) {
      const text = field.format(this.values[name]);
      if (text !== field.format(field.value)) found[name] = text;
    }
    return found;
  }

  get(name) {
    return this.values[name];
  }

  /** Change fields: one step of undo, or with `drag` one together with all others until `commit`. */
  set(changes, { drag = false } = {}) {
    const names = Object.keys(changes).filter((name) => !equal(changes[name], this.values[name]));
    if (names.length === 0) return;
    const now = performance.now();
    const again = names.join() === this.last.names && now - this.last.time < MERGE_MS;
    if (!this.dragging && !(again && !drag)) this.remember();
    this.dragging = drag;
    this.last = { names: names.join(), time: now };
    this.apply({ ...this.values, ...changes });
  }

  /** The end of a drag. */
  commit() {
    this.dragging = false;
    this.last.time = -Infinity;
  }

  remember() {
    this.past.push(this.values);
    if (this.past.length > MAX_HISTORY) this.past.shift();
    this.future = [];
  }

  undo() {
    this.travel(this.past, this.future);
  }

  redo() {
    this.travel(this.future, this.past);
  }

  travel(from, to) {
    if (from.length === 0) return;
    this.commit();
    to.push(this.values);
    this.apply(from.pop());
  }

  apply(values) {
    const changed = Object.keys(this.fields).filter((name) => !equal(values[name], this.values[name]));
    if (changed.length === 0) return;
    this.values = values;
    this.model.set("state", this.texts());
    this.model.save_changes();
    for (const listener of this.listeners) listener(new Set(changed));
  }

  /** Call `listener` with the set of changed names after every change. */
  on(listener) {
    this.listeners.push(listener);
  }
}

function equal(x, y) {
  if (!Array.isArray(x) || !Array.isArray(y)) return Object.is(x, y);
  return x.length === y.length && x.every((value, i) => Object.is(value, y[i]));
}
