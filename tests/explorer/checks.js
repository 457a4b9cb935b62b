// The map of the page against numbers that the Python source of the compiled loops has computed.
// Free of what only Node or only a browser has: each function takes the golden arrays.

import {
  batchResidual,
  changeA,
  changeB,
  determinant,
  nextA,
  nextB,
  residual,
  slope,
} from "../../lintrans/explorer/modules/kernels/map.js";
import { philox } from "../../lintrans/pages/modules/philox.js";

/** Numbers as integers that count in ulps. */
function ordered(values) {
  const bits = new BigInt64Array(Float64Array.from(values).buffer);
  return bits.map((x) => (x < 0n ? -(x & 0x7fffffffffffffffn) : x));
}

function maxUlp(found, expected) {
  const [x, y] = [ordered(found), ordered(expected)];
  let worst = 0;
  for (let i = 0; i < x.length; i++) {
    if (Number.isNaN(found[i]) && Number.isNaN(expected[i])) continue;
    if (Number.isNaN(found[i]) || Number.isNaN(expected[i])) return Infinity;
    worst = Math.max(worst, Math.abs(Number(x[i] - y[i])));
  }
  return worst;
}

function report(name, pairs) {
  const n = pairs.reduce((sum, [found]) => sum + found.length, 0);
  return { name, n, maxUlp: Math.max(...pairs.map(([found, expected]) => maxUlp(found, expected))) };
}

/** Arrays like those given, to be filled with what is found. */
function like(...arrays) {
  return arrays.map((values) => new Float64Array(values.length));
}

/** Whole orbits, chaotic ones too, each from its first state only. */
export function checkOrbits({ orbitMu, orbitA, orbitB }) {
  const [a, b] = like(orbitA, orbitB);
  const n = orbitA.length / orbitMu.length;
  for (let i = 0; i < a.length; i++) {
    const mu = orbitMu[Math.floor(i / n)];
    const isFirst = i % n === 0;
    const r = isFirst ? 0 : residual(mu, a[i - 1], b[i - 1]);
    a[i] = isFirst ? orbitA[i] : nextA(a[i - 1], r);
    b[i] = isFirst ? orbitB[i] : nextB(b[i - 1], r);
  }
  return report("orbits", [
    [a, orbitA],
    [b, orbitB],
  ]);
}

/** Slopes and determinants at the states of those orbits. */
export function checkFactors({ orbitMu, orbitA, orbitB, slopes, determinants }) {
  const [first, second] = like(slopes, determinants);
  const n = orbitA.length / orbitMu.length;
  for (let i = 0; i < first.length; i++) {
    const mu = orbitMu[Math.floor(i / n)];
    const r = residual(mu, orbitA[i], orbitB[i]);
    first[i] = slope(mu, r);
    second[i] = determinant(first[i], orbitB[i] + orbitB[i], r);
  }
  return report("factors", [
    [first, slopes],
    [second, determinants],
  ]);
}

/** Orbits with weight decay, momentum and a schedule. */
export function checkVaried({ variedMu, variedDecay, variedMomentum, variedA, variedB, schedule }) {
  const [a, b] = like(variedA, variedB);
  const n = variedA.length / variedMu.length;
  for (let k = 0; k < variedMu.length; k++) {
    const [mu, decay, momentum] = [variedMu[k], variedMu[k] * variedDecay[k], variedMomentum[k]];
    let [p, q, x, y] = [variedA[k * n], variedB[k * n], 0, 0];
    for (let i = 0; i < n; i++) {
      a[k * n + i] = p;
      b[k * n + i] = q;
      const r = residual(mu, p, q);
      x = changeA(p, r, x, schedule[i], decay, momentum);
      y = changeB(q, r, y, schedule[i], decay, momentum);
      p += x;
      q += y;
    }
  }
  return report("variants", [
    [a, variedA],
    [b, variedB],
  ]);
}

/** Trajectories through given batches. */
export function checkBatches({ batchMu, curvature, mismatch, batchA, batchB, batchR }) {
  const [a, b, residuals] = like(batchA, batchB, batchR);
  const n = curvature.length;
  for (let k = 0; k < batchMu.length; k++) {
    const mu = batchMu[k];
    let [p, q] = [batchA[k * n], batchB[k * n]];
    for (let i = 0; i < n; i++) {
      const [at, r] = [k * n + i, residual(mu, p, q)];
      const sigma = batchResidual(r, curvature[i], mu * mismatch[i]);
      [a[at], b[at], residuals[at]] = [p, q, r];
      p = nextA(p, sigma);
      q = nextB(q, sigma);
    }
  }
  return report("batches", [
    [a, batchA],
    [b, batchB],
    [residuals, batchR],
  ]);
}

/** All checks: a list of {name, n: numbers compared, maxUlp: 0 if equal to the bit}. */
export function checkAll(golden) {
  return [checkOrbits, checkFactors, checkVaried, checkBatches].map((check) => check(golden));
}

/** Four random words, from a counter of four and a key of two. */
export function randomWords(words) {
  const found = new Uint32Array(4);
  philox(...words, found, 0);
  return Array.from(found);
}
