// What the page is about: the normal form alone, or a prompt with its learning rates and command line.

import { short } from "../../pages/modules/scales.js";
import { criticalMu } from "./map.js";

const WINDOW_PAD = 1e-15;

/** The data that Python wrote, with what the panels ask of them. */
export class Problem {
  constructor(data) {
    this.data = data;
    this.landmarks = data.landmarks;
    this.palette = data.palette;
    this.prompt = data.prompt || null;
    this.unit = this.prompt ? data.mode.unitStepSize : null;
  }

  /** What the page is about, in a few words. */
  title() {
    return this.prompt ? `lintrans explorer: ${this.prompt.dataName}` : "lintrans explorer";
  }

  /** Learning rate at mu; null without a prompt. */
  rate(mu) {
    return this.unit === null ? null : mu * this.unit;
  }

  /** "mu = 1.5", and the learning rate it means. */
  words(mu) {
    const rate = this.rate(mu);
    return rate === null ? `μ = ${short(mu, 6)}` : `μ = ${short(mu, 6)}, learning rate ${short(rate, 4)}`;
  }

  /** Largest mu at which training from a start stays bounded. */
  safeMu({ u, v }) {
    return Math.min(2, criticalMu(u, v));
  }

  /** Weights w and W of the layer at a state (u, v): W moves along the mode only. */
  weightsAt(u, v) {
    const { mode } = this.data;
    const d = mode.queryDirection.length;
    const along = mode.labelSign * mode.weightUnit * v;
    const keyQuery = Float64Array.from(mode.frozen);
    for (let i = 0; i < d; i += 1) {
      for (let j = 0; j < d; j += 1)
        keyQuery[i * d + j] += along * mode.contextDirection[i] * mode.queryDirection[j];
    }
    return { value: mode.weightUnit * u, keyQuery };
  }

  /** Landmarks within a range of mu. */
  within(low, high) {
    return this.landmarks.filter((mark) => mark.mu >= low - WINDOW_PAD && mark.mu <= high + WINDOW_PAD);
  }

  /** Last landmark at or below mu, and first above it; null where there is none. */
  around(mu) {
    const below = this.landmarks.filter((mark) => mark.mu <= mu);
    const above = this.landmarks.filter((mark) => mark.mu > mu);
    return { below: below.at(-1) || null, above: above[0] || null };
  }
}

/** A landmark as one reads it. */
export function named(mark) {
  return mark.name.replaceAll("_", " ");
}

/**
 * The command line that computes what a panel shows: in numbers of the normal form, so that it is the same to the
 * bit with and without data. `words` are its own options; `of` says which of the shared ones belong to it.
 */
export function commandLine(state, name, words, of = []) {
  const parts = ["lintrans", name, ...words];
  if (of.includes("start")) parts.push(option("--start", `${state.u},${state.v}`));
  if (of.includes("variant")) parts.push(...variantOptions(state));
  return parts.join(" ");
}

/** Options of weight decay, momentum and schedule that are in use. */
export function variantOptions({ decay, momentum, schedule }) {
  return [
    decay > 0 && `--weight-decay ${decay}`,
    momentum > 0 && `--momentum ${momentum}`,
    schedule !== null && `--schedule ${schedule.join(",")}`,
  ].filter(Boolean);
}

/** An option with its value; with "=" where the value begins with a minus sign. */
export function option(name, value) {
  return String(value).startsWith("-") ? `${name}=${value}` : `${name} ${value}`;
}

/** Numbers from low to high as `numpy.linspace` has them. */
export function linspace(low, high, n) {
  const values = new Float64Array(n);
  const step = (high - low) / (n - 1);
  for (let i = 0; i < n; i += 1) values[i] = i * step + low;
  if (n > 0) values[n - 1] = n > 1 ? high : low;
  return values;
}
