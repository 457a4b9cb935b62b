// Axes: from numbers to pixels and back, round ticks, and their labels down to where float64 ends.

const PLAIN_DIGITS = 7;

/** A stretch of numbers, linear or logarithmic, laid over a stretch of pixels. */
export class Scale {
  constructor(low, high, { log = false } = {}) {
    Object.assign(this, { low, high, log, start: 0, end: 1 });
  }

  /** Lay it from pixel `start` to pixel `end`. */
  over(start, end) {
    return Object.assign(this, { start, end });
  }

  part(value) {
    if (this.log) return Math.log(value / this.low) / Math.log(this.high / this.low);
    return (value - this.low) / (this.high - this.low);
  }

  pixel(value) {
    return this.start + this.part(value) * (this.end - this.start);
  }

  value(pixel) {
    const part = (pixel - this.start) / (this.end - this.start);
    if (this.log) return this.low * (this.high / this.low) ** part;
    return this.low + part * (this.high - this.low);
  }

  ticks(n) {
    return this.log ? logTicks(this.low, this.high, n) : linearTicks(this.low, this.high, n);
  }
}

/** A round step, 1, 2 or 5 times a power of ten, that divides a span into about n parts. */
function roundStep(span, n) {
  const raw = span / Math.max(1, n);
  const power = 10 ** Math.floor(Math.log10(raw));
  const digit = raw / power;
  return power * (digit < 1.5 ? 1 : digit < 3.5 ? 2 : digit < 7.5 ? 5 : 10);
}

/**
 * Ticks {values, labels, note}. Where a label would need many digits, labels count from an offset, which the
 * note names: "1.302283 + x 1e-9".
 */
export function linearTicks(low, high, n) {
  const step = roundStep(high - low, n);
  if (!(step > 0 && Number.isFinite(step))) return { values: [], labels: [], note: "" };
  const digits = Math.log10(Math.max(Math.abs(low), Math.abs(high)) / step);
  return digits > PLAIN_DIGITS ? offsetTicks(low, high, step) : plainTicks(low, high, step);
}

function plainTicks(low, high, step) {
  const values = [];
  for (let i = Math.ceil(low / step - 1e-9); i * step <= high + 1e-9 * step; i += 1) values.push(i * step);
  const size = Math.max(Math.abs(low), Math.abs(high));
  const power = Math.floor(Math.log10(size));
  const scaled = power < -3 || power > 5;
  const unit = scaled ? 10 ** power : 1;
  const decimals = Math.max(0, Math.min(15, -Math.floor(Math.log10(step / unit) + 1e-9)));
  const labels = values.map((value) => minus((value / unit).toFixed(decimals)));
  return { values, labels, note: scaled ? `× 1e${minus(String(power))}` : "" };
}

function offsetTicks(low, high, step) {
  const power = Math.floor(Math.log10(step));
  const digits = Math.max(0, Math.min(15, -power - 1));
  const offset = Number(((low + high) / 2).toFixed(digits));
  const values = [];
  const labels = [];
  const first = Math.ceil((low - offset) / step - 1e-9);
  for (let i = first; offset + i * step <= high; i += 1) {
    values.push(offset + i * step);
    labels.push(minus(String(Math.round((i * step) / 10 ** power))));
  }
  return { values, labels, note: `${minus(String(offset))} + … × 1e${minus(String(power))}` };
}

function logTicks(low, high, n) {
  const decades = Math.log10(high / low);
  if (decades < 1) return linearTicks(low, high, n);
  const digits = decades < 2.5 ? [1, 2, 5] : [1];
  const [from, to] = [Math.floor(Math.log10(low)), Math.ceil(Math.log10(high))];
  const stride = digits.length > 1 ? 1 : Math.max(1, Math.ceil((to - from) / n));
  const values = [];
  for (let i = Math.ceil(from / stride) * stride; i <= to; i += stride) {
    values.push(
      ...digits.map((digit) => digit * 10 ** i).filter((x) => x >= low * 0.999 && x <= high * 1.001),
    );
  }
  const write = (x) => (x >= 0.01 && x <= 1000 ? String(Number(x.toPrecision(1))) : x.toExponential(0));
  return { values, labels: values.map((x) => minus(write(x).replace("e+", "e"))), note: "" };
}

/** A number with a real minus sign. */
function minus(text) {
  return text.replaceAll("-", "−");
}

/** A number in about n digits, as one reads it. */
export function short(value, n = 4) {
  if (!Number.isFinite(value)) return Number.isNaN(value) ? "–" : minus(value > 0 ? "∞" : "-∞");
  const size = Math.abs(value);
  if (value === 0) return "0";
  if (size >= 1e-3 && size < 1e6) return minus(String(Number(value.toPrecision(n))));
  return minus(
    value
      .toExponential(Math.max(0, n - 1))
      .replace(/\.?0+e/, "e")
      .replace("e+", "e"),
  );
}
