"""Print phases of quadratic regression beside those of the map, and what averaging does to test errors."""

import tomllib
from collections import Counter
from pathlib import Path

import matplotlib as mpl
import numpy as np
import phases

import lintrans as lt
from lintrans import quadratic_regression as qr

mpl.use("Agg")
import matplotlib.pyplot as plt

HERE = Path(__file__).parent
ERROR = r"test error, mean of $(g - y)^2 / 2$"
ORDER = ("monotone", "catapult", "period", "chaotic", "divergent", "unresolved")


def main() -> None:
    config = tomllib.loads((HERE / "config.toml").read_text())
    compare(config["phases"])
    averages(config["averages"])
    draw(config["averages"])


def compare(config):
    n_steps, mus, size = config["n_steps"], config["mus"], {k: config[k] for k in ("n", "d", "seed")}
    print(
        f"{len(mus)} values of mu, {config['n']} samples each, {n_steps} steps: phase by training, by the map"
    )
    print(f"{'model':20} {'samples':>7} {'agree':>6}   by training")
    for name, model in phases.MODELS.items():
        found, expected = [], []
        for mu in mus:
            data, eta, start = phases.problem(model, mu, **size)
            found += phases.judge(data, model, start, eta, n_steps)
            expected += phases.predicted(data, model, start, eta, lt.regime)
        counts = Counter(verdict.split()[0] for verdict in found)
        agree = sum(x == y for x, y in zip(found, expected, strict=True))
        shown = ", ".join(f"{label} {counts[label]}" for label in ORDER if counts[label])
        print(f"{name:20} {len(found):7d} {agree:6d}   {shown}")
        for x, y in sorted({(x, y) for x, y in zip(found, expected, strict=True) if x != y}):
            print(f"    training: {x}, map: {y}")


def averages(config):
    print(f"\ntest error, mean of {config['n_seeds']} teachers +- standard error; in brackets std over steps")
    header = f"{'data':18} {'mu':>5} {'iterates':>17} {'[std]':>8} {'average':>17} {'[std]':>8}"
    print(f"{header} {'training':>9} {'cross':>6}")
    for name in ("one mu for all", "labels as they are"):
        for mu in config["mus"]:
            rows = np.array([measure(config, mu, name, seed) for seed in range(config["n_seeds"])])
            if np.isnan(rows).any():
                print(f"{name:18} {mu:5.2f} {'diverges':>17} ({np.isnan(rows[:, 0]).sum()} of {len(rows)})")
                continue
            mean, error = rows.mean(axis=0), rows.std(axis=0, ddof=1) / np.sqrt(len(rows))
            print(
                f"{name:18} {mu:5.2f} {mean[0]:8.4f} +- {error[0]:.4f} {f'[{mean[1]:.4f}]':>8}"
                f" {mean[2]:8.4f} +- {error[2]:.4f} {f'[{mean[3]:.4f}]':>8} {mean[4]:9.2e} {mean[5]:6.3f}"
            )


def measure(config, mu, name, seed):
    """Mean and std over the second half of the steps, of iterates and average; its training error, cross."""
    data, sample, run = student(config, mu, name, seed)
    test, training = (errors(config, run, *s) for s in (sample, (data.inputs, data.labels)))
    half = len(test.last) // 2
    if run.overflowed:
        return (np.nan,) * 6
    last, averaged = test.last[half:], test.averaged[half:]
    settled = (last.mean(), last.std(), averaged[-1], averaged.std(), training.averaged[-1])
    return *settled, cross_terms(data, qr.time_average(run, n_discard=config["n_discard"]))


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
    scale = (labels / labels.mean()) ** -0.25 if name == "one mu for all" else np.ones(config["n"])
    data = qr.OrthogonalData(data.inputs * scale[:, None], labels * scale**2)
    inputs = rng.standard_normal((config["n_test"], d)) / np.sqrt(d)
    eta = mu * qr.landmark_step_sizes(data, model)["stable"].min()
    run = qr.train(data, model, start, step_size=eta, n_steps=config["n_steps"], keep_weights=True)
    return data, (inputs, qr.predictions(inputs, model, teacher)), run


def errors(config, run, inputs, labels):
    return qr.error_curves(run, inputs, labels, n_discard=config["n_discard"])


def curves_of_test(config, mu, seed=0):
    _, sample, run = student(config, mu, "one mu for all", seed)
    return errors(config, run, *sample)


def draw(config):
    figure, axes = plt.subplots(1, 3, figsize=(11, 3.6), constrained_layout=True)
    for ax, mu, place in zip(axes, config["figure"], ((1, 0.71), (1, 0.88)), strict=False):
        test = curves_of_test(config, mu)
        ax.plot(test.steps, test.last, ".", color="0.6", ms=2, rasterized=True, label="iterate $t$")
        ax.plot(test.steps, test.averaged, "k", lw=2, label="average up to $t$")
        ax.set(xlabel="step $t$", title=rf"$\mu$ = {mu:g}", ylabel=ERROR)
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
    ax.set(xlabel=r"effective step size $\mu$", ylabel=ERROR, ylim=(0, None))
    ax.legend(fontsize=9, loc="lower left")
    figure.savefig(HERE / "averages.png", dpi=110)
    plt.close(figure)
    print("wrote averages.png")


if __name__ == "__main__":
    main()
