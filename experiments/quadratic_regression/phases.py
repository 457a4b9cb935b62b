"""Phase of every sample of a run of gradient descent, judged from predictions and a tangent alone."""

import numpy as np

from lintrans.quadratic_regression import OrthogonalData, QuadraticModel, SampleModes, gradient, train

MODELS = {
    "phase retrieval": QuadraticModel([1.5]),
    "with a slope": QuadraticModel([1.5], slope=0.7),
    "network, 4 units": QuadraticModel([0.5] * 4),
    "units of both signs": QuadraticModel([1.0, -1.0]),
}
TAIL, MAX_PERIOD = 512, 64
CONVERGED, RETURN, ROUNDING = 1e-8, 1e-8, 1e-10  # of the error in units of the target
N_TANGENT, N_BATCHES, SIGMAS = 4096, 16, 4  # steps after training; the first eighth aligns the tangent


def problem(model, mu, *, n, d, seed):
    """Data on which every sample has the effective step size mu, its learning rate, and a start.

    The first sample starts where the loss rises first, a^2 = 1 + mu/2, the others anywhere below 2 + mu.
    """
    rng = np.random.default_rng(seed)
    lengths = rng.uniform(0.5, 2.0, n)
    targets = 1.3 / lengths**2
    shift = model.slope**2 * (0.5 / model.gammas).sum()
    data = OrthogonalData.random(n, d, seed=seed, norms=lengths, labels=targets - shift)
    eta = mu / SampleModes.of(data, model, step_size=1.0).mus[0]
    sample = SampleModes.of(data, model, step_size=eta)
    a = np.sqrt(np.append(1 + mu / 2, rng.uniform(0.1, 0.9, n - 1) * (2 + mu)))
    b = rng.uniform(0.05, 0.1, n) * np.append(0, a[1:]) if (model.gammas < 0).any() else 0.0
    start = sample.weights(a, b)
    frozen = rng.standard_normal(start.shape)  # what no input sees, and training must not move
    frozen -= frozen @ data.inputs.T / data.squared_norms @ data.inputs
    return data, eta, start + frozen


def predicted(data, model, start, eta, verdict_of):
    """Phase of every sample by the map; all diverge with the first that does, since training ends there."""
    sample = SampleModes.of(data, model, step_size=eta)
    u, v = sample.normal_form(start)
    verdicts = [
        str(verdict_of(*state)).replace("periodic, ", "") for state in zip(sample.mus, u, v, strict=True)
    ]
    return ["divergent"] * data.n if "divergent" in verdicts else verdicts


def judge(data, model, start, eta, n_steps, train=train, gradient=gradient):
    """Phase of every sample; one verdict for all when training diverges."""
    run = train(data, model, start, step_size=eta, n_steps=n_steps)
    errors = (run.predictions - data.labels) / np.abs(targets(data, model))
    if run.overflowed:
        return ["divergent"] * data.n
    verdicts = [phase(errors[:, i]) for i in range(data.n)]
    if None in verdicts:
        mean, error = tangent_growth(data, model, run.final_weights, eta, gradient)
        verdicts = [v or ("chaotic" if mean > SIGMAS * error else "unresolved") for v in verdicts]
    return verdicts


def targets(data, model):
    return data.labels + model.slope**2 * (0.5 / model.gammas).sum()


def phase(errors):
    """Phase of a bounded series of errors; None if it neither settles nor returns."""
    size, tail = np.abs(errors), errors[-TAIL:]
    if np.abs(tail).max() < CONVERGED:
        rises = size[1:] > size[:-1] * (1 + ROUNDING) + ROUNDING
        return "catapult" if rises.any() else "monotone"
    for period in range(1, MAX_PERIOD + 1):
        if np.abs(tail[period:] - tail[:-period]).max() < RETURN:
            return f"period {period}"
    return None


def tangent_growth(data, model, start, eta, gradient=gradient):
    """Mean logarithmic growth per step of a tangent of training, and its standard error.

    The product with the Hessian is the complex step Im gradient(W + i h V) / h.
    """
    W, V, h = np.array(start), np.array(start) / np.linalg.norm(start), 1e-50
    logs = np.empty(N_TANGENT)
    for step in range(N_TANGENT):
        slope = gradient(data, model, W + 1j * h * V)
        W, V = W - eta * slope.real, V - eta * slope.imag / h
        size = np.linalg.norm(V)
        logs[step], V = np.log(size), V / size
    means = [x.mean() for x in np.array_split(logs[N_TANGENT // 8 :], N_BATCHES)]
    return np.mean(means), np.std(means, ddof=1) / np.sqrt(N_BATCHES)
