// What a pointer does on an element: a mouse, a pen, a finger or two.

const SLACK = 6; // pixels that a finger moves sideways before it drags

/**
 * Listen to a pointer. Handlers get a place {x, y, shift} in pixels of the element: `press`, `drag`, `hover`,
 * `release(place, isCancelled)`, `twice` (a double click), `zoom(place, factor)` (the wheel with Ctrl, or two
 * fingers), and `leave()`. A finger that moves up or down scrolls the page and does nothing else.
 */
export function listenToPointer(el, handlers) {
  const gestures = new Gestures(el, handlers);
  el.addEventListener("pointerdown", (event) => gestures.begin(event));
  el.addEventListener("pointermove", (event) => gestures.move(event));
  el.addEventListener("pointerup", (event) => gestures.end(event, false));
  el.addEventListener("pointercancel", (event) => gestures.end(event, true));
  el.addEventListener("pointerleave", () => gestures.tell("leave"));
  el.addEventListener("dblclick", (event) => gestures.tell("twice", gestures.place(event)));
  if (handlers.zoom) el.addEventListener("wheel", (event) => gestures.wheel(event), { passive: false });
}

class Gestures {
  constructor(el, handlers) {
    this.el = el;
    this.handlers = handlers;
    this.held = null; // the pointer that presses
    this.waiting = null; // where a finger came down, until it is sure that it does not scroll the page
    this.fingers = new Map(); // their places
  }

  tell(name, ...given) {
    if (this.handlers[name]) this.handlers[name](...given);
  }

  place(event) {
    const box = this.el.getBoundingClientRect();
    return { x: event.clientX - box.left, y: event.clientY - box.top, shift: event.shiftKey };
  }

  begin(event) {
    if (event.button !== 0) return;
    const isFinger = event.pointerType === "touch";
    if (isFinger) this.fingers.set(event.pointerId, this.place(event));
    if (this.fingers.size === 2) this.waiting = null; // they zoom, and press nothing
    if (this.held !== null) return;
    this.held = event.pointerId;
    this.el.setPointerCapture(event.pointerId);
    this.waiting = this.place(event);
    if (!isFinger) this.press();
  }

  /** It is sure now that the pointer presses. */
  press() {
    const from = this.waiting;
    this.waiting = null;
    if (from !== null) this.tell("press", from);
  }

  move(event) {
    const now = this.place(event);
    if (this.fingers.size === 2) this.pinch(event.pointerId, now);
    else if (this.held === event.pointerId) this.drag(now);
    else if (this.held === null) this.tell("hover", now);
  }

  drag(now) {
    if (this.waiting !== null && Math.abs(now.x - this.waiting.x) > SLACK) this.press();
    if (this.waiting === null) this.tell("drag", now);
  }

  /** Two fingers zoom about the middle between them. */
  pinch(id, now) {
    if (!this.fingers.has(id)) return;
    const before = spread(this.fingers);
    this.fingers.set(id, now);
    const [one, other] = [...this.fingers.values()];
    const middle = { x: (one.x + other.x) / 2, y: (one.y + other.y) / 2 };
    const after = spread(this.fingers);
    if (before > 0 && after > 0) this.tell("zoom", middle, before / after);
  }

  end(event, isCancelled) {
    const isPinch = this.fingers.size === 2;
    this.fingers.delete(event.pointerId);
    if (this.held !== event.pointerId) return;
    this.held = null;
    const hasScrolled = isCancelled && this.waiting !== null;
    if (isPinch || hasScrolled) {
      this.waiting = null;
      return;
    }
    this.press(); // a tap
    this.tell("release", this.place(event), isCancelled);
  }

  wheel(event) {
    if (!(event.ctrlKey || event.metaKey)) return;
    event.preventDefault();
    this.tell("zoom", this.place(event), Math.exp(Math.max(-1, Math.min(1, event.deltaY / 200))));
  }
}

function spread(fingers) {
  const [one, other] = [...fingers.values()];
  return Math.hypot(one.x - other.x, one.y - other.y);
}
