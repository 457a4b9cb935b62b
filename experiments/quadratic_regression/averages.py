"""Students of random teachers: what averaging predictions over the trajectory does to the test error."""

from typing import NamedTuple

import numpy as np

from lintrans import quadratic_regression as qr

ONE_MU, AS_THEY_ARE = "one mu for all", "labels as they are"


class Averaged(NamedTuple):
    """Test errors over the second half of the steps, of iterates and of the average; what the average costs.

    Attributes
    ----------
    iterates, iterates_std, average, average_std : float
        Mean and standard deviation over steps; of the average its last value.
    training : float
        Training error of the average.
    cross : float
        Size of its terms that couple two samples.
    cycle : float
        Training error of the average on a 2-cycle of the largest mu: (mu - 1)^2 / (8 mu^2) label^2.
    """

    iterates: float
    iterates_std: float
    average: float
    average_std: float
    training: float
    cross: float
    cycle: float


def measure(config, mu, name, seed):
    """Train one student; all NaN if it diverges."""
    data, sample, run = student(config, mu, name, seed)
    if run.overflowed:
        return Averaged(*(np.nan,) * len(Averaged._fields))
    test, training = (errors(config, run, *s) for s in (sample, (data.inputs, data.labels)))
    half = len(test.last) // 2
    last, averaged = test.last[half:], test.averaged[half:]
    settled = (last.mean(), last.std(), averaged[-1], averaged.std(), training.averaged[-1])
    cross = cross_terms(data, qr.time_average(run, n_discard=config["n_discard"]))
    return Averaged(*settled, cross, (mu - 1) ** 2 / (8 * mu**2) * np.mean(data.labels**2))


def cross_terms(data, average):
    """Root mean square over pairs of samples of x_i . S x_k / sqrt(x_i . S x_i x_k . S x_k)."""
    form = data.inputs @ average.second_moment @ data.inputs.T
    size = np.sqrt(np.diag(form))
    pairs = ~np.eye(data.n, dtype=bool)
    return np.sqrt(np.square(form / np.outer(size, size))[pairs].mean())


def student(config, mu, name, seed):
    """Data of a random teacher, test samples, and the run of a student; mu is the largest of a sample."""
    rng, n_units, d = np.random.default_rng(seed), config["n_units"], config["d"]
    model = qr.QuadraticModel([2 / n_units] * n_units)
    teacher, start = rng.standard_normal((n_units, d)), config["start"] * rng.standard_normal((n_units, d))
    data = qr.OrthogonalData.random(config["n"], d, seed=seed)
    labels = qr.predictions(data.inputs, model, teacher)
    # A longer input has a larger label, and both raise mu: scaled so, all samples have the same.
    scale = (labels / labels.mean()) ** -0.25 if name == ONE_MU else np.ones(config["n"])
    data = qr.OrthogonalData(data.inputs * scale[:, None], labels * scale**2)
    inputs = rng.standard_normal((config["n_test"], d)) / np.sqrt(d)
    eta = mu * qr.landmark_step_sizes(data, model)["stable"].min()
    run = qr.train(data, model, start, step_size=eta, n_steps=config["n_steps"], keep_weights=True)
    return data, (inputs, qr.predictions(inputs, model, teacher)), run


def errors(config, run, inputs, labels):
    return qr.error_curves(run, inputs, labels, n_discard=config["n_discard"])


def curves_of_test(config, mu, seed=0):
    _, sample, run = student(config, mu, ONE_MU, seed)
    return errors(config, run, *sample)


def draw(config, axes):
    """Errors over the steps at two mu, then over mu."""
    label = r"test error, mean of $(g - y)^2 / 2$"
    for ax, mu, place in zip(axes, config["figure"], ((1, 0.71), (1, 0.88)), strict=False):
        test = curves_of_test(config, mu)
        ax.plot(test.steps, test.last, ".", color="0.6", ms=2, rasterized=True, label="iterate $t$")
        ax.plot(test.steps, test.averaged, "k", lw=2, label="average up to $t$")
        ax.set(xlabel="step $t$", title=rf"$\mu$ = {mu:g}", ylabel=label)
        ax.legend(fontsize=9, loc="center right", bbox_to_anchor=place, markerscale=5)
    mus = np.linspace(*config["swept"][:2], config["swept"][2])
    shown = []
    for mu in mus:
        test = curves_of_test(config, mu)
        half = test.last[len(test.last) // 2 :]
        shown.append((*np.percentile(half, (5, 95)), half.mean(), test.averaged[-1]))
    low, high, mean, averaged = np.transpose(shown)
    ax = axes[2]
    ax.fill_between(mus, low, high, color="0.85", label="iterates, 5 to 95 %")
    ax.plot(mus, mean, "--", color="0.35", lw=1.4, label="iterates, mean")
    ax.plot(mus, averaged, "k", lw=2, label="time average")
    ax.set(xlabel=r"effective step size $\mu$", ylabel=label, ylim=(0, None))
    ax.legend(fontsize=9, loc="lower left")
