// Training in the browser: from the snapshot that is shown, with settings that may change on the way.

import { SETTINGS } from "./fields.js";

const CHANNEL = "train";
const REPLAY = "replay";
const PAUSE = 60; // milliseconds between two pictures

/**
 * A part. `state` is the newest state of a run that trains here, or null; `history` its epochs, loss and accuracy
 * over the sequences that are shown, and loss of its batches.
 */
export class Live {
  constructor(session) {
    this.session = session;
    this.clear();
  }

  clear() {
    this.state = null;
    this.isRunning = false;
    this.isWaiting = false; // for the exact state to begin from
    this.speed = 0;
    this.history = { epochs: [], loss: [], accuracy: [], batchLoss: [] };
    this.arose = null; // settings under which the state arose
    this.soon = null; // what is shown in the next frame
  }

  get weights() {
    return this.state && this.state.weights;
  }

  /** Whether anything trains here, or has. */
  get isOn() {
    return this.state !== null || this.isWaiting;
  }

  update(changed) {
    if (this.isRunning && SETTINGS.some((name) => changed.has(name))) this.ask();
  }

  toggle() {
    if (this.isRunning || this.isWaiting) this.stop();
    else this.start();
  }

  /** Train, for n steps or until it is stopped. */
  start(nSteps = null) {
    this.session.clock.hold();
    if (this.state !== null) this.ask(nSteps);
    else this.begin(nSteps);
    this.tellParts();
  }

  /** Find the exact state of the snapshot: that of a mark, or trained again from the last one before. */
  begin(nSteps) {
    const { session } = this;
    const { run, step } = session;
    const mark = run.markBefore(step);
    if (mark === null) {
      session.announce("No full state was recorded up to this epoch: training here needs one.");
      return;
    }
    this.isWaiting = true;
    const onEnd = (state) => {
      this.isWaiting = false;
      this.beginFrom({ ...state, weights: session.withEdits(state.weights) }, nSteps);
    };
    if (mark.step === step) onEnd({ ...mark, origin: undefined });
    else this.replay(mark, step, onEnd);
  }

  replay(mark, step, onEnd) {
    const args = { ...this.common(), training: this.recorded(), state: mark, step };
    const onPart = ({ state }) => onEnd(state);
    this.session.pool.ask(REPLAY, [{ kind: "replay", args }], { onPart });
  }

  beginFrom(state, nSteps) {
    this.state = state;
    this.arose = this.recorded();
    this.ask(nSteps);
    this.note({});
  }

  /** What both jobs of the worker are given. */
  common() {
    const { sizes, run } = this.session;
    return { network: sizes, tokens: run.train, seed: run.seed };
  }

  /** Settings of the recorded run. */
  recorded() {
    const { training, model } = this.session.data;
    return { ...training, norms: model.norms };
  }

  /** Settings of now. */
  wanted() {
    const { state, data } = this.session;
    const { rate, batch, optimizer, clip, decay } = state;
    const norms = this.session.norms(state.attentionNorm, state.feedForwardNorm);
    const isOwn = optimizer === data.training.optimizer;
    const momentum = isOwn ? data.training.momentum : null;
    const settings = { rate, batchSize: batch, optimizer, momentum, weightDecay: decay };
    return { ...data.training, ...settings, clip: clip > 0 ? clip : null, norms };
  }

  /** Ask the worker to go on from the newest state, under the settings of now. */
  ask(nSteps = null) {
    const { pool } = this.session;
    const wanted = this.wanted();
    const { norms, ...training } = this.arose;
    const network = { ...this.session.sizes, norms };
    const changes = differing(this.arose, wanted);
    const limit = nSteps === null ? {} : { nSteps };
    const args = { ...this.common(), network, training, changes, state: this.state, pause: PAUSE, ...limit };
    const onProgress = (word) => {
      this.take(word, wanted);
      this.noteSoon(word);
    };
    const onPart = (word) => {
      this.isRunning = false;
      this.take(word, wanted);
      this.note(word);
    };
    this.isRunning = true;
    pool.ask(CHANNEL, [{ kind: "train", args }], { onProgress, onPart });
  }

  /** The worker has told how far it is. */
  take({ weights, first, second, step, origin, stepsPerSecond }, settings) {
    this.state = { weights, first, second, step, origin };
    this.arose = settings;
    this.speed = stepsPerSecond;
    if (!weights.every(Number.isFinite)) {
      this.stop();
      this.session.announce("Training here has diverged: weights are no longer finite. Rewind to go on.");
    }
  }

  /** Show what was told last in the next frame: words may come faster than they can be drawn. */
  noteSoon({ loss }) {
    const isAsked = this.soon !== null;
    this.soon = { loss };
    if (isAsked) return;
    requestAnimationFrame(() => {
      const newest = this.soon;
      this.soon = null;
      if (newest !== null && this.state !== null) this.note(newest);
    });
  }

  /** Show the state of now, and keep what it measures. */
  note({ loss = NaN }) {
    const { session, history } = this;
    session.show();
    const { measures } = session.sides[0];
    history.epochs.push(this.state.step / session.run.perEpoch);
    history.loss.push(measures.loss);
    history.accuracy.push(measures.accuracy);
    history.batchLoss.push(loss);
    this.tellParts();
  }

  stop() {
    const { pool } = this.session;
    [CHANNEL, REPLAY].forEach((channel) => pool.cancel(channel));
    this.isRunning = false;
    this.isWaiting = false;
    this.tellParts();
  }

  /** Set weights of the run that trains here. */
  edit(changes) {
    const wasRunning = this.isRunning;
    if (wasRunning) this.stop();
    for (const [place, value] of changes) this.state.weights[place] = value;
    this.session.show();
    if (wasRunning) this.ask();
  }

  /** Back to the recorded run; nothing of what was trained here stays. */
  rewind() {
    if (!this.isOn) return;
    this.stop();
    this.clear();
    this.session.show();
    this.tellParts();
  }

  /** The reader has gone to another snapshot. */
  leave() {
    if (!this.isOn) return;
    this.stop();
    this.clear();
    this.tellParts();
    this.session.announce("Back to the recorded run: what was trained here is gone.");
  }

  tellParts() {
    for (const part of this.session.parts.values()) if (part.trained) part.trained();
  }
}

/** Settings that have changed, with their new values; null if none have. */
function differing(before, after) {
  const isSame = (one, other) => one === other || JSON.stringify(one) === JSON.stringify(other);
  const names = Object.keys(after).filter((name) => !isSame(before[name], after[name]));
  if (names.length === 0) return null;
  return Object.fromEntries(names.map((name) => [name, after[name]]));
}
