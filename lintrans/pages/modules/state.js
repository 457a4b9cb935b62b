// The state of a page: named fields with defaults, as text in the link, with undo.
//
// A field is {value, parse, format, quiet}: its default, a text to a value (undefined if it is none) and back,
// and whether it is no matter for undo. Number fields have their limits, `low` and `high`, too.

const MERGE_MS = 600;
const SAVE_MS = 120; // browsers limit how often an address may change, and notebooks are slow
const MAX_HISTORY = 300;

/** A finite number, between limits. */
export function numberField(value, low, high, { quiet = false } = {}) {
  return { value, low, high, quiet, parse: numberIn(low, high, () => true), format: String };
}

/** A whole number, between limits. */
export function integerField(value, low, high, { quiet = false } = {}) {
  return { value, low, high, quiet, parse: numberIn(low, high, Number.isInteger), format: String };
}

function numberIn(low, high, check) {
  return (text) => {
    const x = text.trim() === "" ? NaN : Number(text);
    return Number.isFinite(x) && check(x) && x >= low && x <= high ? x : undefined;
  };
}

/** One of some words. */
export function choiceField(value, choices, { quiet = false } = {}) {
  return { value, quiet, parse: (text) => (choices.includes(text) ? text : undefined), format: String };
}

/** Yes or no. */
export function flagField(value) {
  const words = { 1: true, 0: false };
  return { value, quiet: false, parse: (text) => words[text], format: (x) => (x ? "1" : "0") };
}

/** Finite numbers with commas between them, of which `check` says whether they will do. */
export function listField(value, check) {
  const parse = (text) => {
    const list = text.split(",").map((word) => (word.trim() === "" ? NaN : Number(word)));
    return list.every(Number.isFinite) && check(list) ? list : undefined;
  };
  return { value, quiet: false, parse, format: (list) => list.join(",") };
}

/** The same, or null, whose text is empty. */
export function optionalListField(value, check) {
  const { parse, format } = listField(value, check);
  return {
    value,
    quiet: false,
    parse: (text) => (text === "" ? null : parse(text)),
    format: (list) => (list === null ? "" : format(list)),
  };
}

/**
 * Fields of a page by name. The model keeps what differs from the defaults, as texts, in its "state".
 *
 * `normalize(values, names)` may change values that do not go together; `names` have just been changed.
 */
export class Store {
  constructor(fields, model, normalize = (values) => values) {
    Object.assign(this, { fields, model, normalize });
    this.listeners = [];
    this.past = [];
    this.future = [];
    this.dragging = false;
    this.last = { names: "", time: -Infinity };
    const defaults = Object.fromEntries(Object.entries(fields).map(([name, field]) => [name, field.value]));
    this.base = { ...defaults, ...this.read(model.get("base")) };
    this.values = this.given();
    model.on("change:state", () => this.takeGiven());
  }

  /** Values of the model. */
  given() {
    const found = this.read(this.model.get("state"));
    return this.normalize({ ...this.base, ...found }, Object.keys(found));
  }

  /** Somebody else has changed the model: a link was followed, or Python set the state. */
  takeGiven() {
    const values = this.given();
    const names = this.differing(values);
    if (names.length === 0) return;
    this.commit();
    this.remember();
    this.apply(values, names);
  }

  /** Values of the texts that are valid; others, and unknown names, are left out. */
  read(texts) {
    const found = {};
    for (const [name, text] of Object.entries(texts || {})) {
      const value = Object.hasOwn(this.fields, name) ? this.fields[name].parse(String(text)) : undefined;
      if (value !== undefined) found[name] = value;
    }
    return found;
  }

  /** Texts of what differs from the base. */
  texts() {
    const names = Object.keys(this.fields).filter((name) => !equal(this.values[name], this.base[name]));
    return Object.fromEntries(names.map((name) => [name, this.fields[name].format(this.values[name])]));
  }

  get(name) {
    return this.values[name];
  }

  /** Change fields: one step of undo, or with `drag` one together with all others until `commit`. */
  set(changes, { drag = false } = {}) {
    const valid = Object.entries(changes).filter(([name, value]) => this.isValid(name, value));
    const values = this.normalize({ ...this.values, ...Object.fromEntries(valid) }, Object.keys(changes));
    const names = this.differing(values);
    if (names.length === 0) return;
    if (!drag) this.dragging = false;
    if (!names.every((name) => this.fields[name].quiet)) this.begin(names.join(), drag);
    this.apply(values, names);
  }

  isValid(name, value) {
    const { parse, format } = this.fields[name];
    return parse(format(value)) !== undefined;
  }

  /** Remember how it was, unless this change goes on with the last one. */
  begin(names, drag) {
    const now = performance.now();
    const goesOn = drag ? this.dragging : names === this.last.names && now - this.last.time < MERGE_MS;
    if (!goesOn) this.remember();
    this.dragging = drag;
    this.last = { names, time: now };
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
    const then = from.pop();
    const quiet = Object.keys(this.fields).filter((name) => this.fields[name].quiet);
    const values = { ...then, ...Object.fromEntries(quiet.map((name) => [name, this.values[name]])) };
    this.apply(values, this.differing(values));
  }

  differing(values) {
    return Object.keys(this.fields).filter((name) => !equal(values[name], this.values[name]));
  }

  apply(values, names) {
    this.values = values;
    this.model.set("state", this.texts());
    this.timer ??= setTimeout(() => this.save(), SAVE_MS);
    for (const listener of this.listeners) listener(new Set(names));
  }

  /** Let the model keep the state now. */
  save() {
    clearTimeout(this.timer);
    this.timer = null;
    this.model.save_changes();
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
