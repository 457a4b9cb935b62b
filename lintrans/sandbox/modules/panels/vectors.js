// Panels of vectors that all sequences share: tokens, positions, their sums, values, hidden units.
//
// A view has the words of a panel and
//   items(side)  [{x, y, pick, text, color, shape, hollow, radius, places}]; `places` are those of two
//                         weights that can be dragged
//   ground(pen, frame, side, plot)  lines below them
//   more(side)            further points that the axes reach to
//   over(pen, frame, side, pick, plot)  more of what is pointed at

import { drawMark } from "../marks.js";
import { nearest, Plot, reachOf } from "../plot.js";

const RADIUS = 4.2;
const FEW = 16; // items that are all named

/** A panel of items. */
export class Vectors extends Plot {
  constructor(session, view) {
    super(session, view);
    this.view = view;
  }

  items(side) {
    return side.once(`items of ${this.name}`, () => this.view.items(side));
  }

  points(side) {
    return Float64Array.from(this.items(side).flatMap(({ x, y }) => [x, y]));
  }

  /** Tokens that never occur wander off: axes need not reach them. */
  reach(side) {
    const near = this.items(side).filter(({ isFar }) => !isFar);
    const points = Float64Array.from(near.flatMap(({ x, y }) => [x, y]));
    return reachOf(points, this.view.more ? this.view.more(side) : []);
  }

  drawGround(pen, frame, side) {
    frame.drawGrid(pen, this.session.theme);
    this.drawOrigin(pen, frame);
    if (this.view.ground) this.view.ground(pen, frame, side, this);
  }

  drawOrigin(pen, frame) {
    const look = { color: this.session.theme.color("line"), width: 1, alpha: 0.6 };
    frame.vertical(pen, 0, look);
    frame.horizontal(pen, 0, look);
  }

  drawPoints(pen, frame, side) {
    const { theme } = this.session;
    const items = this.items(side);
    for (const { x, y, color, shape, hollow, radius = RADIUS } of items) {
      const look = { color: theme.color(color), hollow, halo: theme.color("card") };
      drawMark(pen, shape, [frame.x.pixel(x), frame.y.pixel(y)], radius, look);
    }
    for (const item of items) if (this.isNamed(item, items)) this.drawText(pen, frame, item);
  }

  isNamed({ isNamed = null }, items) {
    return isNamed ?? items.length <= FEW;
  }

  drawText(pen, frame, { x, y, text }) {
    const { theme } = this.session;
    const look = { color: theme.color("ink"), halo: theme.color("card"), size: 11, baseline: "middle" };
    const px = frame.x.pixel(x);
    const isRight = px > frame.left + frame.width - 24;
    pen.text(text, px + (isRight ? -8 : 7), frame.y.pixel(y) - 1, {
      ...look,
      align: isRight ? "right" : "left",
    });
  }

  drawPick(pen, frame, side, pick) {
    for (const { x, y, pick: own, text } of this.items(side)) {
      const isOfSequence = pick.sequence >= 0;
      if (own && this.isPicked(own, pick, side))
        this.ring(pen, frame, x, y, { text: isOfSequence ? "" : text });
    }
    if (this.view.over) this.view.over(pen, frame, side, pick, this);
  }

  /** Whether an item is what is pointed at, or part of it. */
  isPicked(own, pick, side) {
    if (own.unit !== undefined) return own.unit === pick.unit;
    const { length } = side.network;
    if (pick.sequence >= 0 && own.position >= 0 && own.token >= 0) {
      return side.sequences.tokens[pick.sequence * length + own.position] === own.token;
    }
    const fits = (name) => own[name] === undefined || pick[name] < 0 || own[name] === pick[name];
    const isMeant = ["position", "token"].some((name) => own[name] !== undefined && own[name] === pick[name]);
    return isMeant && fits("position") && fits("token");
  }

  find(frame, side, place) {
    const items = this.items(side);
    const i = nearest(frame, this.points(side), place);
    if (i < 0) return null;
    const { pick, places, x, y } = items[i];
    return { pick: pick ?? {}, places, point: [x, y] };
  }

  describe() {
    const { sides } = this.session;
    const told = sides.map((side) => `${side.name}: ${this.items(side).length} points`).join("; ");
    return `${this.title}. ${told}. ${this.view.help}`;
  }

  table() {
    const columns = { run: [], name: [], x: [], y: [] };
    for (const side of this.session.sides) {
      for (const { text, x, y } of this.items(side)) {
        columns.run.push(side.name);
        columns.name.push(text);
        columns.x.push(x);
        columns.y.push(y);
      }
    }
    return columns;
  }
}
