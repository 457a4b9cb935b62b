// Populations of prompts on one shared mode: prompt i has the moment h_i and the label y_i.

const ROUNDING = 32 * Number.EPSILON; // mismatches below this times the curvature come from rounding h_i y_i
const LEAF = 128; // values that NumPy adds up in eight strands, without halving

/** Sum of values[first .. end - 1] in the order of NumPy, so that means agree to the bit. */
function pairwiseSum(values, first, end) {
  const n = end - first;
  if (n > LEAF) {
    const half = (n >> 1) - ((n >> 1) % 8);
    return pairwiseSum(values, first, first + half) + pairwiseSum(values, first + half, end);
  }
  if (n < 8) return values.slice(first, end).reduce((sum, x) => sum + x, 0);
  const s = values.slice(first, first + 8);
  const whole = first + n - (n % 8);
  for (let i = first + 8; i < whole; i += 8) {
    for (let k = 0; k < 8; k++) s[k] += values[i + k];
  }
  let sum = s[0] + s[1] + (s[2] + s[3]) + (s[4] + s[5] + (s[6] + s[7]));
  for (let i = whole; i < end; i++) sum += values[i];
  return sum;
}

function mean(values) {
  return pairwiseSum(values, 0, values.length) / values.length;
}

/** Mean that is exact where all values are equal. */
function exactMean(values) {
  return values[0] + mean(values.map((x) => x - values[0]));
}

/** Mismatches a_i - c_i; exactly 0 where that is only rounding. */
function mismatches(curvatures, targets) {
  return curvatures.map((a, i) => {
    const difference = a - targets[i];
    return Math.abs(difference) <= ROUNDING * a ? 0 : difference;
  });
}

/**
 * What training depends on, of prompts with `moments` h_i and `labels` y_i, Float64Array(N) both: meanSquare
 * A, meanProduct C, unitStepSize 1 / |C|, weightUnit sqrt(|C| / A); of every prompt its excess curvature
 * a_i - 1 and mismatch a_i - c_i; curvatureStd, mismatchStd, covariance, largestCurvature; interpolates.
 */
export function populationOf({ moments, labels }) {
  const meanSquare = exactMean(moments.map((h) => h * h));
  const meanProduct = exactMean(moments.map((h, i) => h * labels[i]));
  const curvatures = moments.map((h) => (h * h) / meanSquare);
  const targets = moments.map((h, i) => (h * labels[i]) / meanProduct);
  const excess = curvatures.map((a) => a - 1);
  const mismatch = mismatches(curvatures, targets);
  return {
    moments,
    labels,
    meanSquare,
    meanProduct,
    unitStepSize: 1 / Math.abs(meanProduct),
    weightUnit: Math.sqrt(Math.abs(meanProduct) / meanSquare),
    excess,
    mismatch,
    curvatureStd: Math.sqrt(mean(excess.map((x) => x * x))),
    mismatchStd: Math.sqrt(mean(mismatch.map((x) => x * x))),
    covariance: mean(excess.map((x, i) => x * mismatch[i])),
    largestCurvature: curvatures.reduce((x, y) => Math.max(x, y), -Infinity),
    interpolates: mismatch.every((x) => x === 0),
  };
}

/**
 * N prompts with moments exp(spread g_i) and labels h_i + noise g'_i; `normals`, Float64Array(2N), are the
 * g_i, then the g'_i.
 */
export function population({ spread, noise, normals }) {
  const n = normals.length / 2;
  const moments = normals.slice(0, n).map((g) => Math.exp(spread * g));
  return populationOf({ moments, labels: moments.map((h, i) => h + noise * normals[n + i]) });
}
