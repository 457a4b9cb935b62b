// The gradient of the mean cross entropy, by hand, as `lintrans.sandbox.network` has it.

import {
  Pairs,
  applyValue,
  attend,
  crossEntropy,
  feedForwardKeeping,
  isRight,
  norm,
  normBackward,
  readOut,
} from "./layers.js";

/** Gradients of batches of n sequences; nothing is allocated from one to the next. */
export class Gradient {
  constructor({ p, length, nTokens, d, width, nWeights }, n) {
    const vectors = () => new Float64Array(n * d);
    this.n = n;
    this.values = new Float64Array(nWeights); // the gradient
    this.loss = 0; // mean cross entropy
    this.accuracy = 0; // share of right answers
    this.pairs = new Pairs({ p, length, d });
    this.totals = new Float64Array(n);
    this.scale = new Float64Array(n);
    this.bend = new Float64Array(n);
    [this.means, this.xi, this.normed, this.out] = [vectors(), vectors(), vectors(), vectors()];
    [this.byOut, this.byNormed, this.byXi, this.byMeans] = [vectors(), vectors(), vectors(), vectors()];
    this.hidden = new Float64Array(n * width);
    this.bends = new Float64Array(n * width);
    this.logits = new Float64Array(n * nTokens);
    this.shares = new Float64Array(n * nTokens);
    this.byRaised = new Float64Array(p * length); // by e^score
    this.byRaisedNormed = new Float64Array(p * length * d);
    this.bySums = new Float64Array(p * length * d);
  }

  /** Gradient of sequences (n, L) with their labels; `keep` (width, n) multiplies hidden units, or is null. */
  compute(network, weights, tokens, labels, keep = null) {
    this.values.fill(0);
    this.forward(network, weights, tokens, keep);
    this.measure(network, labels);
    this.readOutBackward(network, weights, labels);
    this.feedForwardBackward(network, weights);
    this.byXi.set(this.byOut);
    normBackward({ d: network.d, n: this.n }, this.xi, this.scale, this.bend, this.byNormed, this.byXi);
    this.valueBackward(network, weights);
    this.attendBackward(network, tokens);
    this.pairsBackward(network, weights);
    return this.values;
  }

  forward(network, weights, tokens, keep) {
    const { n, means, xi, normed, out } = this;
    const { feedForward: kind, feedForwardConstant: constant } = network.norms;
    this.pairs.fill(network, weights);
    attend(network, this.pairs, tokens, n, means, this.totals);
    applyValue(network, weights, means, n, xi);
    norm({ kind, constant, d: network.d, n }, xi, this.scale, this.bend, normed);
    feedForwardKeeping(network, weights, normed, xi, n, out, this.hidden, this.bends, keep);
    readOut(network, weights, out, n, this.logits, this.shares);
  }

  measure({ nTokens }, labels) {
    let [sum, nRight] = [0, 0];
    for (let s = 0; s < this.n; s++) {
      sum += crossEntropy(nTokens, this.logits, s, labels[s]);
      if (isRight(nTokens, this.logits, s, labels[s])) nRight += 1;
    }
    this.loss = sum / this.n;
    this.accuracy = nRight / this.n;
  }

  readOutBackward({ d, nTokens }, weights, labels) {
    const { n, values, out, shares, byOut } = this;
    byOut.fill(0);
    for (let s = 0; s < n; s++) {
      for (let k = 0; k < nTokens; k++) {
        const slope = (shares[s * nTokens + k] - (labels[s] === k ? 1 : 0)) / n;
        for (let i = 0; i < d; i++) {
          byOut[s * d + i] += slope * weights[k * d + i];
          values[k * d + i] += slope * out[s * d + i];
        }
      }
    }
  }

  feedForwardBackward({ d, width, places }, weights) {
    const { n, values, normed, hidden, bends, byOut, byNormed } = this;
    const [up, upBias, down, downBias] = ["up", "up_bias", "down", "down_bias"].map(
      (name) => places[name][0],
    );
    byNormed.fill(0);
    for (let k = 0; k < n * d; k++) values[downBias + (k % d)] += byOut[k];
    for (let u = 0; u < width; u++) {
      const first = up + u * d;
      for (let s = 0; s < n; s++) {
        const h = hidden[u * n + s];
        let slope = 0;
        for (let i = 0; i < d; i++) {
          slope += weights[down + i * width + u] * byOut[s * d + i];
          values[down + i * width + u] += h * byOut[s * d + i];
        }
        slope *= bends[u * n + s];
        values[upBias + u] += slope;
        for (let i = 0; i < d; i++) {
          values[first + i] += slope * normed[s * d + i];
          byNormed[s * d + i] += slope * weights[first + i];
        }
      }
    }
  }

  valueBackward({ d, places }, weights) {
    const { n, values, means, byXi, byMeans } = this;
    const value = places.value[0];
    byMeans.fill(0);
    for (let s = 0; s < n; s++) {
      for (let i = 0; i < d; i++) {
        const slope = byXi[s * d + i];
        for (let j = 0; j < d; j++) {
          values[value + i * d + j] += slope * means[s * d + j];
          byMeans[s * d + j] += slope * weights[value + i * d + j];
        }
      }
    }
  }

  attendBackward({ p, length, d }, tokens) {
    const { n, means, totals, byMeans, byRaised, byRaisedNormed } = this;
    byRaised.fill(0);
    byRaisedNormed.fill(0);
    for (let s = 0; s < n; s++) {
      let byTotal = 0;
      for (let i = s * d; i < (s + 1) * d; i++) {
        byMeans[i] /= totals[s];
        byTotal -= byMeans[i] * means[i];
      }
      for (let t = 0; t < length; t++) {
        const k = t * p + tokens[s * length + t];
        byRaised[k] += byTotal;
        for (let i = 0; i < d; i++) byRaisedNormed[k * d + i] += byMeans[s * d + i];
      }
    }
  }

  /** From the pairs to query, tokens and positions. */
  pairsBackward({ p, d, places }, weights) {
    const { values, pairs, byRaised, byRaisedNormed, bySums } = this;
    const { n, sums, scale, bend, normed, raised } = pairs;
    const [query, positions] = [places.query[0], places.positions[0]];
    const root = Math.sqrt(d);
    for (let k = 0; k < n; k++) {
      let byScore = byRaised[k];
      for (let i = k * d; i < (k + 1) * d; i++) byScore += normed[i] * byRaisedNormed[i];
      byScore *= raised[k] / root;
      for (let i = 0; i < d; i++) {
        const at = k * d + i;
        values[query + i] += byScore * normed[at];
        byRaisedNormed[at] = byRaisedNormed[at] * raised[k] + byScore * weights[query + i]; // now by normed
      }
    }
    bySums.fill(0);
    normBackward({ d, n }, sums, scale, bend, byRaisedNormed, bySums);
    for (let k = 0; k < n; k++) {
      const [token, position] = [(k % p) * d, positions + Math.floor(k / p) * d];
      for (let i = 0; i < d; i++) {
        values[token + i] += bySums[k * d + i];
        values[position + i] += bySums[k * d + i];
      }
    }
  }
}
