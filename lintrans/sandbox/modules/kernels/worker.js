// What the workers of the page compute, by name: long runs, which tell how far they are.
//
// Both jobs take {network, tokens, seed, training, state}: sizes of the network (network.js), training sequences
// (n, L), and a state (trainer.js) with the settings under which it arose; `changes` to them come after.

import { serve } from "../../../pages/modules/serve.js";
import { Network } from "./network.js";
import { Trainer } from "./trainer.js";

const AT_ONCE = 16; // steps between two looks at the clock
const PAUSE = 40; // milliseconds between two words

function trainerOf({ network, tokens, seed, training, state, changes = null }) {
  const trainer = new Trainer(new Network(network), tokens, seed, training);
  trainer.start(state);
  if (changes !== null) trainer.set(changes);
  return trainer;
}

/** Train until `pause` ms are over or n steps are done: {loss, accuracy, nSteps}, means over all of them. */
function trainFor(trainer, pause, nSteps) {
  const begin = performance.now();
  let [done, loss, accuracy] = [0, 0, 0];
  while (done < nSteps && (done === 0 || performance.now() - begin < pause)) {
    const n = Math.min(AT_ONCE, nSteps - done);
    const found = trainer.run(n);
    loss += found.loss * n;
    accuracy += found.accuracy * n;
    done += n;
  }
  return { loss: loss / done, accuracy: accuracy / done, nSteps: done };
}

/**
 * Train from a state, for n steps or until it is cancelled. Tells {...state, loss, accuracy, nSteps,
 * stepsPerSecond} every `pause` ms or every `stride` steps, whichever comes first: means over the steps since
 * the last word. The last word is the value.
 */
function* train({ nSteps = Infinity, stride = Infinity, pause = PAUSE, ...run }) {
  const trainer = trainerOf(run);
  let left = nSteps;
  let last = performance.now();
  for (;;) {
    const found = trainFor(trainer, pause, Math.min(stride, left));
    left -= found.nSteps;
    const now = performance.now();
    const word = { ...trainer.state(), ...found, stepsPerSecond: (1000 * found.nSteps) / (now - last) };
    last = now;
    if (left <= 0) return word;
    yield word;
  }
}

/**
 * Train from a state to a step, as it was trained before: {marks, weights (marks, nWeights), state}, the weights
 * after each of the steps `marks`, increasing. Tells {step} on its way.
 */
function* replay({ step, marks = [], pause = PAUSE, ...run }) {
  const trainer = trainerOf(run);
  const kept = Array.from(marks).filter((mark) => mark >= trainer.step && mark <= step);
  const { nWeights } = trainer.network;
  const weights = new Float64Array(kept.length * nWeights);
  for (const [i, end] of [...kept, step].entries()) {
    while (trainer.step < end) {
      trainFor(trainer, pause, end - trainer.step);
      if (trainer.step < end) yield { step: trainer.step };
    }
    if (i < kept.length) weights.set(trainer.weights, i * nWeights);
  }
  return { marks: kept, weights, state: trainer.state() };
}

serve({ train, replay });
