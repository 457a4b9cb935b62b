// Arrow keys of the scrubber: one snapshot, with Shift ten, Home and End; not while a text or a list has the focus.

const WAYS = { ArrowLeft: -1, ArrowRight: 1, Home: -Infinity, End: Infinity };
const FAST = 10;

/** Listen for them: everywhere in a page of its own, in a widget only within it. */
export function listenToArrows(session) {
  const root = session.el.id === "page" ? document : session.el;
  const onKey = (event) => {
    const way = WAYS[event.key];
    if (way === undefined || event.altKey || event.ctrlKey || event.metaKey || isTaken(event.target)) return;
    event.preventDefault();
    const most = session.run.nSnapshots;
    session.clock.shift(Math.max(-most, Math.min(most, way * (event.shiftKey ? FAST : 1))));
  };
  root.addEventListener("keydown", onKey, { signal: session.signal });
}

function isTaken(el) {
  const isOwnRange = el.type === "range" && el.closest(".scrub > input") !== null;
  return !isOwnRange && ["INPUT", "SELECT", "TEXTAREA"].includes(el.tagName) && el.type !== "checkbox";
}
