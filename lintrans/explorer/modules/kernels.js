// What a worker computes, by name: the one door between the page and its workers.

import { basinPoints } from "./basins.js";
import { survival, walk } from "./batches.js";
import { densityCounts } from "./densities.js";
import { descend } from "./descent.js";
import { variedEnding } from "./endings.js";
import { lyapunov } from "./exponents.js";
import { regime } from "./regimes.js";
import { orbit, orbitImage, orbitSamples } from "./states.js";

const KINDS = {
  basinPoints,
  densityCounts,
  descend,
  lyapunov,
  orbit,
  orbitImage,
  orbitSamples,
  regime,
  survival,
  variedEnding,
  walk,
};

/** Compute what is asked for: `kind` is the name of a function, `args` its options. */
export function compute(kind, args) {
  if (!Object.hasOwn(KINDS, kind)) throw new RangeError(`nothing is computed under the name ${kind}`);
  return KINDS[kind](args);
}
