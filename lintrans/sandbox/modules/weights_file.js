// The weights that are shown as a file, for `numpy.load` and `lintrans sandbox label`.

import { saveFile } from "../../pages/modules/export.js";
import { toNpz } from "./npz.js";

/** Weights by name with their shapes, as `lintrans.sandbox.model.PARTS` has them. */
export function partsOf({ network, weights }) {
  const { length, nTokens, d, width } = network;
  const shapes = {
    tokens: [nTokens, d],
    positions: [length, d],
    query: [d],
    value: [d, d],
    up: [width, d],
    up_bias: [width],
    down: [d, width],
    down_bias: [d],
  };
  const part = (name) => weights.slice(...network.places[name]);
  return Object.fromEntries(
    Object.entries(shapes).map(([name, shape]) => [name, { shape, values: part(name) }]),
  );
}

/** Save those of the first side. */
export function saveWeights(session) {
  const file = `lintrans_weights_seed_${session.run.seed}.npz`;
  saveFile(file, new Blob([toNpz(partsOf(session.sides[0]))], { type: "application/zip" }));
  session.announce(`Saved ${file}. ${session.about()}`);
}
