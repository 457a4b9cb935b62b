// Icons as paths in a square of 16: fonts do not have them all, and these look alike everywhere.

import { s } from "./dom.js";

const PATHS = {
  play: "M4 2.5 L13 8 L4 13.5 Z",
  pause: "M4 2.5 H7 V13.5 H4 Z M9 2.5 H12 V13.5 H9 Z",
  first: "M3 3 H5 V13 H3 Z M13 3 L6 8 L13 13 Z",
  back: "M11.5 3 L5 8 L11.5 13 Z",
  next: "M4.5 3 L11 8 L4.5 13 Z",
  in: "M7 3 H9 V7 H13 V9 H9 V13 H7 V9 H3 V7 H7 Z",
  out: "M3 7 H13 V9 H3 Z",
  whole: "M2 2 H7 L5 4 L7.2 6.2 L6.2 7.2 L4 5 L2 7 Z M14 14 H9 L11 12 L8.8 9.8 L9.8 8.8 L12 11 L14 9 Z",
  close:
    "M3.5 2.4 L8 6.9 L12.5 2.4 L13.6 3.5 L9.1 8 L13.6 12.5 L12.5 13.6 L8 9.1 L3.5 13.6 L2.4 12.5 L6.9 8 L2.4 3.5 Z",
  save: "M7.2 2 H8.8 V8 H11.5 L8 11.5 L4.5 8 H7.2 Z M2.5 12.5 H13.5 V14 H2.5 Z",
  box: "M2 2 H6 V3.4 H3.4 V6 H2 Z M10 2 H14 V6 H12.6 V3.4 H10 Z M2 10 H3.4 V12.6 H6 V14 H2 Z M12.6 10 H14 V14 H10 V12.6 H12.6 Z",
  undo: "M6.5 2 V5 H9 A4.5 4.5 0 0 1 9 14 H5 V12.5 H9 A3 3 0 0 0 9 6.5 H6.5 V9.5 L2 5.75 Z",
  redo: "M9.5 2 V5 H7 A4.5 4.5 0 0 0 7 14 H11 V12.5 H7 A3 3 0 0 1 7 6.5 H9.5 V9.5 L14 5.75 Z",
};

/** Icon by name, in the colour of the text around it. */
export function icon(name) {
  const path = s("path", { d: PATHS[name], fill: "currentColor" });
  return s(
    "svg",
    { viewBox: "0 0 16 16", width: 16, height: 16, class: "icon", "aria-hidden": "true" },
    path,
  );
}
