"""Measure where softmax attention crosses the boundaries, fit laws of the effective length, draw them."""

import argparse
import sys
import time
import tomllib
from itertools import pairwise
from pathlib import Path

import laws
import matplotlib as mpl
import measure
import numpy as np

mpl.use("Agg")
import matplotlib.pyplot as plt

HERE = Path(__file__).parent
OBSERVED = {  # name of a boundary: what it is
    "stable": "the small-step minimum is linearly stable",
    "converges": "training converges at this and all smaller steps",
    "bounded": "training stays bounded at this and all smaller steps",
}


def main(arguments=None) -> None:
    options = parse(arguments)
    config = tomllib.loads((HERE / "config.toml").read_text())
    if options.quick:
        config |= config["quick"]
        config["checks"] |= {"n_seeds": 1, "n_starts": 1, "more_steps": 2}
        config["fit"]["n_resamples"] = 10
    folder = options.output or (None if options.quick else HERE)
    if options.data:
        t = measure.read(options.data)
    else:
        rows = collect(config)
        t = {name: np.array([float(f"{row[name]:.6g}") for row in rows]) for name in measure.COLUMNS}
        if folder:
            measure.write(folder / "boundaries.csv", rows)
    add_columns(t)
    print_counts(t)
    print_medians(t)
    fits = print_fits(t, config)
    print_bins(t, fits["converges"][laws.HEADLINE.name])
    print_ranges(t, fits)
    print_cells(t, fits["converges"][laws.HEADLINE.name])
    if not options.data:
        print_checks(t, config)
    if folder:
        draw(t, fits, folder / "softmax.png")


def parse(arguments):
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="few cells; writes nothing without --output")
    parser.add_argument("--data", type=Path, help="fit this table instead of measuring, without the checks")
    parser.add_argument("--output", type=Path, help="folder of the table and the figure")
    return parser.parse_args(arguments)


def collect(config, *, n_seeds=None, label="main"):
    """All rows, with a line of progress per seed."""
    began, rows, n_seeds = time.monotonic(), [], n_seeds or config["n_seeds"]
    for seed in range(n_seeds):
        for n in config["lengths"]:
            rows.extend(measure.rows_of(n, seed, config))
        elapsed = time.monotonic() - began
        left = elapsed / (seed + 1) * (n_seeds - seed - 1)
        print(f"{label}: seed {seed + 1}/{n_seeds}, {elapsed:.0f} s, {left:.0f} s left", file=sys.stderr)
    return rows


def add_columns(t):
    """Columns the laws ask for, and the ratios rho."""
    t["scale"] = t["h"] * np.abs(t["y_q"]) / t["temperature"]  # so that eta scale is mu of linear attention
    t["label"], t["n_eff"] = t["flow_label"], t["flow_n_ipr"]
    t["stable"] = t["flow_stable"]
    for name in measure.NAMES:
        t[name] = t[f"softmax_{name}"] / t[f"linear_{name}"]


def share(mask):
    return f"{mask.mean():.1%}"


def print_counts(t):
    """How the boundaries lie to each other and to those of linear attention."""
    cells = t["n"].size
    print(f"{cells} cells; linear attention, in mu:")
    for name in ("converges", "bounded"):
        column = t[f"linear_{name}"]
        print(f"  {name} up to {column.min():.4f} to {column.max():.4f}")
    print("softmax over linear, rho:")
    for name in (*OBSERVED, "converges_last", "bounded_last"):
        rho = t[name][np.isfinite(t[name])]
        low, median, high = np.quantile(rho, (0.16, 0.5, 0.84))
        print(
            f"  {name:15} median {median:6.2f}, 68 % in {low:.2f} to {high:.2f}, below 1: {share(rho < 1)},"
            f" below 0.95: {share(rho < 0.95)}, least {rho.min():.2f}, not in the scan {cells - rho.size}"
        )
    for name in ("converged", "bounded"):
        returned = (t[f"returns_{name}"] > 0).mean()
        print(f"step sizes that stay {name} are no interval in {returned:.1%} of the cells")
    beyond = t["converges_last"] / t["converges"]
    print(
        f"the largest convergent step size is above 10 times the first boundary in {share(beyond > 10)},",
        end=" ",
    )
    print(f"above 100 times in {share(beyond > 100)}")
    excess = t["converges"] / t["stable"]
    low, median, high = np.nanquantile(excess, (0.16, 0.5, 0.84))
    print("the convergent step size over the stable one of the small-step minimum:", end=" ")
    print(f"median {median:.2f} (68 % in {low:.2f} to {high:.2f}),", end=" ")
    print(f"below 0.98 in {share(excess < 0.98)}, above 1.02 in {share(excess > 1.02)}")
    edge = t["softmax_converges"] / t["end_stable"]
    print(f"the minimum found at it: eta sharpness > 1.96 in {share(edge > 0.98)},", end=" ")
    print(f"n_eff below that of small steps in {share(t['end_n_ipr'] < t['n_eff'])}")
    least = np.nanmin(t["softmax_bounded"] / t["scale"] * t["max_label"] ** 2 / 2)
    print(f"bounded up to at least {least:.4f} times 2 / max y_i^2 in every cell")


def print_medians(t):
    """Median over seeds of rho and of n_eff, by prompt length and temperature."""
    temperatures = np.unique(t["temperature"])
    for name in ("n_eff", *OBSERVED):
        print(f"\nmedian {'effective length' if name == 'n_eff' else f'rho, {OBSERVED[name]}'}; T =")
        print("    n " + " ".join(f"{x:8g}" for x in temperatures))
        for n in np.unique(t["n"]):
            cells = [np.nanmedian(t[name][(t["n"] == n) & (t["temperature"] == x)]) for x in temperatures]
            print(f"{n:5.0f} " + " ".join(f"{x:8.2f}" for x in cells))


def usable(t, name):
    """Rows with a boundary, ln rho, and which of them are fitted: the even seeds."""
    here = laws.rows(t, np.isfinite(t[name]))
    return here, np.log(here[name]), here["seed"] % 2 == 0


def print_fits(t, config):
    """Every law, fitted to the even seeds; residuals in the odd ones."""
    print("\nrms and largest |ln(observed / predicted)| in the seeds not fitted (n_eff = 1 / sum p^2 at the")
    print("minimum of small steps)")
    print(f"{'rho =':38}" + " ".join(f"{name:>14}" for name in OBSERVED))
    fits = {name: {} for name in OBSERVED}
    for law in laws.LAWS:
        cells = []
        for name in OBSERVED:
            found = fits[name][law.name] = laws.fit(law, *usable(t, name))
            cells.append(f"{found.rms:7.3f} {found.worst:6.2f}")
        print(f"{law.name:38}" + " ".join(cells))
    law = laws.HEADLINE
    print(f"\n{law.name}")
    for name in OBSERVED:
        here, log_rho, fitted = usable(t, name)
        found = fits[name][law.name]
        errors = laws.errors(law, laws.rows(here, fitted), log_rho[fitted], **config["fit"])
        (log_c, a), (error_c, error_a) = found.parameters, errors
        others = [
            laws.fit(
                law, laws.rows(here, known) | {"n_eff": here[column][known]}, log_rho[known], fitted[known]
            ).rms
            for column, known in ((x, np.isfinite(here[x])) for x in ("flow_n_entropy", "end_n_ipr"))
        ]
        c = np.exp(log_c)
        explained = 1 - (found.rms / fits[name]["c"].rms) ** 2
        print(f"{name}: c = {c:.1f} +- {c * error_c:.1f}, a = {a:.2f} +- {error_a:.2f};", end=" ")
        print(f"explains {explained:.0%} of the variance;", end=" ")
        near = [share(np.abs(found.residuals) < np.log(x)) for x in (1.25, 2)]
        print(f"within a factor 1.25 {near[0]}, 2 {near[1]};", end=" ")
        print(f"rms with exp(entropy) {others[0]:.3f}, with n_eff where training ends {others[1]:.3f}")
    return fits


def by_spread(t):
    """Bins of 1/n_eff - 1/n with the 16, 50 and 84 % quantiles of the convergent rho, and a mask."""
    spread = laws.spread(t)
    for low, high in pairwise(np.geomspace(1e-3, 1, 10)):
        inside = (spread >= low) & (spread < high) & np.isfinite(t["converges"])
        if inside.sum() > 10:
            yield low, high, np.quantile(t["converges"][inside], (0.16, 0.5, 0.84)), inside


def print_bins(t, found):
    """Medians of the convergent rho of all seeds, beside a fitted law."""
    print(f"\n1/n_eff - 1/n: median of rho, training converges; median of {found.law.name}")
    for low, high, (_, median, _), inside in by_spread(t):
        law = np.exp(np.median(found.law.log(found.parameters, laws.rows(t, inside))))
        print(f"  {low:.4f} to {high:.4f} {inside.sum():5} {median:6.2f} {law:6.2f} ratio {median / law:.2f}")


def print_ranges(t, fits):
    """Residuals of three laws by effective length, in the seeds not fitted."""
    print("\nrms of ln(observed / predicted) by effective length")
    print(f"{'n_eff':>12} {'cells':>6} " + " ".join(f"{name:>10}" for name in OBSERVED) + "   of")
    for low, high in pairwise((1, 1.5, 3, 10, 50, np.inf)):
        for law in (laws.HEADLINE, laws.DERIVED, laws.SHARPNESS):
            cells = []
            for name in OBSERVED:
                here, _, fitted = usable(t, name)
                n_eff = here["n_eff"][~fitted]
                off = fits[name][law.name].residuals[(n_eff >= low) & (n_eff < high)]
                cells.append(f"{rms(off):10.2f}")
            head = f"{low:4g} to {high:4g} {off.size:6}" if law is laws.HEADLINE else ""
            print(f"{head:19} " + " ".join(cells) + f"   {law.name}")


def rms(off):
    return float(np.sqrt(np.mean(off**2))) if off.size else np.nan


def print_cells(t, found):
    """Residuals of a fit of the convergent step size by prompt length and temperature."""
    here, _, fitted = usable(t, "converges")
    n, temperature = here["n"][~fitted], here["temperature"][~fitted]
    print(f"\nrho = {found.law.name}, {OBSERVED['converges']}:")
    print("mean and rms of ln(observed / predicted) in the seeds not fitted; T =")
    print("    n " + " ".join(f"{x:13g}" for x in np.unique(temperature)))
    for one in np.unique(n):
        cells = []
        for x in np.unique(temperature):
            off = found.residuals[(n == one) & (temperature == x)]
            cells.append(f"{off.mean():+6.2f} {rms(off):6.2f}")
        print(f"{one:5.0f} " + " ".join(cells))


def print_checks(t, config):
    """How much ln rho changes with more steps, a smaller start, and another start of the same size."""
    checks = config["checks"]
    longer = config["train"] | {"n_steps": config["train"]["n_steps"] * checks["more_steps"]}
    smaller = config["start"] * checks["smaller_start"]
    changed = {
        f"{checks['more_steps']} times the steps": {"train": longer},
        f"{checks['smaller_start']} times the start": {"start": smaller},
        "another start": {"start_seed": checks["start_seed"]},
    }
    print("\nchange of ln rho: share above 0.02, rms, largest, mean")
    for label, settings in changed.items():
        n_seeds = checks["n_starts" if "start_seed" in settings else "n_seeds"]
        rows, base = (
            collect(config | settings, n_seeds=n_seeds, label=label),
            laws.rows(t, t["seed"] < n_seeds),
        )
        cells = []
        for name in OBSERVED:
            column = "flow_stable" if name == "stable" else f"softmax_{name}"
            change = np.log([row[column] for row in rows]) - np.log(base[column])
            change = change[np.isfinite(change)]
            size = np.abs(change)
            cells.append(f"{name} {share(size > 0.02)} {rms(size):.3f} {size.max():.2f} {change.mean():+.3f}")
        print(f"  {label:22}" + "; ".join(cells))


def draw(t, fits, path):
    plt.rcParams.update({"font.size": 8, "axes.linewidth": 0.6, "mathtext.fontset": "cm"})
    figure, (left, right) = plt.subplots(1, 2, figsize=(7, 3.1), constrained_layout=True)
    draw_law(left, t, fits["converges"][laws.HEADLINE.name])
    draw_derived(right, t)
    for ax, letter in zip((left, right), "ab", strict=True):
        ax.set_title(f"({letter})", loc="left", fontsize=8)
    figure.savefig(path, dpi=220)
    plt.close(figure)
    print(f"wrote {path.name}")


def by_temperature(ax, t, x, y):
    temperatures = np.unique(t["temperature"])
    for i, temperature in enumerate(temperatures):
        rows = t["temperature"] == temperature
        grey = str(0.75 * i / max(temperatures.size - 1, 1))
        ax.plot(x[rows], y[rows], "os^Dv<"[i % 6], color=grey, ms=1.8, mew=0, label=f"$T = {temperature:g}$")


def draw_law(ax, t, found):
    """The convergent boundary against the spread of attention, with medians and the fitted law."""
    spread = laws.spread(t)
    ax.axhline(1, color="0.6", lw=0.6)
    by_temperature(ax, t, spread, t["converges"])
    for low, high, (low_rho, median, high_rho), _ in by_spread(t):
        bars = [[median - low_rho], [high_rho - median]]
        ax.errorbar(np.sqrt(low * high), median, bars, fmt="wo", mec="k", ecolor="k", ms=4, lw=0.9, zorder=4)
    x = np.geomspace(1e-4, 1, 200)
    ax.plot(
        x,
        1 + np.exp(found.parameters[0]) * x ** found.parameters[1],
        "k-",
        lw=1.4,
        label="fitted law",
        zorder=5,
    )
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


if __name__ == "__main__":
    main()
