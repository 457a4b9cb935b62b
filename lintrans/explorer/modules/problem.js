// What the page is about: the normal form alone, or a prompt with its learning rates.

import { short } from "../../pages/modules/scales.js";
import { criticalMu } from "./kernels/map.js";

/** The data that Python wrote, with what the panels ask of them. */
export class Problem {
  constructor(data) {
    this.data = data;
    this.landmarks = data.landmarks;
    this.palette = data.palette;
    this.prompt = data.prompt || null;
    this.unit = this.prompt ? data.mode.unitStepSize : null;
    this.marks = this.landmarks.map((mark) => ({ value: mark.mu, name: named(mark) }));
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
    const keyQuery = mode.frozen.map((entry, k) => {
      const [i, j] = [Math.floor(k / d), k % d];
      return entry + along * mode.contextDirection[i] * mode.queryDirection[j];
    });
    return { value: mode.weightUnit * u, keyQuery };
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
