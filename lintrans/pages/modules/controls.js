// Real buttons, ranges, numbers and choices, each with its label, that show what the state says.
//
// Each is {el, update}: `update` shows the state again. Those called field... belong to a field of the state.

import { h, uniqueId } from "./dom.js";

const STEPS = 1000; // of a range: its thumb moves by pixels, its number says the rest

/** A button; `pressed` and `disabled` are functions of nothing, asked again by `update`. */
export function button(text, onClick, { title = null, pressed = null, disabled = null, kind = "" } = {}) {
  const isDisabled = () => disabled !== null && disabled();
  const act = () => !isDisabled() && onClick();
  const el = h("button", { type: "button", class: kind, title, "aria-label": title, onClick: act }, text);
  const update = () => {
    if (pressed) el.setAttribute("aria-pressed", String(pressed()));
    if (disabled) el.setAttribute("aria-disabled", String(isDisabled())); // so that it keeps the focus
  };
  update();
  return { el, update };
}

/**
 * A range with a number beside it, for a field of numbers; the thumb goes from `low` to `high`, the number takes
 * whatever the field does. `also(value)` are changes that go with it.
 */
export function fieldSlider(session, name, { label, low, high, log = false, unit = "", also = () => ({}) }) {
  const id = uniqueId("slider");
  const field = session.store.fields[name];
  const part = (x) => (log ? Math.log(x / low) / Math.log(high / low) : (x - low) / (high - low));
  const value = (p) => (log ? low * (high / low) ** p : low + p * (high - low));
  const nearest = (x) => (field.parse(String(x)) === undefined ? Math.round(x) : x);
  const take = () => {
    const x = nearest(tidy(value(range.value / STEPS), (high - low) / STEPS));
    session.set({ [name]: x, ...also(x) }, { drag: true });
  };
  const commit = () => session.store.commit();
  const range = h("input", {
    type: "range",
    id,
    min: 0,
    max: STEPS,
    step: "any",
    onInput: take,
    onChange: commit,
  });
  const number = fieldNumber(session, name, `${label}, exact`, { also });
  const words = [
    h("label", { for: id }, label),
    range,
    number.el,
    unit && h("span", { class: "unit" }, unit),
  ];
  const update = () => {
    const x = session.state[name];
    range.value = Math.max(0, Math.min(1, part(x))) * STEPS;
    range.setAttribute("aria-valuetext", String(x));
    number.update();
  };
  update();
  return { el: h("div", { class: "slider" }, words), update };
}

/** A value with no more digits than a step of the thumb can tell. */
function tidy(value, step) {
  const digits = Math.max(0, Math.ceil(-Math.log10(Math.abs(step))) + 1);
  return Number(value.toFixed(Math.min(15, digits)));
}

/** A number typed in, for a field of numbers. */
export function fieldNumber(session, name, label, { also = () => ({}) } = {}) {
  const { low, high, parse } = session.store.fields[name];
  return numberBox(label, {
    get: () => session.state[name],
    set: (x) => session.set({ [name]: x, ...also(x) }),
    limits: [low, high],
    check: (x) => parse(String(x)) !== undefined,
  });
}

/** A number typed in; what is no number, or outside the limits, is marked and changes nothing. */
export function numberBox(label, { get, set, limits, check = () => true }) {
  const el = h("input", {
    type: "text",
    inputmode: "decimal",
    class: "number",
    "aria-label": label,
    size: 8,
  });
  const take = () => {
    const value = el.value.trim() === "" ? NaN : Number(el.value.replace("−", "-").replace(",", "."));
    const valid = Number.isFinite(value) && value >= limits[0] && value <= limits[1] && check(value);
    el.setAttribute("aria-invalid", String(!valid));
    el.title = valid ? el.value : `a number from ${limits[0]} to ${limits[1]}`;
    if (valid) set(value);
  };
  el.addEventListener("change", take);
  el.addEventListener("keydown", (event) => event.key === "Enter" && take()); // notebooks keep Enter for themselves
  const show = () => {
    el.value = String(get());
    el.title = el.value;
    el.setAttribute("aria-invalid", "false");
  };
  const update = () => {
    if (document.activeElement === el) return; // it is being typed
    show();
  };
  el.addEventListener("blur", show);
  show();
  return { el, update };
}

/** One of several, for a field of words; `options` are [value, text]. */
export function fieldChoice(session, name, label, options, { hidden = false, also = () => ({}) } = {}) {
  const { format, parse } = session.store.fields[name];
  const get = () => format(session.state[name]);
  const set = (text) => session.set({ [name]: parse(text), ...also(text) });
  return choice(label, options, { get, set, hidden });
}

/** One of several: a list to pull down. */
export function choice(label, options, { get, set, hidden = false }) {
  const id = uniqueId("choice");
  const items = options.map(([value, text]) => h("option", { value }, text));
  const el = h("select", { id, onChange: () => set(el.value) }, items);
  const update = () => {
    el.value = get();
  };
  update();
  const name = h("label", { for: id, class: hidden ? "unseen" : "" }, label);
  return { el: h("span", { class: "choice" }, name, el), update };
}

/** A box to tick, for a field of yes or no. */
export function fieldTick(session, name, label) {
  const el = h("input", { type: "checkbox", onChange: () => session.set({ [name]: el.checked }) });
  const update = () => {
    el.checked = session.state[name];
  };
  update();
  return { el: h("label", { class: "tick" }, el, label), update };
}

/** A menu under a button; `items` are [text, action]. */
export function menu(text, title, items) {
  const act = (action) => () => {
    el.open = false;
    action();
  };
  const el = foldout(
    text,
    title,
    items.map(([name, action]) => h("button", { type: "button", onClick: act(action) }, name)),
  );
  return el;
}

/** Content that opens under a button. Escape and a click elsewhere close it. */
export function foldout(text, title, content) {
  const close = () => {
    el.open = false;
  };
  const leave = (event) => !el.contains(event.target) && close();
  const summary = h("summary", { title, "aria-label": title }, text);
  const el = h("details", { class: "menu" }, summary, h("div", { class: "entries" }, content));
  el.addEventListener("keydown", (event) => {
    if (event.key !== "Escape" || !el.open) return;
    event.stopPropagation();
    close();
    summary.focus();
  });
  el.addEventListener("toggle", () => {
    if (el.open) document.addEventListener("pointerdown", leave);
    else document.removeEventListener("pointerdown", leave);
  });
  return el;
}
