// Marked values on a horizontal axis: lines, names above it, and a cursor. A mark is {value, name}.

const GAP = 15; // pixels between two names
const TURN = -0.62;
const ROOM = 45; // pixels that a name needs to the right

/** Dotted lines at the marks in the window of a frame. */
export function drawMarks(pen, frame, theme, marks) {
  const look = { color: theme.color("muted"), dash: [1.5, 2.5] };
  for (const { value } of inside(frame, marks)) frame.vertical(pen, value, look);
}

/** Their names above the frame, slanted; a name that has no room is left out. */
export function drawNames(pen, frame, theme, marks) {
  const color = theme.color("muted");
  let last = -Infinity;
  for (const { value, name } of inside(frame, marks)) {
    const x = frame.x.pixel(value);
    if (x - last < GAP) continue;
    last = x;
    const fits = x < frame.left + frame.width - ROOM;
    const look = fits ? { turn: TURN } : { turn: -TURN, align: "right" };
    pen.text(name, x + (fits ? 2 : -2), frame.top - 4, { color, size: 10.5, ...look });
  }
}

/** A cursor, with a handle below. */
export function drawCursor(pen, frame, theme, value) {
  const x = frame.x.pixel(value);
  if (x < frame.left - 1 || x > frame.left + frame.width + 1) return;
  const color = theme.color("accent");
  frame.vertical(pen, value, { color, width: 2 });
  const y = frame.top + frame.height;
  pen.line([x - 6, x + 6, x, x - 6], [y + 9, y + 9, y, y + 9], { color, fill: color });
}

function inside(frame, marks) {
  return marks.filter(({ value }) => value >= frame.x.low && value <= frame.x.high);
}
