// The transformer of one layer with one head, as `lintrans.sandbox.network` defines it.
//
// Weights are one Float64Array, in parts as `lintrans.sandbox.model` orders them, each row-major:
// tokens (nTokens, d), positions (L, d), query (d), value (d, d), up (h, d), up_bias (h), down (d, h),
// down_bias (d). Sequences are one Uint8Array (n, L).

import { Gradient } from "./gradient.js";
import { Pairs, applyValue, attend, crossEntropy, feedForward, isRight, norm, readOut } from "./layers.js";
import { gelu } from "./functions.js";

const NORMS = { attention: "rms", feedForward: "rms", attentionConstant: 1e-5, feedForwardConstant: 1e-5 };

/** Where each part lies in the weights: [start, end] by name. */
function placesOf({ length, nTokens, d, width }) {
  const sizes = {
    tokens: nTokens * d,
    positions: length * d,
    query: d,
    value: d * d,
    up: width * d,
    up_bias: width,
    down: d * width,
    down_bias: d,
  };
  let end = 0;
  return Object.fromEntries(Object.entries(sizes).map(([name, size]) => [name, [end, (end += size)]]));
}

/** A network of a task: sizes, and what it computes of any weights. */
export class Network {
  /**
   * Sizes: p tokens that occur, L = `length`, `positions` that the label sums, `nTokens` rows of the token table,
   * d, `width` h. Norms: {attention, feedForward: "rms", "smooth" or "none", and the constant of each}.
   */
  constructor({ p, length, positions, nTokens = p + 1, d = 2, width = 32, norms = {} }) {
    Object.assign(this, { p, length, positions: [...positions], nTokens, d, width });
    this.norms = { ...NORMS, ...norms };
    this.places = placesOf(this);
    this.nWeights = this.places.down_bias[1];
    this.pairs = new Pairs(this); // memory
  }

  /** The same network with other norms. */
  withNorms(norms) {
    return new Network({ ...this, norms: { ...this.norms, ...norms } });
  }

  /** Vectors of the pairs, token x at position t being number t p + x: {sums, normed (L p, d), scores (L p)}. */
  vectors(weights) {
    this.pairs.fill(this, weights);
    const { sums, normed, scores } = this.pairs;
    return { sums: sums.slice(), normed: normed.slice(), scores: scores.slice() };
  }

  /**
   * Everything computed of n sequences: {n, attention (n, L), means, xi, normedXi, out (n, d), logits, shares
   * (n, nTokens)}, Float64Arrays. `means` are those of the normed vectors, xi is V times them.
   */
  forward(weights, tokens) {
    const n = tokens.length / this.length;
    const [means, xi, totals] = [n * this.d, n * this.d, n].map((size) => new Float64Array(size));
    this.pairs.fill(this, weights);
    attend(this, this.pairs, tokens, n, means, totals);
    applyValue(this, weights, means, n, xi);
    const { normed: normedXi, ...rest } = this.fromXi(weights, xi);
    return { n, attention: this.attentionOf(tokens, totals), means, xi, normedXi, ...rest };
  }

  attentionOf(tokens, totals) {
    const { p, length } = this;
    const { raised } = this.pairs;
    const shares = new Float64Array(tokens.length);
    for (let s = 0, k = 0; s < totals.length; s++) {
      for (let t = 0; t < length; t++, k++) shares[k] = raised[t * p + tokens[k]] / totals[s];
    }
    return shares;
  }

  /** What the rest of the network makes of points (n, d) in place of xi: {normed, out, logits, shares}. */
  fromXi(weights, points) {
    const { d } = this;
    const n = points.length / d;
    const [scale, bend, normed, out] = [n, n, n * d, n * d].map((size) => new Float64Array(size));
    const { feedForward: kind, feedForwardConstant: constant } = this.norms;
    norm({ kind, constant, d, n }, points, scale, bend, normed);
    feedForward(this, weights, normed, points, n, out);
    return { normed, out, ...this.fromOut(weights, out) };
  }

  /** Answers to points (n, d) in place of the output: {logits, shares (n, nTokens)}. */
  fromOut(weights, points) {
    const n = points.length / this.d;
    const [logits, shares] = [0, 1].map(() => new Float64Array(n * this.nTokens));
    readOut(this, weights, points, n, logits, shares);
    return { logits, shares };
  }

  /** Hidden units of normed points (n, d): {before (n, h), W1 normed + b1, and hidden (n, h), gelu of it}. */
  hiddenUnits(weights, normed) {
    const { d, width, places } = this;
    const n = normed.length / d;
    const before = new Float64Array(n * width);
    for (let s = 0; s < n; s++) {
      for (let u = 0; u < width; u++) {
        let x = weights[places.up_bias[0] + u];
        for (let i = 0; i < d; i++) x += weights[places.up[0] + u * d + i] * normed[s * d + i];
        before[s * width + u] = x;
      }
    }
    return { before, hidden: before.map(gelu) };
  }

  /** Labels of sequences: the sum of the tokens at the positions of the task, modulo p. */
  labels(tokens) {
    const { p, length, positions } = this;
    const found = new Uint8Array(tokens.length / length);
    for (let s = 0; s < found.length; s++) {
      let sum = 0;
      for (const t of positions) sum += tokens[s * length + t];
      found[s] = sum % p;
    }
    return found;
  }

  /** {loss, accuracy, losses (n), in nats, right (n)} of what `forward` found; right is 1 or 0. */
  measures({ logits }, labels) {
    const n = labels.length;
    const [losses, right] = [new Float64Array(n), new Uint8Array(n)];
    let [sum, nRight] = [0, 0];
    for (let s = 0; s < n; s++) {
      losses[s] = crossEntropy(this.nTokens, logits, s, labels[s]);
      right[s] = isRight(this.nTokens, logits, s, labels[s]) ? 1 : 0;
      sum += losses[s];
      nRight += right[s];
    }
    return { loss: sum / n, accuracy: nRight / n, losses, right };
  }

  /** Gradient of the mean cross entropy of sequences by every weight, Float64Array(nWeights). */
  gradient(weights, tokens) {
    const found = new Gradient(this, tokens.length / this.length);
    return found.compute(this, weights, tokens, this.labels(tokens));
  }
}
