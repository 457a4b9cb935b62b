"""Print how much further schedules let the step size go with mini-batches; exit with 1 if a check fails."""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import TypeVar

import numpy as np
import peak_drift
import peak_figure
import peak_limits
import peak_long_run
import peak_times
import peak_training
from peak_limits import Peaks
from peak_shapes import CONFIG, HERE, SCHEDULES, Row, shape
from scipy.stats import chi2, spearmanr

PARTS = ("limits", "times", "drift", "long", "training")
TABLE = "peaks.csv"
Found = TypeVar("Found")
ROUNDING = 1e-12  # of one step of training, as in `lintrans.verification.mini_batch`


def main(arguments: list[str] | None = None) -> int:
    given = parse(arguments)
    if given.quick:
        for name, changes in CONFIG["quick"].items():
            CONFIG[name] = CONFIG[name] | changes if isinstance(changes, dict) else changes
    parts = given.parts or PARTS
    folder = given.output or (None if given.quick else HERE)
    peaks: Peaks = {}
    if "limits" in parts:
        peaks = timed("limits", lambda: limits(folder))
    elif {"times", "training"} & set(parts):
        peaks = peak_limits.index(peak_limits.read(HERE / TABLE))
    failed = 0
    if "times" in parts:
        timed("times", lambda: times(peaks))
        if folder:
            draw(peaks, folder)
    if "drift" in parts:
        failed += timed("drift", lambda: drift(given.spread, given.power))
    if "long" in parts:
        failed += timed("long", long_run)
    if "training" in parts:
        failed += timed("training", lambda: training(peaks))
    print(f"{failed or 'no'} checks failed")
    return 1 if failed else 0


def parse(arguments: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("parts", nargs="*", help=f"some of: {', '.join(PARTS)}; without limits the kept ones")
    parser.add_argument("--quick", action="store_true", help="few trainings; writes nothing without --output")
    parser.add_argument("--spread", type=float, default=1.0, help="deviations of the prompts; a control")
    parser.add_argument("--power", type=float, default=2.0, help="of kappa in the noise; a control")
    parser.add_argument("--output", type=Path, help="folder of the table and the figure")
    given = parser.parse_args(arguments)
    if unknown := set(given.parts) - set(PARTS):
        parser.error(f"parts must be some of {', '.join(PARTS)}, got {', '.join(sorted(unknown))}")
    return given


def timed(name: str, part: Callable[[], Found]) -> Found:
    began = time.monotonic()
    found = part()
    print(f"{name}: {time.monotonic() - began:.0f} s", file=sys.stderr)
    return found


def limits(folder: Path | None) -> Peaks:
    """Measure all peaks, print them by case, keep them."""
    print(
        f"largest peak step size mu in {CONFIG['n_steps']} steps, constant; then over it with each schedule"
    )
    peaks = []
    for case in peak_limits.cases():
        found = list(peak_limits.measure(case, list(SCHEDULES)))
        say_limits(case, peak_limits.index(found))
        peaks += found
        print(f"limits: {case[0]}, start {case[1]}, B = {case[2]}", file=sys.stderr)
    if folder:
        peak_limits.write(folder / TABLE, peaks)
        print(f"wrote {TABLE}")
    return peak_limits.index(peaks)


def say_limits(case: peak_limits.Case, peaks: Peaks) -> None:
    for risk in CONFIG["risks"]:
        base = peaks[case, "constant", risk]
        cells = []
        for name in list(SCHEDULES)[1:]:
            value, low, high = peak_limits.ratio(peaks, case, name, risk)
            cells.append(f"{name} {value:.3f} ({low:.2f} to {high:.2f})")
        head = f"{case[0]:13} {tuple(CONFIG['starts'][case[1]])} B = {case[2]:<3} {risk:4.0%}"
        print(f"{head} {base.mu:.4f} ({base.low:.4f} to {base.high:.4f}); {', '.join(cells)}", flush=True)


def times(peaks: Peaks) -> None:
    """When trainings with a constant step leave, and what schedules of the same peak change."""
    found = peak_times.all_times(peaks)
    names = CONFIG["times"]["schedules"]
    length = round(CONFIG["schedules"]["warm_up"] * CONFIG["n_steps"])
    print(f"\nat the constant peak of 10 % risk: left by step {length} of those that left, median step,")
    print(f"and % that leave: {', '.join(names)}")
    for row in found:
        risks = " ".join(f"{100 * row.risks[name]:6.2f}" for name in names)
        head = f"{row.case[0]:13} {tuple(CONFIG['starts'][row.case[1]])} B = {row.case[2]:<3} mu {row.mu:.4f}"
        print(f"{head} {row.early:6.1%} {row.median:5.0f} {risks}")
    early = [row.early for row in found]
    for name in names[1:]:
        gains = [peak_limits.ratio(peaks, row.case, name, 0.1).value for row in found]
        left = [row.risks[name] / row.risks["constant"] for row in found]
        low, high = ([g for g, e in zip(gains, early, strict=True) if (e > 0.5) == x] for x in (False, True))
        print(
            f"{name}: rank correlation of the part that left early with the ratio of peaks "
            f"{spearmanr(early, gains).statistic:+.2f}, of risks {spearmanr(early, left).statistic:+.2f};"
            f" ratios {span(low)} where less than half left early, {span(high)} elsewhere"
        )
    mean = {name: shape(name, CONFIG["n_steps"]).mean() for name in SCHEDULES}
    for name in list(SCHEDULES)[1:]:
        gains = [peak_limits.ratio(peaks, row.case, name, 0.1).value for row in found]
        product = span(gains, mean[name])
        print(f"{name}: mean step {mean[name]:.3f} of the peak, times the ratio of peaks {product}")
    if "label noise" in CONFIG["names"]:
        say_samples(peaks[("label noise", 0, 1), "constant", 0.1].mu)
    windows = ", ".join(f"{first} to {last}" for first, last in peak_times.windows())
    print(f"hazard of leaving per step, {CONFIG['times']['n_cases']} trajectories; steps {windows}")
    for case in map(tuple, CONFIG["times"]["cases"]):
        mu = peaks[case, "constant", 0.1].mu
        for name, cells in peak_times.hazards(case, mu).items():
            shown = " ".join(f"{x.value:8.2g} ({x.low:.1e} to {x.high:.1e})" for x in cells)
            print(f"{case[0]:13} B = {case[2]:<3} mu = {mu:.4f} {name:9} {shown}")


def say_samples(mu: float) -> None:
    print(f"other samples of label noise, B = 1, mu = {mu:.4f}: prompts, seed, largest target, % that leave")
    for n_prompts, seed in CONFIG["times"]["samples"]:
        target, left = peak_times.sample_risk(mu, n_prompts, seed)
        print(f"  {n_prompts:5} {seed} {target:.2f} {100 * left.value:6.2f}")


def span(values: Iterable[float], factor: float = 1.0) -> str:
    values = [factor * value for value in values]
    return f"{min(values):.3f} to {max(values):.3f}" if values else "none"


def draw(peaks: Peaks, folder: Path) -> None:
    shown = [name for name in ("interpolating", "label noise") if name in CONFIG["names"]]
    lost = {
        (name, schedule): peak_times.run(
            (name, 0, 1), peaks[(name, 0, 1), "constant", 0.1].mu, schedule, CONFIG["times"]["n_cases"], 1
        )
        for name in shown
        for schedule in CONFIG["times"]["schedules"]
    }
    peak_figure.draw(folder / "batch_schedules.png", peaks, lost)
    print("wrote batch_schedules.png")


def drift(spread: float, power: float) -> int:
    """The drift of Q and its zero beside what was drawn; returns how many rows fail."""
    print("\ndrift of Q in one step: derived, drawn, in standard errors")
    rows = list(peak_drift.drift_rows(spread=spread, power=power))
    zeros = list(peak_drift.zero_rows(spread=spread))
    for row in (*rows, *zeros):
        print(line(row))
    for name, part in (("drift", rows), ("zero", zeros)):
        z = np.array([row.z for row in part if row.error])
        off = f"rms deviation {np.sqrt(np.mean(z**2)):.2f} of it, largest {np.abs(z).max():.1f}"
        print(f"{name}: {len(part)} rows, {z.size} with an error, {off}")
    return sum(abs(row.z) > CONFIG["largest_z"] for row in (*rows, *zeros))


def line(row: Row) -> str:
    fails = "FAIL" if abs(row.z) > CONFIG["largest_z"] else ""
    numbers = f"{row.derived:+.6f} {row.measured:+.6f} +- {row.error:.1e} {row.z:+.2f}"
    return f"{row.what:62} {numbers} {fails}".rstrip()


def long_run() -> int:
    """Survival under steps that stay and that fall, beside the quasi-static account."""
    c = CONFIG["long"]
    resting = peak_long_run.resting_hazards()
    local = peak_long_run.powers(c["kappas"], resting)
    print(
        f"\n{c['population']}, B = {c['batch_size']}, mu = {c['mu']}; hazard of steps that stay at kappa mu"
    )
    for kappa, hazard in zip(c["kappas"], resting, strict=True):
        print(f"  kappa = {kappa:<5} {hazard.value:.3e} ({hazard.low:.3e} to {hazard.high:.3e})")
    print(f"  powers of kappa between them: {', '.join(f'{power:.1f}' for power in local)}")
    windows = zip(c["edges"][:-1], c["edges"][1:], strict=True)
    print(f"(1 + t / {c['scale']})^-p: sum kappa^2; never left, quasi-static; hazards in steps", end=" ")
    print(", ".join(f"{first} to {last}" for first, last in windows))
    failed = 0
    for power in c["powers"]:
        found = peak_long_run.follow(power)
        guess = peak_long_run.quasi_static(peak_long_run.falling(power), c["kappas"], resting)
        value, low, high = (100 * x for x in found.survived)
        shown = " ".join(f"{x.value:.2g} ({x.low:.1g} to {x.high:.1g})" for x in found.hazards)
        print(f"  p = {power:<7} {found.squares:8.0f}", end=" ")
        print(f"{value:6.2f} % ({low:.2f} to {high:.2f}), {100 * guess:6.2f} %; {shown}; left {found.n_left}")
        if power == 0:
            square, freedom = peak_long_run.steady(found)
            p = float(chi2.sf(square, freedom))
            print(
                f"  one hazard in all windows but the first: chi square {square:.1f} of {freedom}, p {p:.2f}"
            )
            failed = int(p < 1e-5)
    return failed


def training(peaks: Peaks) -> int:
    """The transformer trained at the peaks of 10 % risk; returns how many settings fail."""
    c, failed = CONFIG["training"], 0
    print(
        f"\n{c['n_trainings']} trainings of {CONFIG['n_steps']} steps at the peak; % that left: predicted,",
        end=" ",
    )
    print("trained with interval, off in standard errors, alike to their trajectory, largest error of a step")
    for name, size in c["cases"]:
        for schedule in c["schedules"]:
            case = (name, 0, size)
            row = peak_training.train(case, schedule, peaks[case, schedule, c["risk"]].mu)
            left, found = row.found.left, row.found
            strange = row.mu < 1 and found.n_alike < c["n_trainings"]
            fails = abs(row.z) > CONFIG["largest_z"] or strange or found.max_commutation_error > ROUNDING
            failed += fails
            print(
                f"{name:13} B = {size:<3} {schedule:15} mu {row.mu:.4f} {100 * row.predicted.value:6.2f}"
                f" {100 * left.value:6.1f} ({100 * left.low:.0f} to {100 * left.high:.0f}) {row.z:+.1f}"
                f" {found.n_alike:4} {found.max_commutation_error:.1e} {'FAIL' if fails else ''}".rstrip(),
                flush=True,
            )
    return failed


if __name__ == "__main__":
    sys.exit(main())
