// Basins as a picture, from coarse to fine: what is already known is never computed again.

import { CRISIS } from "../certificates.js";
import { hexToRgb } from "../../../pages/modules/theme.js";
import { linspace } from "../problem.js";
import { REGIMES } from "../regimes.js";
import { isPlain, variantOf } from "../run.js";

const STRIDES = [16, 8, 4, 2, 1];
const STEPS = 2000; // as the command `lintrans basin` has them
const STARTS_PER_TASK = 4_000;
const MAX_SIDE = 1024; // cells along an axis
const DIVERGENT = REGIMES.indexOf("divergent");
const CONVERGED = [REGIMES.indexOf("monotone"), REGIMES.indexOf("catapult")];
const EMPTY = 255;
const LEVELS = 255;
const RAMP = [
  [22, 38, 84],
  [32, 96, 134],
  [76, 152, 122],
  [178, 198, 92],
  [250, 236, 160],
];

/** Endings of a grid of starts, and their picture. */
export class Basin {
  constructor(session, onChange) {
    this.session = session;
    this.onChange = onChange;
    this.image = document.createElement("canvas");
    this.shown = null;
    this.cells = null;
    session.theme.on(() => this.cells && this.color(this.cells));
  }

  /** Range of both axes and their numbers of cells, one cell a pixel. */
  window(frame) {
    const ratio = Math.min(devicePixelRatio || 1, MAX_SIDE / Math.max(frame.width, frame.height));
    const n = (pixels) => Math.max(2, Math.round(pixels * ratio));
    return {
      x: { low: frame.x.low, high: frame.x.high, n: n(frame.width) },
      y: { low: frame.y.low, high: frame.y.high, n: n(frame.height) },
    };
  }

  /** Ask for all starts of a window, level by level. */
  request(frame) {
    const { session } = this;
    const { x, y } = this.window(frame);
    const grid = { x: linspace(x.low, x.high, x.n), y: linspace(y.low, y.high, y.n) };
    const cells = blank(grid, session.state);
    const plain = isPlain(session.state);
    const shared = {
      mu: session.state.mu,
      coordinates: "uv",
      nSteps: STEPS,
      variant: variantOf(session.state),
      attractor: plain ? this.attractor() : 0,
      regimeOnly: plain && cells.show === "regime",
    };
    const jobs = STRIDES.flatMap((stride, level) => tasksOf(grid, stride, level === 0));
    const tasks = jobs.map((job) => ({
      kind: "basinPoints",
      rank: STRIDES.indexOf(job.stride),
      args: { ...shared, ...pointsOf(grid, job) },
    }));
    this.began = performance.now();
    this.latency = {};
    const left = STRIDES.map((stride) => jobs.filter((job) => job.stride === stride).length);
    let level = 0; // that is not complete; a finer one may be complete before
    session.pool.ask("basin", tasks, (found, i) => {
      keep(cells, jobs[i], found);
      left[STRIDES.indexOf(jobs[i].stride)] -= 1;
      if (left[level] !== 0) return;
      while (left[level + 1] === 0) level += 1;
      this.finishLevel(cells, STRIDES[level]);
      level += 1;
    });
  }

  /** Regime of what neither diverges nor settles: that of the attractor on the balanced slice. */
  attractor() {
    const { mu } = this.session.state;
    if (this.knownFor !== mu) {
      this.knownFor = mu;
      this.known = this.session.attractorAt(mu);
    }
    return this.known;
  }

  finishLevel(cells, stride) {
    this.cells = cells;
    cells.stride = stride;
    this.latency[stride] = performance.now() - this.began;
    this.color(cells);
    this.onChange();
  }

  /** Colours of all cells; those between known ones have the colour of the corner of their block. */
  color(cells) {
    const { grid, stride, show } = cells;
    const [columns, rows] = [grid.x.length, grid.y.length];
    const image = new ImageData(columns, rows);
    const pixels = new Uint32Array(image.data.buffer);
    const base = REGIMES.map((label) => hexToRgb(this.session.problem.palette[label]));
    const look = LOOKS[show](cells, base);
    for (let row = 0; row < rows; row += stride) {
      for (let column = 0; column < columns; column += stride) {
        const place = { column, row, columns, rows, stride };
        fillBlock(pixels, place, look(row * columns + column));
      }
    }
    this.image.width = columns;
    this.image.height = rows;
    this.image.getContext("2d").putImageData(image, 0, 0);
    this.shown = { x: [grid.x[0], grid.x.at(-1)], y: [grid.y[0], grid.y.at(-1)] };
  }

  /** The last picture, where it belongs in the present window. */
  draw(pen, frame) {
    if (this.shown === null) return;
    const [x0, x1] = this.shown.x.map((u) => frame.x.pixel(u));
    const [y0, y1] = this.shown.y.map((v) => frame.y.pixel(v));
    pen.image(this.image, x0, y1, x1 - x0, y0 - y1);
  }

  /** Share of every regime that occurs, by label. */
  shares() {
    if (this.cells === null) return {};
    const counts = new Array(REGIMES.length).fill(0);
    let n = 0;
    for (const code of this.cells.regime) {
      if (code === EMPTY) continue;
      counts[code] += 1;
      n += 1;
    }
    return Object.fromEntries(
      REGIMES.map((label, i) => [label, counts[i] / n]).filter(([, share]) => share > 0),
    );
  }

  table() {
    const { grid, regime, steps, sharpness, branch } = this.cells;
    const { x, y } = grid;
    const n = x.length * y.length;
    const u = Float64Array.from({ length: n }, (_, i) => x[i % x.length]);
    const v = Float64Array.from({ length: n }, (_, i) => y[Math.floor(i / x.length)]);
    const labels = Array.from(regime, (code) => (code === EMPTY ? "" : REGIMES[code]));
    return { u, v, regime: labels, steps, sharpness, branch };
  }
}

/** What is worth seeing: the minima, then the two mirror-image attractors, then how fast others leave. */
function shownOf(state) {
  if (state.show !== "auto") return state.show;
  if (state.mu < 1 && isPlain(state)) return "sharpness";
  return state.mu < CRISIS ? "branch" : "steps";
}

function blank(grid, state) {
  const n = grid.x.length * grid.y.length;
  return {
    grid,
    mu: state.mu,
    show: shownOf(state),
    stride: STRIDES[0],
    regime: new Uint8Array(n).fill(EMPTY),
    steps: new Int32Array(n),
    sharpness: new Float64Array(n).fill(NaN),
    branch: new Int8Array(n),
  };
}

/** Jobs of one level: rows of cells at a stride, without those of the level before. */
function tasksOf({ x, y }, stride, isFirst) {
  const perRow = Math.ceil(x.length / stride);
  const rows = Math.max(1, Math.floor(STARTS_PER_TASK / perRow)) * stride;
  const jobs = [];
  for (let first = 0; first < y.length; first += rows) {
    jobs.push({ stride, isFirst, first, last: Math.min(y.length, first + rows) });
  }
  return jobs;
}

/** Visit the cells of a job: its number, column and row. */
function eachCell({ x }, { stride, isFirst, first, last }, visit) {
  for (let row = first; row < last; row += stride) {
    const old = !isFirst && row % (2 * stride) === 0;
    for (let column = old ? stride : 0; column < x.length; column += old ? 2 * stride : stride) {
      visit(row * x.length + column, column, row);
    }
  }
}

function pointsOf(grid, job) {
  const x = [];
  const y = [];
  eachCell(grid, job, (_, column, row) => {
    x.push(grid.x[column]);
    y.push(grid.y[row]);
  });
  return { x: Float64Array.from(x), y: Float64Array.from(y) };
}

function keep(cells, job, found) {
  let i = 0;
  eachCell(cells.grid, job, (cell) => {
    cells.regime[cell] = found.regime[i];
    cells.steps[cell] = found.steps[i];
    cells.sharpness[cell] = found.sharpness[i];
    cells.branch[cell] = found.branch[i];
    i += 1;
  });
}

/** Fill the block whose lowest corner is a cell; rows of pixels go downwards. */
function fillBlock(pixels, { column, row, columns, rows, stride }, color) {
  const end = Math.min(stride, columns - column);
  for (let up = row; up < Math.min(row + stride, rows); up += 1) {
    const first = (rows - 1 - up) * columns + column;
    pixels.fill(color, first, first + end);
  }
}

/** A colour as the four bytes of a pixel, red first. */
function packed([red, green, blue]) {
  return (255 << 24) | (blue << 16) | (green << 8) | red;
}

function lighter(color, part) {
  return color.map((x) => x + (255 - x) * part);
}

/** Looks: of cells and the colours of regimes, the function that colours a cell. */
const LOOKS = { regime: plainLook, steps: speedLook, sharpness: sharpnessLook, branch: sideLook };

function plainLook(cells, base) {
  const colors = base.map(packed);
  return (cell) => colors[cells.regime[cell]];
}

/** Lighter, the longer it takes to escape; paler, the longer it takes to settle. */
function speedLook(cells, base) {
  const part = (steps) => Math.min(1, Math.log2(1 + steps) / 10);
  const shade = (code, steps) => {
    if (code === DIVERGENT) return lighter(base[code], 0.85 * part(steps));
    const settles = CONVERGED.includes(code);
    return settles ? lighter(base[code], 0.75 * Math.max(0, part(steps) - 0.4)) : base[code];
  };
  const steps = Array.from({ length: STEPS + 1 }, (_, i) => i);
  const tables = base.map((_, code) => Uint32Array.from(steps, (n) => packed(shade(code, n))));
  return (cell) => tables[cells.regime[cell]][Math.min(STEPS, cells.steps[cell])];
}

/** From dark at the flattest minimum, sharpness 2, to light at the edge of stability, 2 / mu. */
function sharpnessLook(cells, base) {
  const top = Math.max(2.0001, 2 / cells.mu);
  const colors = base.map(packed);
  const ramp = Uint32Array.from({ length: LEVELS + 1 }, (_, i) => packed(along(RAMP, i / LEVELS)));
  return (cell) => {
    const part = (cells.sharpness[cell] - 2) / (top - 2);
    if (Number.isNaN(part)) return colors[cells.regime[cell]];
    return ramp[Math.round(LEVELS * Math.max(0, Math.min(1, part)))];
  };
}

function along(ramp, part) {
  const place = part * (ramp.length - 1);
  const i = Math.min(ramp.length - 2, Math.floor(place));
  return ramp[i].map((x, k) => x + (ramp[i + 1][k] - x) * (place - i));
}

/** Lighter where training ends at a < 0. */
function sideLook(cells, base) {
  const colors = [base, base.map((color) => lighter(color, 0.55))].map((list) => list.map(packed));
  return (cell) => colors[cells.branch[cell] < 0 ? 1 : 0][cells.regime[cell]];
}
