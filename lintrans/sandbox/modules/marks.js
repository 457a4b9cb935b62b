// Marks of points: one shape for each token or label, so that they can be told apart in grey, and their colours.

import { along, packed, RAMP } from "../../pages/modules/colors.js";

export const COLORS = ["blue", "orange", "green", "pink", "accent", "muted"]; // by token or label

export const SHAPES = ["circle", "cross", "triangle", "plus", "square", "diamond"];
const INSIDE = {
  circle: (x, y) => x * x + y * y <= 1.05,
  cross: (x, y) => Math.abs(Math.abs(x) - Math.abs(y)) < 0.45 && Math.max(Math.abs(x), Math.abs(y)) <= 1.05,
  triangle: (x, y) => y <= 0.75 && Math.abs(x) <= (y + 1.1) * 0.6,
  plus: (x, y) => Math.min(Math.abs(x), Math.abs(y)) < 0.35 && Math.max(Math.abs(x), Math.abs(y)) <= 1.05,
  square: (x, y) => Math.max(Math.abs(x), Math.abs(y)) <= 0.85,
  diamond: (x, y) => Math.abs(x) + Math.abs(y) <= 1.1,
};
const OUTLINES = {
  triangle: [
    [0, -1.1],
    [1.1, 0.8],
    [-1.1, 0.8],
  ],
  square: [
    [-0.9, -0.9],
    [0.9, -0.9],
    [0.9, 0.9],
    [-0.9, 0.9],
  ],
  diamond: [
    [0, -1.2],
    [1.2, 0],
    [0, 1.2],
    [-1.2, 0],
  ],
};
const ARMS = {
  cross: [
    [-0.8, -0.8, 0.8, 0.8],
    [-0.8, 0.8, 0.8, -0.8],
  ],
  plus: [
    [-1, 0, 1, 0],
    [0, -1, 0, 1],
  ],
};

export function colorOf(number) {
  return COLORS[number % COLORS.length];
}

export function shapeOf(number) {
  return SHAPES[number % SHAPES.length];
}

/** Colours of the sequences by group: by class a ramp that rises evenly in grey, by label one each. */
export function groupColors(session) {
  const { sequences, theme, state, data } = session;
  if (state.color === "label") {
    return Array.from({ length: data.task.p }, (_, label) => theme.rgb(colorOf(label)));
  }
  const n = sequences.nClasses;
  return Array.from({ length: n }, (_, i) => along(RAMP, n > 1 ? i / (n - 1) : 0.5));
}

/** Draw one mark with a pen. */
export function drawMark(pen, shape, [x, y], radius, { color, hollow = false, halo = null }) {
  if (ARMS[shape]) {
    for (const look of [halo && { color: halo, width: 5 }, { color, width: hollow ? 1.6 : 2.4 }].filter(
      Boolean,
    )) {
      for (const [x0, y0, x1, y1] of ARMS[shape]) {
        pen.line([x + x0 * radius, x + x1 * radius], [y + y0 * radius, y + y1 * radius], look);
      }
    }
    return;
  }
  const outline = OUTLINES[shape];
  if (!outline) {
    if (halo) pen.dots([x], [y], radius + 1.2, { color: halo });
    pen.dots([x], [y], radius, { color, hollow, width: 1.6 });
    return;
  }
  const corners = [...outline, outline[0]];
  const [xs, ys] = [0, 1].map((k) => corners.map((corner) => (k === 0 ? x : y) + corner[k] * radius));
  if (halo) pen.line(xs, ys, { color: halo, width: 3 });
  pen.line(xs, ys, hollow ? { color, width: 1.6 } : { color, fill: color });
}

/** Pixels of each shape at a radius: {fill, rim}, lists of [dx, dy]. */
function stampsOf(radius) {
  return SHAPES.map((shape) => {
    const reach = Math.ceil(radius) + 1;
    const has = (dx, dy) => INSIDE[shape](dx / radius, dy / radius);
    const [fill, rim] = [[], []];
    for (let dy = -reach; dy <= reach; dy += 1) {
      for (let dx = -reach; dx <= reach; dx += 1) {
        if (has(dx, dy)) fill.push([dx, dy]);
        else if (has(dx - 1, dy) || has(dx + 1, dy) || has(dx, dy - 1) || has(dx, dy + 1)) rim.push([dx, dy]);
      }
    }
    return { fill, rim };
  });
}

/** Thousands of points as pixels: much faster than as paths. */
export class Cloud {
  constructor() {
    this.canvas = document.createElement("canvas");
    this.radius = 0;
  }

  /** Draw points (n, 2) in a frame; `groups` and `labels` give the colour and the shape of each. */
  draw(pen, frame, ratio, { points, groups, labels, colors, rim }) {
    const [width, height] = [frame.width * ratio, frame.height * ratio].map(Math.round);
    const pixels = this.pixels(width, height);
    this.prepare(2.7 * ratio, width);
    const inks = colors.map((color) => packed(color.map(Math.round)));
    const edge = packed(rim);
    const [x0, y1] = [frame.x.low, frame.y.high];
    const [perX, perY] = [width / (frame.x.high - x0), height / (y1 - frame.y.low)];
    const room = this.reach;
    for (let i = 0; i < groups.length; i += 1) {
      const x = Math.round((points[2 * i] - x0) * perX);
      const y = Math.round((y1 - points[2 * i + 1]) * perY);
      if (!(x >= room && y >= room && x < width - room && y < height - room)) continue;
      const at = y * width + x;
      const { fill, rim: border } = this.stamps[labels[i] % SHAPES.length];
      for (let k = 0; k < border.length; k += 1) pixels[at + border[k]] = edge;
      const ink = inks[groups[i]];
      for (let k = 0; k < fill.length; k += 1) pixels[at + fill[k]] = ink;
    }
    this.canvas.getContext("2d").putImageData(this.image, 0, 0);
    pen.image(this.canvas, frame.left, frame.top, frame.width, frame.height);
  }

  /** Empty pixels of a size. */
  pixels(width, height) {
    if (!this.image || this.image.width !== width || this.image.height !== height) {
      this.canvas.width = width;
      this.canvas.height = height;
      this.image = new ImageData(width, height);
      this.words = new Uint32Array(this.image.data.buffer);
    } else this.words.fill(0);
    return this.words;
  }

  /** Stamps as distances in the array of pixels. */
  prepare(radius, width) {
    if (this.radius === radius && this.row === width) return;
    Object.assign(this, { radius, row: width, reach: Math.ceil(radius) + 1 });
    const flat = (pixels) => Int32Array.from(pixels, ([dx, dy]) => dy * width + dx);
    this.stamps = stampsOf(radius).map(({ fill, rim }) => ({ fill: flat(fill), rim: flat(rim) }));
  }
}

/** Colour as a text for a pen. */
export function cssOf(rgb) {
  return `rgb(${rgb.map(Math.round).join(" ")})`;
}

/** Colour of a share in a heat map; what is no number is grey. */
export function heatColor(share) {
  return Number.isFinite(share) ? cssOf(along(RAMP, Math.max(0, Math.min(1, share)))) : "#888";
}

/** Colour of a text on it. */
export function heatInk(share) {
  return share > 0.55 ? "#1b1d21" : "#ffffff";
}

/** A mixture of two colours. */
export function mixed(one, other, part) {
  return one.map((x, k) => x + (other[k] - x) * part);
}
