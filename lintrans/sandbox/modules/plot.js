// A plane of vectors of two numbers, for one run or for two beside each other.

import { Frame } from "../../pages/modules/axes.js";
import { Panel } from "../../pages/modules/panel.js";
import { listenToPointer } from "../../pages/modules/pointer.js";
import { Scale, short } from "../../pages/modules/scales.js";

const MARGIN = { left: 44, right: 8, top: 8, bottom: 36 };
const PAD = 0.08; // around the points
const LEAST = 1e-9; // of a range
const NEAR = 11; // pixels from a point that is pointed at
const DIGITS = 4; // of weights set by hand: they are in the link

/**
 * A panel with a plane for each side. Derived panels have
 *   reach(side)                 range of its points [x0, x1, y0, y1]
 *   drawGround(pen, frame, side)  what lies below the points
 *   drawPoints(pen, frame, side)
 *   drawPick(pen, frame, side, pick)  what is pointed at, above them
 *   find(frame, side, place)    what lies at a place in pixels: {pick, point, places}, or null; `places` are
 *                               those of two weights that can be dragged
 */
export class Plot extends Panel {
  constructor(session, { x, y, ...words }) {
    super(session, words);
    this.axes = { x, y };
    this.held = null;
    this.listen();
  }

  tick() {
    this.invalidate();
  }

  highlight() {
    this.move();
  }

  /** Nothing moves any more: say what is seen. */
  rest() {
    this.describeAll();
  }

  /** Range of a side: its own, or over the whole run; with two sides one that has both. */
  range(side) {
    const { state, reaches } = this.session;
    const isFree = state.axes === "free" || !side.run;
    return isFree
      ? side.once(`reach of ${this.name}`, () => this.reach(side))
      : reaches.over(this.name, side, (each) => this.reach(each));
  }

  frame(i = 0, width = this.width, height = this.height) {
    const { sides } = this.session;
    const part = width / sides.length;
    const margin = { ...MARGIN, left: i * part + MARGIN.left, right: width - (i + 1) * part + MARGIN.right };
    const inner = [part - MARGIN.left - MARGIN.right, height - MARGIN.top - MARGIN.bottom];
    const [x0, x1, y0, y1] = union(sides.map((side) => this.range(side)));
    const spans = [x1 - x0, y1 - y0].map((span) => Math.max(LEAST, span) * (1 + 2 * PAD));
    const unit = Math.max(spans[0] / Math.max(20, inner[0]), spans[1] / Math.max(20, inner[1]));
    const axis = (middle, pixels, label) => {
      const half = (unit * Math.max(20, pixels)) / 2;
      return { scale: new Scale(middle - half, middle + half), label };
    };
    const x = axis((x0 + x1) / 2, inner[0], this.axes.x);
    const y = axis((y0 + y1) / 2, inner[1], i === 0 ? this.axes.y : "");
    return new Frame(width, height, { x, y, margin });
  }

  draw(pen, width, height) {
    const { theme, sides } = this.session;
    sides.forEach((side, i) => {
      const frame = this.frame(i, width, height);
      if (this.drawGround) frame.clipped(pen, () => this.drawGround(pen, frame, side));
      else frame.drawGrid(pen, theme);
      frame.clipped(pen, () => this.drawPoints(pen, frame, side));
      frame.drawAxes(pen, theme);
      if (sides.length > 1) this.drawName(pen, frame, side);
    });
  }

  drawName(pen, frame, { name }) {
    const { theme } = this.session;
    const look = { color: theme.color("ink"), halo: theme.color("card"), bold: true, baseline: "top" };
    pen.text(name, frame.left + 5, frame.top + 4, look);
  }

  drawMoving(pen, width, height) {
    const { sides, pick } = this.session;
    sides.forEach((side, i) => {
      const frame = this.frame(i, width, height);
      frame.clipped(pen, () => this.drawPick(pen, frame, side, pick));
    });
  }

  /** A ring around a point, and a name beside it. */
  ring(pen, frame, x, y, { text = "", radius = 6 } = {}) {
    const { theme } = this.session;
    const [px, py] = [frame.x.pixel(x), frame.y.pixel(y)];
    pen.dots([px], [py], radius, { color: theme.color("card"), hollow: true, width: 4 });
    pen.dots([px], [py], radius, { color: theme.color("accent"), hollow: true, width: 2 });
    if (text === "") return;
    const isRight = px > frame.left + frame.width - 60;
    const look = { color: theme.color("ink"), halo: theme.color("card"), size: 11, bold: true };
    const isTop = py < frame.top + 16;
    pen.text(text, px + (isRight ? -9 : 9), isTop ? py + 15 : py - 7, {
      ...look,
      align: isRight ? "right" : "left",
    });
  }

  /** An arrow between two places in numbers. */
  arrow(pen, frame, [x0, y0], [x1, y1], look) {
    const [ax, ay, bx, by] = [frame.x.pixel(x0), frame.y.pixel(y0), frame.x.pixel(x1), frame.y.pixel(y1)];
    const length = Math.hypot(bx - ax, by - ay);
    if (!(length > 1)) return;
    const [ux, uy] = [(bx - ax) / length, (by - ay) / length];
    const head = Math.min(8, length / 2);
    const corner = (side) => [bx - head * (ux - side * 0.45 * uy), by - head * (uy + side * 0.45 * ux)];
    const [one, other] = [corner(1), corner(-1)];
    pen.line([ax, bx], [ay, by], look);
    pen.line([one[0], bx, other[0]], [one[1], by, other[1]], { ...look, dash: [] });
  }

  /** Which side a place in pixels is in. */
  at(place) {
    const { sides } = this.session;
    const i = Math.max(0, Math.min(sides.length - 1, Math.floor((place.x * sides.length) / this.width)));
    return { i, side: sides[i], frame: this.frame(i) };
  }

  listen() {
    const { session } = this;
    const found = (place) => {
      const { side, frame, i } = this.at(place);
      const hit = frame.has(place.x, place.y) ? this.find(frame, side, place) : null;
      return hit && { ...hit, i, frame };
    };
    listenToPointer(this.canvas, {
      hover: (place) => this.hover(found(place)),
      leave: () => this.hover(null),
      press: (place) => this.press(found(place), place),
      drag: (place) => this.drag(place),
      release: () => this.release(),
    });
    session.signal.addEventListener("abort", () => this.release());
  }

  hover(hit) {
    const canDrag = hit !== null && hit.places && hit.i === 0;
    this.canvas.style.cursor = canDrag ? "grab" : hit === null ? "" : "pointer";
    this.read(hit && hit.point ? `(${hit.point.map((x) => short(x, 3)).join(", ")})` : null);
    this.session.point(hit && hit.pick);
  }

  press(hit, place) {
    this.held = hit && { ...hit, from: place, hasMoved: false };
  }

  /** Weights follow the pointer; those of the run beside it stay as they were recorded. */
  drag(place) {
    const { held, session } = this;
    if (held === null || !held.places || held.i !== 0) return;
    held.hasMoved ||= Math.hypot(place.x - held.from.x, place.y - held.from.y) > 3;
    if (!held.hasMoved) return;
    const values = [held.frame.x.value(place.x), held.frame.y.value(place.y)].map(legible);
    session.edit(
      held.places.map((at, k) => [at, values[k]]),
      { drag: true },
    );
  }

  release() {
    const { held, session } = this;
    this.held = null;
    if (held === null) return;
    if (held.hasMoved) session.store.commit();
    else session.keep(held.pick);
  }
}

function legible(x) {
  return Number(x.toPrecision(DIGITS));
}

/** Ranges joined. */
function union(ranges) {
  return [0, 1, 2, 3].map((k) => {
    const values = ranges.map((range) => range[k]).filter(Number.isFinite);
    if (values.length === 0) return k % 2 === 0 ? -1 : 1;
    return k % 2 === 0 ? Math.min(...values) : Math.max(...values);
  });
}

/** Range of points (n, 2), with more points [x, y] if they are given. */
export function reachOf(points, more = []) {
  const range = [Infinity, -Infinity, Infinity, -Infinity];
  const take = (x, y) => {
    if (x < range[0]) range[0] = x;
    if (x > range[1]) range[1] = x;
    if (y < range[2]) range[2] = y;
    if (y > range[3]) range[3] = y;
  };
  for (let i = 0; i < points.length; i += 2) take(points[i], points[i + 1]);
  more.forEach(([x, y]) => take(x, y));
  return range;
}

/** The nearest of points (n, 2) to a place in pixels, if it is near enough: its number, or -1. */
export function nearest(frame, points, place, most = NEAR) {
  const [perX, perY] = [
    frame.width / (frame.x.high - frame.x.low),
    frame.height / (frame.y.high - frame.y.low),
  ];
  let [best, least] = [-1, most * most];
  const [x, y] = [frame.x.value(place.x), frame.y.value(place.y)];
  for (let i = 0; i < points.length; i += 2) {
    const [dx, dy] = [(points[i] - x) * perX, (points[i + 1] - y) * perY];
    const square = dx * dx + dy * dy;
    if (square < least) [best, least] = [i / 2, square];
  }
  return best;
}
