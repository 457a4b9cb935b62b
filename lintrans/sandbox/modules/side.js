// One set of weights that is looked at: what the network makes of it, computed when it is first asked for.

/** A side of the page: a network, weights, and sequences. */
export class Side {
  constructor({ network, weights, sequences, run, name, isRecorded = true }) {
    Object.assign(this, { network, weights, sequences, run, name, isRecorded, known: new Map() });
  }

  once(name, compute) {
    if (!this.known.has(name)) this.known.set(name, compute());
    return this.known.get(name);
  }

  /** Vectors of the pairs of position and token, pair t p + x: {sums, normed, scores}. */
  get vectors() {
    return this.once("vectors", () => this.network.vectors(this.weights));
  }

  /** V times the normed vectors of the pairs. */
  get values() {
    return this.once("values", () => {
      const { normed } = this.vectors;
      const [a, b, c, d] = this.part("value");
      const found = new Float64Array(normed.length);
      for (let i = 0; i < normed.length; i += 2) {
        found[i] = a * normed[i] + b * normed[i + 1];
        found[i + 1] = c * normed[i] + d * normed[i + 1];
      }
      return found;
    });
  }

  /** Every layer for every sequence. */
  get found() {
    return this.once("found", () => this.network.forward(this.weights, this.sequences.tokens));
  }

  get measures() {
    return this.once("measures", () => this.network.measures(this.found, this.sequences.labels));
  }

  /** Mean attention of each pair, over the sequences that have it. */
  get attention() {
    return this.once("attention", () => {
      const { p, length } = this.network;
      const [sums, counts] = [new Float64Array(length * p), new Float64Array(length * p)];
      const { tokens } = this.sequences;
      for (let k = 0; k < tokens.length; k += 1) {
        const pair = (k % length) * p + tokens[k];
        sums[pair] += this.found.attention[k];
        counts[pair] += 1;
      }
      return sums.map((sum, i) => sum / counts[i]);
    });
  }

  /** Means of points (n, 2) over the sequences of each class: (classes, 2). */
  classMeans(name) {
    return this.once(`means of ${name}`, () => {
      const { classes, nClasses } = this.sequences;
      return this.means(this.found[name], classes, nClasses);
    });
  }

  /** Mean xi of the sequences with each token at a position: (p, 2). */
  tokenMeans(position) {
    return this.once(`tokens at ${position}`, () => {
      const { p, length } = this.network;
      const at = (_, i) => this.sequences.tokens[i * length + position];
      return this.means(this.found.xi, Uint8Array.from({ length: this.sequences.n }, at), p);
    });
  }

  means(points, groups, n) {
    const [sums, counts] = [new Float64Array(2 * n), new Float64Array(n)];
    groups.forEach((group, i) => {
      counts[group] += 1;
      sums[2 * group] += points[2 * i];
      sums[2 * group + 1] += points[2 * i + 1];
    });
    return sums.map((sum, k) => sum / counts[k >> 1]);
  }

  /** Hidden units of a sequence: {before, hidden}. */
  unitsOf(sequence) {
    return this.once(`units of ${sequence}`, () => {
      const normed = this.found.normedXi.subarray(2 * sequence, 2 * sequence + 2);
      return this.network.hiddenUnits(this.weights, normed);
    });
  }

  part(name) {
    return this.weights.subarray(...this.network.places[name]);
  }
}
