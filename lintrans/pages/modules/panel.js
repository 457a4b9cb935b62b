// A panel: a titled picture that draws itself when it has to, says what it shows, and can be taken away.

import { button, foldout, menu } from "./controls.js";
import { h, say, uniqueId } from "./dom.js";
import { copyText, saveFile, toCsv, toPng, toSvg } from "./export.js";
import { icon } from "./icons.js";
import { CanvasPen } from "./pens.js";

const READOUT = 24; // pixels from the top

/**
 * A part of a page. Panels derive from it, and may have
 *   draw(pen, width, height)         what stands still, with a pen for the canvas or for an SVG
 *   drawMoving(pen, width, height)   what moves with time, above it
 *   describe()                       what the picture shows, in words: the text of the canvas
 *   table()                          columns {name: values} of what is shown, or a Promise; null if there are none yet
 *   command()                        the command line that computes the same; null if there is none
 *   key(event)                       whether a key was used, for a panel with a role: "slider" or "application"
 *   value()                          of a slider: {now, low, high, text}
 *   resized()                        called once its size is known, and when it changes
 */
export class Panel {
  constructor(session, { name, title, help = null, role = null }) {
    Object.assign(this, { session, name, title, role, width: 0, height: 0 });
    Object.assign(this, { isWanted: false, isStale: true, isSeen: false, tools: [] });
    const id = uniqueId("panel");
    this.canvas = h("canvas", { role: role || "img", tabindex: role ? 0 : null });
    this.top = h("canvas", { class: "top", "aria-hidden": "true" });
    this.stage = h("div", { class: "stage" }, this.canvas, this.top);
    this.note = h("span", { class: "note" });
    const about = help && foldout("?", `About: ${title}`, h("p", { class: "help" }, help));
    this.toolbar = h("div", { class: "tools" }, about, this.menu());
    const header = h("header", {}, h("h2", { id }, title), this.note, this.toolbar);
    this.el = h("section", { class: `panel ${name}`, "aria-labelledby": id }, header, this.stage);
    if (role) this.canvas.addEventListener("keydown", (event) => this.useKey(event));
    session.theme.on(() => this.invalidate());
    this.watch();
  }

  /** Draw only while it is near the window, and again when its size changes. */
  watch() {
    const sizes = new ResizeObserver(() => this.resize());
    const places = new IntersectionObserver((entries) => this.see(entries.at(-1).isIntersecting), {
      rootMargin: "150px",
    });
    sizes.observe(this.stage);
    places.observe(this.stage);
    this.session.signal.addEventListener("abort", () => [sizes, places].forEach((each) => each.disconnect()));
  }

  see(isSeen) {
    this.isSeen = isSeen;
    if (isSeen) this.move();
  }

  /** Add controls {el, update} to the header, before the menus. */
  addTools(...tools) {
    this.tools.push(...tools);
    this.toolbar.prepend(...tools.map((tool) => tool.el));
  }

  /** The state has changed: describe and draw it again. */
  update() {
    this.describeAll();
    this.invalidate();
    this.tools.forEach((tool) => tool.update());
  }

  tick() {
    this.move();
  }

  useKey(event) {
    if (event.altKey || event.metaKey || event.ctrlKey || !this.key(event)) return;
    event.preventDefault();
    event.stopPropagation();
  }

  menu() {
    const items = [
      ["PNG image", () => this.savePng()],
      ["SVG image", () => this.saveSvg()],
      this.table && ["CSV table", () => this.saveCsv()],
      this.command && ["Copy command line", () => this.copyCommand()],
    ].filter(Boolean);
    return menu(icon("save"), `Export: ${this.title}`, items);
  }

  /** Draw everything again with the next frame. */
  invalidate() {
    this.isStale = true;
    this.move();
  }

  /** Draw again, with the next frame, what moves. */
  move() {
    if (this.isWanted || !this.isSeen) return;
    this.isWanted = true;
    requestAnimationFrame(() => {
      this.isWanted = false;
      this.paint();
    });
  }

  resize() {
    const box = this.stage.getBoundingClientRect();
    this.width = Math.round(box.width);
    this.height = Math.round(box.height);
    if (this.resized && this.width > 0) this.resized();
    this.invalidate();
  }

  paint() {
    if (this.width === 0 || this.height === 0) return;
    if (this.isStale) {
      this.isStale = false;
      this.draw(this.pen(this.canvas), this.width, this.height);
    }
    const pen = this.pen(this.top);
    if (this.drawMoving) this.drawMoving(pen, this.width, this.height);
    if (this.readout) this.drawReadout(pen);
  }

  /** Show a short text near the top, of what is under the pointer; null is none. */
  read(text) {
    this.readout = text;
    this.move();
  }

  drawReadout(pen) {
    const { theme } = this.session;
    const look = { color: theme.color("ink"), size: 11, halo: theme.color("card"), align: "right" };
    pen.text(this.readout, this.width - 18, READOUT, look);
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
  describeAll() {
    const words = { "aria-label": this.describe() };
    if (this.value) {
      const { now, low, high, text } = this.value();
      const names = {
        "aria-valuenow": now,
        "aria-valuemin": low,
        "aria-valuemax": high,
        "aria-valuetext": text,
      };
      Object.assign(words, names);
    }
    for (const [name, value] of Object.entries(words)) {
      if (this.canvas.getAttribute(name) !== String(value)) this.canvas.setAttribute(name, String(value));
    }
  }

  /** A short remark beside the title. */
  remark(text) {
    say(this.note, text);
    this.note.title = text;
  }

  /** Draw all of it with one pen. */
  drawAll() {
    return (pen, width, height) => {
      this.draw(pen, width, height);
      if (this.drawMoving) this.drawMoving(pen, width, height);
    };
  }

  async savePng() {
    const ground = this.session.theme.color("card");
    this.give("png", await toPng(this.drawAll(), this.width, this.height, ground));
  }

  saveSvg() {
    const text = toSvg(this.drawAll(), this.width, this.height, this.session.theme.color("card"));
    this.give("svg", new Blob([text], { type: "image/svg+xml" }));
  }

  async saveCsv() {
    const columns = await this.table();
    if (columns === null) this.session.announce("There is nothing to save yet.");
    else this.give("csv", toCsv(columns, this.comments()));
  }

  comments() {
    const command = this.command ? this.command() : null;
    return [`${this.title}. ${this.session.about()}`, ...(command === null ? [] : [`command: ${command}`])];
  }

  give(ending, blob) {
    const name = `lintrans_${this.name}.${ending}`;
    saveFile(name, blob);
    this.session.announce(`Saved ${name}.`);
  }

  async copyCommand() {
    const command = this.command();
    if (command === null) {
      this.session.announce("There is nothing to copy yet.");
      return;
    }
    const done = await copyText(command);
    this.session.announce(done ? `Copied: ${command}` : command);
  }
}

/** Buttons that zoom: in, out, back to the whole, and to a box if `box` is {toggle, isOn}. */
export function zoomTools(title, { zoom, reset, box = null }) {
  const tool = (name, words, act, pressed = null) =>
    button(icon(name), act, { title: `${words}: ${title}`, pressed, kind: "tool" });
  return [
    box &&
      tool(
        "box",
        "Zoom to a box",
        () => box.toggle(),
        () => box.isOn(),
      ),
    tool("in", "Zoom in", () => zoom(1 / 2)),
    tool("out", "Zoom out", () => zoom(2)),
    tool("whole", "Show all", reset),
  ].filter(Boolean);
}
