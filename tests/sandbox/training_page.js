// A page that hands the training of the sandbox, here and in workers, to the tests.

import { decode } from "../../lintrans/pages/modules/arrays.js";
import { Pool } from "../../lintrans/pages/modules/pool.js";
import { layersOf, train } from "./network_checks.js";

/** Numbers as JSON has them, at any depth. */
function plain(value) {
  if (ArrayBuffer.isView(value) || Array.isArray(value)) return Array.from(value);
  if (value === null || typeof value !== "object") return value;
  return Object.fromEntries(Object.entries(value).map(([name, item]) => [name, plain(item)]));
}

export function render({ model, el }) {
  const faults = [];
  const pool = new Pool(model.get("worker"), { n: 2, onError: (error) => faults.push(error) });
  const cases = decode(model.get("data"));

  /** What a worker says to a question, and at the end; `stopAfter` words the question is cancelled. */
  function ask(kind, args, { stopAfter = Infinity, channel = kind } = {}) {
    const words = [];
    return new Promise((resolve) => {
      const onProgress = (word) => {
        words.push(plain(word));
        if (words.length < stopAfter) return;
        pool.cancel(channel);
        resolve({ words, value: null });
      };
      const onPart = (value) => resolve({ words, value: plain(value) });
      pool.ask(channel, [{ kind, args }], { onProgress, onPart });
    });
  }

  el.page = {
    cases,
    faults,
    pool,
    ask,
    train: (options) => plain(train(options)),
    layersOf: (options) => plain(layersOf(options)),
  };
}
