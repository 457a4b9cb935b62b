// The session of the sandbox: recorded runs, the weights that are shown, what is pointed at, training here.

import { Session } from "../../pages/modules/session.js";
import { EpochClock } from "./epoch_clock.js";
import { fieldsOf } from "./fields.js";
import { Network } from "./kernels/network.js";
import { Live } from "./live.js";
import { Reaches } from "./reaches.js";
import { Run } from "./runs.js";
import { sequencesOf } from "./sequences.js";
import { Side } from "./side.js";

const NOTHING = { sequence: -1, position: -1, token: -1, unit: -1 };
const PICKED = Object.keys(NOTHING);
const LOOKS = ["run", "other", "epoch", "edits", "attentionNorm", "feedForwardNorm"];
const REST_MS = 140; // without a change, after which maps are drawn finely

/** A session with `runs`, `sequences`, and `sides`: one set of weights, or two beside each other. */
export class Sandbox extends Session {
  constructor({ model, el }) {
    super({ model, el, name: "sandbox", fieldsOf });
    const { data } = this;
    this.runs = data.runs.map((run, i) => new Run(run, i, data.epochs));
    this.sizes = { ...data.task, ...data.model };
    this.recorded = new Network(this.sizes); // with the norms of the runs
    this.network = this.recorded;
    this.sequences = sequencesOf(data.task, data.sequences, this.recorded);
    this.reaches = new Reaches(this);
    this.hovered = null;
    this.isMoving = false;
    this.clock = this.add("clock", new EpochClock(this));
    this.live = this.add("live", new Live(this));
    this.sides = this.look();
  }

  get run() {
    return this.runs[this.state.run];
  }

  /** The run beside it; null if there is none. */
  get other() {
    const { other, run } = this.state;
    return other >= 0 && other !== run ? this.runs[other] : null;
  }

  get epoch() {
    return this.clock.step;
  }

  /** Step of the snapshot that is shown. */
  get step() {
    return this.run.steps[this.run.indexAt(this.epoch)];
  }

  derive(changed) {
    if (changed.has("run") || changed.has("epoch")) {
      this.clock.update(changed);
      this.live.leave();
    }
    const { attentionNorm, feedForwardNorm } = this.state;
    if (changed.has("attentionNorm") || changed.has("feedForwardNorm")) {
      this.network = this.recorded.withNorms(this.norms(attentionNorm, feedForwardNorm));
    }
    if (LOOKS.some((name) => changed.has(name))) this.sides = this.look();
  }

  /** The clock has moved. */
  tick() {
    this.live.leave();
    this.show();
  }

  /** Weights have changed, and will soon change again: show them. */
  show() {
    this.sides = this.look();
    this.isMoving = true;
    clearTimeout(this.resting);
    this.resting = setTimeout(() => this.rest(), REST_MS);
    super.tick();
  }

  /** Nothing has moved for a while. */
  rest() {
    this.isMoving = false;
    for (const part of this.parts.values()) if (part.rest) part.rest();
  }

  norms(attention, feedForward) {
    const { constants } = this.data.model;
    const [attentionConstant, feedForwardConstant] = [constants[attention], constants[feedForward]];
    return { attention, feedForward, attentionConstant, feedForwardConstant };
  }

  /** The sides of now. */
  look() {
    const { run, other, network, recorded, sequences } = this;
    const weights = this.live.weights ?? this.edited();
    const isRecorded = weights === null;
    const shown = isRecorded ? run.weightsAt(run.indexAt(this.epoch)) : weights;
    const first = new Side({ network, weights: shown, sequences, run, name: run.name, isRecorded });
    if (other === null) return [first];
    const theirs = other.weightsAt(other.indexAt(this.epoch));
    return [first, new Side({ network: recorded, weights: theirs, sequences, run: other, name: other.name })];
  }

  /** Whether weights of the snapshot shown have been set by hand. */
  get isEdited() {
    const { edits, run } = this.state;
    return edits !== null && edits[0] === run && edits[1] === this.run.indexAt(this.epoch);
  }

  /** The snapshot with the weights that were set by hand; null if none were. */
  edited() {
    if (!this.isEdited) return null;
    return this.withEdits(this.run.weightsAt(this.run.indexAt(this.epoch)));
  }

  withEdits(weights) {
    const found = weights.slice();
    const { edits } = this.state;
    if (!this.isEdited) return found;
    for (let i = 2; i < edits.length; i += 2) if (edits[i] < found.length) found[edits[i]] = edits[i + 1];
    return found;
  }

  /** Set weights by hand: of the run that trains here, or of the snapshot; `changes` are [place, value]. */
  edit(changes, options) {
    if (this.live.state !== null) {
      this.live.edit(changes);
      return;
    }
    const before = this.isEdited ? this.state.edits.slice(2) : [];
    const byPlace = new Map();
    for (let i = 0; i < before.length; i += 2) byPlace.set(before[i], before[i + 1]);
    for (const [place, value] of changes) byPlace.set(place, value);
    const snapshot = this.run.indexAt(this.epoch);
    this.clock.hold();
    this.set({ edits: [this.state.run, snapshot, ...[...byPlace].flat()] }, options);
  }

  /** What is pointed at: what is hovered, and else what a click holds. */
  get pick() {
    return this.hovered ?? this.held;
  }

  get held() {
    return Object.fromEntries(PICKED.map((name) => [name, this.state[name]]));
  }

  /** Point at something for as long as the pointer is there; null at nothing. */
  point(pick) {
    if (JSON.stringify(pick) === JSON.stringify(this.hovered && strip(this.hovered))) return;
    this.hovered = pick && { ...NOTHING, ...pick };
    for (const part of this.parts.values()) if (part.highlight) part.highlight();
  }

  /** Hold what was clicked, or let go of it. */
  keep(pick) {
    const next = { ...NOTHING, ...pick };
    const isHeld = pick !== null && PICKED.every((name) => this.state[name] === next[name]);
    this.set(isHeld ? NOTHING : next);
  }

  /** The weights that are shown, in words, for files that leave the page. */
  about() {
    const { norms } = this.network;
    const what =
      this.live.state !== null ? `trained here to step ${this.live.state.step}` : `epoch ${this.epoch}`;
    const how = this.isEdited && this.live.state === null ? ", weights set by hand" : "";
    return (
      `lintrans ${this.data.version}, sandbox, ${this.run.name}, ${what}${how}; norms ${norms.attention} and ` +
      `${norms.feedForward}; ${this.sides.map((side) => side.name).join(" beside ")}.`
    );
  }

  close() {
    clearTimeout(this.resting);
    super.close();
  }

  /** Go to a stop of the tour. */
  visit({ spike = false, solved = false, label = null, ...state }) {
    const { fields, base } = this.store;
    const names = Object.keys(fields).filter((name) => name !== "theme");
    const fresh = Object.fromEntries(names.map((name) => [name, base[name]]));
    const isMeant = (each) => (spike ? each.spikes.length > 0 : label === null || each.label === label);
    const first = this.runs.findIndex(isMeant);
    const run = Math.max(0, first);
    const found = this.runs[run];
    const epoch = spike ? found.spikes[0] : solved ? (found.solved ?? found.nEpochs) : found.nEpochs;
    this.set({ ...fresh, run, epoch: epoch ?? found.nEpochs, ...state });
    this.rest();
  }
}

function strip(pick) {
  return Object.fromEntries(Object.entries(pick).filter(([, value]) => value !== -1));
}
