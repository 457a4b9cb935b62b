"""Print predicted safe step sizes of a real table beside what training does at them, and draw them."""

import argparse
import sys
import time
import tomllib
from pathlib import Path
from typing import NamedTuple

import matplotlib as mpl
import numpy as np
import safety
from scipy.stats import chi2

from lintrans.counting.proportions import intervals
from lintrans.minibatch.escapes import EVENTS
from lintrans.two_factor import normal_form

mpl.use("Agg")
import matplotlib.pyplot as plt

HERE = Path(__file__).parent
NAMES = ("trained", *safety.PREDICTORS)


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
    rows = many_features(config)
    if folder:
        draw(config, cells, rows, folder / "safe_step_size.png")


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
    print(f"leakage {facts['leakage']:g}; eta at mu = 1: {population.unit_step_size:.4g};", end=" ")
    print(f"critical mu of the full batch {normal_form.critical_mu(*config['start']):.2f}")
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
    for j, event in enumerate(EVENTS):
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
    """Prompts with leakage: trainings beside each predictor."""
    c, began, rows = config["many"], time.monotonic(), []
    say_head(c, config["n_steps"])
    for case in c["cases"]:
        problem = prepare(config, case)
        leakage = problem.population.summary()["leakage"]
        trained, by_mode = safety.full_batch(problem, config["n_steps"])
        print(f"{case['name']:22} {leakage:7.3f} all {trained:8.3f} {by_mode / trained:10.2f}   (full batch)")
        for size, *numbers in zip(c["batch_sizes"], c["n_trainings"], c["n_trajectories"], strict=True):
            seed = c["seed"] + 2 * len(rows)  # and the next
            found = safety.compare_leaky(problem, size, c, config["n_steps"], *numbers, seed=seed)
            rows.append(Row(case, leakage, size, *numbers, found))
            say_row(rows[-1])
        print(f"leaky: {case['name']}, {time.monotonic() - began:.0f} s", file=sys.stderr)
    say_spans(rows)
    say_divergence(c["risk"], rows)
    return rows


class Row(NamedTuple):
    """A line of the table of many features."""

    case: dict
    leakage: float
    batch_size: int
    n_trainings: int
    n_trajectories: int
    found: safety.Leaky

    def ratio(self, name):
        return self.found.predicted[name] / self.found.half

    def n_limit(self, name):
        """Runs by which the step size of the accepted risk was found."""
        return self.n_trainings if name == "trained" else self.n_trajectories


def say_head(c, n_steps):
    percent, head = f"{c['risk']:.0%}", " ".join(f"{x:>10}" for x in safety.PREDICTORS)
    print(f"\nhalf: mu at which half of n trainings diverge within {n_steps} steps; then predicted over it.")
    print(f"limit: mu up to which {percent} of n diverge; then what part of n others does there, and at the")
    print("limits of the predictors")
    print(f"{'':22} {'leakage':>7} {'B':>3} {'n':>5} {'half':>6} {head}  {'limit':24} {'trained':>8} {head}")


def say_row(row):
    found, limit = row.found, row.found.limit
    ratios = " ".join(f"{row.ratio(x):10.2f}" for x in safety.PREDICTORS)
    interval = f"{limit.value:.3f} ({limit.low:.3f} to {limit.high:.3f})"
    parts = [f"{found.diverge[x] / row.n_trainings:.1%}" for x in NAMES]
    print(
        f"{row.case['name']:22} {row.leakage:7.3f} {row.batch_size:3} {row.n_trainings:5} {found.half:6.3f}"
        f" {ratios}  {interval:24} {parts[0]:>8} {' '.join(f'{x:>10}' for x in parts[1:])}"
        f"  ({row.case['use']})"
    )


def say_spans(rows):
    """Ranges of predicted over trained."""
    kinds = {}
    for row in rows:
        query = "one query" if "query_quantile" in row.case else "own queries"
        kinds.setdefault(f"{query}, {row.case['use']}", []).append(row)
    for kind, chosen in kinds.items():
        spans = []
        for name in safety.PREDICTORS:
            ratios = [row.ratio(name) for row in chosen]
            spans.append(f"{name} {min(ratios):.2f} to {max(ratios):.2f}")
        print(f"{kind}: predicted / trained by {', '.join(spans)}")


def say_divergence(risk, rows):
    """Whether others diverge as often as accepted: by their chance alone, and by that of the limit too."""
    print(
        f"\nparts of others that diverge at limits of {risk:.0%}; of {len(rows)} rows, those with {risk:.0%}"
    )
    print(
        "in the 95 % interval of the part, and those with a number that chance allows at an estimated limit"
    )
    for name in NAMES:
        k, n, n_limit = np.array(
            [(row.found.diverge[name], row.n_trainings, row.n_limit(name)) for row in rows]
        ).T
        ends = np.array([intervals(*x) for x in zip(k, n, strict=True)])
        allowed = np.array([safety.allowed(risk, *x) for x in zip(n_limit, n, strict=True)])
        inside = [int(((x[:, 0] <= y) & (y <= x[:, 1])).sum()) for x, y in ((ends, risk), (allowed, k))]
        whole = k.sum() / n.sum()
        off = safety.deviation(risk, n_limit.sum(), whole, n.sum())
        print(f"  {name:10} {min(k / n):5.1%} to {max(k / n):5.1%}  {inside[0]:3} {inside[1]:3}", end="  ")
        print(f"all together {whole:.2%}, {off:+.1f} standard errors")


SHADES = {1: "0.75", 8: "0.45", 64: "0.0"}
MARKERS = {"with-replacement": "o", "epochs": "s"}


def draw(config, cells, rows, path):
    plt.rcParams.update({"font.size": 8, "axes.linewidth": 0.6, "mathtext.fontset": "cm"})
    figure, axes = plt.subplots(1, 3, figsize=(9, 3.4), constrained_layout=True, width_ratios=(1.2, 1, 0.8))
    draw_risks(axes[0], config["one"], cells)
    draw_ratios(axes[1], rows)
    draw_divergence(axes[2], config["many"]["risk"], rows)
    name_rows(axes[1:], rows)
    for ax, letter in zip(axes, "abc", strict=True):
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


STYLES = {"mode": ("o", "0.75"), "sharpest": ("^", "0.45"), "own length": ("s", "0.0"), "trained": ("D", "w")}


def heights(rows):
    """Where rows are drawn: one case below the other, batch sizes closer."""
    cases = list(dict.fromkeys(row.case["name"] for row in rows))
    sizes = list(dict.fromkeys(row.batch_size for row in rows))
    return [-cases.index(row.case["name"]) + 0.22 * (1 - sizes.index(row.batch_size)) for row in rows]


def name_rows(axes, rows):
    cases = {row.case["name"]: row for row in rows}
    names = [f"{x}\n$n = {r.case['context_length']}$, leakage {r.leakage:.2f}" for x, r in cases.items()]
    for ax, shown in zip(axes, (names, []), strict=True):
        ax.set_yticks(range(0, -len(names), -1), shown)
        ax.tick_params("y", labelsize=6)
        ax.set_ylim(0.5 - len(names), 0.5)


def mark(ax, x, rows, name, label):
    marker, shade = STYLES[name]
    ax.plot(x, heights(rows), marker, color=shade, mec="k", mew=0.4, ms=3.5, label=label)


def draw_ratios(ax, rows):
    for name in safety.PREDICTORS:
        mark(ax, [row.ratio(name) for row in rows], rows, name, f"by {name}")
    ax.axvline(1, color="0.6", lw=0.8, zorder=0)
    sizes = ", ".join(map(str, dict.fromkeys(row.batch_size for row in rows)))
    ax.set(xlabel=r"step size $\eta_{1/2}$, predicted over trained" + f"\n(downwards: $B = {sizes}$)")
    ax.legend(frameon=False, fontsize=6.5)


def draw_divergence(ax, risk, rows):
    """At the step size of the accepted risk, by the mode and by trainings."""
    for name, label in (("mode", "by mode"), ("trained", "by trainings")):
        k, n = np.array([(row.found.diverge[name], row.n_trainings) for row in rows]).T
        low, high = np.array([intervals(*x) for x in zip(k, n, strict=True)]).T
        floor = 0.3 / n
        mark(ax, np.maximum(k / n, floor), rows, name, label)
        ax.hlines(heights(rows), np.maximum(low, floor), high, color="0.4", lw=0.6, zorder=1)
    ax.axvline(risk, color="0.6", lw=0.8, zorder=0)
    ax.set(
        xscale="log", xlim=(5e-4, 1), xlabel=f"part that diverges at the step size\nof a risk of {risk:.0%}"
    )
    ax.legend(frameon=False, fontsize=6.5, loc="lower right", handlelength=1)


if __name__ == "__main__":
    main()
