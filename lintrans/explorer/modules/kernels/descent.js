// Full gradient descent of the attention layer itself, from its definition: no mode, no map.
//
// E = [[x_1 .. x_n, x_q], [y_1 .. y_n, 0]], f(E) = E + P E (E^T K E) / n with P = diag(0, w), K = diag(W, 0).
// The prediction is w / n sum_i y_i x_i^T W x_q; the loss is (prediction - y_q)^2 / 2, and with weight decay
// lambda (lambda / 2) (w^2 + |W|^2) is added. Momentum is that of the heavy ball.
//
// The context enters only by its moment m = sum_i y_i x_i / n, which training leaves as it is: the prediction
// is w m^T W x_q. So the n rows are read once, and a step takes a time in proportion to the d^2 weights.

import { scaleAt } from "./variants.js";

const PLAIN = { weightDecay: 0, momentum: 0, schedule: [1] };

/**
 * Training of w and W: {prediction, loss: Float64Array(nSteps + 1)}, in units of y_q and y_q^2.
 *
 * `prompt` is {contextInputs (n x d, row-major), contextLabels, query, queryLabel}; W is d x d, row-major. In
 * the variant, weight decay is lambda itself.
 */
export function descend({ prompt, value, keyQuery, stepSize, nSteps, variant = null }) {
  const { weightDecay, momentum, schedule } = variant || PLAIN;
  const { query, queryLabel } = prompt;
  const moment = contextMoment(prompt);
  const prediction = new Float64Array(nSteps + 1);
  const loss = new Float64Array(nSteps + 1);
  const weights = Float64Array.from([value, ...keyQuery]); // w, then W
  const slope = new Float64Array(weights.length);
  const moved = new Float64Array(weights.length);
  for (let step = 0; step <= nSteps; step++) {
    const attended = attend(moment, weights, query);
    const error = weights[0] * attended - queryLabel;
    const relative = error / queryLabel;
    prediction[step] = 1 + relative;
    loss[step] = (relative * relative) / 2;
    writeGradient(slope, { moment, weights, query, attended, error });
    const scale = stepSize * scaleAt(schedule, step);
    for (let i = 0; i < weights.length; i++) {
      moved[i] = momentum * moved[i] - scale * (slope[i] + weightDecay * weights[i]);
      weights[i] += moved[i];
    }
  }
  return { prediction, loss };
}

/** The moment m of the context, Float64Array(d). */
function contextMoment({ contextInputs, contextLabels, query }) {
  const d = query.length;
  const n = contextLabels.length;
  const moment = new Float64Array(d);
  for (let row = 0; row < n; row++) {
    for (let i = 0; i < d; i++) moment[i] += (contextLabels[row] * contextInputs[row * d + i]) / n;
  }
  return moment;
}

/** The prediction over w: m^T W x_q. */
function attend(moment, weights, query) {
  const d = query.length;
  let attended = 0;
  for (let i = 0; i < d; i++) {
    let keyed = 0; // number i of W x_q
    for (let j = 0; j < d; j++) keyed += weights[1 + i * d + j] * query[j];
    attended += moment[i] * keyed;
  }
  return attended;
}

/** Write the gradient of the loss in w and W: `error` times m^T W x_q, and times w m x_q^T. */
function writeGradient(slope, { moment, weights, query, attended, error }) {
  const d = query.length;
  slope[0] = error * attended;
  for (let i = 0; i < d; i++) {
    const row = error * weights[0] * moment[i];
    for (let j = 0; j < d; j++) slope[1 + i * d + j] = row * query[j];
  }
}
