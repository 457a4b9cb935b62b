// Full gradient descent of the attention layer itself, from its definition: no mode, no map.
//
// E = [[x_1 .. x_n, x_q], [y_1 .. y_n, 0]], f(E) = E + P E (E^T K E) / n with P = diag(0, w), K = diag(W, 0). The
// prediction is w / n sum_i y_i x_i^T W x_q; the loss is (prediction - y_q)^2 / 2, and with weight decay lambda
// (lambda / 2) (w^2 + |W|^2) is added. Momentum is that of the heavy ball.

import { scaleAt } from "./variants.js";

const PLAIN = { weightDecay: 0, momentum: 0, schedule: [1] };

/**
 * Training of w and W: {prediction, loss: Float64Array(nSteps + 1)}, in units of y_q and y_q^2.
 *
 * `prompt` is {contextInputs (n x d, row-major), contextLabels, query, queryLabel}; W is d x d, row-major. In the
 * variant, weight decay is lambda itself.
 */
export function descend({ prompt, value, keyQuery, stepSize, nSteps, variant = null }) {
  const { weightDecay, momentum, schedule } = variant || PLAIN;
  const prediction = new Float64Array(nSteps + 1);
  const loss = new Float64Array(nSteps + 1);
  const weights = Float64Array.from([value, ...keyQuery]); // w, then W
  const moved = new Float64Array(weights.length);
  for (let step = 0; step <= nSteps; step += 1) {
    const { attended, moment } = attend(prompt, weights);
    const error = weights[0] * attended - prompt.queryLabel;
    const relative = error / prompt.queryLabel;
    prediction[step] = 1 + relative;
    loss[step] = (relative * relative) / 2;
    const slope = gradient(prompt, weights, { attended, moment, error });
    const scale = stepSize * scaleAt(schedule, step);
    for (let i = 0; i < weights.length; i += 1) {
      moved[i] = momentum * moved[i] - scale * (slope[i] + weightDecay * weights[i]);
      weights[i] += moved[i];
    }
  }
  return { prediction, loss };
}

/** Sum over the context of y_i x_i^T W x_q / n, and the sum of y_i x_i / n. */
function attend({ contextInputs, contextLabels, query }, weights) {
  const d = query.length;
  const n = contextLabels.length;
  const keyed = new Float64Array(d); // W x_q
  for (let i = 0; i < d; i += 1) for (let j = 0; j < d; j += 1) keyed[i] += weights[1 + i * d + j] * query[j];
  const moment = new Float64Array(d);
  let attended = 0;
  for (let row = 0; row < n; row += 1) {
    let score = 0;
    for (let i = 0; i < d; i += 1) {
      const x = contextInputs[row * d + i];
      score += x * keyed[i];
      moment[i] += (contextLabels[row] * x) / n;
    }
    attended += (contextLabels[row] * score) / n;
  }
  return { attended, moment };
}

/** Gradient of the loss in w and W. */
function gradient({ query }, weights, { attended, moment, error }) {
  const d = query.length;
  const slope = new Float64Array(weights.length);
  slope[0] = error * attended;
  for (let i = 0; i < d; i += 1) {
    for (let j = 0; j < d; j += 1) slope[1 + i * d + j] = error * weights[0] * moment[i] * query[j];
  }
  return slope;
}
