// Growth of perturbations: mean logarithms of Jacobian factors over batches of time.

export const WINDOW = 16; // steps between two logarithms; a product of 16 factors cannot overflow
export const N_BATCHES = 16; // for the standard error of a mean

/** A number of steps rounded up to whole windows in every batch. */
export function wholeBatches(n) {
  const unit = WINDOW * N_BATCHES;
  return Math.ceil(n / unit) * unit;
}

/** Mean and standard error of batches: [mean, error]; the error of a mean of -Infinity is NaN. */
export function meanAndError(batches) {
  const n = batches.length;
  let mean = 0;
  for (const x of batches) mean += x;
  mean /= n;
  let squares = 0;
  for (const x of batches) squares += (x - mean) * (x - mean);
  return [mean, Math.sqrt(squares / (n - 1) / n)];
}
