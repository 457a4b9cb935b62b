// The recorded runs: which is shown, and which beside it.

import { button, choice } from "../../../pages/modules/controls.js";
import { h } from "../../../pages/modules/dom.js";
import { along, packed, RAMP } from "../../../pages/modules/colors.js";
import { Side } from "../side.js";
import { thinned } from "../sequences.js";
import { reachOf } from "../plot.js";

const SIZE = 44; // pixels of a picture
const POINTS = 1000;

/** A part: a chip for each run with a small picture of xi at its end. */
export class Gallery {
  constructor(session) {
    this.session = session;
    this.few = thinned(session.sequences, session.data.task.length, stride(session.sequences.n));
    this.chips = session.runs.map((run) => this.chip(run));
    const options = [["-1", "none"], ...session.runs.map((run) => [String(run.number), run.name])];
    this.beside = choice("beside", options, {
      get: () => String(session.state.other),
      set: (text) => session.set({ other: Number(text) }),
    });
    this.beside.el.title = "A second run, drawn beside the first in every panel, at the same epoch";
    const chips = this.chips.map((each) => each.el);
    this.el = h(
      "section",
      { class: "gallery", "aria-label": "Runs" },
      chips,
      session.runs.length > 1 && this.beside.el,
    );
  }

  chip(run) {
    const { session } = this;
    const picture = this.picture(run);
    const accuracy = run.column("accuracy", 2).findLast(Number.isFinite) ?? run.column("accuracy", 1).at(-1);
    const solved = run.solved === null ? "never 100 %" : `100 % at epoch ${run.solved}`;
    const thin = run.isWhole ? "" : `; ${run.nSnapshots} snapshots`;
    const words = `${(100 * accuracy).toFixed(1)} %, ${solved}${thin}`;
    const content = h("span", {}, h("strong", {}, `${run.name}: ${run.label}`), h("small", {}, words));
    const each = button([picture, content], () => this.choose(run.number), {
      kind: "chip",
      pressed: () => session.state.run === run.number,
    });
    each.el.title = `Show this run: ${run.label}, accuracy on the population and when it was first 100 %`;
    return each;
  }

  choose(run) {
    const { other } = this.session.state;
    this.session.set({ run, ...(other === run ? { other: -1 } : {}) });
  }

  /** The points xi of the last snapshot, coloured by count. */
  picture(run) {
    const canvas = h("canvas", { width: SIZE, height: SIZE, "aria-hidden": "true" });
    const side = new Side({
      network: this.session.recorded,
      weights: run.weightsAt(run.nSnapshots - 1),
      sequences: this.few,
      run,
      name: run.name,
    });
    const { xi } = side.found;
    const [x0, x1, y0, y1] = reachOf(xi);
    const unit = (SIZE - 6) / Math.max(x1 - x0, y1 - y0, 1e-12);
    const image = new ImageData(SIZE, SIZE);
    const words = new Uint32Array(image.data.buffer);
    const { classes, nClasses, n } = this.few;
    for (let i = 0; i < n; i += 1) {
      const x = Math.round(SIZE / 2 + (xi[2 * i] - (x0 + x1) / 2) * unit);
      const y = Math.round(SIZE / 2 - (xi[2 * i + 1] - (y0 + y1) / 2) * unit);
      const ink = packed(along(RAMP, nClasses > 1 ? classes[i] / (nClasses - 1) : 0).map(Math.round));
      for (const [dx, dy] of [
        [0, 0],
        [1, 0],
        [0, 1],
        [1, 1],
      ])
        words[(y + dy) * SIZE + x + dx] = ink;
    }
    canvas.getContext("2d").putImageData(image, 0, 0);
    return canvas;
  }

  update(changed) {
    if (changed.has("run") || changed.has("other"))
      [...this.chips, this.beside].forEach((each) => each.update());
  }
}

function stride(n) {
  return Math.max(1, 2 * Math.floor(n / POINTS / 2) + 1);
}
