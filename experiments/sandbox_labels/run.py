"""Print how far runs on new seeds are from the thresholds of their label, and what attention mass says."""

import math
import time

import numpy as np
from scipy.stats import mannwhitneyu

from experiments.entry import progress
from experiments.sandbox_labels import figure
from experiments.sandbox_labels.training import label_of, run
from experiments.tables import check
from lintrans.counting import proportion
from lintrans.sandbox import Task
from lintrans.sandbox.labels import CLUSTERING, LABELS, MAX_DEVIATION, MIN_NEAREST, MIN_SHARE, MIN_SKILL

LIMITS = {"deviation": MAX_DEVIATION, "share": MIN_SHARE, "nearest": MIN_NEAREST, "skill": MIN_SKILL}
QUANTITIES = tuple(LIMITS)


def measure(found):
    settings = found.config["settings"]
    for entry in settings:
        began = time.monotonic()
        found.keep("runs " + entry["name"], **run(entry))
        progress(entry["name"], began)
    count_labels(found, settings)
    look_for_gaps(found, settings)
    move_thresholds(found, settings)
    hold_mass_against_accuracy(found, settings)
    tell_apart(found, settings)
    count_clusters(found, settings)


def of(found, entry):
    return found["runs " + entry["name"]]


def rows_of(table):
    return [
        dict(zip(table.formats, values, strict=True)) for values in zip(*table.columns.values(), strict=True)
    ]


def count_labels(found, settings):
    table = found.table(
        "labels", "labels, and runs of each with every answer right",
        setting="<18", label="<16", runs="4", right="5", share="6.1%", low="6.1%", high="6.1%",
    )  # fmt: skip
    for entry in settings:
        runs = of(found, entry)
        for label in LABELS:
            one = runs.at(label=label)
            n, k = len(one), int((one["accuracy"] == 1).sum())
            share = proportion(k, n) if n else (math.nan,) * 3
            table.row(
                setting=entry["name"],
                label=label,
                runs=n,
                right=k,
                share=share[0],
                low=share[1],
                high=share[2],
            )


def look_for_gaps(found, settings):
    """Values on both sides of each threshold that are nearest to it, of the runs it decides."""
    table = found.table(
        "gaps", "nearest values on both sides of a threshold, of the runs that it decides",
        setting="<18", quantity="<10", threshold="9.3f", runs="4", below="6.3f", above="6.3f",
    )  # fmt: skip
    for entry in settings:
        for name, limit in LIMITS.items():
            values = np.array([row[name] for row in rows_of(of(found, entry)) if decides(row, name)])
            below, above = values[values < limit], values[values >= limit]
            table.row(
                setting=entry["name"], quantity=name, threshold=limit, runs=len(values),
                below=below.max(initial=-math.inf) if below.size else math.nan,
                above=above.min(initial=math.inf) if above.size else math.nan,
            )  # fmt: skip


def decides(row, name):
    """Whether the label hangs on this quantity: all others that come before it are passed."""
    open_, closed = {**LIMITS, name: never(name)}, {**LIMITS, name: always(name)}
    return label_of(row, open_) != label_of(row, closed)


def never(name):
    return -math.inf if name == "deviation" else math.inf


def always(name):
    return math.inf if name == "deviation" else -math.inf


def move_thresholds(found, settings):
    table = found.table(
        "moved", "runs whose label changes if one threshold is moved",
        setting="<18", quantity="<10", threshold="9.3f", moved_to="8.3f", runs="4", changed="7",
    )  # fmt: skip
    for entry in settings:
        rows = rows_of(of(found, entry))
        for name, values in found.config["moved"].items():
            for value in values:
                changed = sum(label_of(row, {**LIMITS, name: value}) != row["label"] for row in rows)
                table.row(
                    setting=entry["name"], quantity=name, threshold=LIMITS[name], moved_to=value,
                    runs=len(rows), changed=changed,
                )  # fmt: skip


def hold_mass_against_accuracy(found, settings):
    """Chance that a run which is right has the larger value than one with no skill: 0.5 says nothing."""
    table = found.table(
        "mass", "attention on the summed positions, and share of the variance of xi between their counts",
        setting="<18", runs="<22", n="4", mass_least="10.2f", mass_median="11.2f", mass_most="9.2f",
        between_least="13.2f", between_median="14.2f", between_most="12.2f",
    )  # fmt: skip
    for entry in settings:
        runs = of(found, entry)
        right, none = extremes(found, runs)
        for what, chosen in (("99 % right", right), ("no better than chance", none)):
            if chosen.any():
                row = {"setting": entry["name"], "runs": what, "n": int(chosen.sum())}
                for name in ("mass", "between"):
                    least, middle, most = np.quantile(runs[name][chosen], [0, 0.5, 1])
                    row |= {f"{name}_least": least, f"{name}_median": middle, f"{name}_most": most}
                table.row(**row)


def tell_apart(found, settings):
    table = found.table(
        "chance", "chance that a run with right answers has more of it than one without skill",
        setting="<18", mass="6.2f", between="8.2f",
    )  # fmt: skip
    for entry in settings:
        runs = of(found, entry)
        right, none = extremes(found, runs)
        chance = {name: larger(runs[name][right], runs[name][none]) for name in ("mass", "between")}
        table.row(setting=entry["name"], **chance)


def extremes(found, runs):
    """Runs with right answers, and runs without skill."""
    return runs["accuracy"] >= found.config["min_accuracy"], runs["skill"] < MIN_SKILL


def larger(first, second):
    if not (len(first) and len(second)):
        return math.nan
    return float(mannwhitneyu(first, second).statistic / (len(first) * len(second)))


def count_clusters(found, settings):
    table = found.table(
        "clusters", "clusters of xi that are counted in clustering heads, against C(k + p - 1, p - 1)",
        setting="<18", heads="5", expected="8", as_many="7", fewest="6", most="4",
    )  # fmt: skip
    for entry in settings:
        task, heads = Task(**entry.get("task", {})), of(found, entry).at(label=CLUSTERING)
        expected, clusters = math.comb(task.k + task.p - 1, task.p - 1), heads["clusters"]
        if len(heads):
            table.row(
                setting=entry["name"], heads=len(heads), expected=expected,
                as_many=int((clusters == expected).sum()), fewest=int(clusters.min()),
                most=int(clusters.max()),
            )  # fmt: skip


def claims(found):
    for entry in found.config["settings"]:
        rows = rows_of(of(found, entry))
        same = sum(label_of(row, LIMITS) == row["label"] for row in rows)
        yield check(f"{entry['name']}: labels that the quantities decide alike", same, equals=len(rows))
    if found.config["decides"]:
        yield from claims_of_labels(found)


def claims_of_labels(found):
    heads = found["labels"].at(label=CLUSTERING)
    yield check(
        "clustering heads with every answer right", heads["right"].sum() / heads["runs"].sum(), at_least=0.9
    )
    moved = found["moved"].at(setting="default")
    reason = "2 % of the runs"
    yield check("default: labels that change at most", moved["changed"].max(), at_most=4, reason=reason)
    chance = found["chance"].at(setting="default")
    reason = "a perfect indicator has 1"
    yield check("default: chance by attention mass", chance["mass"][0], at_most=0.9, reason=reason)


def draw(found, path):
    figure.draw(found, path)
