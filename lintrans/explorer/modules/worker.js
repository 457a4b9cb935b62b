// A worker that computes: it is asked {id, kind, args} and answers {id, value} or {id, error}.

import { compute } from "./kernels.js";

/** The buffers of all typed arrays in a value, at any depth: they are handed over, not copied. */
function buffersOf(value) {
  if (ArrayBuffer.isView(value)) return [value.buffer];
  if (value === null || typeof value !== "object") return [];
  return Object.values(value).flatMap(buffersOf);
}

function answer({ id, kind, args }) {
  try {
    const value = compute(kind, args);
    self.postMessage({ id, value }, buffersOf(value));
  } catch (error) {
    self.postMessage({ id, error: `${kind}: ${error.message}` });
  }
}

self.onmessage = (event) => answer(event.data);
