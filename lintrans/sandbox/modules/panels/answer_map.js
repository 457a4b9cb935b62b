// The answer of the rest of the network at every place of a plane: the ground of a class map.

import { packed } from "../../../pages/modules/colors.js";
import { Picture } from "../../../pages/modules/picture.js";
import { colorOf, mixed } from "../marks.js";

const MOVING = 5; // pixels of a cell while weights move
const FINE = 2; // and at rest
const PALE = 0.1; // of the colour of an answer where the network is undecided
const FULL = 0.24; // added where it is sure
const STROKE = 0.62;
const GAP = 8; // pixels between strokes of a pattern

// Patterns tell answers apart in grey: none, strokes one way, dots, strokes the other way.
const PATTERNS = [
  () => false,
  (x, y) => (x + y) % GAP === 0,
  (x, y) => x < 2 && y < 2,
  (x, y) => (x - y + GAP) % GAP === 0,
].map((has) => Uint8Array.from({ length: GAP * GAP }, (_, k) => has(k % GAP, Math.floor(k / GAP))));

/** A map that is computed again when its side or its frame has changed. */
export class AnswerMap {
  constructor() {
    this.picture = new Picture();
    this.key = null;
  }

  /** Draw it in a frame; `answers(points)` gives {shares} at points (n, 2). */
  draw(pen, frame, session, answers, side) {
    const size = session.isMoving || session.clock.isPlaying ? MOVING : FINE;
    const key = [
      size,
      frame.width,
      frame.height,
      frame.x.low,
      frame.x.high,
      frame.y.low,
      session.theme.color("card"),
    ];
    if (this.side !== side || String(this.key) !== String(key)) {
      this.side = side;
      this.key = key;
      this.compute(frame, session, answers, size);
    }
    this.picture.draw(pen, frame);
    this.names.forEach(({ answer, x, y }) => this.drawName(pen, frame, session, answer, x, y));
  }

  compute(frame, { theme }, answers, size) {
    const [width, height] = [frame.width, frame.height].map(Math.round);
    const [nx, ny] = [width, height].map((pixels) => Math.max(2, Math.ceil(pixels / size)));
    const [perX, perY] = [(frame.x.high - frame.x.low) / width, (frame.y.high - frame.y.low) / height];
    const points = new Float64Array(2 * nx * ny);
    for (let j = 0, k = 0; j < ny; j += 1) {
      for (let i = 0; i < nx; i += 1) {
        points[k++] = frame.x.low + (i + 0.5) * size * perX;
        points[k++] = frame.y.high - (j + 0.5) * size * perY;
      }
    }
    const found = decide(answers(points).shares, nx * ny);
    this.picture.show(paint({ ...found, nx, size, width, height, theme }), {
      x: [frame.x.low, frame.x.high],
      y: [frame.y.low, frame.y.high],
    });
    this.names = middles(found.best, nx, ny).map(({ answer, k }) => ({
      answer,
      x: points[2 * k],
      y: points[2 * k + 1],
    }));
  }

  drawName(pen, frame, { theme }, answer, x, y) {
    const look = { color: theme.color("ink"), halo: theme.color("card"), size: 13, bold: true };
    pen.text(String(answer), frame.x.pixel(x), frame.y.pixel(y), {
      ...look,
      align: "center",
      baseline: "middle",
    });
  }
}

/** Answer of each cell, and how sure it is, from 0 to 1. */
function decide(shares, n) {
  const nAnswers = shares.length / n;
  const [best, sure] = [new Uint8Array(n), new Float64Array(n)];
  for (let k = 0; k < n; k += 1) {
    const at = k * nAnswers;
    for (let a = 1; a < nAnswers; a += 1) if (shares[at + a] > shares[at + best[k]]) best[k] = a;
    sure[k] = (shares[at + best[k]] - 1 / nAnswers) / (1 - 1 / nAnswers);
  }
  return { best, sure };
}

/** Pixels: pale colours with the pattern of the answer, and a line where it changes. */
function paint({ best, sure, nx, size, width, height, theme }) {
  const [card, ink] = [
    theme.rgb("card"),
    packed(mixed(theme.rgb("card"), theme.rgb("ink"), 0.75).map(Math.round)),
  ];
  const nAnswers = 1 + best.reduce((most, a) => Math.max(most, a), 0);
  const colors = Array.from({ length: nAnswers }, (_, a) => theme.rgb(colorOf(a)));
  const strokes = colors.map((color) => packed(mixed(card, color, STROKE).map(Math.round)));
  const tones = colors.map((color) =>
    Uint32Array.from({ length: 17 }, (_, i) =>
      packed(mixed(card, color, PALE + (FULL * i) / 16).map(Math.round)),
    ),
  );
  const image = new ImageData(width, height);
  const words = new Uint32Array(image.data.buffer);
  const ny = best.length / nx;
  for (let k = 0; k < best.length; k += 1) {
    const [i, j, a] = [k % nx, Math.floor(k / nx), best[k]];
    const look = { tone: tones[a][Math.round(16 * Math.max(0, sure[k]))], stroke: strokes[a] };
    const place = [
      i * size,
      j * size,
      Math.min(width, (i + 1) * size),
      j === ny - 1 ? height : (j + 1) * size,
    ];
    fillCell(words, width, place, look, PATTERNS[a % PATTERNS.length]);
    drawBorder(words, width, place, ink, [i > 0 && best[k - 1] !== a, j > 0 && best[k - nx] !== a]);
  }
  return image;
}

function fillCell(words, width, [left, top, right, bottom], { tone, stroke }, pattern) {
  for (let y = top; y < bottom; y += 1) {
    const [at, row] = [y * width, (y % GAP) * GAP];
    for (let x = left; x < right; x += 1) words[at + x] = pattern[row + (x % GAP)] ? stroke : tone;
  }
}

/** Lines at the left and at the top of a cell, where the answer changes. */
function drawBorder(words, width, [left, top, right, bottom], ink, [atLeft, atTop]) {
  if (atLeft) for (let y = top; y < bottom; y += 1) words[y * width + left] = ink;
  if (atTop) words.fill(ink, top * width + left, top * width + right);
}

/** For each answer the cell that is furthest from any other answer, in the largest square around it. */
function middles(best, nx, ny) {
  const n = nx * ny;
  const depth = new Int32Array(n);
  sweep(best, depth, nx, ny, 1);
  sweep(best, depth, nx, ny, -1);
  const found = new Map();
  for (let k = 0; k < n; k += 1) {
    if (!found.has(best[k]) || depth[k] > depth[found.get(best[k])]) found.set(best[k], k);
  }
  return [...found].filter(([, k]) => depth[k] > 2).map(([answer, k]) => ({ answer, k }));
}

/** Distance to the nearest other answer or edge among the cells before (`way` 1) or after each. */
function sweep(best, depth, nx, ny, way) {
  const n = nx * ny;
  const others = [way, way * nx, way * (nx + 1), way * (nx - 1)];
  for (let m = 0; m < n; m += 1) {
    const k = way > 0 ? m : n - 1 - m;
    const [x, y] = [k % nx, Math.floor(k / nx)];
    let least = x === 0 || y === 0 || x === nx - 1 || y === ny - 1 ? 0 : nx + ny;
    for (let i = 0; i < 4; i += 1) {
      const other = k - others[i];
      if (other < 0 || other >= n) continue;
      const reached = best[other] === best[k] ? depth[other] : 0;
      if (reached < least) least = reached;
    }
    depth[k] = way > 0 ? least + 1 : Math.min(depth[k], least + 1);
  }
}
