// What is drawn while a run trains, word by word as in `lintrans.sandbox.kernels.draws`.

import { philox } from "../../../pages/modules/philox.js";

const ORDER = 1; // the third word of the counter
const DROPOUT = 2;
const WORD = 1 / 4294967296;

const words = new Uint32Array(4);

/** Low and high word of a seed below 2^64, a number or a text. */
export function keyOf(seed) {
  const whole = BigInt(seed);
  if (whole < 0n || whole >= 1n << 64n)
    throw new RangeError(`a seed must be from 0 and below 2^64, got ${seed}`);
  return [Number(whole & 0xffffffffn), Number(whole >> 32n)];
}

/** Write the order of the sequences in an epoch: Fisher and Yates, from 0, 1, 2, ...; up to 2^21 of them. */
export function shuffle([low, high], epoch, order) {
  const n = order.length;
  for (let i = 0; i < n; i++) order[i] = i;
  for (let i = 0; i < n - 1; i++) {
    if (i % 4 === 0) philox(i / 4, epoch, ORDER, 0, low, high, words, 0);
    const other = i + Math.floor(words[i % 4] * (n - i) * WORD);
    const moved = order[i];
    order[i] = order[other];
    order[other] = moved;
  }
}

/** Write factors of hidden units (width, n): 0 with probability `dropout`, else 1 / (1 - dropout). */
export function drawKept([low, high], step, dropout, n, keep) {
  const factor = 1 / (1 - dropout);
  for (let k = 0; k < keep.length; k++) {
    philox(k % n, step, DROPOUT, Math.floor(k / n), low, high, words, 0);
    keep[k] = words[0] * WORD >= dropout ? factor : 0;
  }
}
