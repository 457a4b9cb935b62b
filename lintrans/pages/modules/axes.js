// The frame of a plot: its axes with ticks, grid, labels and notes.

const TICK = 4;
const LABEL = 10.5;

/** Space around a plot for its axes. */
const MARGIN = { left: 50, right: 12, top: 12, bottom: 36 };

/**
 * Rectangle of a plot within `width` x `height` pixels, with its scales laid over it.
 *
 * `axes` is {x: {scale, label}, y: {scale, label}, margin}; y grows upwards.
 */
export class Frame {
  constructor(width, height, axes) {
    const margin = { ...MARGIN, ...(axes.margin || {}) };
    this.left = margin.left;
    this.top = margin.top;
    this.width = Math.max(20, width - margin.left - margin.right);
    this.height = Math.max(20, height - margin.top - margin.bottom);
    this.axes = axes;
    this.x = axes.x.scale.over(this.left, this.left + this.width);
    this.y = axes.y.scale.over(this.top + this.height, this.top);
  }

  /** Whether a place in pixels lies inside. */
  has(x, y) {
    return x >= this.left && x <= this.left + this.width && y >= this.top && y <= this.top + this.height;
  }

  clipped(pen, draw) {
    pen.clipped(this.left, this.top, this.width, this.height, draw);
  }

  /** Line through points in numbers. */
  line(pen, xs, ys, look) {
    pen.line(
      map(xs, (x) => this.x.pixel(x)),
      map(ys, (y) => this.y.pixel(y)),
      look,
    );
  }

  dots(pen, xs, ys, radius, look) {
    pen.dots(
      map(xs, (x) => this.x.pixel(x)),
      map(ys, (y) => this.y.pixel(y)),
      radius,
      look,
    );
  }

  vertical(pen, x, look) {
    const at = this.x.pixel(x);
    pen.line([at, at], [this.top, this.top + this.height], look);
  }

  horizontal(pen, y, look) {
    const at = this.y.pixel(y);
    pen.line([this.left, this.left + this.width], [at, at], look);
  }

  /** Lines of the grid, below what is drawn. */
  drawGrid(pen, theme) {
    const look = { color: theme.color("grid"), width: 1 };
    for (const x of this.x.ticks(this.width / 70).values) this.vertical(pen, x, look);
    for (const y of this.y.ticks(this.height / 36).values) this.horizontal(pen, y, look);
  }

  /** Border, ticks and labels, above what is drawn. */
  drawAxes(pen, theme) {
    const ink = theme.color("muted");
    pen.rectangle(this.left, this.top, this.width, this.height, { color: theme.color("line"), hollow: true });
    this.drawX(pen, ink, theme.color("ink"));
    this.drawY(pen, ink, theme.color("ink"));
  }

  drawX(pen, ink, strong) {
    const bottom = this.top + this.height;
    const { values, labels, note } = this.x.ticks(this.width / 70);
    values.forEach((value, i) => {
      const x = this.x.pixel(value);
      pen.line([x, x], [bottom, bottom + TICK], { color: ink });
      const look = { color: ink, size: LABEL, align: "center", baseline: "top" };
      pen.text(labels[i], x, bottom + TICK + 2, look);
    });
    const middle = this.left + this.width / 2;
    const text = [this.axes.x.label, note && `(${note})`].filter(Boolean).join("  ");
    pen.text(text, middle, bottom + 19, { color: strong, size: 11, align: "center", baseline: "top" });
  }

  drawY(pen, ink, strong) {
    const { values, labels, note } = this.y.ticks(this.height / 36);
    values.forEach((value, i) => {
      const y = this.y.pixel(value);
      pen.line([this.left - TICK, this.left], [y, y], { color: ink });
      const look = { color: ink, size: LABEL, align: "right", baseline: "middle" };
      pen.text(labels[i], this.left - TICK - 3, y, look);
    });
    const text = [this.axes.y.label, note && `(${note})`].filter(Boolean).join("  ");
    const look = { color: strong, size: 11, align: "center", baseline: "top", turn: -Math.PI / 2 };
    pen.text(text, 2, this.top + this.height / 2, look);
  }
}

function map(values, to) {
  const found = new Float64Array(values.length);
  for (let i = 0; i < values.length; i += 1) found[i] = to(values[i]);
  return found;
}

/** Numbers from low to high of what is finite, or the given range if there is none; never empty. */
export function rangeOf(values, empty = [0, 1], pad = 0.06) {
  let low = Infinity;
  let high = -Infinity;
  for (const value of values) {
    if (!Number.isFinite(value)) continue;
    if (value < low) low = value;
    if (value > high) high = value;
  }
  if (low > high) return empty;
  const span = high - low || Math.abs(high) || 1;
  return [low - pad * span, high + pad * span];
}
