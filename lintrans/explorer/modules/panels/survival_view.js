// How many of the noisy runs have neither left the ellipse of the full batch nor diverged, over steps.

import { short } from "../../../pages/modules/scales.js";
import { batchLine } from "../commands.js";
import { survival } from "../kernels/batches.js";
import { RUNS } from "./noisy.js";

/** View of a panel over steps. */
export function survivalView(session, noisy) {
  let curves = null; // of both events, {share, low, high}
  const measure = () => {
    const of = (steps) => survival({ steps, nSteps: noisy.found.steps });
    curves = noisy.found && { left: of(noisy.found.left), diverged: of(noisy.found.diverged) };
  };
  return {
    name: "survival",
    title: "Mini-batches: runs still inside",
    help:
      "200 runs from this start, each with batches of its own, drawn from 200 prompts on one mode. Full-batch " +
      "training never leaves the ellipse; batches can push it out. The plane shows all 200.",
    label: "share of runs",
    range: [0, 1.02],
    depends: (changed) => changed.has("batch") || changed.has("steps"),
    lines: () => {
      measure();
      if (curves === null) return [];
      return [
        { values: curves.left.share, color: "pink", width: 1.8 },
        { values: curves.diverged.share, color: "ink", dash: [5, 3] },
      ];
    },
    bands: () =>
      curves === null
        ? []
        : [
            { ...curves.left, color: "pink" },
            { ...curves.diverged, color: "ink" },
          ],
    key: () => [
      { text: "inside the ellipse of the full batch", color: "pink" },
      { text: "not diverged", color: "ink", dash: [5, 3] },
    ],
    remark: () => (noisy.isOn() ? `${RUNS} runs, batches of ${session.state.batch}` : "no batches yet"),
    describe: () => {
      if (curves === null) return "Mini-batch runs: none yet; set a batch size among the variants.";
      const [inside, bounded] = [curves.left, curves.diverged].map(({ share }) => short(share.at(-1)));
      return `Of ${RUNS} mini-batch runs, a share of ${inside} never left the ellipse and ${bounded} did not diverge.`;
    },
    table: () => {
      if (curves === null) return null;
      const { left, diverged } = curves;
      const step = left.share.map((_, i) => i);
      const inside = { inside: left.share, inside_low: left.low, inside_high: left.high };
      return {
        step,
        ...inside,
        bounded: diverged.share,
        bounded_low: diverged.low,
        bounded_high: diverged.high,
      };
    },
    command: () => (noisy.isOn() ? batchLine(session.state, RUNS) : null),
  };
}
