// The orbit diagram as a picture: asked for band by band, at the resolution of the window.

import { linspace } from "../../../pages/modules/arrays.js";
import { rangeOf } from "../../../pages/modules/axes.js";
import { packed } from "../../../pages/modules/colors.js";
import { Picture } from "../../../pages/modules/picture.js";
import { loss, residual } from "../kernels/map.js";
import { orbitSamples } from "../kernels/states.js";
import { variantOf } from "../run.js";

const SAMPLES = 512; // both as the command `lintrans bifurcation` has them
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
    this.picture = new Picture();
    this.found = null; // {columns, height, parts, place} of the last answer
    session.theme.on(() => this.found && this.paint());
  }

  /** Range of the quantity: the one zoomed to, or that of a few orbits. */
  heights() {
    return this.session.state.heights || this.whole();
  }

  whole() {
    const { session } = this;
    const { window, quantity } = session.state;
    const key = JSON.stringify([window, quantity, session.starts(), variantOf(session.state)]);
    if (this.known?.key !== key) this.known = { key, range: this.preview() };
    return this.known.range;
  }

  preview() {
    const { state } = this.session;
    const mus = linspace(...state.window, PREVIEW_COLUMNS);
    const found = orbitSamples({ mus, ...this.orbits(), ...PREVIEW });
    const [low, high] = rangeOf(quantityOf(state.quantity, mus, found, PREVIEW.nSamples), [0, 2]);
    return high - low > FLAT ? [low, high] : [low - 0.1, high + 0.1];
  }

  orbits() {
    return { starts: this.session.starts(), variant: variantOf(this.session.state) };
  }

  /** Numbers of steps: with a box zoomed to, more samples, since fewer of them fall into it. */
  counts() {
    const { heights } = this.session.state;
    if (heights === null) return { nTransient: TRANSIENT, nSamples: SAMPLES };
    const [low, high] = this.whole();
    const wanted = Math.ceil((SAMPLES * (high - low)) / (heights[1] - heights[0]) / 64) * 64;
    return { nTransient: TRANSIENT, nSamples: Math.max(SAMPLES, Math.min(MAX_SAMPLES, wanted)) };
  }

  /** Ask for the picture of a frame; the last one stays until the new one is complete. */
  request(frame) {
    const { pool, state } = this.session;
    const ratio = devicePixelRatio || 1;
    const columns = Math.min(MAX_COLUMNS, Math.round(frame.width * ratio));
    const height = Math.min(MAX_ROWS, Math.round(frame.height * ratio));
    const [low, high] = this.heights();
    const args = { ...this.counts(), ...this.orbits(), quantity: state.quantity, low, high, height };
    const mus = linspace(...state.window, columns);
    const firsts = bands(columns);
    const tasks = firsts.map((first) => {
      const band = mus.slice(first, first + BAND);
      return { kind: "orbitImage", rank: 1, args: { ...args, mus: band } };
    });
    const next = { columns, height, parts: [], place: { x: state.window, y: [low, high] } };
    const onPart = ({ counts }, i) => {
      next.parts[i] = { counts, first: firsts[i] };
    };
    const onEnd = () => {
      this.found = next;
      this.paint();
    };
    pool.ask("diagram", tasks, { onPart, onEnd });
  }

  /** Put counts into pixels: the darker, the more often an orbit came by. */
  paint() {
    const { columns, height, parts, place } = this.found;
    const image = new ImageData(columns, height);
    const pixels = new Uint32Array(image.data.buffer);
    const most = parts.reduce((x, { counts }) => counts.reduce((y, count) => Math.max(y, count), x), 1);
    const ink = this.session.theme.rgb("ink");
    const unit = (255 - FAINTEST) / Math.log1p(most);
    const inks = Uint32Array.from({ length: most + 1 }, (_, n) =>
      packed(ink, FAINTEST + unit * Math.log1p(n)),
    );
    inks[0] = 0;
    for (const part of parts) paintBand(pixels, part, { columns, height, inks });
    this.picture.show(image, place);
    this.onChange();
  }

  /** All points, from a worker: mu, number of the sample, both modes and the prediction; a Promise. */
  table(columns) {
    const { pool, state } = this.session;
    const mus = linspace(...state.window, columns);
    const counts = { nTransient: TRANSIENT, nSamples: SAMPLES }; // of a box too: more would be millions of rows
    const args = { mus, ...this.orbits(), ...counts };
    return new Promise((resolve) => {
      const onPart = (found) => resolve(columnsOf(mus, found, SAMPLES));
      pool.ask("table", [{ kind: "orbitSamples", args }], { onPart });
    });
  }
}

function bands(columns) {
  return Array.from({ length: Math.ceil(columns / BAND) }, (_, i) => i * BAND);
}

function paintBand(pixels, { counts, first }, { columns, height, inks }) {
  const n = counts.length / height;
  for (let row = 0; row < height; row += 1) {
    const at = (height - 1 - row) * columns + first;
    for (let i = 0; i < n; i += 1) pixels[at + i] = inks[counts[row * n + i]];
  }
}

function columnsOf(mus, { a, b }, nSamples) {
  const mu = Float64Array.from(a, (_, i) => mus[Math.floor(i / nSamples)]);
  const sample = Int32Array.from(a, (_, i) => i % nSamples);
  return { mu, sample, a, b, uv: quantityOf("uv", mus, { a, b }, nSamples) };
}

function quantityOf(quantity, mus, { a, b }, nSamples) {
  if (quantity === "a") return a;
  return Float64Array.from(a, (_, i) => {
    const mu = mus[Math.floor(i / nSamples)];
    const r = residual(mu, a[i], b[i]);
    return quantity === "uv" ? 1 + r / mu : loss(mu, r);
  });
}
