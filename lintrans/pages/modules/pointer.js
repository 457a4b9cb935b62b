// What a pointer does on an element: a mouse, a finger or a pen.

const SLACK = 6; // pixels that a finger moves sideways before it drags

/**
 * Listen to a pointer; each handler gets {x, y, shift} in pixels of the element. `zoom(place, factor)` is the wheel
 * with Ctrl, `twice(place)` a double click. A finger that moves up or down scrolls the page and does nothing else.
 */
export function listenToPointer(el, { press, drag, release, hover, leave, zoom, twice }) {
  let held = null;
  const place = (event) => {
    const box = el.getBoundingClientRect();
    return { x: event.clientX - box.left, y: event.clientY - box.top, shift: event.shiftKey };
  };
  const end = (event) => {
    if (held !== event.pointerId) return;
    held = null;
    const isCancelled = event.type === "pointercancel";
    if (isCancelled && waiting !== null) {
      waiting = null; // it scrolled
      return;
    }
    decide(); // a tap
    if (release) release(place(event), isCancelled);
  };
  let waiting = null; // where a finger came down, until it is sure that it does not scroll the page
  const decide = () => {
    const from = waiting;
    waiting = null;
    if (from !== null && press) press(from);
  };
  const begin = (event) => {
    if (event.button !== 0 || held !== null) return;
    held = event.pointerId;
    el.setPointerCapture(event.pointerId);
    waiting = place(event);
    if (event.pointerType !== "touch") decide();
  };
  const move = (event) => {
    const now = place(event);
    if (held !== event.pointerId) {
      if (held === null && hover) hover(now);
      return;
    }
    if (waiting !== null && Math.abs(now.x - waiting.x) > SLACK) decide();
    if (waiting === null && drag) drag(now);
  };
  el.addEventListener("pointerdown", begin);
  el.addEventListener("pointermove", move);
  el.addEventListener("pointerup", end);
  el.addEventListener("pointercancel", end);
  if (leave) el.addEventListener("pointerleave", () => leave());
  if (twice) el.addEventListener("dblclick", (event) => twice(place(event)));
  if (zoom) el.addEventListener("wheel", wheelOf(place, zoom), { passive: false });
}

function wheelOf(place, zoom) {
  return (event) => {
    if (!(event.ctrlKey || event.metaKey)) return;
    event.preventDefault();
    zoom(place(event), Math.exp(Math.max(-1, Math.min(1, event.deltaY / 200))));
  };
}
