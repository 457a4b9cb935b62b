// Real buttons, ranges, numbers and choices, each with its label, that show what the state says.

import { h, uniqueId } from "./dom.js";

const STEPS = 1000; // of a range: its thumb moves by pixels, its number says the rest

/** A button; `pressed` and `disabled` are functions of nothing, asked again by `update`. */
export function button(text, onClick, { title = null, pressed = null, disabled = null, kind = "" } = {}) {
  const el = h("button", { type: "button", class: kind, title, "aria-label": title, onClick }, text);
  const update = () => {
    if (pressed) el.setAttribute("aria-pressed", String(pressed()));
    if (disabled) el.disabled = disabled();
  };
  update();
  return { el, update };
}

/**
 * A range with a number beside it. `get()` is the value, `set(value, drag)` takes a new one and `commit()` ends
 * a drag; both lie between `low` and `high`. The number takes any value in `limits`, with all its digits.
 */
export function slider({ label, low, high, get, set, commit, limits = [low, high], log = false, unit = "" }) {
  const id = uniqueId("slider");
  const part = (x) => (log ? Math.log(x / low) / Math.log(high / low) : (x - low) / (high - low));
  const value = (p) => (log ? low * (high / low) ** p : low + p * (high - low));
  const range = h("input", {
    type: "range",
    id,
    min: 0,
    max: STEPS,
    step: "any",
    onInput: () => set(tidy(value(range.value / STEPS), (high - low) / STEPS), true),
    onChange: commit,
  });
  const number = numberBox(`${label}, exact`, { get, set: (x) => set(x, false), limits });
  const el = h(
    "div",
    { class: "slider" },
    h("label", { for: id }, label),
    range,
    number.el,
    unit && h("span", { class: "unit" }, unit),
  );
  const update = () => {
    range.value = Math.max(0, Math.min(1, part(get()))) * STEPS;
    range.setAttribute("aria-valuetext", String(get()));
    number.update();
  };
  update();
  return { el, update };
}

/** A value with no more digits than a step of the thumb can tell. */
function tidy(value, step) {
  const digits = Math.max(0, Math.ceil(-Math.log10(Math.abs(step))) + 1);
  return Number(value.toFixed(Math.min(15, digits)));
}

/** A number typed in; what is no number, or outside the limits, is marked and changes nothing. */
export function numberBox(label, { get, set, limits = [-Infinity, Infinity] }) {
  const el = h("input", {
    type: "text",
    inputmode: "decimal",
    class: "number",
    "aria-label": label,
    size: 8,
  });
  const take = () => {
    const value = el.value.trim() === "" ? NaN : Number(el.value.replace("−", "-"));
    const valid = Number.isFinite(value) && value >= limits[0] && value <= limits[1];
    el.setAttribute("aria-invalid", String(!valid));
    el.title = valid ? "" : `a number from ${limits[0]} to ${limits[1]}`;
    if (valid) set(value);
  };
  el.addEventListener("change", take);
  el.addEventListener("keydown", (event) => event.key === "Enter" && take()); // notebooks keep Enter for themselves
  const update = () => {
    if (document.activeElement === el && el.getAttribute("aria-invalid") === "true") return;
    el.value = String(get());
    el.setAttribute("aria-invalid", "false");
  };
  el.addEventListener("blur", () => {
    el.setAttribute("aria-invalid", "false");
    update();
  });
  update();
  return { el, update };
}

/** One of several: a list to pull down. `options` are [value, text]. */
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

/** A box to tick. */
export function tick(label, { get, set }) {
  const el = h("input", { type: "checkbox", onChange: () => set(el.checked) });
  const update = () => {
    el.checked = get();
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
  const entries = items.map(([name, action]) => h("button", { type: "button", onClick: act(action) }, name));
  const el = foldout(text, title, entries);
  return el;
}

/** Content that opens under a button. Escape and a click elsewhere close it. */
export function foldout(text, title, content) {
  const close = () => {
    el.open = false;
  };
  const summary = h("summary", { title, "aria-label": title }, text);
  const el = h("details", { class: "menu" }, summary, h("div", { class: "entries" }, content));
  el.addEventListener("keydown", (event) => {
    if (event.key !== "Escape" || !el.open) return;
    event.stopPropagation();
    close();
    summary.focus();
  });
  const leave = (event) => !el.contains(event.target) && close();
  el.addEventListener("toggle", () => {
    if (el.open) document.addEventListener("pointerdown", leave);
    else document.removeEventListener("pointerdown", leave);
  });
  return el;
}

/** What a pointer does on an element, in its pixels; each handler gets {x, y, shift, touch}. */
export function listenToPointer(el, { press, drag, release, hover, leave, zoom }) {
  let held = null;
  const place = (event) => {
    const box = el.getBoundingClientRect();
    const touch = event.pointerType === "touch";
    return { x: event.clientX - box.left, y: event.clientY - box.top, shift: event.shiftKey, touch };
  };
  el.addEventListener("pointerdown", (event) => {
    if (event.button !== 0 || held !== null) return;
    held = event.pointerId;
    el.setPointerCapture(event.pointerId);
    if (press) press(place(event));
  });
  el.addEventListener("pointermove", (event) => {
    if (held === event.pointerId && drag) drag(place(event));
    else if (held === null && hover) hover(place(event));
  });
  const end = (event) => {
    if (held !== event.pointerId) return;
    held = null;
    if (release) release(place(event), event.type === "pointercancel");
  };
  el.addEventListener("pointerup", end);
  el.addEventListener("pointercancel", end);
  el.addEventListener("pointerleave", () => leave && leave());
  el.addEventListener(
    "wheel",
    (event) => {
      if (!zoom || !(event.ctrlKey || event.metaKey || document.activeElement === el)) return;
      event.preventDefault();
      zoom(place(event), Math.exp(Math.max(-1, Math.min(1, event.deltaY / 200))));
    },
    { passive: false },
  );
}
