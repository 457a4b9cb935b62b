"""Print predicted safe step sizes of a real table beside what training does at them, and draw them."""

import argparse
import sys
import time
import tomllib
from pathlib import Path

import lanes
import matplotlib as mpl
import numpy as np
import safety
from scipy.stats import chi2

from lintrans.minibatch.proportions import intervals

mpl.use("Agg")
import matplotlib.pyplot as plt

HERE = Path(__file__).parent


def main(arguments=None) -> None:
    options = parse(arguments)
    config = tomllib.loads((HERE / "config.toml").read_text())
    if options.quick:
        quick = config["quick"]
        config |= {k: v for k, v in quick.items() if not isinstance(v, dict)}
        config["one"] |= quick["one"]
        config["many"] |= quick["many"] | {"cases": config["many"]["cases"][1::4]}
    folder = options.output or (None if options.quick else HERE)
    cells = one_feature(config)
    factors = many_features(config)
    if folder:
        draw(config, cells, factors, folder / "safe_step_size.png")


def parse(arguments):
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="few trainings; writes nothing without --output")
    parser.add_argument("--output", type=Path, help="folder of the figure")
    return parser.parse_args(arguments)


def prepare(config, case):
    asked = {"target": config["target"], "n_prompts": config["n_prompts"], "seed": config["table_seed"]}
    return safety.problem_of(safety.read_prompts(case, **asked), config["start"])


def one_feature(config):
    """The mode is shared exactly: predicted step sizes, then training at them."""
    c, began = config["one"], time.monotonic()
    problem = prepare(config, c)
    population, n_steps = problem.population, config["n_steps"]
    facts = population.summary()
    print(f"{', '.join(c['features'])}: {facts['n_prompts']} prompts of {c['context_length']} rows;", end=" ")
    print(f"std of curvature {facts['curvature_std']:.2f}, of mismatch {facts['mismatch_std']:.2f};", end=" ")
    print(f"leakage {facts['leakage']:g}; eta at mu = 1: {population.unit_step_size:.4g}")
    limits = {}
    print("predicted step size with interval, in mu")
    for size, sampling in c["columns"]:
        found = limits[size, sampling] = safety.predict(problem, size, sampling, c, n_steps)
        for (event, risk), limit in found.items():
            value, low, high = (population.mu(x) for x in limit)
            print(f"  {size:3} {sampling:16} {event:8} {risk:5.0%}  {value:.4f} ({low:.4f} to {high:.4f})")
        print(f"predicted: {size} {sampling}, {time.monotonic() - began:.0f} s", file=sys.stderr)
    print(
        f"\n{n_steps} steps; predicted: {c['n_trajectories']} trajectories, trained: {c['n_trainings']},",
        end=" ",
    )
    print(f"by definition: {c['n_literal']}; in %, and in standard errors")
    print(f"{'':21} {'risk':>4} {'factor':>6} {'mu':>6}  {'left':>6} {'trained':>7} {'off':>5}", end=" ")
    print(f"{'literal':>16} {'diverged':>9} {'trained':>7} {'off':>5} {'literal':>7} {'alike':>6}  error")
    cells = {}
    for column, found in limits.items():
        cells[column] = list(safety.compare(problem, *column, c, n_steps, found))
        for cell in cells[column]:
            say_cell(c, population, column, cell)
        print(f"trained: {column[0]} {column[1]}, {time.monotonic() - began:.0f} s", file=sys.stderr)
    say_agreement(c, population, [cell for column in cells.values() for cell in column])
    return cells


def say_cell(c, population, column, cell):
    n, (low, high) = c["n_literal"], intervals(np.rint(cell.literal * c["n_literal"]), c["n_literal"])
    off = deviations(c, cell)
    literal = f"{100 * cell.literal[0]:.1f} ({100 * low[0]:.0f}-{100 * high[0]:.0f})"
    print(
        f"{column[0]:3} {column[1]:17} {cell.risk:4.0%} {cell.factor:6g} {population.mu(cell.eta):6.4f}"
        f"  {100 * cell.predicted[0]:6.2f} {100 * cell.trained[0]:7.2f} {off[0]:+5.1f} {literal:>16}"
        f" {100 * cell.predicted[1]:9.2f} {100 * cell.trained[1]:7.2f} {off[1]:+5.1f}"
        f" {100 * cell.literal[1]:7.1f} {f'{cell.n_alike}/{n}':>6}  {cell.error:.1e}"
    )


def deviations(c, cell):
    return safety.deviation(cell.predicted, c["n_trajectories"], cell.trained, c["n_trainings"])


def say_agreement(c, population, cells):
    """All cells together; only those in which both outcomes are frequent enough for a normal error."""
    for j, event in enumerate(lanes.EVENTS):
        p = np.array([cell.predicted[j] for cell in cells])
        off = np.array([deviations(c, cell)[j] for cell in cells])[p * (1 - p) * c["n_trainings"] > 5]
        total = np.sum(off**2)
        print(f"{event}: {off.size} cells with both outcomes, largest deviation", end=" ")
        print(f"{np.abs(off).max():.1f} standard errors, chi square {total:.1f},", end=" ")
        print(f"p = {chi2.sf(total, off.size):.2f}")
    n, error = c["n_literal"], max(cell.error for cell in cells)
    counts = {}
    for name, chaotic in (("mu < 1", False), ("mu >= 1", True)):
        alike = [cell.n_alike for cell in cells if (population.mu(cell.eta) >= 1) == chaotic]
        counts[name] = f"{sum(alike)} of {n * len(alike)} for {name}"
    print(f"by definition: trainings as their trajectory {', '.join(counts.values())};", end=" ")
    print(f"largest error of a step {error:.1e}")


def many_features(config):
    """Prompts with leakage: trained over predicted, for each predictor."""
    c, began, found = config["many"], time.monotonic(), {}
    names = list(safety.PREDICTORS)
    print(
        f"\nmu at which half of the trainings diverge within {config['n_steps']} steps; predicted / trained;"
    )
    print(f"divergence of trainings at the step size of predicted risk {c['risk']:.0%} of it")
    print(f"{'':22} {'leakage':>7} {'B':>3} {'trained':>8} " + " ".join(f"{x:>10}" for x in names), end="   ")
    print("at the safe step size")
    for case in c["cases"]:
        problem = prepare(config, case)
        leakage = problem.population.summary()["leakage"]
        for size, n in zip(c["batch_sizes"], c["n_trainings"], strict=True):
            row = safety.compare_leaky(problem, size, n, c, config["n_steps"])
            found[case["name"], size] = leakage, row
            ratios = " ".join(f"{row.predicted[x] / row.trained:10.2f}" for x in names)
            safe = ", ".join(f"{row.safe[x]:.1%}" for x in names)
            head = f"{case['name']:22} {leakage:7.3f} {size:3} {row.trained:8.3f} {ratios}"
            print(f"{head}   {safe}  ({case['use']})")
        print(f"leaky: {case['name']}, {time.monotonic() - began:.0f} s", file=sys.stderr)
    for use in ("tried", "held out"):
        rows = [
            row
            for case in c["cases"]
            if case["use"] == use and "query_quantile" not in case
            for (name, _), (_, row) in found.items()
            if name == case["name"]
        ]
        if rows:
            spans = []
            for x in names:
                ratios = [row.predicted[x] / row.trained for row in rows]
                spans.append(f"{x} {min(ratios):.2f} to {max(ratios):.2f}")
            print(f"own queries, {use}: predicted / trained by {', '.join(spans)}")
    return found


SHADES = {1: "0.75", 8: "0.45", 64: "0.0"}
MARKERS = {"with-replacement": "o", "epochs": "s"}


def draw(config, cells, factors, path):
    plt.rcParams.update({"font.size": 8, "axes.linewidth": 0.6, "mathtext.fontset": "cm"})
    figure, (left, right) = plt.subplots(1, 2, figsize=(7, 3.3), constrained_layout=True)
    draw_risks(left, config["one"], cells)
    draw_factors(right, config["many"], factors)
    for ax, letter in ((left, "a"), (right, "b")):
        ax.set_title(f"({letter})", loc="left", fontsize=8)
    figure.savefig(path, dpi=220)
    plt.close(figure)
    print(f"wrote {path.name}")


def draw_risks(ax, c, cells):
    n, floor = c["n_trainings"], 0.3 / c["n_trainings"]
    for (size, sampling), column in cells.items():
        p, trained = (np.array([getattr(cell, x)[0] for cell in column]) for x in ("predicted", "trained"))
        low, high = intervals(np.rint(trained * n), n)
        y = np.maximum(trained, floor)
        error = np.array([np.maximum(y - low, 0), np.maximum(high - y, 0)])
        shade = SHADES.get(size, "0.3")
        ax.errorbar(
            np.maximum(p, floor),
            y,
            error,
            fmt=MARKERS[sampling],
            ms=3.5,
            lw=0.7,
            color=shade,
            mec="k",
            mew=0.4,
            label=f"$B = {size}$, {sampling}",
        )
    ax.plot([floor, 1], [floor, 1], "-", color="0.6", lw=0.8, zorder=0)
    ax.set(
        xscale="log",
        yscale="log",
        xlabel="predicted probability to leave the ellipse $p$",
        ylabel="part of the trainings that left",
        ylim=(0.6 * floor, 1.6),
    )
    ax.legend(frameon=False, fontsize=6.5, loc="upper left")


def draw_factors(ax, c, factors):
    styles = {"mode": ("o", "0.75"), "sharpest": ("^", "0.45"), "own length": ("s", "0.0")}
    ticks = []
    for i, case in enumerate(c["cases"]):
        for k, size in enumerate(c["batch_sizes"]):
            leakage, row = factors[case["name"], size]
            y = len(c["cases"]) - i + 0.22 * (1 - k)
            for name, (marker, shade) in styles.items():
                label = f"by {name}" if i == k == 0 else None
                x = row.predicted[name] / row.trained
                ax.plot(x, y, marker, color=shade, mec="k", mew=0.4, ms=3.5, label=label)
        ticks.append(f"{case['name']}\n$n = {case['context_length']}$, leakage {leakage:.2f}")
    ax.axvline(1, color="0.6", lw=0.8, zorder=0)
    ax.set_yticks(range(len(ticks), 0, -1), ticks, fontsize=6)
    sizes = ", ".join(map(str, c["batch_sizes"]))
    ax.set(xlabel=r"step size $\eta_{1/2}$, predicted over trained" + f"\n(downwards: $B = {sizes}$)")
    ax.legend(frameon=False, fontsize=6.5)


if __name__ == "__main__":
    main()
