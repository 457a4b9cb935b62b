// Training of one run, step by step as `lintrans.sandbox.blocks.Block` trains it: the same batches, the same steps.
//
// A state is {weights, first, second, step, origin}: weights and moments, steps done, and what earlier changes
// leave behind. `origin` is {step, epoch, moments}: `epoch` began at `step` with the batch size of now, and
// moments are summed from step `moments` on. It is all 0 in a run whose settings have never changed.

import { drawKept, keyOf, shuffle } from "./draws.js";
import { Gradient } from "./gradient.js";
import { adam, clip, heavyBall, holdStill, move } from "./steps.js";

const GROUPS = {
  embeddings: ["tokens", "positions"],
  attention: ["query", "value"],
  feed_forward: ["up", "up_bias", "down", "down_bias"],
};
const USUAL_MOMENTUM = { adam: 0.9, sgd: 0 };
const DEFAULTS = {
  rate: 3e-3,
  batchSize: 32,
  optimizer: "adam",
  momentum: null, // null is the usual one
  beta2: 0.999,
  epsilon: 1e-8,
  schedule: null, // factors of the learning rate by step; the last goes on
  feedForwardRate: null,
  frozen: [], // parts of the weights, or groups of them
  weightDecay: 0,
  clip: null,
  dropout: 0,
  bias: true,
};
const AT_FIRST = { step: 0, epoch: 0, moments: 0 };

/** Refuse settings that cannot be trained with. */
function check({ rate, batchSize, optimizer, dropout, frozen }, n, places) {
  if (!(rate > 0 && rate < Infinity)) throw new RangeError(`the learning rate must be above 0, got ${rate}`);
  if (!(Number.isInteger(batchSize) && batchSize >= 1 && batchSize <= n)) {
    throw new RangeError(`the batch size must be a whole number from 1 to ${n}, got ${batchSize}`);
  }
  if (!Object.hasOwn(USUAL_MOMENTUM, optimizer)) throw new RangeError(`unknown optimizer ${optimizer}`);
  if (!(dropout >= 0 && dropout < 1))
    throw new RangeError(`dropout must be from 0 and below 1, got ${dropout}`);
  const unknown = frozen.find((name) => !Object.hasOwn(places, name) && !Object.hasOwn(GROUPS, name));
  if (unknown !== undefined) throw new RangeError(`unknown part of the weights ${unknown}`);
}

/** Factors of the learning rate, weight by weight: 0 for what is frozen. */
function ratesOf({ places, nWeights }, { rate, feedForwardRate, frozen, bias }) {
  const still = new Set(frozen.flatMap((name) => GROUPS[name] ?? [name]));
  if (!bias) ["up_bias", "down_bias"].forEach((name) => still.add(name));
  const rates = new Float64Array(nWeights).fill(1);
  for (const [name, [start, end]] of Object.entries(places)) {
    const isOwn = feedForwardRate !== null && GROUPS.feed_forward.includes(name);
    if (isOwn) rates.fill(feedForwardRate / rate, start, end);
    if (still.has(name)) rates.fill(0, start, end);
  }
  return rates;
}

/** A run that trains. */
export class Trainer {
  /** A network, its training sequences (n, L), the seed of batches and dropout, and settings. */
  constructor(network, trainTokens, seed, training = {}) {
    this.network = network;
    this.tokens = trainTokens;
    this.labels = network.labels(trainTokens);
    this.key = keyOf(seed);
    this.order = new Int32Array(this.labels.length);
    this.shuffled = -1; // the epoch of that order
    this.settings = DEFAULTS;
    this.origin = AT_FIRST;
    this.step = 0;
    [this.weights, this.first, this.second] = [0, 1, 2].map(() => new Float64Array(network.nWeights));
    this.configure(training);
  }

  /** Go to a state, which is copied. Without moments they are summed anew, from its step on. */
  start({ weights, first = null, second = null, step = 0, origin = AT_FIRST }) {
    this.weights.set(weights);
    this.step = step;
    this.origin = origin;
    if (first === null || second === null) this.forget();
    else {
      this.first.set(first);
      this.second.set(second);
    }
  }

  /**
   * Change settings, or `norms` of the network. After a change of the batch size the next epoch begins, with
   * its own order; the rest of this one is left out. After a change of the optimiser moments are summed anew.
   */
  set({ norms = null, ...changes }) {
    const before = { ...this.settings, perEpoch: this.perEpoch };
    const usual = changes.optimizer === undefined ? {} : { momentum: null };
    if (norms !== null) this.network = this.network.withNorms(norms);
    this.configure({ ...usual, ...changes });
    const { batchSize, optimizer } = this.settings;
    if (batchSize !== before.batchSize) {
      const { step, epoch } = this.origin;
      const nEpochs = Math.ceil((this.step - step) / before.perEpoch);
      this.origin = { ...this.origin, step: this.step, epoch: epoch + nEpochs };
    }
    if (optimizer !== before.optimizer) this.forget();
  }

  configure(changes) {
    const { network } = this;
    const settings = { ...this.settings, ...changes };
    check(settings, this.labels.length, network.places);
    this.settings = settings;
    const { batchSize, optimizer, momentum, dropout } = settings;
    this.steps = { ...settings, momentum: momentum ?? USUAL_MOMENTUM[optimizer] };
    this.rates = ratesOf(network, settings);
    this.perEpoch = Math.floor(this.labels.length / batchSize);
    this.gradient = new Gradient(network, batchSize);
    this.batch = { tokens: new Uint8Array(batchSize * network.length), labels: new Uint8Array(batchSize) };
    this.keep = dropout > 0 ? new Float64Array(batchSize * network.width) : null;
  }

  forget() {
    this.first.fill(0);
    this.second.fill(0);
    this.origin = { ...this.origin, moments: this.step };
  }

  /** Train n steps: {loss, accuracy}, means over their batches, as training saw them. */
  run(nSteps) {
    let [loss, accuracy] = [0, 0];
    for (let k = 0; k < nSteps; k++) {
      this.advance();
      loss += this.gradient.loss / nSteps;
      accuracy += this.gradient.accuracy / nSteps;
    }
    return { loss, accuracy };
  }

  /** The state of now, copied. */
  state() {
    const { weights, first, second, step, origin } = this;
    return { weights: weights.slice(), first: first.slice(), second: second.slice(), step, origin };
  }

  advance() {
    const { network, batch, weights, keep, steps } = this;
    this.draw();
    if (keep !== null) drawKept(this.key, this.step, steps.dropout, batch.labels.length, keep);
    const gradient = this.gradient.compute(network, weights, batch.tokens, batch.labels, keep);
    holdStill(this.rates, gradient);
    if (steps.clip !== null) clip(gradient, steps.clip);
    const n = this.step + 1 - this.origin.moments;
    if (steps.optimizer === "adam") adam(steps, n, this.first, this.second, gradient);
    else heavyBall(steps, this.first, gradient);
    move(this.rateNow(), this.rates, steps.weightDecay, weights, gradient);
    this.step += 1;
  }

  rateNow() {
    const { schedule, rate } = this.steps;
    return schedule === null ? rate : schedule[Math.min(this.step, schedule.length - 1)] * rate;
  }

  /** Copy the sequences of the next step into the batch. */
  draw() {
    const { tokens, labels } = this.batch;
    const { length } = this.network;
    const done = this.step - this.origin.step;
    const epoch = this.origin.epoch + Math.floor(done / this.perEpoch);
    if (epoch !== this.shuffled) {
      shuffle(this.key, epoch, this.order);
      this.shuffled = epoch;
    }
    const first = (done % this.perEpoch) * labels.length;
    for (let s = 0; s < labels.length; s++) {
      const from = this.order[first + s];
      labels[s] = this.labels[from];
      for (let t = 0; t < length; t++) tokens[s * length + t] = this.tokens[from * length + t];
    }
  }
}
