// What the network and the training of the page find for given cases; free of what only Node or only a browser has.

import { drawKept, keyOf, shuffle } from "../../lintrans/sandbox/modules/kernels/draws.js";
import { gelu, geluSlope } from "../../lintrans/sandbox/modules/kernels/functions.js";
import { Network } from "../../lintrans/sandbox/modules/kernels/network.js";
import { Trainer } from "../../lintrans/sandbox/modules/kernels/trainer.js";

/** Gelu of every number, and its slope. */
export function geluOf(x) {
  return { gelu: x.map(gelu), slope: x.map(geluSlope) };
}

/** Everything that the network computes of sequences. */
export function layersOf({ network, weights, tokens }) {
  const net = new Network(network);
  const labels = net.labels(tokens);
  const found = net.forward(weights, tokens);
  const { normed, scores, sums } = net.vectors(weights);
  const { loss, accuracy, losses, right } = net.measures(found, labels);
  return {
    sums,
    normed,
    scores,
    ...found,
    ...net.hiddenUnits(weights, found.normedXi),
    labels,
    losses,
    right,
    loss,
    accuracy,
    gradient: net.gradient(weights, tokens),
    again: net.fromXi(weights, found.xi).shares,
    atEnd: net.fromOut(weights, found.out).shares,
  };
}

/** Where a run is after some steps; `stops` are steps on the way at which it is stopped, and goes on. */
export function train({ network, tokens, seed, training, state, nSteps, stops = [] }) {
  let trainer = new Trainer(new Network(network), tokens, seed, training);
  trainer.start(state);
  const begin = trainer.step;
  for (const stop of stops) {
    trainer.run(stop - (trainer.step - begin));
    const kept = trainer.state();
    trainer = new Trainer(new Network(network), tokens, seed, training);
    trainer.start(kept);
  }
  const measures = trainer.run(nSteps - (trainer.step - begin));
  return { ...trainer.state(), ...measures };
}

/** States of a run whose settings change: `stages` are {changes, nSteps}. */
export function trainInStages({ network, tokens, seed, training, state, stages }) {
  const trainer = new Trainer(new Network(network), tokens, seed, training);
  trainer.start(state);
  return stages.map(({ changes, nSteps }) => {
    if (changes !== null) trainer.set(changes);
    trainer.run(nSteps);
    return trainer.state();
  });
}

/** Many cases of `train`. */
export function trainAll(cases) {
  return cases.map(train);
}

/** Order of n sequences in an epoch. */
export function orderOf(seed, epoch, n) {
  const order = new Int32Array(n);
  shuffle(keyOf(seed), epoch, order);
  return order;
}

/** Factors of dropout of a step, (width, n). */
export function keptOf({ seed, step, dropout, n, width }) {
  const keep = new Float64Array(width * n);
  drawKept(keyOf(seed), step, dropout, n, keep);
  return keep;
}

/** Why settings or a seed are refused, or null. */
export function refusalOf({ network, tokens, seed = 0, training = {} }) {
  try {
    new Trainer(new Network(network), tokens, seed, training);
  } catch (error) {
    return `${error.name}: ${error.message}`;
  }
  return null;
}
