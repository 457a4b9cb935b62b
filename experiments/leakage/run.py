"""Print how the leakage out of the shared mode falls with the prompt length, and draw it."""

import argparse
import sys
import time
import tomllib
from pathlib import Path

import leaks
import matplotlib as mpl
import numpy as np
from scipy.stats import chi2

mpl.use("Agg")
import matplotlib.pyplot as plt

HERE = Path(__file__).parent


def main(arguments=None) -> None:
    options = parse(arguments)
    config = tomllib.loads((HERE / "config.toml").read_text())
    if options.quick:
        for part, changes in config["quick"].items():
            config[part] |= changes
    folder = options.output or (None if options.quick else HERE)
    curves = static(config["static"])
    wrong = controls(config["controls"], config["static"])
    ways = dynamic(config["dynamic"])
    settled(config["long"], config["dynamic"])
    apart = risks(config["risk"])
    if folder:
        draw(config, curves, wrong, ways, apart, folder / "leakage.png")


def parse(arguments):
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="few prompts; writes nothing without --output")
    parser.add_argument("--output", type=Path, help="folder of the figure")
    return parser.parse_args(arguments)


def static(c):
    """Leakage of the prompts themselves: slopes, and the derived law."""
    lengths, count = np.array(c["lengths"]), {"n_prompts": c["n_prompts"], "n_seeds": c["n_seeds"]}
    print(f"leakage of independent prompts, {c['n_seeds']} times {c['n_prompts']} of each length; slopes")
    small, large = f"n <= {c['small']}", f"n >= {c['large']}"
    print(f" d noise {'all n':>16} {'chi2':>9} {small:>16} {large:>16} {'over n + d - 1':>16}", end=" ")
    print(f"{'chi2':>9}  law: chi2, p")
    curves = {}
    for d in c["features"]:
        for noise in c["noises"]:
            began = time.monotonic()
            y, error = np.array([leaks.static(n, d, noise=noise, **count) for n in lengths]).T
            curves[d, noise] = y, error
            fits = [leaks.fit_slope(np.log(lengths), y, error), *halves(c, lengths, y, error)]
            fits.append(leaks.fit_slope(np.log(lengths + d - 1), y, error))
            law = np.log([leaks.law(n, d, c["n_prompts"], noise) for n in lengths])
            off = np.sum(((y - law) / error) ** 2)
            print(
                f"{d:2} {noise:5g} {text(fits[0]):>16} {fits[0].chi2:5.0f}/{fits[0].dof:<3}"
                f" {text(fits[1]):>16} {text(fits[2]):>16} {text(fits[3]):>16}"
                f" {fits[3].chi2:5.1f}/{fits[3].dof:<3}  {off:.1f}/{y.size}, {chi2.sf(off, y.size):.2f};"
                f" off -1/2 at large n: {fits[2].off(-0.5):+.1f}, over n + d - 1: {fits[3].off(-0.5):+.1f}"
            )
            constant = np.exp(y[-1]) * np.sqrt(lengths[-1] / (d - 1) / (1 + noise**2))
            print(
                f"{'':8} at n = {lengths[-1]} over sqrt((1 + s) (d - 1) / n):"
                f" {constant:.4f} +- {constant * error[-1]:.4f}"
            )
            print(f"static: d = {d}, noise {noise:g}, {time.monotonic() - began:.0f} s", file=sys.stderr)
    return curves


def text(fit):
    return f"{fit.slope:.4f} +- {fit.error:.4f}"


def halves(c, lengths, y, error):
    """Slopes at small and at large lengths."""
    return [
        leaks.fit_slope(np.log(lengths[part]), y[part], error[part])
        for part in (lengths <= c["small"], lengths >= c["large"])
    ]


def controls(c, sizes):
    """Prompts with queries of their own, and prompts on exactly one mode."""
    count = {"n_prompts": sizes["n_prompts"], "n_seeds": sizes["n_seeds"]}
    lengths, d = np.array(c["lengths"]), c["features"]
    print(f"\ncontrols, d = {d}: leakage (root mean square)")
    print(f"{'':14}" + " ".join(f"{f'n = {n}':>17}" for n in lengths) + "  slope")
    found = {}
    for kind in leaks.KINDS[1:]:
        y, error = np.array([leaks.static(n, d, kind=kind, **count) for n in lengths]).T
        found[kind] = y, error
        cells = [f"{np.exp(a):.4f} +- {np.exp(a) * e:.4f}" for a, e in zip(y, error, strict=True)]
        slope = text(leaks.fit_slope(np.log(lengths), y, error)) if np.isfinite(y).all() else "-"
        print(f"{kind:14}" + " ".join(f"{cell:>17}" for cell in cells) + f"  {slope}")
    print(f"{'  law':14}" + " ".join(f"{leaks.control_law(n, d):17.4f}" for n in lengths))
    return found


def dynamic(c):
    """What training makes of it: the way of W beside the mode, and the error of a step of the map."""
    names = ("early", "start", "batch_size", "n_steps")
    cases = [(mu, beside) for mu in c["mus"] for beside in c["beside"]]
    lengths, began = np.array(c["lengths"]), time.monotonic()
    runs = np.full((len(cases), lengths.size, c["n_seeds"], 3), np.nan)
    for seed in range(c["n_seeds"]):
        for j, n in enumerate(lengths):
            prompts = leaks.draw_prompts(n, c["features"], c["n_prompts"], seed=seed)
            for i, (mu, beside) in enumerate(cases):
                settings = {name: c[name] for name in names} | {"beside": beside, "seed": seed}
                runs[i, j, seed] = leaks.dynamic(prompts, mu, **settings)
        print(f"dynamic: seed {seed + 1}/{c['n_seeds']}, {time.monotonic() - began:.0f} s", file=sys.stderr)
    print(f"\ntraining, {c['n_steps']} steps of {c['batch_size']} prompts, {c['n_seeds']} seeds; slopes of")
    measured = f"way, step {c['early']}", f"way, step {c['n_steps']}", "error of a step"
    print(
        f"  mu beside {'':18} {'all n':>16} {'chi2':>8} {'small n':>16} {'large n':>16}  off -1/2, -1 there"
    )
    ways = {}
    for case, run in zip(cases, runs, strict=True):
        for k, name in enumerate(measured):
            ways[(*case, k)] = say_slopes(c, lengths, case, name, run[:, :, k])
    return ways


def say_slopes(c, lengths, case, name, runs):
    """Fit means over seeds of the logarithm; lengths at which a training diverged are left out."""
    used = np.isfinite(runs).all(axis=1)
    logs, n = np.log(runs[used]), lengths[used]
    y, error = logs.mean(axis=1), logs.std(axis=1, ddof=1) / np.sqrt(runs.shape[1])
    whole, fits = leaks.fit_slope(np.log(n), y, error), halves(c, n, y, error)
    print(
        f"{case[0]:4g} {case[1]:6g} {name:18} {text(whole):>16} {whole.chi2:5.0f}/{whole.dof:<2}"
        f" {text(fits[0]):>16} {text(fits[1]):>16}  {fits[1].off(-0.5):+.1f}, {fits[1].off(-1):+.1f}"
        f"; {np.exp(y[0]):.3g} to {np.exp(y[-1]):.3g}, lengths left out {np.sum(~used)}"
    )
    return n, y, error


def settled(c, other):
    """Long training: the way beside the mode is then that to the minimum of all prompts."""
    names, d = ("early", "start", "batch_size"), other["features"]
    settings = {name: other[name] for name in names} | {"beside": 0.0, "n_steps": c["n_steps"]}
    print(
        f"\n{c['n_steps']} steps, mu = {c['mu']}: way of W beside the mode over that along it, rms;", end=" "
    )
    print("law sqrt(2 (d - 1) / N) / (1 - start)")
    for count in c["n_prompts"]:
        law, cells = leaks.settled_way(d, count, other["start"]), []
        for n in c["lengths"]:
            squares = []
            for seed in range(c["n_seeds"]):
                prompts = leaks.draw_prompts(n, d, count, seed=seed)
                part = leaks.dynamic(prompts, c["mu"], seed=seed, **settings)[1]
                squares.append(part**2 / (1 - part**2))
            square, error = mean(squares)
            cells.append(f"n = {n}: {square**0.5:.4f} +- {error / 2 / square**0.5:.4f}")
            print(f"long: N = {count}, n = {n}", file=sys.stderr)
        print(f"  N = {count}: {', '.join(cells)}; law {law:.4f}")


def risks(c):
    """How far the step size of risk one half is from the predicted one."""
    names = ("start", "batch_size", "n_steps", "n_trainings", "ratio")
    print(
        f"\nstep size at which half of {c['n_trainings']} trainings leave, {c['n_steps']} steps of", end=" "
    )
    print(f"{c['batch_size']} prompts; {c['n_seeds']} seeds")
    print(f"beside {'n':>5} {'mu predicted':>18} {'trained / predicted':>20}")
    lengths, found = np.array(c["lengths"]), {}
    for beside in c["beside"]:
        short = []
        for n in lengths:
            rows = []
            for seed in range(c["n_seeds"]):
                prompts = leaks.draw_prompts(n, c["features"], c["n_prompts"], seed=seed)
                settings = {name: c[name] for name in names} | {"beside": beside, "seed": seed}
                rows.append(leaks.compare_risks(prompts, **settings))
            predicted, trained = np.array(rows).T
            (mu, mu_error), (off, error) = (mean(x) for x in (predicted, 1 - trained / predicted))
            short.append((off, error))
            print(
                f"{beside:6g} {n:5} {f'{mu:.4f} +- {mu_error:.4f}':>18} {f'{1 - off:.5f} +- {error:.5f}':>20}"
            )
            print(f"risk: beside {beside:g}, n = {n}", file=sys.stderr)
        off, error = np.array(short).T
        sure = off > 3 * error
        fits = [
            leaks.fit_slope(np.log(lengths[part]), np.log(off[part]), (error / off)[part])
            for part in (sure, sure & (lengths >= c["large"]))
            if part.sum() > 2
        ]
        slopes = ", ".join(f"{text(fit)} (chi2 {fit.chi2:.1f}/{fit.dof})" for fit in fits)
        print(f"slope of 1 - trained / predicted, where above 3 errors ({sure.sum()} lengths): {slopes}")
        found[beside] = lengths, off, error
    return found


def mean(values):
    """Mean over seeds, and its standard error."""
    return np.mean(values), np.std(values, ddof=1) / np.sqrt(len(values))


MARKERS = "osD^v"


def draw(config, curves, wrong, ways, apart, path):
    plt.rcParams.update({"font.size": 8, "axes.linewidth": 0.6, "mathtext.fontset": "cm"})
    figure, (left, right) = plt.subplots(1, 2, figsize=(7, 3.3), constrained_layout=True)
    draw_static(left, config["static"], curves)
    y, _ = wrong["own queries"]
    d = config["controls"]["features"]
    left.loglog(config["controls"]["lengths"], np.exp(y), "x", color="0.3", ms=4, label=f"{d}, own queries")
    left.legend(frameon=False, fontsize=6.5, loc="lower left", title="features $d$", title_fontsize=6.5)
    mu, turning = config["dynamic"]["mus"]
    rows = [
        ((mu, 0.0, 0), "way of $W$ beside the mode", "ko", "white"),
        ((turning, 0.0, 2), "error of a step, start on the mode", "ks", "white"),
        ((turning, 1.0, 2), "error of a step, start beside it", "ks", "k"),
    ]
    for key, label, style, fill in rows:
        n, y, error = ways[key]
        right.errorbar(n, np.exp(y), np.exp(y) * error, fmt=style, mfc=fill, ms=4, lw=0.8, label=label)
        slope = -1 if key[1:] == (0.0, 2) else -0.5
        right.loglog(n, np.exp(y[-1]) * (n / n[-1]) ** slope, "--", color="0.5", lw=0.8, zorder=0)
    n, off, error = apart[1.0]
    label = r"$1-\eta_{1/2}$ trained / predicted"
    right.errorbar(n, off, error, fmt="k^", mfc="0.7", ms=4, lw=0.8, label=label)
    right.set(xlabel="prompt length $n$", ylabel="part that the mode leaves out", ylim=(1e-6, None))
    right.legend(frameon=False, fontsize=6.5, loc="lower left")
    for ax, letter in ((left, "a"), (right, "b")):
        ax.set_title(f"({letter})", loc="left", fontsize=8)
    figure.savefig(path, dpi=220)
    plt.close(figure)
    print(f"wrote {path.name}")


def draw_static(ax, c, curves):
    """Points measured, lines of the law: solid without noise of the labels, dashed with it."""
    n, fine = np.array(c["lengths"]), np.geomspace(c["lengths"][0], c["lengths"][-1], 60)
    for i, d in enumerate(c["features"]):
        for noise in c["noises"]:
            y, error = curves[d, noise]
            style = {"mfc": "white" if noise else "k", "ms": 3.5, "lw": 0.8}
            label = f"{d}, noisy labels" if noise else f"{d}"
            ax.errorbar(n, np.exp(y), np.exp(y) * error, fmt="k" + MARKERS[i], label=label, **style)
            law = [leaks.law(x, d, c["n_prompts"], noise) for x in fine]
            ax.loglog(fine, law, "--" if noise else "-", color="0.5", lw=0.9, zorder=0)
    ax.set(xlabel="prompt length $n$", ylabel="leakage out of the shared mode (rms)")


if __name__ == "__main__":
    main()
