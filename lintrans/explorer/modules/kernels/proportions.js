// Shares of trials, with exact (Clopper-Pearson) intervals.

const CONFIDENCE = 0.95;
const N_HALVINGS = 60;

/** Logarithms of 0! .. n!. */
function logFactorials(n) {
  const logs = new Float64Array(n + 1);
  for (let i = 2; i <= n; i++) logs[i] = logs[i - 1] + Math.log(i);
  return logs;
}

/** Probability of `count` successes or more in n trials, for a count above the mean n p. */
function upperTail(count, n, p, logs) {
  const odds = p / (1 - p);
  const ways = logs[n] - logs[count] - logs[n - count];
  let term = Math.exp(ways + count * Math.log(p) + (n - count) * Math.log1p(-p));
  let sum = term;
  for (let i = count; i < n; i++) {
    term *= (odds * (n - i)) / (i + 1);
    sum += term;
  }
  return sum;
}

/** Probability of success at which `count` or more of n trials succeed as rarely as (1 - CONFIDENCE) / 2. */
function lowEnd(count, n, logs) {
  if (count === 0) return 0;
  let [low, high] = [0, count / n];
  for (let i = 0; i < N_HALVINGS; i++) {
    const middle = (low + high) / 2;
    if (upperTail(count, n, middle, logs) < (1 - CONFIDENCE) / 2) low = middle;
    else high = middle;
  }
  return (low + high) / 2;
}

/** Ends of the 95 % intervals of 0 .. n successes in n trials: {low, high: Float64Array(n + 1)}. */
export function intervals(n) {
  const logs = logFactorials(n);
  const low = Float64Array.from({ length: n + 1 }, (_, count) => lowEnd(count, n, logs));
  return { low, high: low.map((_, count) => 1 - low[n - count]) };
}
