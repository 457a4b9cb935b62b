// Curves of the theory in the plane (u, v), solved pixel by pixel so that they are right at every zoom.
//
// Each is a conic p (u^2 + v^2) + 2 q u v = 1.

import { isPlain } from "../run.js";

const OVERLAP = 1.2; // of the slope 1 at which columns take over from rows

/** Invariant ellipse a^2 / (2 + mu) + b^2 / (2 - mu) = 1, for 0 < mu < 2. */
function ellipseConic(mu) {
  const [along, across] = [mu / (4 * (2 + mu)), mu / (4 * (2 - mu))];
  return { p: along + across, q: along - across };
}

/** Ellipse of one batch alone, from its half axes along the modes a and b. */
export function batchConic(mu, axes) {
  const [along, across] = axes.map((x) => mu / (4 * x * x));
  return { p: along + across, q: along - across };
}

/** Edge of stability mu (u^2 + v^2) = 2: minima inside are stable. */
function edgeConic(mu) {
  return { p: mu / 2, q: 0 };
}

const MINIMA = { p: 0, q: 0.5 }; // uv = 1

/** Names of the curves that are drawn, and the classes of their strokes in a legend. */
export function curveNames(session) {
  const plain = isPlain(session.state);
  return [
    session.state.mu < 2 && [
      plain ? "ellipse: inside stays bounded" : "ellipse without the variant",
      "ellipse",
    ],
    plain && ["minima uv = 1", "minima"],
    plain && ["edge of stability", "edge"],
  ].filter(Boolean);
}

/** Ellipse, minima, edge of stability and the slices u = v and u = -v; of a variant only what stays true. */
export function drawCurves(pen, frame, session) {
  const { mu } = session.state;
  const color = (name) => session.theme.color(name);
  drawSlices(pen, frame, { color: color("muted"), dash: [1.5, 3], width: 1.2 });
  const draw = (conic, look) => drawConic(pen, frame, conic, look, color("card"));
  if (mu < 2) draw(ellipseConic(mu), { color: color("orange"), dash: [7, 4], width: 1.8 });
  if (!isPlain(session.state)) return;
  draw(MINIMA, { color: color("green"), width: 1.8 });
  draw(edgeConic(mu), { color: color("pink"), dash: [8, 3, 2, 3], width: 1.6 });
}

/** A conic with a halo, so that it is seen on every ground. */
export function drawConic(pen, frame, conic, look, halo) {
  const pieces = piecesOf(frame, conic);
  const ground = { ...look, color: halo, width: look.width + 1.8, alpha: 0.6 }; // dashed alike: gaps stay gaps
  for (const style of [ground, look]) {
    for (const [us, vs] of pieces) frame.line(pen, us, vs, style);
  }
}

function drawSlices(pen, frame, look) {
  const far = Math.max(...[frame.x.low, frame.x.high, frame.y.low, frame.y.high].map(Math.abs));
  frame.line(pen, [-far, far], [-far, far], look);
  frame.line(pen, [-far, far], [far, -far], look);
}

/** Lines of a conic: along columns of pixels where it is flat, along rows where it is steep. */
function piecesOf(frame, conic) {
  const columns = stretch(frame.x, frame.width);
  const rows = stretch(frame.y, frame.height);
  return [1, -1].flatMap((side) => [
    [columns, columns.map((u) => solve(conic, u, side))],
    [rows.map((v) => solve(conic, v, side)), rows],
  ]);
}

function stretch(scale, pixels) {
  const n = Math.ceil(pixels / 2);
  return Float64Array.from({ length: n + 1 }, (_, i) => scale.low + ((scale.high - scale.low) * i) / n);
}

/** The other coordinate on one side of the conic; NaN where there is none, or where it runs too steep. */
function solve({ p, q }, x, side) {
  const other = p === 0 ? linear(q, x, side) : quadratic(p, q, x, side);
  const [rise, run] = [Math.abs(p * x + q * other), Math.abs(p * other + q * x)];
  return rise <= OVERLAP * run ? other : NaN;
}

function linear(q, x, side) {
  return side > 0 ? 1 / (2 * q * x) : NaN;
}

function quadratic(p, q, x, side) {
  const root = Math.sqrt(q * q * x * x - p * (p * x * x - 1));
  return (-q * x + side * root) / p;
}
