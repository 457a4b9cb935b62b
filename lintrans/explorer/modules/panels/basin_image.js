// Basins as a picture, from coarse to fine: what is already known is never computed again.

import { linspace } from "../../../pages/modules/arrays.js";
import { along, hexToRgb, lighter, packed, RAMP } from "../../../pages/modules/colors.js";
import { Picture } from "../../../pages/modules/picture.js";
import { attractorCode } from "../kernels/basins.js";
import { CRISIS } from "../kernels/certificates.js";
import { REGIMES } from "../kernels/regimes.js";
import { isPlain, variantOf } from "../run.js";

const STRIDES = [16, 8, 4, 2, 1];
const STEPS = 2000; // as the command `lintrans basin` has them
const STARTS_PER_TASK = 4_000;
const MAX_SIDE = 1024; // cells along an axis
const DIVERGENT = REGIMES.indexOf("divergent");
const CONVERGED = [REGIMES.indexOf("monotone"), REGIMES.indexOf("catapult")];
const EMPTY = 255;
const LEVELS = 255; // of a ramp
const LEAST_SHARE = 0.002; // that is worth naming: lines of starts on a slice are not

/** Endings of a grid of starts, and their picture. */
export class Basin {
  constructor(session, onChange) {
    this.session = session;
    this.onChange = onChange;
    this.picture = new Picture();
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
    const jobs = STRIDES.flatMap((_, level) => jobsOf(grid, level));
    const tasks = jobs.map((job) => ({
      kind: "basinPoints",
      rank: job.level,
      args: { ...shared, ...pointsOf(grid, job) },
    }));
    const onPart = this.collector(cells, jobs);
    session.pool.ask("basin", tasks, { onPart });
  }

  /** What takes the answers: a level is shown once it and all coarser ones are complete. */
  collector(cells, jobs) {
    const left = STRIDES.map((_, level) => jobs.filter((job) => job.level === level).length);
    let level = 0;
    return (found, i) => {
      keep(cells, jobs[i], found);
      left[jobs[i].level] -= 1;
      if (left[level] !== 0) return;
      while (left[level + 1] === 0) level += 1;
      this.finishLevel(cells, STRIDES[level]);
      level += 1;
    };
  }

  /** Regime of what neither diverges nor settles: that of the attractor on the balanced slice. */
  attractor() {
    const { mu } = this.session.state;
    if (this.knownFor !== mu) {
      this.knownFor = mu;
      this.known = attractorCode(mu);
    }
    return this.known;
  }

  finishLevel(cells, stride) {
    this.cells = cells;
    cells.stride = stride;
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
    this.picture.show(image, { x: [grid.x[0], grid.x.at(-1)], y: [grid.y[0], grid.y.at(-1)] });
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
      REGIMES.map((label, i) => [label, counts[i] / n]).filter(([, share]) => share > LEAST_SHARE),
    );
  }

  table() {
    if (this.cells === null || this.cells.stride > 1) return null;
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

/** Jobs of one level: rows of cells at its stride, without those of the level before. */
function jobsOf({ x, y }, level) {
  const stride = STRIDES[level];
  const rows = Math.max(1, Math.floor(STARTS_PER_TASK / Math.ceil(x.length / stride))) * stride;
  const firsts = Array.from({ length: Math.ceil(y.length / rows) }, (_, i) => i * rows);
  return firsts.map((first) => ({ level, first, last: Math.min(y.length, first + rows) }));
}

/** Visit the cells of a job: its number, column and row. */
function eachCell({ x }, { level, first, last }, visit) {
  const stride = STRIDES[level];
  for (let row = first; row < last; row += stride) {
    const isOld = level > 0 && row % (2 * stride) === 0;
    for (let column = isOld ? stride : 0; column < x.length; column += isOld ? 2 * stride : stride) {
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

/** Looks: of cells and the colours of regimes, the function that colours a cell. */
const LOOKS = { regime: plainLook, steps: speedLook, sharpness: sharpnessLook, branch: sideLook };

function plainLook(cells, base) {
  const colors = base.map((color) => packed(color));
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
  const colors = base.map((color) => packed(color));
  const ramp = Uint32Array.from({ length: LEVELS + 1 }, (_, i) => packed(along(RAMP, i / LEVELS)));
  return (cell) => {
    const part = (cells.sharpness[cell] - 2) / (top - 2);
    if (Number.isNaN(part)) return colors[cells.regime[cell]];
    return ramp[Math.round(LEVELS * Math.max(0, Math.min(1, part)))];
  };
}

/** Lighter where training ends at a < 0. */
function sideLook(cells, base) {
  const colors = [base, base.map((color) => lighter(color, 0.55))].map((list) =>
    list.map((color) => packed(color)),
  );
  return (cell) => colors[cells.branch[cell] < 0 ? 1 : 0][cells.regime[cell]];
}
