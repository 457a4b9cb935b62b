// Fixed axes: how far the points of a panel reach over a whole run.

import { Side } from "./side.js";
import { thinned } from "./sequences.js";

const SNAPSHOTS = 80; // of a run that are looked at
const SEQUENCES = 200;
const CUT = 0.06; // of the snapshots on either side may reach further: spikes are short

/** Ranges [x0, x1, y0, y1] by panel and run, found once. */
export class Reaches {
  constructor(session) {
    this.session = session;
    this.samples = new Map();
    this.known = new Map();
  }

  /** Sides of some snapshots of a run, with few sequences. */
  sample(run, network) {
    const key = `${run.number} ${network.norms.attention} ${network.norms.feedForward}`;
    if (this.samples.has(key)) return this.samples.get(key);
    const { sequences, data } = this.session;
    const few = thinned(sequences, data.task.length, oddStride(sequences.n));
    const n = Math.min(SNAPSHOTS, run.nSnapshots);
    const sides = Array.from({ length: n }, (_, i) => {
      const index = Math.round((i * (run.nSnapshots - 1)) / Math.max(1, n - 1));
      return new Side({ network, weights: run.weightsAt(index), sequences: few, run, name: run.name });
    });
    this.samples.set(key, sides);
    return sides;
  }

  /** How far a panel reaches in the run of a side; `reach(side)` is that of one side. */
  over(name, { run, network }, reach) {
    const key = `${name} ${run.number} ${network.norms.attention} ${network.norms.feedForward}`;
    if (!this.known.has(key)) this.known.set(key, merged(this.sample(run, network).map(reach)));
    return this.known.get(key);
  }
}

/** A stride that meets every class: odd, since tokens repeat with the powers of p. */
function oddStride(n) {
  return Math.max(1, 2 * Math.floor(n / SEQUENCES / 2) + 1);
}

function merged(ranges) {
  return [0, 1, 2, 3].map((k) => {
    const values = ranges.map((range) => range[k]).sort((one, other) => one - other);
    const cut = Math.floor(CUT * values.length);
    return values[k % 2 === 0 ? cut : values.length - 1 - cut];
  });
}
