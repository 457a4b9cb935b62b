// Landmarks and the cursor over an axis of mu.

import { named } from "../problem.js";

const GAP = 15; // pixels between two names
const TURN = -0.62;
const ROOM = 45; // pixels that a name needs to the right

/** Dotted lines at the landmarks in the window of a frame. */
export function drawLandmarks(pen, frame, session) {
  const look = { color: session.theme.color("muted"), dash: [1.5, 2.5] };
  for (const mark of session.problem.within(frame.x.low, frame.x.high)) frame.vertical(pen, mark.mu, look);
}

/** Their names above the frame, slanted; a name that has no room is left out. */
export function drawNames(pen, frame, session) {
  let last = -Infinity;
  for (const mark of session.problem.within(frame.x.low, frame.x.high)) {
    const x = frame.x.pixel(mark.mu);
    if (x - last < GAP) continue;
    last = x;
    const fits = x < frame.left + frame.width - ROOM;
    const look = fits ? { turn: TURN } : { turn: -TURN, align: "right" };
    pen.text(named(mark), x + (fits ? 2 : -2), frame.top - 4, {
      color: session.theme.color("muted"),
      size: 10.5,
      ...look,
    });
  }
}

/** The cursor at mu, with a handle below. */
export function drawCursor(pen, frame, session, mu = session.state.mu) {
  const x = frame.x.pixel(mu);
  if (x < frame.left - 1 || x > frame.left + frame.width + 1) return;
  const color = session.theme.color("accent");
  frame.vertical(pen, mu, { color, width: 2 });
  const y = frame.top + frame.height;
  pen.line([x - 6, x + 6, x, x - 6], [y + 9, y + 9, y, y + 9], { color, fill: color });
}
