// Batches drawn from a population, with or without replacement: prompt by prompt those that Python draws.

import { philox, wordsOf } from "../../../pages/modules/philox.js";

const SAMPLINGS = ["with-replacement", "without-replacement", "epochs"];
const MAX_PROMPTS = 2097152; // 2^21: a word of 32 bits times this is still exact in float64
const WORD = 1 / 4294967296;
const GROUPS = 64; // counters at a time, of four words each

/** The words of 32 bits of one trajectory, in the order in which they are drawn. */
export class Numbers {
  constructor(seed, trajectory) {
    [this.key0, this.key1] = wordsOf(seed);
    [this.low, this.high] = wordsOf(trajectory);
    this.words = new Uint32Array(4 * GROUPS);
    this.at = this.words.length;
    this.group = 0;
  }

  refill() {
    for (let k = 0; k < GROUPS; k++) {
      const counter = this.group + k;
      const top = Math.floor(counter * WORD);
      philox(counter, top, this.low, this.high, this.key0, this.key1, this.words, 4 * k);
    }
    this.group += GROUPS;
    this.at = 0;
  }

  /** The next word. */
  next() {
    if (this.at === this.words.length) this.refill();
    return this.words[this.at++];
  }

  /** The next integer from 0 to n - 1, a word times n over 2^32. */
  below(n) {
    return Math.floor(this.next() * n * WORD);
  }
}

/** Refuse what cannot be drawn. */
export function checkDraws({ population, batchSize, sampling }) {
  const n = population.excess.length;
  if (!(Number.isInteger(batchSize) && batchSize >= 1)) {
    throw new RangeError(`the batch size must be a whole number from 1, got ${batchSize}`);
  }
  if (!SAMPLINGS.includes(sampling)) throw new RangeError(`unknown sampling ${sampling}`);
  if (n > MAX_PROMPTS) throw new RangeError(`at most ${MAX_PROMPTS} prompts, got ${n}`);
  if (sampling !== "with-replacement" && batchSize > n) {
    throw new RangeError(`a batch of ${batchSize} does not fit into ${n} prompts`);
  }
}

/** What draws the batches of one trajectory: `excess` and `mismatch` are sums over the batch just drawn. */
export class Dealer {
  constructor({ population, batchSize, sampling, seed }, trajectory) {
    const n = population.excess.length;
    this.prompts = population;
    this.batchSize = batchSize;
    this.sampling = sampling;
    this.numbers = new Numbers(seed, trajectory);
    this.order = sampling === "with-replacement" ? null : Int32Array.from({ length: n }, (_, i) => i);
    this.position = 0;
    this.excess = 0;
    this.mismatch = 0;
  }

  /** Draw the next batch. */
  draw() {
    this.excess = 0;
    this.mismatch = 0;
    if (this.order !== null) this.deal();
    else if (this.batchSize % 4 === 0) this.pickByFours();
    else this.pick();
  }

  pick() {
    const { excess, mismatch } = this.prompts;
    for (let k = 0; k < this.batchSize; k++) {
      const i = this.numbers.below(excess.length);
      this.excess += excess[i];
      this.mismatch += mismatch[i];
    }
  }

  /** `pick`, added up by fours as in Python. */
  pickByFours() {
    const { excess, mismatch } = this.prompts;
    const { numbers } = this;
    const n = excess.length;
    let [sum, other] = [0, 0];
    for (let k = 0; k < this.batchSize; k += 4) {
      const i0 = numbers.below(n);
      const i1 = numbers.below(n);
      const i2 = numbers.below(n);
      const i3 = numbers.below(n);
      sum += excess[i0] + excess[i1] + (excess[i2] + excess[i3]);
      other += mismatch[i0] + mismatch[i1] + (mismatch[i2] + mismatch[i3]);
    }
    this.excess = sum;
    this.mismatch = other;
  }

  /** Without replacement: the next of a shuffle that goes only as far as it is needed. */
  deal() {
    const { excess, mismatch } = this.prompts;
    const { order, numbers } = this;
    const isOver = this.position + this.batchSize > order.length;
    const first = this.sampling === "without-replacement" || isOver ? 0 : this.position;
    const end = first + this.batchSize;
    let [sum, other] = [0, 0];
    for (let p = first; p < end; p++) {
      const i = p + numbers.below(order.length - p);
      const picked = order[i];
      order[i] = order[p];
      order[p] = picked;
      sum += excess[picked];
      other += mismatch[picked];
    }
    this.position = end;
    this.excess = sum;
    this.mismatch = other;
  }
}
