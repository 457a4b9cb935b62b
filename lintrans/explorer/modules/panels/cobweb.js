// The cobweb of the balanced slice: each value of the mode a against the next.

import { Frame } from "../../../pages/modules/axes.js";
import { Panel } from "../../../pages/modules/panel.js";
import { Scale, short } from "../../../pages/modules/scales.js";
import { orbitLine } from "../commands.js";
import { nextA, residual } from "../kernels/map.js";
import { isPlain } from "../run.js";

const N = 300;
const MARGIN = { left: 46, right: 12, top: 10, bottom: 36 };

/** Cobweb, exact on the slice b = 0; off it the corners leave the curve. */
export class Cobweb extends Panel {
  constructor(session) {
    super(session, {
      name: "cobweb",
      title: "Cobweb",
      help:
        "From a value of the mode a = √μ (u + v) / 2 go up to the curve, which is the next value, then across to " +
        "the diagonal, and again. It is exact for balanced runs, u = v.",
    });
  }

  update() {
    super.update();
    const { run, state } = this.session;
    const off = run.b[0] === 0 ? "" : "off the slice u = v the corners leave the curve";
    this.remark(isPlain(state) ? off : "the curve is that of plain gradient descent");
  }

  frame(width = this.width, height = this.height) {
    const reach = Math.sqrt(2 + this.session.state.mu) * 1.04; // of the slice of the ellipse
    const axis = (when) => ({ scale: new Scale(-reach, reach), label: `mean mode a at step ${when}` });
    return new Frame(width, height, { x: axis("n"), y: axis("n + 1"), margin: MARGIN });
  }

  draw(pen, width, height) {
    const { state, theme } = this.session;
    const frame = this.frame(width, height);
    const { low, high } = frame.x;
    frame.drawGrid(pen, theme);
    frame.clipped(pen, () => {
      frame.line(pen, [low, high], [low, high], { color: theme.color("muted"), dash: [4, 3] });
      frame.line(pen, ...curve(state.mu, high), { color: theme.color("green"), width: 1.8 });
    });
    frame.drawAxes(pen, theme);
  }

  drawMoving(pen, width, height) {
    const { run, state, step, theme } = this.session;
    const frame = this.frame(width, height);
    const [xs, ys] = web(run.a, Math.max(0, step - state.trail), step);
    frame.clipped(pen, () => {
      frame.line(pen, xs, ys, { color: theme.color("accent"), width: 1, alpha: 0.75 });
      frame.dots(pen, xs.subarray(-1), ys.subarray(-1), 4, { color: theme.color("accent") });
    });
  }

  describe() {
    const mu = short(this.session.state.mu, 6);
    return `Cobweb of the balanced slice at μ = ${mu}: the cubic a (1 + μ) − a³, the diagonal, and the run.`;
  }

  table() {
    const { a } = this.session.run;
    return { a: a.subarray(0, -1), next_a: a.subarray(1) };
  }

  command() {
    return orbitLine(this.session.state);
  }
}

function curve(mu, reach) {
  const xs = Float64Array.from({ length: N + 1 }, (_, i) => -reach + (2 * reach * i) / N);
  return [xs, xs.map((a) => nextA(a, residual(mu, a, 0)))];
}

/** Corners from step `first` to step `last`. */
function web(a, first, last) {
  const xs = new Float64Array(2 * (last - first) + 1);
  const ys = new Float64Array(xs.length);
  for (let i = first; i <= last; i += 1) {
    const at = 2 * (i - first);
    xs[at] = a[i];
    ys[at] = a[i];
    if (i < last) {
      xs[at + 1] = a[i];
      ys[at + 1] = a[i + 1];
    }
  }
  return [xs, ys];
}
