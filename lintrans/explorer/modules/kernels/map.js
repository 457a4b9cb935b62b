// Written by `python -m lintrans.symbolic.javascript lintrans/explorer/modules/kernels/map.js`. Do not edit.
// Each expression is proved equal to the derivation in lintrans.symbolic when it is written.

/** Residual r = a^2 - b^2 - mu = mu (uv - 1). Claim modes.step. */
export function residual(mu, a, b) {
  return a * a - (b * b + mu);
}

/** Mean mode after a step. Claim modes.step. */
export function nextA(a, r) {
  return a - r * a;
}

/** Imbalance mode after a step. Claim modes.step. */
export function nextB(b, r) {
  return b + r * b;
}

/** Displacement of a by a variant; decay is mu times the weight decay. Claim variants.normal_form. */
export function changeA(a, r, change, scale, decay, momentum) {
  return momentum * change - scale * (r + decay) * a;
}

/** Displacement of b by a variant. Claim variants.normal_form. */
export function changeB(b, r, change, scale, decay, momentum) {
  return momentum * change + scale * (r - decay) * b;
}

/** Factor da'/da of one step on the slice b = 0. Claim slice.cubic. */
export function slope(mu, r) {
  return 1 - 2 * mu - 3 * r;
}

/** Determinant of the Jacobian of one step, from the slope, 2 b and r. Claim modes.jacobian. */
export function determinant(slope, double, r) {
  return slope + r * slope - double * double;
}

/** Residual sigma by which a batch moves, push = mu (a_B - c_B). Claim minibatch.residual. */
export function batchResidual(r, curvature, push) {
  return curvature * r + push;
}

/** Mean mode of factors (u, v). */
export function modeA(mu, u, v) {
  return Math.sqrt(mu) / 2 * (u + v);
}

/** Imbalance mode of factors (u, v). */
export function modeB(mu, u, v) {
  return Math.sqrt(mu) / 2 * (u - v);
}

/** Factor u of a state in modes. */
export function factorU(mu, a, b) {
  return (a + b) / Math.sqrt(mu);
}

/** Factor v of a state in modes. */
export function factorV(mu, a, b) {
  return (a - b) / Math.sqrt(mu);
}

/** Loss (uv - 1)^2 / 2, in units of y_q^2. */
export function loss(mu, r) {
  return r / mu * (r / mu) / 2;
}

/** Size u^2 + v^2, at a minimum its sharpness: stable below 2 / mu. Claim modes.stability. */
export function sharpness(mu, a, b) {
  return 2 * (a * a + b * b) / mu;
}

/** Level Q of the invariant ellipse, 0 < mu < 2: negative inside. Claim modes.ellipse. */
export function ellipseLevel(mu, a, b) {
  return a * a / (2 + mu) + b * b / (2 - mu) - 1;
}

/** Level Q from 1 / (2 + mu) and 1 / (2 - mu). */
export function scaledLevel(inverseA, inverseB, a, b) {
  return inverseA * a * a + (inverseB * b * b - 1);
}

/** Largest mu whose ellipse holds (u, v); rounding may exceed 2. Claim modes.critical_mu. */
export function criticalMu(u, v) {
  return 8 / (u * u + v * v + Math.sqrt((u * u + v * v - 4) * (u * u + v * v - 4) + 8 * ((u - v) * (u - v))));
}

/** Balanced start u = v from which the loss rises first. Claim slice.monotone. */
export function probeStart(mu) {
  return Math.sqrt(1 / mu + 0.5);
}

/** Invariant density of r on the ellipse; infinite at -2 and 2, NaN beyond. Claim ellipse.density. */
export function residualDensity(r) {
  return 1 / (Math.sqrt((2 - r) * (2 + r)) * Math.PI);
}

/** Where a batch's own ellipse meets b = 0; NaN if mu c_B < -2. Claim minibatch.ellipse. */
export function batchSemiAxisA(mu, curvature, target) {
  return Math.sqrt((2 + mu * target) / curvature);
}

/** Where a batch's own ellipse meets a = 0; NaN if mu c_B > 2. Claim minibatch.ellipse. */
export function batchSemiAxisB(mu, curvature, target) {
  return Math.sqrt((2 - mu * target) / curvature);
}
