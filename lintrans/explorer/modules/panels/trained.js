// Full gradient descent of the layer on the reader's prompt, to be drawn over the reduced orbit.

import { changesRun, variantOf } from "../run.js";

/** Training of w and W from the weights of the page; it moves with the start as the map does. */
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
    this.found = null;
    const { value, keyQuery } = problem.weightsAt(state.u, state.v);
    const variant = variantOf(state);
    if (variant !== null) variant.weightDecay /= problem.unit; // lambda, in units of the loss
    const args = {
      prompt: problem.prompt,
      value,
      keyQuery,
      variant,
      stepSize: problem.rate(state.mu),
      nSteps: state.steps,
    };
    pool.ask("descent", [{ kind: "descend", args }], (found) => {
      this.found = found;
      this.onChange();
    });
  }

  /** A quantity, "loss" or "prediction", as a line for a panel over steps. */
  line(quantity) {
    if (this.found === null) return [];
    return [
      {
        values: this.found[quantity],
        color: "orange",
        dash: [5, 3],
        width: 1.8,
        column: `trained_${quantity}`,
      },
    ];
  }

  remark() {
    if (this.session.problem.prompt === null) return "";
    return this.isPossible()
      ? "dashed: full gradient descent of w and W"
      : "the prompt is too large to train on it here";
  }
}
