// Two pens that draw the same: one on a canvas, one into an SVG. Lengths are CSS pixels.
//
// A look is {color, width, dash, alpha, fill, size, align, baseline, turn, bold}. NaN breaks a line.

import { s } from "./dom.js";

const FONT = "system-ui, -apple-system, 'Segoe UI', Roboto, 'Noto Sans', sans-serif";
const CONTROL = /[\u0000-\u0008\u000b\u000c\u000e-\u001f]/g; // characters that XML has no place for
const LONG = 1e6; // lines beyond this many pixels are cut: some browsers drop them

/** Draws on the 2D context of a canvas. */
export class CanvasPen {
  constructor(context) {
    this.context = context;
  }

  use({ color = "#000", width = 1, dash = [], alpha = 1 }) {
    const c = this.context;
    c.strokeStyle = color;
    c.fillStyle = color;
    c.lineWidth = width;
    c.setLineDash(dash);
    c.globalAlpha = alpha;
    c.lineJoin = "round";
  }

  line(xs, ys, look) {
    const c = this.context;
    this.use(look);
    c.beginPath();
    eachPoint(xs, ys, (x, y, begins) => (begins ? c.moveTo(x, y) : c.lineTo(x, y)));
    if (look.fill) {
      c.fillStyle = look.fill;
      c.fill();
    } else c.stroke();
  }

  dots(xs, ys, radius, look) {
    const c = this.context;
    this.use(look);
    for (let i = 0; i < xs.length; i += 1) {
      if (!Number.isFinite(xs[i] + ys[i])) continue;
      c.beginPath();
      c.arc(xs[i], ys[i], radius, 0, 2 * Math.PI);
      if (look.hollow) c.stroke();
      else c.fill();
    }
  }

  rectangle(x, y, width, height, look) {
    this.use(look);
    if (look.hollow) this.context.strokeRect(x, y, width, height);
    else this.context.fillRect(x, y, width, height);
  }

  text(text, x, y, look) {
    const c = this.context;
    this.use(look);
    c.font = `${look.bold ? "600 " : ""}${look.size || 11}px ${FONT}`;
    c.textAlign = look.align || "left";
    c.textBaseline = look.baseline || "alphabetic";
    c.save();
    c.translate(x, y);
    c.rotate(look.turn || 0);
    if (look.halo) {
      c.strokeStyle = look.halo;
      c.lineWidth = 3;
      c.strokeText(text, 0, 0);
    }
    c.fillText(text, 0, 0);
    c.restore();
  }

  image(source, x, y, width, height) {
    const c = this.context;
    c.globalAlpha = 1;
    c.imageSmoothingEnabled = false;
    c.drawImage(source, x, y, width, height);
  }

  clipped(x, y, width, height, draw) {
    const c = this.context;
    c.save();
    c.beginPath();
    c.rect(x, y, width, height);
    c.clip();
    draw();
    c.restore();
  }
}

/** Draws the same into an `svg` element. */
export class SvgPen {
  constructor(width, height) {
    const box = `0 0 ${width} ${height}`;
    this.el = s("svg", { xmlns: "http://www.w3.org/2000/svg", viewBox: box, width, height });
    this.target = this.el;
    this.clips = 0;
  }

  put(tag, props) {
    const el = s(tag, props);
    this.target.append(el);
    return el;
  }

  stroke({ color = "#000", width = 1, dash = [], alpha = 1 }) {
    const dashes = dash.length ? { "stroke-dasharray": dash.join(" ") } : {};
    return { stroke: color, "stroke-width": width, "stroke-opacity": alpha, fill: "none", ...dashes };
  }

  paint({ color = "#000", alpha = 1 }) {
    return { fill: color, "fill-opacity": alpha };
  }

  line(xs, ys, look) {
    const parts = [];
    eachPoint(xs, ys, (x, y, begins) => parts.push(`${begins ? "M" : "L"}${round(x)} ${round(y)}`));
    if (parts.length === 0) return;
    const style = look.fill ? this.paint({ ...look, color: look.fill }) : this.stroke(look);
    this.put("path", { d: parts.join(""), "stroke-linejoin": "round", ...style });
  }

  dots(xs, ys, radius, look) {
    const style = look.hollow ? this.stroke(look) : this.paint(look);
    for (let i = 0; i < xs.length; i += 1) {
      if (!Number.isFinite(xs[i] + ys[i])) continue;
      this.put("circle", { cx: round(xs[i]), cy: round(ys[i]), r: radius, ...style });
    }
  }

  rectangle(x, y, width, height, look) {
    const style = look.hollow ? this.stroke(look) : this.paint(look);
    this.put("rect", { x: round(x), y: round(y), width: round(width), height: round(height), ...style });
  }

  text(text, x, y, look) {
    const anchors = { left: "start", start: "start", center: "middle", right: "end", end: "end" };
    const shifts = { middle: "0.35em", top: "0.8em", bottom: "-0.2em" };
    const turn = look.turn ? ` rotate(${round((look.turn * 180) / Math.PI)})` : "";
    const halo = look.halo
      ? { stroke: look.halo, "stroke-width": 3, "paint-order": "stroke", "stroke-linejoin": "round" }
      : {};
    const el = this.put("text", {
      transform: `translate(${round(x)} ${round(y)})${turn}`,
      "font-family": FONT,
      "font-size": look.size || 11,
      "font-weight": look.bold ? 600 : 400,
      "text-anchor": anchors[look.align || "left"],
      dy: shifts[look.baseline] || 0,
      ...this.paint(look),
      ...halo,
    });
    el.append(text.replace(CONTROL, ""));
  }

  image(source, x, y, width, height) {
    const href = source.toDataURL("image/png");
    const look = { preserveAspectRatio: "none", "image-rendering": "pixelated" };
    this.put("image", { href, x, y, width, height, ...look });
  }

  clipped(x, y, width, height, draw) {
    this.clips += 1;
    const id = `clip${this.clips}`;
    const clip = this.put("clipPath", { id });
    clip.append(s("rect", { x, y, width, height }));
    const outer = this.target;
    this.target = this.put("g", { "clip-path": `url(#${id})` });
    draw();
    this.target = outer;
  }

  /** The text of the file. */
  toText() {
    return new XMLSerializer().serializeToString(this.el);
  }
}

function eachPoint(xs, ys, visit) {
  let begins = true;
  for (let i = 0; i < xs.length; i += 1) {
    const finite = Number.isFinite(xs[i] + ys[i]);
    if (finite) visit(clamp(xs[i]), clamp(ys[i]), begins);
    begins = !finite;
  }
}

function clamp(x) {
  return x > LONG ? LONG : x < -LONG ? -LONG : x;
}

function round(x) {
  return Math.round(clamp(x) * 100) / 100;
}
