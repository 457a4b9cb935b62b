"""The figure: the convergent step size with its law, the stable one against a law without a number."""

import numpy as np

from experiments.shared import panels
from experiments.softmax import laws, report


def draw(found, path):
    t = {name: found["boundaries"][name] for name in found["boundaries"].columns}
    report.add_columns(t)
    with panels(path, 1, 2, figsize=(7, 3.1)) as (left, right):
        draw_law(left, t, found["headline"].at(boundary="converges"))
        draw_derived(right, t)


def by_temperature(ax, t, x, y):
    temperatures = np.unique(t["temperature"])
    for i, temperature in enumerate(temperatures):
        rows = t["temperature"] == temperature
        grey = str(0.75 * i / max(temperatures.size - 1, 1))
        ax.plot(x[rows], y[rows], "os^Dv<"[i % 6], color=grey, ms=1.8, mew=0, label=f"$T = {temperature:g}$")


def draw_law(ax, t, law):
    """The convergent boundary against the spread of attention, with medians and the fitted law."""
    ax.axhline(1, color="0.6", lw=0.6)
    by_temperature(ax, t, laws.spread(t), t["converges"])
    for low, high, (low_rho, median, high_rho), _ in report.by_spread(t):
        bars = [[median - low_rho], [high_rho - median]]
        ax.errorbar(np.sqrt(low * high), median, bars, fmt="wo", mec="k", ecolor="k", ms=4, lw=0.9, zorder=4)
    x = np.geomspace(1e-4, 1, 200)
    ax.plot(x, 1 + law["c"] * x ** law["a"], "k-", lw=1.4, label="fitted law", zorder=5)
    ax.set(
        xscale="log", yscale="log", xlim=(1e-4, 1.3), ylim=(0.4, 1e3),
        xlabel=r"concentration of attention $1/n_\mathrm{eff} - 1/n$",
        ylabel=r"convergent step size over linear $\rho$",
    )  # fmt: skip
    ax.legend(frameon=False, fontsize=6.5, loc="upper left", markerscale=2)


def draw_derived(ax, t):
    """The stable step size against the law without a free number."""
    ax.plot([0.3, 200], [0.3, 200], "k-", lw=1)
    by_temperature(ax, t, np.exp(laws.derived(t)), t["stable"])
    ax.set(
        xscale="log", yscale="log", xlim=(0.3, 200), ylim=(0.3, 200),
        xlabel=r"predicted $2 / (M^2 + J^2/M^2)$",
        ylabel=r"stable step size over linear $\rho$",
    )  # fmt: skip
