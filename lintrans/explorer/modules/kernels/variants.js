// Variants of gradient descent: {weightDecay, momentum, schedule}, or null for the plain map.
// Weight decay is in units of h |y_q|; the schedule holds step sizes over mu, by step, and its last goes on.

/** The step size over mu of step n. */
export function scaleAt(schedule, n) {
  return schedule[n < schedule.length ? n : schedule.length - 1];
}

/** A variant with all its fields; null if it is the plain map. */
export function completed(variant) {
  if (variant === null || variant === undefined) return null;
  const { weightDecay = 0, momentum = 0, schedule = [1] } = variant;
  const isConstant = schedule.length === 1 && schedule[0] === 1;
  if (weightDecay === 0 && momentum === 0 && isConstant) return null;
  return { weightDecay, momentum, schedule: Float64Array.from(schedule) };
}
