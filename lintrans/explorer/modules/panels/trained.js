// Full gradient descent of the layer on the reader's prompt, to be drawn over the reduced orbit.

import { changesRun, variantOf } from "../run.js";

/** Training of w and W from the weights of the page; it moves with the start as the map does. A part. */
export class Trained {
  constructor(session, onChange) {
    this.session = session;
    this.onChange = onChange;
    this.found = null;
  }

  /** Whether the page carries a prompt that can be trained on. */
  isPossible() {
    const { prompt } = this.session.problem;
    return prompt !== null && prompt.tooLarge === null;
  }

  update(changed) {
    if (this.isPossible() && changesRun(changed)) this.request();
  }

  request() {
    const { pool, state, problem } = this.session;
    const { prompt, unit } = problem;
    const variant = variantOf(state);
    if (variant !== null) variant.weightDecay /= unit; // lambda, in units of the loss
    const weights = problem.weightsAt(state.u, state.v);
    const args = { prompt, ...weights, variant, stepSize: problem.rate(state.mu), nSteps: state.steps };
    const onPart = (found) => {
      this.found = found;
      this.onChange();
    };
    this.found = null;
    pool.ask("descent", [{ kind: "descend", rank: 6, args }], { onPart });
  }

  /** A quantity, "loss" or "prediction", as a line for a panel over steps. */
  line(quantity) {
    if (this.found === null) return [];
    const look = { color: "orange", dash: [5, 3], width: 1.8, column: `trained_${quantity}` };
    return [{ values: this.found[quantity], ...look }];
  }

  remark() {
    if (this.session.problem.prompt === null) return "";
    if (!this.isPossible()) return "the prompt is too large to train on here";
    const isChaotic = this.session.verdict.label === "chaotic";
    return `dashed: full gradient descent${isChaotic ? "; in chaos rounding separates the two" : " of w and W"}`;
  }
}
