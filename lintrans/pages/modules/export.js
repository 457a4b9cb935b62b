// What leaves a page: pictures, tables, the command line that computes the same, and links.

import { CanvasPen, SvgPen } from "./pens.js";

const PNG_SCALE = 3;
const KEEP_MS = 10_000; // a file, until the browser has read it
const CHUNK = 50_000; // rows of a table written at a time

/** Hand a file to the reader. */
export function saveFile(name, blob) {
  const url = URL.createObjectURL(blob);
  const link = document.createElement("a");
  link.href = url;
  link.download = name;
  document.body.append(link);
  link.click();
  link.remove();
  setTimeout(() => URL.revokeObjectURL(url), KEEP_MS);
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

/** Columns {name: values} as CSV, with comment lines first; numbers keep all their digits. A Blob. */
export function toCsv(columns, comments = []) {
  const names = Object.keys(columns);
  const n = Math.max(0, ...names.map((name) => columns[name].length));
  const head = comments.map((text) => `# ${text.replace(/[\r\n]+/g, " ")}`);
  const parts = [`${[...head, names.map(quoted).join(",")].join("\n")}\n`];
  for (let first = 0; first < n; first += CHUNK) {
    const rows = Array.from({ length: Math.min(CHUNK, n - first) }, (_, i) => row(columns, names, first + i));
    parts.push(`${rows.join("\n")}\n`);
  }
  return new Blob(parts, { type: "text/csv" });
}

function row(columns, names, i) {
  return names.map((name) => cell(columns[name][i])).join(",");
}

function cell(value) {
  if (typeof value !== "number") return value === undefined ? "" : quoted(String(value));
  if (Number.isNaN(value)) return "nan";
  return Number.isFinite(value) ? String(value) : value > 0 ? "inf" : "-inf";
}

/** Quoted where CSV needs it; a text that a spreadsheet would take for a formula begins with a mark. */
function quoted(text) {
  const safe = /^\s*[=+\-@\t\r]/.test(text) ? `'${text}` : text;
  return /[",\r\n]/.test(safe) ? `"${safe.replaceAll('"', '""')}"` : safe;
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
