// How a gradient becomes a step, as `lintrans.sandbox.kernels.steps` has it: clipping, Adam (Kingma and Ba, 2015),
// descent with momentum, weight decay decoupled from the gradient (Loshchilov and Hutter, 2019).

/** Clear the gradient of weights that are not trained, so that neither clipping nor moments see it. */
export function holdStill(rates, gradient) {
  for (let k = 0; k < gradient.length; k++) if (rates[k] === 0) gradient[k] = 0;
}

/** Scale a gradient to norm `largest` if it is longer. */
export function clip(gradient, largest) {
  let square = 0;
  for (let k = 0; k < gradient.length; k++) square += gradient[k] * gradient[k];
  const length = Math.sqrt(square);
  if (!(length > largest)) return;
  for (let k = 0; k < gradient.length; k++) gradient[k] *= largest / length;
}

/** Turn a gradient into the direction of step number n, from 1, of Adam. */
export function adam({ momentum, beta2, epsilon }, n, first, second, gradient) {
  const bias = 1 / (1 - momentum ** n);
  const rootBias = 1 / Math.sqrt(1 - beta2 ** n);
  const [rest1, rest2] = [1 - momentum, 1 - beta2];
  for (let k = 0; k < gradient.length; k++) {
    const g = gradient[k];
    first[k] = momentum * first[k] + rest1 * g;
    second[k] = beta2 * second[k] + rest2 * (g * g);
    gradient[k] = (bias * first[k]) / (Math.sqrt(second[k]) * rootBias + epsilon);
  }
}

/** Turn a gradient into the direction of a step with heavy-ball momentum. */
export function heavyBall({ momentum }, first, gradient) {
  for (let k = 0; k < gradient.length; k++) {
    first[k] = momentum * first[k] + gradient[k];
    gradient[k] = first[k];
  }
}

/** Move weights along a direction; `rates` are factors of the learning rate, weight by weight. */
export function move(rate, rates, decay, weights, direction) {
  for (let k = 0; k < weights.length; k++) {
    weights[k] -= rate * rates[k] * (direction[k] + decay * weights[k]);
  }
}
