// Mini-batch training: trajectories of the random map, and what happens to them.

import { ESCAPED } from "./certificates.js";
import { Dealer, checkDraws } from "./draws.js";
import { batchResidual, batchSemiAxisA, batchSemiAxisB, nextA, nextB, residual, scaledLevel } from "./map.js";
import { intervals } from "./proportions.js";
import { scaleAt } from "./variants.js";

const NEVER = -1;

/** Refuse a schedule of which the ellipse is no bound. */
function checkSchedule(schedule) {
  const wrong = schedule === null ? undefined : schedule.find((x) => !(x >= 0 && x <= 1));
  if (wrong !== undefined) throw new RangeError(`step sizes over mu must be from 0 to 1, got ${wrong}`);
}

/** Room for what is found of n trajectories; what is not kept has no room. */
function emptyWalk({ n, nSteps, keepPaths, keepBatches }) {
  const rows = (length) => new Float64Array(n * length).fill(NaN);
  return {
    left: new Int32Array(n).fill(NEVER),
    diverged: new Int32Array(n).fill(NEVER),
    endA: new Float64Array(n),
    endB: new Float64Array(n),
    paths: keepPaths ? { a: rows(nSteps + 1), b: rows(nSteps + 1) } : null,
    batches: keepBatches ? { curvature: rows(nSteps), target: rows(nSteps) } : null,
  };
}

/** 1 / (2 + mu) and 1 / (2 - mu); at mu = 2 only the slice b = 0 is within bounds, and above nothing is. */
function inverses(mu, b) {
  const across = mu < 2 ? 1 / (2 - mu) : Infinity;
  return [mu <= 2 ? 1 / (2 + mu) : Infinity, b === 0 ? 0 : across];
}

/** Keep the curvature a_B and the target c_B of the batch just drawn. */
function keepBatch({ curvature, target }, dealer, share, at) {
  curvature[at] = 1 + share * dealer.excess;
  target[at] = curvature[at] - share * dealer.mismatch;
}

/** Follow trajectory i of a walk: its first state outside the ellipse, and first with |r| > 1e4. */
function follow(options, found, i) {
  const { mu, nSteps, batchSize, schedule, first } = options;
  const { paths, batches } = found;
  const dealer = new Dealer(options, first + i);
  const share = 1 / batchSize;
  let { a, b } = options;
  const [inverseA, inverseB] = inverses(mu, b);
  for (let s = 0; s <= nSteps; s++) {
    if (paths !== null) {
      paths.a[i * (nSteps + 1) + s] = a;
      paths.b[i * (nSteps + 1) + s] = b;
    }
    const r = residual(mu, a, b);
    if (found.left[i] === NEVER && scaledLevel(inverseA, inverseB, a, b) > 0) found.left[i] = s;
    if (!(Math.abs(r) <= ESCAPED)) {
      found.diverged[i] = s;
      break;
    }
    if (s === nSteps) break;
    dealer.draw();
    if (batches !== null) keepBatch(batches, dealer, share, i * nSteps + s);
    const moves = schedule === null ? 1 : scaleAt(schedule, s);
    const curvature = moves + moves * share * dealer.excess;
    const sigma = batchResidual(r, curvature, moves * share * (mu * dealer.mismatch));
    a = nextA(a, sigma);
    b = nextB(b, sigma);
  }
  found.endA[i] = a;
  found.endB[i] = b;
}

/**
 * Trajectories first .. first + n - 1 of a seed from modes (a, b), of a `population` (see population.js):
 * {left, diverged: Int32Array(n), first state outside the ellipse and first with |r| > 1e4, -1 = never; endA,
 * endB: Float64Array(n), last states, or that of divergence; paths: {a, b: Float64Array(n (nSteps + 1))} or
 * null; batches: {curvature, target: Float64Array(n nSteps)} or null}. Rows of paths and batches are NaN
 * after divergence. The schedule holds step sizes over mu, from 0 to 1, or is null. RangeError of what cannot
 * be drawn, and of other schedules.
 */
export function walk({
  sampling = "with-replacement",
  seed = 0,
  first = 0,
  schedule = null,
  keepPaths = false,
  keepBatches = false,
  ...others
}) {
  const options = { sampling, seed, first, schedule, keepPaths, keepBatches, ...others };
  checkDraws(options);
  checkSchedule(schedule);
  const found = emptyWalk(options);
  for (let i = 0; i < options.n; i++) follow(options, found, i);
  return found;
}

/**
 * Survival curve of an event that happened at `steps` (-1 = never): {share, low, high: Float64Array(nSteps +
 * 1)}, the share of trajectories to which it has not happened by each step, with its interval of 95 %.
 */
export function survival({ steps, nSteps }) {
  const n = steps.length;
  const happened = new Int32Array(nSteps + 1);
  for (const step of steps) if (step >= 0 && step <= nSteps) happened[step] += 1;
  const ends = intervals(n);
  const [share, low, high] = [0, 1, 2].map(() => new Float64Array(nSteps + 1));
  let alive = n;
  for (let s = 0; s <= nSteps; s++) {
    alive -= happened[s];
    share[s] = alive / n;
    low[s] = ends.low[alive];
    high[s] = ends.high[alive];
  }
  return { share, low, high };
}

/** Semi-axes [along a, along b] of a batch's own ellipse in modes; null if it has none, |mu c_B| >= 2. */
export function batchEllipse(mu, curvature, target) {
  if (!(curvature > 0 && Math.abs(mu * target) < 2)) return null;
  return [batchSemiAxisA(mu, curvature, target), batchSemiAxisB(mu, curvature, target)];
}
