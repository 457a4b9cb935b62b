// What leaves a page: pictures, tables, the command line that computes the same, and links.

import { CanvasPen, SvgPen } from "./pens.js";

const PNG_SCALE = 3;

/** Hand a file to the reader. */
export function saveFile(name, content, type) {
  const blob = content instanceof Blob ? content : new Blob([content], { type });
  const url = URL.createObjectURL(blob);
  const link = document.createElement("a");
  link.href = url;
  link.download = name;
  document.body.append(link);
  link.click();
  link.remove();
  setTimeout(() => URL.revokeObjectURL(url), 10_000);
}

/** Picture of what `draw(pen, width, height)` draws on a ground of the given colour; a Promise of a Blob. */
export function toPng(draw, width, height, ground) {
  const canvas = document.createElement("canvas");
  canvas.width = Math.round(width * PNG_SCALE);
  canvas.height = Math.round(height * PNG_SCALE);
  const context = canvas.getContext("2d");
  context.scale(PNG_SCALE, PNG_SCALE);
  context.fillStyle = ground;
  context.fillRect(0, 0, width, height);
  draw(new CanvasPen(context), width, height);
  return new Promise((resolve) => canvas.toBlob(resolve, "image/png"));
}

/** The same as the text of an SVG file. */
export function toSvg(draw, width, height, ground) {
  const pen = new SvgPen(width, height);
  pen.rectangle(0, 0, width, height, { color: ground });
  draw(pen, width, height);
  return pen.toText();
}

/** Columns {name: values} as CSV, with comment lines first; numbers keep all their digits. */
export function toCsv(columns, comments = []) {
  const names = Object.keys(columns);
  const lines = [...comments.map((line) => `# ${line}`), names.map(quoted).join(",")];
  const n = Math.max(0, ...names.map((name) => columns[name].length));
  for (let i = 0; i < n; i += 1) lines.push(names.map((name) => cell(columns[name][i])).join(","));
  return `${lines.join("\n")}\n`;
}

function cell(value) {
  if (value === undefined || (typeof value === "number" && !Number.isFinite(value))) {
    return value === Infinity ? "inf" : value === -Infinity ? "-inf" : "nan";
  }
  return typeof value === "number" ? String(value) : quoted(String(value));
}

/** Quoted where CSV needs it; a text that a spreadsheet would take for a formula is quoted with a mark. */
function quoted(text) {
  const safe = /^[=+@\t\r]/.test(text) ? `'${text}` : text;
  return /[",\n]/.test(safe) ? `"${safe.replaceAll('"', '""')}"` : safe;
}

/** Copy a text; a Promise of whether it worked. Frames without the right to do so use an older way. */
export async function copyText(text) {
  try {
    await navigator.clipboard.writeText(text);
    return true;
  } catch {
    return copyBySelection(text);
  }
}

function copyBySelection(text) {
  const area = document.createElement("textarea");
  area.value = text;
  area.setAttribute("aria-hidden", "true");
  document.body.append(area);
  area.select();
  const done = document.execCommand("copy");
  area.remove();
  return done;
}
