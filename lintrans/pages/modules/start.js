// How a page in a file begins: its data, its model, and its first picture.

import { LinkModel } from "./link.js";

/** Draw a page that lies in a file of its own. */
export function start(render) {
  const el = document.getElementById("page");
  const data = JSON.parse(document.getElementById("page-data").textContent);
  const worker = document.getElementById("page-worker").textContent;
  render({ model: new LinkModel(data, worker), el });
}
