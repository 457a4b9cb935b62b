"""Print which modes carry the prediction after training at every step size, and draw it."""

import tomllib
from dataclasses import replace
from pathlib import Path

import matplotlib as mpl
import numpy as np

import lintrans as lt
from lintrans.many_modes.map import ManyModes

mpl.use("Agg")
import matplotlib.pyplot as plt

HERE = Path(__file__).parent
CHECK_EVERY = 50


def main() -> None:
    config = tomllib.loads((HERE / "config.toml").read_text())
    n = config["data"].pop("context")
    raw = lt.Prompt.from_csv(lt.example_data(), context=slice(0, n), query=n, **config["data"])
    deviation = raw.labels.std()
    prompt = replace(raw, labels=raw.labels / deviation, query_label=raw.query_label / deviation)
    many = ManyModes.of(prompt)
    for scale in config["scales"]:
        print_table(many, config["mu"]["table"], scale, config)
    print("\nlabels in their own units")
    print_table(ManyModes.of(raw), config["mu"]["raw"], config["scales"][0], config)
    draw(many, config)


def learn(many, mu, scale, config):
    """Train all starts; shares of the prediction, effective sharpness, and what became of each start."""
    rng = np.random.default_rng(config["seed"])
    unit = np.sqrt(abs(many.query_label) / many.curvatures[0])
    p, k = scale * unit * rng.normal(size=(2, config["n_starts"], many.n_modes))
    s, d = p + k, p - k
    step_size = mu / many.curvatures[0] / abs(many.query_label)
    for i in range(config["n_steps"]):
        s, d = many.step(s, d, step_size=step_size)
        if i % CHECK_EVERY == 0:
            relative = np.abs(many.residual(s, d) / many.query_label)
            # a residual passing through 0 is not convergence: the minimum must be stable too
            converged = (relative < config["tol"]) & (step_size * many.sharpness(s, d) < 2)
            escaped = ~(relative < config["escape"])
            s[escaped] = d[escaped] = np.nan
            if (converged | escaped).all():
                break
    return many.contributions(s, d)[converged] / many.query_label, converged.mean(), escaped.mean()


def print_table(many, mus, scale, config):
    ratio = many.curvatures / many.curvatures[0]
    print(f"\nstarts of size {scale:g}; m_i/m_1 = {' '.join(f'{x:.3g}' for x in ratio)}")
    row = "{:>5} {:>10} {:>8}  {:>7} {:>7} {:>7} {:>7}  {:>11} {:>7} {:>7}"
    heads = ("converged", "escaped", "mode 1", "mode 2", "mode 3", "rest", "effective", "mean m", "1/mu")
    print(row.format("mu", *heads))
    for mu in mus:
        shares, converged, escaped = learn(many, mu, scale, config)
        ends = (f"{converged:.1%}", f"{escaped:.1%}")
        if not len(shares):
            print(row.format(mu, *ends, *["-"] * 6, f"{1 / mu:.3f}"))
            continue
        mean = shares.mean(axis=0)
        parts = (*mean[:3], mean[3:].sum())
        # modes that carry the prediction: 1 / sum of squared shares; mean m in units of m_1
        numbers = (np.median(1 / np.square(shares).sum(axis=1)), np.median(shares @ ratio), 1 / mu)
        cells = [f"{x:.3f}" for x in parts]
        print(row.format(mu, *ends, *cells, f"{numbers[0]:.2f}", *(f"{x:.3f}" for x in numbers[1:])))


def draw(many, config):
    first, last, number = config["mu"]["figure"]
    mus = np.linspace(first, last, number)
    ratio = many.curvatures / many.curvatures[0]
    figure, axes = plt.subplots(2, 2, figsize=(10, 6), sharex=True, sharey="row", constrained_layout=True)
    for (above, below), scale in zip(axes.T, config["scales"], strict=True):
        runs = [learn(many, mu, scale, config) for mu in mus]
        # below 5 % of converged starts a mean says little
        kept = np.array([converged >= 0.05 for _, converged, _ in runs])
        undefined = np.full(many.n_modes, np.nan)
        means = np.array(
            [run[0].mean(axis=0) if keep else undefined for run, keep in zip(runs, kept, strict=True)]
        )
        above.stackplot(
            mus,
            *means.T,
            labels=[f"mode {i + 1}: $m_i/m_1$ = {x:.2g}" for i, x in enumerate(ratio)],
            colors=plt.get_cmap("viridis")(np.linspace(0, 1, len(ratio))),
        )
        above.set(title=f"starts of size {scale:g}", ylim=(0, 1))
        below.plot(mus, means @ ratio, "o", ms=3, label=r"mean curvature, $\sum_i m_i c_i / (m_1 y_q)$")
        below.plot(mus, np.minimum(1, 1 / mus), "k-", lw=1, label=r"no stable minimum above $1/\mu$")
        below.plot(mus, [c for _, c, _ in runs], "--", lw=1, color="tab:red", label="starts that converge")
        below.set(xlabel=r"step size, as $\mu = \eta\, m_1 |y_q|$ of the strongest mode", ylim=(0, 1.05))
    axes[0, 0].set_ylabel("share of the prediction")
    axes[1, 0].legend(fontsize=8, loc="lower left")
    axes[0, 1].legend(fontsize=8, loc="upper left", bbox_to_anchor=(1.01, 1), frameon=False)
    figure.savefig(HERE / "spectrum.png", dpi=110)
    plt.close(figure)
    print(f"\nwrote {(HERE / 'spectrum.png').name}")


if __name__ == "__main__":
    main()
