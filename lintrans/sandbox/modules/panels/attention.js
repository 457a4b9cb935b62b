// Attention by position and token: the mean weight of every pair over the sequences that have it.

import { Frame } from "../../../pages/modules/axes.js";
import { Scale, short } from "../../../pages/modules/scales.js";
import { heatColor, heatInk } from "../marks.js";
import { Plot } from "../plot.js";

const MARGIN = { left: 34, right: 8, top: 8, bottom: 36 };
const TEXT_WIDTH = 22; // pixels of a cell that has its number

/** A heat map; its light cells get the attention. */
export class Attention extends Plot {
  constructor(session) {
    super(session, {
      name: "attention",
      title: "5 Attention",
      x: "position t (▲ summed)",
      y: "token x",
      help:
        "Mean attention to token x at position t, over the sequences that have it there: lighter is more. Marks below " +
        "are the positions that the label sums. Attention in the right places is not enough: the values must be alike too.",
    });
  }

  /** The largest mean attention; the others are 0. */
  reach(side) {
    const most = side.attention.reduce((x, y) => (y > x ? y : x), 0);
    return [0, most, 0, most];
  }

  most() {
    return Math.max(1e-12, ...this.session.sides.map((side) => this.range(side)[1]));
  }

  frame(i = 0, width = this.width, height = this.height) {
    const { sides, data } = this.session;
    const { p, length } = data.task;
    const part = width / sides.length;
    const whole = (n) => ({ values: Array.from({ length: n }, (_, k) => k), note: "" });
    const axis = (low, high, n, label) => {
      const scale = new Scale(low, high);
      scale.ticks = (room) => {
        const every = Math.ceil(n / Math.max(1, room * 2.5));
        const { values, note } = whole(n);
        const kept = values.filter((k) => k % every === 0);
        return { values: kept, labels: kept.map(String), note };
      };
      return { scale, label };
    };
    const x = axis(-0.5, length - 0.5, length, this.axes.x);
    const y = axis(-0.5, p - 0.5, p, i === 0 ? this.axes.y : "");
    const margin = { ...MARGIN, left: i * part + MARGIN.left, right: width - (i + 1) * part + MARGIN.right };
    return new Frame(width, height, { x, y, margin });
  }

  drawGround() {} // no grid

  drawPoints(pen, frame, side) {
    const { p, length } = side.network;
    const most = this.most();
    const [width, height] = [frame.width / length, frame.height / p];
    for (let t = 0; t < length; t += 1) {
      for (let x = 0; x < p; x += 1) {
        const share = side.attention[t * p + x] / most;
        const [left, top] = [frame.left + t * width, frame.top + (p - 1 - x) * height];
        pen.rectangle(left, top, width + 0.5, height + 0.5, { color: heatColor(share) });
        if (width >= TEXT_WIDTH && height > 12)
          this.drawNumber(pen, side.attention[t * p + x], share, left + width / 2, top + height / 2);
      }
    }
    this.drawSummed(pen, frame, width);
  }

  drawNumber(pen, value, share, x, y) {
    const color = heatInk(share);
    pen.text(value.toFixed(2).replace(/^0/, ""), x, y, {
      color,
      size: 10,
      align: "center",
      baseline: "middle",
    });
  }

  drawSummed(pen, frame, width) {
    const color = this.session.theme.color("card");
    const bottom = frame.top + frame.height;
    for (const t of this.session.data.task.positions) {
      const x = frame.left + (t + 0.5) * width;
      pen.line([x - 5, x + 5, x, x - 5], [bottom, bottom, bottom - 7, bottom], { color, fill: color });
    }
  }

  drawPick(pen, frame, side, pick) {
    const { p, length } = side.network;
    const [width, height] = [frame.width / length, frame.height / p];
    const outline = (t, x) => {
      const place = [frame.left + t * width + 1, frame.top + (p - 1 - x) * height + 1, width - 2, height - 2];
      pen.rectangle(...place, { color: this.session.theme.color("card"), hollow: true, width: 4 });
      pen.rectangle(...place, { color: this.session.theme.color("accent"), hollow: true, width: 2 });
    };
    const { tokens, n } = side.sequences;
    for (let t = 0; t < length; t += 1) {
      for (let x = 0; x < p; x += 1) {
        const isOfSequence =
          pick.sequence >= 0 && pick.sequence < n && tokens[pick.sequence * length + t] === x;
        const isPair =
          (pick.position === t || pick.token === x) &&
          [-1, t].includes(pick.position) &&
          [-1, x].includes(pick.token);
        if (isOfSequence || isPair) outline(t, x);
      }
    }
  }

  find(frame, side, place) {
    const [position, token] = [frame.x.value(place.x), frame.y.value(place.y)].map(Math.round);
    return { pick: { position, token } };
  }

  /** The number under the pointer, beside its vector in other panels. */
  hover(hit) {
    super.hover(hit);
    if (hit === null) return;
    const { side, pick } = { side: this.session.sides[hit.i], pick: hit.pick };
    const k = pick.position * side.network.p + pick.token;
    this.read(
      `token ${pick.token} at ${pick.position}: ${short(side.attention[k], 3)}, score ${short(side.vectors.scores[k], 3)}`,
    );
  }

  draw(pen, width, height) {
    super.draw(pen, width, height);
    this.remark(`0–${short(this.most(), 2)}`);
  }

  describe() {
    const { positions } = this.session.data.task;
    const told = this.session.sides.map(({ name, attention, network: { p } }) => {
      const mass = positions.reduce((sum, t) => {
        const at = attention.subarray(t * p, (t + 1) * p);
        return sum + at.reduce((x, y) => x + y, 0) / p;
      }, 0);
      return `${name}: ${(100 * mass).toFixed(0)} % of the attention is on the summed positions`;
    });
    return `Attention by position and token. ${told.join("; ")}.`;
  }

  table() {
    const columns = { run: [], position: [], token: [], attention: [], score: [] };
    for (const { name, attention, vectors, network } of this.session.sides) {
      attention.forEach((value, k) => {
        columns.run.push(name);
        columns.position.push(Math.floor(k / network.p));
        columns.token.push(k % network.p);
        columns.attention.push(value);
        columns.score.push(vectors.scores[k]);
      });
    }
    return columns;
  }
}
