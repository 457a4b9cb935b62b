// What the state of the sandbox consists of: all of it is in the link, but weights of a run that trains here.

import { choiceField, integerField, numberField } from "../../pages/modules/state.js";
import { STOPS } from "./tour.js";

export const NORMS = ["rms", "smooth", "none"];
export const SETTINGS = ["rate", "batch", "optimizer", "attentionNorm", "feedForwardNorm", "clip", "decay"];
const MAX_ENTRIES = 20; // weights set by hand that a link carries
const quiet = { quiet: true };

/** Fields of the state. */
export function fieldsOf({ task, model, training, runs, epochs, start }) {
  return {
    run: integerField(0, 0, runs.length - 1),
    other: integerField(start.other, -1, runs.length - 1), // the run beside it; -1 for none
    epoch: integerField(start.epoch, 0, epochs.n, quiet),
    speed: numberField(25, 1, 250, quiet), // epochs a second
    axes: choiceField("fixed", ["fixed", "free"]),
    color: choiceField("class", ["class", "label"]),
    // what a click holds
    sequence: integerField(-1, -1, 1e6, quiet),
    position: integerField(-1, -1, task.length - 1, quiet),
    token: integerField(-1, -1, task.nTokens - 1, quiet),
    unit: integerField(-1, -1, model.width - 1, quiet),
    edits: editsField(),
    // training here
    rate: numberField(training.rate, 1e-7, 100),
    batch: integerField(training.batchSize, 1, task.nTrain),
    optimizer: choiceField(training.optimizer, ["adam", "sgd"]),
    attentionNorm: choiceField(model.norms.attention, NORMS),
    feedForwardNorm: choiceField(model.norms.feedForward, NORMS),
    clip: numberField(training.clip ?? 0, 0, 1e6), // 0 is none
    decay: numberField(training.weightDecay, 0, 1),
    // page
    tour: integerField(-1, -1, STOPS.length - 1),
    theme: choiceField("auto", ["auto", "light", "dark"], quiet),
  };
}

/**
 * Weights set by hand: null, or [run, epoch, place, value, place, value, ...] with places in the flat order of
 * weights. A link carries a few; with more it has none.
 */
function editsField() {
  const parse = (text) => {
    if (text === "") return null;
    const list = text.split(",").map((word) => (word.trim() === "" ? NaN : Number(word)));
    const isWhole = list.every((x, i) => Number.isFinite(x) && (i % 2 === 1 || Number.isInteger(x)));
    return isWhole && list.length >= 4 && list.length % 2 === 0 ? list : undefined;
  };
  const format = (list) => (list === null || list.length > 2 + 2 * MAX_ENTRIES ? "" : list.join(","));
  return { value: null, quiet: false, parse, format };
}
