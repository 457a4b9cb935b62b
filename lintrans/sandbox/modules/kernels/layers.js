// The layers of the network, forward: vectors of n sequences, or of the p L pairs of token and position, lie in
// flat arrays, row-major. A network (network.js) gives sizes, norms and places of weights.

import { DENSITY, gelu, millsRatio } from "./functions.js";

const SHORT = 1e-150; // a shorter vector turns nothing: with the constant, its direction does not matter
const LOWEST = -708; // e^score below it is no normal number: it stands for all of them

/**
 * Norm n vectors of z by "rms", z / (root mean square + constant), by "smooth", z / sqrt(mean square +
 * constant^2), or "none". Writes the factor, `scale`, and `bend`: minus its gradient is bend z.
 */
export function norm({ kind, constant, d, n }, z, scale, bend, normed) {
  for (let k = 0; k < n; k++) {
    let square = 0;
    for (let i = k * d; i < (k + 1) * d; i++) square += z[i] * z[i];
    square /= d;
    let s = 1;
    bend[k] = 0;
    if (kind === "rms") {
      const root = Math.sqrt(square);
      s = 1 / (root + constant);
      bend[k] = root > SHORT ? (s * s) / (root * d) : 0;
    } else if (kind === "smooth") {
      s = 1 / Math.sqrt(square + constant * constant);
      bend[k] = (s * s * s) / d;
    }
    scale[k] = s;
    for (let i = k * d; i < (k + 1) * d; i++) normed[i] = s * z[i];
  }
}

/** Add the gradient by n vectors before the norm to `byZ`, from that after it. */
export function normBackward({ d, n }, z, scale, bend, byNormed, byZ) {
  for (let k = 0; k < n; k++) {
    let along = 0;
    for (let i = k * d; i < (k + 1) * d; i++) along += z[i] * byNormed[i];
    along *= bend[k];
    const s = scale[k];
    for (let i = k * d; i < (k + 1) * d; i++) byZ[i] += s * byNormed[i] - along * z[i];
  }
}

/** What attention computes of the p L pairs, the pair of token x at position t being number t p + x. */
export class Pairs {
  constructor({ p, length, d }) {
    const n = p * length;
    this.n = n;
    this.sums = new Float64Array(n * d); // token plus position
    this.scale = new Float64Array(n);
    this.bend = new Float64Array(n);
    this.normed = new Float64Array(n * d);
    this.scores = new Float64Array(n);
    this.raised = new Float64Array(n); // e^score, over the largest
    this.raisedNormed = new Float64Array(n * d);
  }

  /** Compute all of them. */
  fill(network, weights) {
    this.add(network, weights);
    const { attention: kind, attentionConstant: constant } = network.norms;
    norm({ kind, constant, d: network.d, n: this.n }, this.sums, this.scale, this.bend, this.normed);
    this.weigh(network, weights);
  }

  add({ p, length, d, places }, weights) {
    const { sums } = this;
    const first = places.positions[0];
    for (let t = 0; t < length; t++) {
      for (let x = 0; x < p; x++) {
        const at = (t * p + x) * d;
        for (let i = 0; i < d; i++) sums[at + i] = weights[first + t * d + i] + weights[x * d + i];
      }
    }
  }

  weigh({ d, places }, weights) {
    const { n, normed, scores, raised, raisedNormed } = this;
    const query = places.query[0];
    const root = Math.sqrt(d);
    let largest = -Infinity;
    for (let k = 0; k < n; k++) {
      let score = 0;
      for (let i = 0; i < d; i++) score += normed[k * d + i] * weights[query + i];
      scores[k] = score / root;
      if (scores[k] > largest) largest = scores[k];
    }
    for (let k = 0; k < n; k++) {
      const below = scores[k] - largest;
      raised[k] = Math.exp(below < LOWEST ? LOWEST : below);
      for (let i = k * d; i < (k + 1) * d; i++) raisedNormed[i] = raised[k] * normed[i];
    }
  }
}

/** Mean of the normed vectors of each of n sequences, and the sum of their e^score. */
export function attend({ p, length, d }, { raised, raisedNormed }, tokens, n, means, totals) {
  for (let s = 0; s < n; s++) {
    const to = s * d;
    let total = 0;
    for (let i = to; i < to + d; i++) means[i] = 0;
    for (let t = 0; t < length; t++) {
      const k = t * p + tokens[s * length + t];
      total += raised[k];
      for (let i = 0; i < d; i++) means[to + i] += raisedNormed[k * d + i];
    }
    totals[s] = total;
    for (let i = to; i < to + d; i++) means[i] /= total;
  }
}

/** Value matrix V on n vectors. */
export function applyValue({ d, places }, weights, vectors, n, out) {
  const first = places.value[0];
  for (let s = 0; s < n; s++) {
    for (let i = 0; i < d; i++) {
      let sum = 0;
      for (let j = 0; j < d; j++) sum += weights[first + i * d + j] * vectors[s * d + j];
      out[s * d + i] = sum;
    }
  }
}

/** Put xi + b2 into `out`, for n vectors. */
function beginOutput({ d, places }, weights, xi, n, out) {
  const first = places.down_bias[0];
  for (let s = 0; s < n; s++) {
    for (let i = 0; i < d; i++) out[s * d + i] = xi[s * d + i] + weights[first + i];
  }
}

/** out = xi + W2 gelu(W1 normed + b1) + b2, for n vectors. */
export function feedForward(network, weights, normed, xi, n, out) {
  const { d, width, places } = network;
  const [up, upBias, down] = [places.up[0], places.up_bias[0], places.down[0]];
  beginOutput(network, weights, xi, n, out);
  for (let u = 0; u < width; u++) {
    const bias = weights[upBias + u];
    const first = up + u * d;
    for (let s = 0; s < n; s++) {
      let x = bias;
      for (let i = 0; i < d; i++) x += weights[first + i] * normed[s * d + i];
      const h = gelu(x);
      for (let i = 0; i < d; i++) out[s * d + i] += weights[down + i * width + u] * h;
    }
  }
}

/**
 * The same, keeping for every hidden unit u and vector s what a gradient needs at u n + s: `hidden`, gelu, and
 * `bends`, its derivative, both times `keep` if it is not null (dropout).
 */
export function feedForwardKeeping(network, weights, normed, xi, n, out, hidden, bends, keep) {
  const { d, width, places } = network;
  const [up, upBias, down] = [places.up[0], places.up_bias[0], places.down[0]];
  beginOutput(network, weights, xi, n, out);
  for (let u = 0; u < width; u++) {
    const bias = weights[upBias + u];
    const first = up + u * d;
    for (let s = 0; s < n; s++) {
      let x = bias;
      for (let i = 0; i < d; i++) x += weights[first + i] * normed[s * d + i];
      const density = DENSITY * Math.exp(-0.5 * x * x);
      const tail = density * millsRatio(Math.abs(x));
      const below = x > 0 ? 1 - tail : tail;
      const factor = keep === null ? 1 : keep[u * n + s];
      const h = factor * (x * below);
      hidden[u * n + s] = h;
      bends[u * n + s] = factor * (below + x * density);
      for (let i = 0; i < d; i++) out[s * d + i] += weights[down + i * width + u] * h;
    }
  }
}

/** Logits of n outputs, and their softmax: the probability of every token. */
export function readOut({ d, nTokens }, weights, out, n, logits, shares) {
  for (let s = 0; s < n; s++) {
    const at = s * nTokens;
    let largest = -Infinity;
    for (let k = 0; k < nTokens; k++) {
      let logit = 0;
      for (let i = 0; i < d; i++) logit += weights[k * d + i] * out[s * d + i];
      logits[at + k] = logit;
      if (logit > largest) largest = logit;
    }
    let total = 0;
    for (let k = 0; k < nTokens; k++) {
      shares[at + k] = Math.exp(logits[at + k] - largest);
      total += shares[at + k];
    }
    for (let k = 0; k < nTokens; k++) shares[at + k] /= total;
  }
}

/** Cross entropy of the logits of vector s, in nats. */
export function crossEntropy(nTokens, logits, s, label) {
  const at = s * nTokens;
  let largest = logits[at];
  for (let k = 1; k < nTokens; k++) if (logits[at + k] > largest) largest = logits[at + k];
  let total = 0;
  for (let k = 0; k < nTokens; k++) total += Math.exp(logits[at + k] - largest);
  return Math.log(total) - (logits[at + label] - largest);
}

/** Whether the label has a larger logit of vector s than every other token: a tie is no answer. */
export function isRight(nTokens, logits, s, label) {
  const own = logits[s * nTokens + label];
  for (let k = 0; k < nTokens; k++) if (k !== label && !(own > logits[s * nTokens + k])) return false;
  return true;
}
