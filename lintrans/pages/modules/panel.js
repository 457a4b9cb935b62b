// A panel: a titled picture that draws itself when it has to, says what it shows, and can be taken away.

import { button, foldout, menu } from "./controls.js";
import { h, say, uniqueId } from "./dom.js";
import { copyText, saveFile, toCsv, toPng, toSvg } from "./export.js";
import { icon } from "./icons.js";
import { CanvasPen } from "./pens.js";

/**
 * Panels of one page share `page`: {theme, announce(text), stem, about()}.
 *
 * `spec` is
 *   name, title      words for files, and for the reader
 *   draw             draw(pen, width, height), with a pen for the canvas or for an SVG
 *   drawMoving       the same for what moves with time, above it
 *   describe         what the picture shows, in words: it is the text of the canvas
 *   table            columns {name: values} of what is shown, or null
 *   command          the command line that computes the same, or null
 *   role, keys       for a panel that can be worked: "slider" or "application", and onKey(event) -> handled
 *   tools            more buttons, beside the menu
 *   help             what to look at, in a sentence or two
 */
export class Panel {
  constructor(spec, page) {
    Object.assign(this, {
      spec,
      page,
      width: 0,
      height: 0,
      wanted: false,
      stale: true,
      tools: spec.tools || [],
    });
    const id = uniqueId("panel");
    this.canvas = h("canvas", { role: spec.role || "img", tabindex: spec.keys ? 0 : null });
    this.note = h("span", { class: "note" });
    this.top = h("canvas", { class: "top", "aria-hidden": "true" });
    this.stage = h("div", { class: "stage" }, this.canvas, this.top);
    this.el = h(
      "section",
      { class: `panel ${spec.name}`, "aria-labelledby": id },
      h(
        "header",
        {},
        h("h2", { id }, spec.title),
        this.note,
        h(
          "div",
          { class: "tools" },
          this.tools.map((tool) => tool.el),
          spec.help ? foldout("?", `About: ${spec.title}`, h("p", { class: "help" }, spec.help)) : null,
          this.menu(),
        ),
      ),
      this.stage,
      spec.below || null,
    );
    if (spec.keys) this.canvas.addEventListener("keydown", (event) => this.key(event));
    new ResizeObserver(() => this.resize()).observe(this.stage);
    page.theme.on(() => this.invalidate());
  }

  key(event) {
    if (event.altKey || event.metaKey || event.ctrlKey || !this.spec.keys(event)) return;
    event.preventDefault();
    event.stopPropagation();
  }

  menu() {
    const { table, command } = this.spec;
    const items = [
      ["PNG image", () => this.savePng()],
      ["SVG image", () => this.saveSvg()],
      table && ["CSV table", () => this.saveCsv()],
      command && ["Copy command line", () => this.copyCommand()],
    ].filter(Boolean);
    return menu(icon("save"), `Export: ${this.spec.title}`, items);
  }

  /** Draw everything again with the next frame. */
  invalidate() {
    this.stale = true;
    this.move();
  }

  /** Draw again, with the next frame, what moves. */
  move() {
    if (this.wanted) return;
    this.wanted = true;
    requestAnimationFrame(() => {
      this.wanted = false;
      this.paint();
    });
  }

  resize() {
    const box = this.stage.getBoundingClientRect();
    this.width = Math.round(box.width);
    this.height = Math.round(box.height);
    if (this.spec.onResize) this.spec.onResize(this.width, this.height);
    this.invalidate();
  }

  paint() {
    if (this.width === 0 || this.height === 0) return;
    if (this.stale) {
      this.stale = false;
      this.spec.draw(this.pen(this.canvas), this.width, this.height);
      this.tools.forEach((tool) => tool.update());
    }
    if (this.spec.drawMoving) this.spec.drawMoving(this.pen(this.top), this.width, this.height);
  }

  /** A pen for a canvas that has been wiped clean. */
  pen(canvas) {
    const ratio = devicePixelRatio || 1;
    const [width, height] = [Math.round(this.width * ratio), Math.round(this.height * ratio)];
    if (canvas.width !== width || canvas.height !== height) {
      canvas.width = width;
      canvas.height = height;
    }
    const context = canvas.getContext("2d");
    context.setTransform(ratio, 0, 0, ratio, 0, 0);
    context.clearRect(0, 0, this.width, this.height);
    return new CanvasPen(context);
  }

  /** Put the description into words; not with every frame of an animation. */
  describe() {
    const text = this.spec.describe();
    if (this.canvas.getAttribute("aria-label") !== text) this.canvas.setAttribute("aria-label", text);
    if (this.spec.value) {
      const { now, low, high, text: spoken } = this.spec.value();
      const values = {
        "aria-valuenow": now,
        "aria-valuemin": low,
        "aria-valuemax": high,
        "aria-valuetext": spoken,
      };
      for (const [name, value] of Object.entries(values)) this.canvas.setAttribute(name, String(value));
    }
  }

  /** A short remark beside the title. */
  remark(text) {
    say(this.note, text);
  }

  fileName(ending) {
    return `${this.page.stem}_${this.spec.name}.${ending}`;
  }

  /** Draw all of it with one pen. */
  drawAll() {
    const { draw, drawMoving } = this.spec;
    return (pen, width, height) => {
      draw(pen, width, height);
      if (drawMoving) drawMoving(pen, width, height);
    };
  }

  async savePng() {
    const blob = await toPng(this.drawAll(), this.width, this.height, this.page.theme.color("card"));
    this.give("png", blob, "image/png");
  }

  saveSvg() {
    this.give(
      "svg",
      toSvg(this.drawAll(), this.width, this.height, this.page.theme.color("card")),
      "image/svg+xml",
    );
  }

  saveCsv() {
    this.give("csv", toCsv(this.spec.table(), this.comments()), "text/csv");
  }

  comments() {
    const command = this.spec.command ? this.spec.command() : null;
    return [`${this.spec.title}. ${this.page.about()}`, ...(command ? [`command: ${command}`] : [])];
  }

  give(ending, content, type) {
    saveFile(this.fileName(ending), content, type);
    this.page.announce(`Saved ${this.fileName(ending)}.`);
  }

  async copyCommand() {
    const command = this.spec.command();
    const done = await copyText(command);
    this.page.announce(done ? `Copied: ${command}` : command);
  }
}

/** Buttons that zoom: in, out, and back to the whole. */
export function zoomTools(title, { zoom, reset, boxing }) {
  const box =
    boxing &&
    button(icon("box"), () => boxing.toggle(), {
      title: `Zoom to a box: ${title}`,
      pressed: () => boxing.isOn(),
      kind: "tool",
    });
  return [
    box,
    button(icon("in"), () => zoom(1 / 2), { title: `Zoom in: ${title}`, kind: "tool" }),
    button(icon("out"), () => zoom(2), { title: `Zoom out: ${title}`, kind: "tool" }),
    button(icon("whole"), reset, { title: `Show all: ${title}`, kind: "tool" }),
  ].filter(Boolean);
}
