// Panels with a point for every sequence: xi, its norm, the output, the probabilities of the answers.
//
// A view has the words of a panel and
//   points(side)          a vector for every sequence, (n, 2)
//   map(side, points)     {shares} of the answers at points of the plane, for a panel with a class map
//   from(side)            where the points come from, for arrows
//   tokens                whether the token table is drawn: the directions of the answers
//   moves                 whether what a position does is drawn
//   circle                whether a norm puts the points on a circle

import { Cloud, colorOf, cssOf, drawMark, groupColors, mixed, shapeOf } from "../marks.js";
import { nearest, Plot, reachOf } from "../plot.js";
import { AnswerMap } from "./answer_map.js";
import { drawCircle, switchLine, unitOf } from "./vector_views.js";

const FAR = 1e3;

/** A panel of a cloud of points. */
export class Clouds extends Plot {
  constructor(session, view) {
    super(session, view);
    this.view = view;
    this.clouds = [new Cloud(), new Cloud()];
    this.maps = view.map ? [new AnswerMap(), new AnswerMap()] : null;
  }

  points(side) {
    return this.view.points(side);
  }

  reach(side) {
    return reachOf(this.points(side), this.view.tokens ? [[0, 0]] : []);
  }

  /** Maps are drawn finely once nothing moves. */
  rest() {
    super.rest();
    if (this.maps) this.invalidate();
  }

  drawAll() {
    const draw = super.drawAll();
    return (pen, width, height) => {
      this.isExporting = true;
      draw(pen, width, height);
      this.isExporting = false;
    };
  }

  drawGround(pen, frame, side) {
    const { session } = this;
    if (this.maps) {
      const map = this.maps[session.sides.indexOf(side)];
      map.draw(pen, frame, session, (points) => this.view.map(side, points), side);
    } else frame.drawGrid(pen, session.theme);
    const look = { color: session.theme.color("line"), width: 1, alpha: 0.6 };
    frame.vertical(pen, 0, look);
    frame.horizontal(pen, 0, look);
    if (this.view.circle) drawCircle(pen, frame, side, this, "feedForward");
  }

  drawPoints(pen, frame, side) {
    const { session } = this;
    const { labels, classes } = side.sequences;
    const groups = session.state.color === "label" ? labels : classes;
    const given = { points: this.points(side), groups, labels, colors: groupColors(session) };
    if (this.isExporting) drawShapes(pen, frame, given);
    else {
      const cloud = this.clouds[session.sides.indexOf(side)];
      cloud.draw(pen, frame, devicePixelRatio || 1, { ...given, rim: this.rim() });
    }
    if (this.view.from) this.drawArrows(pen, frame, side);
    if (this.view.tokens) this.drawTokens(pen, frame, side);
  }

  /** Edge of the points: dark over the colours of a map. */
  rim() {
    const { theme } = this.session;
    return this.maps ? mixed(theme.rgb("card"), theme.rgb("ink"), 0.7).map(Math.round) : theme.rgb("line");
  }

  /** From the mean of each class where it comes from to where it is. */
  drawArrows(pen, frame, side) {
    const { theme } = this.session;
    const [from, to] = [side.classMeans(this.view.from), side.classMeans("out")];
    for (let c = 0; c < from.length; c += 2) {
      const ends = [from.subarray(c, c + 2), to.subarray(c, c + 2)];
      this.arrow(pen, frame, ...ends, { color: theme.color("card"), width: 3.4, alpha: 0.8 });
      this.arrow(pen, frame, ...ends, { color: theme.color("ink"), width: 1.4 });
    }
  }

  /** Directions of the answers, at the length of the frame at most. */
  drawTokens(pen, frame, side) {
    const { theme } = this.session;
    const table = side.part("tokens");
    for (let x = 0; x < table.length / 2; x += 1) {
      const vector = table.subarray(2 * x, 2 * x + 2);
      this.arrow(pen, frame, [0, 0], vector, { color: theme.color("card"), width: 3.6 });
      this.arrow(pen, frame, [0, 0], vector, { color: theme.color(colorOf(x)), width: 1.8, dash: [5, 2] });
      const look = { color: theme.color("ink"), halo: theme.color("card"), bold: true, size: 11 };
      pen.text(`E ${x}`, frame.x.pixel(vector[0]) + 4, frame.y.pixel(vector[1]) - 4, look);
    }
  }

  drawPick(pen, frame, side, pick) {
    if (this.view.moves && pick.position >= 0) this.drawMove(pen, frame, side, pick.position);
    if (this.view.unitLine && pick.unit >= 0) this.drawUnit(pen, frame, side, pick.unit);
    if (!(pick.sequence >= 0 && pick.sequence < side.sequences.n)) return;
    const points = this.points(side);
    const [x, y] = points.subarray(2 * pick.sequence, 2 * pick.sequence + 2);
    if (this.view.from) {
      const from = side.found[this.view.from].subarray(2 * pick.sequence, 2 * pick.sequence + 2);
      this.arrow(pen, frame, from, [x, y], { color: this.session.theme.color("accent"), width: 2 });
    }
    this.ring(pen, frame, x, y);
  }

  /** What the tokens of a position do to xi, on average: from token 0 on. */
  drawMove(pen, frame, side, position) {
    const { theme } = this.session;
    const means = side.tokenMeans(position);
    for (let x = 1; x < means.length / 2; x += 1) {
      const ends = [means.subarray(2 * x - 2, 2 * x), means.subarray(2 * x, 2 * x + 2)];
      this.arrow(pen, frame, ...ends, { color: theme.color("card"), width: 5 });
      this.arrow(pen, frame, ...ends, { color: theme.color("accent"), width: 2.4 });
    }
  }

  /** Where a unit switches, in the plane of norm(xi). */
  drawUnit(pen, frame, side, unit) {
    const line = switchLine(unitOf(side, unit), FAR);
    if (line)
      frame.line(pen, ...line, { color: this.session.theme.color("accent"), width: 1.6, dash: [5, 3] });
  }

  find(frame, side, place) {
    const points = this.points(side);
    const i = nearest(frame, points, place, 7);
    return i < 0 ? null : { pick: { sequence: i }, point: [points[2 * i], points[2 * i + 1]] };
  }

  describe() {
    const { sides, sequences } = this.session;
    const told = sides.map(({ name, measures: { accuracy } }) => {
      return `${name}: ${(100 * accuracy).toFixed(1)} % of ${sequences.n} sequences right`;
    });
    return `${this.title}. ${told.join("; ")}. ${this.view.help}`;
  }

  table() {
    const { sides, sequences, data } = this.session;
    const columns = { run: [], sequence: [], label: [], x: [], y: [] };
    for (const side of sides) {
      const points = this.points(side);
      for (let i = 0; i < sequences.n; i += 1) {
        columns.run.push(side.name);
        columns.sequence.push(wordsOf(sequences.tokens, i, data.task.length));
        columns.label.push(sequences.labels[i]);
        columns.x.push(points[2 * i]);
        columns.y.push(points[2 * i + 1]);
      }
    }
    return columns;
  }
}

/** Tokens of a sequence as text. */
export function wordsOf(tokens, i, length) {
  return Array.from(tokens.subarray(i * length, (i + 1) * length)).join(" ");
}

/** The same points as shapes, for files. */
function drawShapes(pen, frame, { points, groups, labels, colors }) {
  const inks = colors.map(cssOf);
  for (let i = 0; i < groups.length; i += 1) {
    const place = [frame.x.pixel(points[2 * i]), frame.y.pixel(points[2 * i + 1])];
    drawMark(pen, shapeOf(labels[i]), place, 2.4, { color: inks[groups[i]] });
  }
}
