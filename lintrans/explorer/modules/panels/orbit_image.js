// The orbit diagram as a picture: asked for band by band, at the resolution of the window.

import { rangeOf } from "../../../pages/modules/axes.js";
import { linspace } from "../problem.js";
import { variantOf } from "../run.js";
import { orbitSamples } from "../states.js";

export const SAMPLES = 512; // both as the command `lintrans bifurcation` has them
const TRANSIENT = 4096;
const MAX_SAMPLES = 16384;
const PREVIEW = { nTransient: 400, nSamples: 64 };
const PREVIEW_COLUMNS = 160;
const MAX_COLUMNS = 2400;
const MAX_ROWS = 1200;
const FLAT = 1e-11; // range of a quantity that does not vary
const BAND = 100; // columns of a task
const FAINTEST = 70; // opacity of a pixel that one orbit met once, of 255

/** Where orbits go, over the window of mu. */
export class OrbitImage {
  constructor(session, onChange) {
    this.session = session;
    this.onChange = onChange;
    this.canvas = document.createElement("canvas");
    this.shown = null; // window and heights of what is on the canvas
    session.theme.on(() => this.pixels && this.paint());
  }

  /** One start for all mu, or null: the probe start of each. */
  starts() {
    const { from, u, v } = this.session.state;
    return from === "start" ? { u, v } : null;
  }

  /** Range of the quantity: the one zoomed to, or that of a few orbits. */
  heights() {
    return this.session.state.heights || this.whole();
  }

  whole() {
    const { window, quantity } = this.session.state;
    const key = JSON.stringify([window, quantity, this.starts(), variantOf(this.session.state)]);
    if (this.known?.key !== key) this.known = { key, range: this.preview() };
    return this.known.range;
  }

  preview() {
    const { state } = this.session;
    const mus = linspace(...state.window, PREVIEW_COLUMNS);
    const found = orbitSamples({ mus, starts: this.starts(), variant: variantOf(state), ...PREVIEW });
    const [low, high] = rangeOf(quantityOf(state.quantity, mus, found, PREVIEW.nSamples), [0, 2]);
    return high - low > FLAT ? [low, high] : [low - 0.1, high + 0.1];
  }

  /** Numbers of steps: with a box zoomed to, more samples, since fewer of them fall into it. */
  counts() {
    const { heights } = this.session.state;
    if (heights === null) return { nTransient: TRANSIENT, nSamples: SAMPLES };
    const [low, high] = this.whole();
    const share = (heights[1] - heights[0]) / (high - low);
    const wanted = Math.ceil(SAMPLES / share / 64) * 64;
    return { nTransient: TRANSIENT, nSamples: Math.max(SAMPLES, Math.min(MAX_SAMPLES, wanted)) };
  }

  /** Ask for the picture of a frame; the last one stays until the new one is complete. */
  request(frame) {
    const { pool, state } = this.session;
    const ratio = devicePixelRatio || 1;
    const columns = Math.min(MAX_COLUMNS, Math.round(frame.width * ratio));
    const height = Math.min(MAX_ROWS, Math.round(frame.height * ratio));
    const [low, high] = this.heights();
    const shared = { ...this.counts(), starts: this.starts(), variant: variantOf(state) };
    const args = { ...shared, quantity: state.quantity, low, high, height };
    const mus = linspace(...state.window, columns);
    const firsts = Array.from({ length: Math.ceil(columns / BAND) }, (_, i) => i * BAND);
    const bands = firsts.map((first) => mus.slice(first, first + BAND));
    const tasks = bands.map((band) => ({ kind: "orbitImage", rank: 1, args: { ...args, mus: band } }));
    const next = { columns, height, parts: [], window: state.window, heights: [low, high] };
    const began = performance.now();
    pool.ask(
      "diagram",
      tasks,
      ({ counts }, i) => {
        next.parts[i] = { counts, first: firsts[i] };
      },
      () => {
        this.pixels = next;
        this.paint();
        this.latency = performance.now() - began;
      },
    );
  }

  /** Put counts on the canvas: the darker, the more often an orbit came by. */
  paint() {
    const { columns, height, parts, window, heights } = this.pixels;
    const pixels = new ImageData(columns, height);
    const ink = this.session.theme.rgb("ink");
    for (const part of parts) paintBand(pixels, part, ink);
    this.canvas.width = columns;
    this.canvas.height = height;
    this.canvas.getContext("2d").putImageData(pixels, 0, 0);
    this.shown = { window, heights };
    this.onChange();
  }

  /** Draw the last picture, where it belongs in the present window. */
  draw(pen, frame) {
    if (this.shown === null) return;
    const [x0, x1] = this.shown.window.map((mu) => frame.x.pixel(mu));
    const [y0, y1] = this.shown.heights.map((value) => frame.y.pixel(value));
    pen.image(this.canvas, x0, y1, x1 - x0, y0 - y1);
  }

  /** All points: mu, number of the sample, both modes, and the prediction. */
  table(columns) {
    const { state } = this.session;
    const mus = linspace(...state.window, columns);
    const counts = this.counts();
    const { a, b } = orbitSamples({ mus, starts: this.starts(), variant: variantOf(state), ...counts });
    const uv = quantityOf("uv", mus, { a, b }, counts.nSamples);
    const mu = Float64Array.from(a, (_, i) => mus[Math.floor(i / counts.nSamples)]);
    const sample = Int32Array.from(a, (_, i) => i % counts.nSamples);
    return { mu, sample, a, b, uv };
  }
}

function paintBand({ width, height, data }, { counts, first }, [red, green, blue]) {
  const n = counts.length / height;
  let most = 1;
  for (const count of counts) if (count > most) most = count;
  const unit = (255 - FAINTEST) / Math.log1p(most);
  for (let row = 0; row < height; row += 1) {
    for (let i = 0; i < n; i += 1) {
      const count = counts[row * n + i];
      if (count === 0) continue;
      const at = ((height - 1 - row) * width + first + i) * 4;
      data[at] = red;
      data[at + 1] = green;
      data[at + 2] = blue;
      data[at + 3] = FAINTEST + unit * Math.log1p(count);
    }
  }
}

function quantityOf(quantity, mus, { a, b }, nSamples) {
  return Float64Array.from(a, (_, i) => {
    if (quantity === "a") return a[i];
    const mu = mus[Math.floor(i / nSamples)];
    const error = (a[i] * a[i] - (b[i] * b[i] + mu)) / mu;
    return quantity === "uv" ? 1 + error : (error * error) / 2;
  });
}
