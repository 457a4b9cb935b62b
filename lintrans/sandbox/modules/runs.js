// Recorded runs: snapshots of weights, full states at marks, and what was measured.

/** One run. */
export class Run {
  constructor(data, number, { steps: perEpoch, n: nEpochs }) {
    Object.assign(this, data);
    Object.assign(this, { number, perEpoch, nEpochs });
    this.nSnapshots = this.steps.length;
    this.nWeights = this.weights.length / this.nSnapshots;
    this.epochs = Int32Array.from(this.steps, (step) => Math.ceil(step / perEpoch));
    this.solved = this.firstSolved();
  }

  get name() {
    return `seed ${this.seed}`;
  }

  /** The last snapshot up to an epoch, or the first. */
  indexAt(epoch) {
    let [low, high] = [0, this.nSnapshots - 1];
    while (low < high) {
      const middle = (low + high + 1) >> 1;
      if (this.epochs[middle] <= epoch) low = middle;
      else high = middle - 1;
    }
    return low;
  }

  weightsAt(index) {
    return Float64Array.from(this.weights.subarray(index * this.nWeights, (index + 1) * this.nWeights));
  }

  /** The epoch some snapshots before or after that of an epoch. */
  epochAfter(epoch, nSnapshots) {
    const index = Math.max(0, Math.min(this.nSnapshots - 1, this.indexAt(epoch) + nSnapshots));
    return this.epochs[index];
  }

  /** The full state of the last mark up to a step; null if there is none. */
  markBefore(step) {
    const index = this.marks.findLastIndex((mark) => mark <= step);
    if (index < 0) return null;
    const part = (i) =>
      this.states.slice((3 * index + i) * this.nWeights, (3 * index + i + 1) * this.nWeights);
    return { weights: part(0), first: part(1), second: part(2), step: this.marks[index] };
  }

  /** Measure of a set by number, over epochs: `name` is loss or accuracy. */
  column(name, set) {
    const n = this.nEpochs + 1;
    const nSets = this[name].length / n;
    return Float64Array.from({ length: n }, (_, epoch) => this[name][nSets * epoch + set]);
  }

  /** The first epoch with every sequence of the population right; null if there is none. */
  firstSolved() {
    const epoch = this.column("accuracy", 2).findIndex((x) => x === 1);
    return epoch < 0 ? null : epoch;
  }

  /** The spike that begins next after an epoch (`side` 1) or last before it (-1); undefined if there is none. */
  spikeBeside(epoch, side) {
    return side > 0 ? this.spikes.find((x) => x > epoch) : this.spikes.findLast((x) => x < epoch);
  }
}
