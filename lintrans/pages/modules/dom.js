// Elements of a page. Text becomes text nodes: nothing that a user wrote is ever read as markup.

const SVG = "http://www.w3.org/2000/svg";

/** Element with children; of its properties `onClick` and the like listen, all others are attributes. */
export function h(tag, props = {}, ...children) {
  return fill(document.createElement(tag), props, children);
}

/** The same in SVG. */
export function s(tag, props = {}, ...children) {
  return fill(document.createElementNS(SVG, tag), props, children);
}

function fill(el, props, children) {
  for (const [name, value] of Object.entries(props)) {
    if (name.startsWith("on")) el.addEventListener(name.slice(2).toLowerCase(), value);
    else if (value === true) el.setAttribute(name, "");
    else if (!isNothing(value)) el.setAttribute(name, String(value));
  }
  el.append(...shown(children));
  return el;
}

function isNothing(value) {
  return value === false || value === null || value === undefined;
}

function shown(children) {
  return children.flat(2).filter((child) => !isNothing(child));
}

/** Replace the children of an element. */
export function put(el, ...children) {
  el.replaceChildren(...shown(children));
  return el;
}

/** Set a text if it has changed: a live region speaks only then. */
export function say(el, text) {
  if (el.textContent !== text) el.textContent = text;
}

/** Whether the reader asked for little motion. */
export function wantsStillness() {
  return matchMedia("(prefers-reduced-motion: reduce)").matches;
}

const page = crypto.getRandomValues(new Uint32Array(1))[0].toString(36); // two widgets share a document
let count = 0;

/** A name that no other element of the document has. */
export function uniqueId(stem) {
  count += 1;
  return `lt-${page}-${stem}-${count}`;
}
