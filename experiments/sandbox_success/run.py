"""Print how often and how fast runs find and read a circuit, and which, at the default and beside it."""

import time
from dataclasses import fields

import numpy as np

from experiments.entry import progress
from experiments.intervals import compare, median
from experiments.sandbox_success import figure
from experiments.sandbox_success.settings import case_of, run
from experiments.tables import check
from lintrans.counting import proportion
from lintrans.sandbox import Case
from lintrans.sandbox.fates import Fates
from lintrans.sandbox.labels import CLUSTERING, LABELS
from lintrans.sandbox.stages import PATTERNS

SHORT = dict(zip(LABELS, ("head", "signed", "even", "irregular", "none"), strict=True))


def measure(found):
    c, began = found.config, time.monotonic()
    default = run(Case("default"), range(c["n_default"]), every=1, n_snapshots=c["n_snapshots"])
    progress("default", began)
    counts_of_default(found, default)
    against_pilot(found, "pilot", default)
    stages_of_default(found, default)
    settings = {("default", ""): (Case("default"), default, np.arange(c["n_default"]))}
    for entry in c["cases"]:
        began, case = time.monotonic(), case_of(entry)
        first = entry.get("first", 0)
        seeds = range(first, first + entry.get("n_seeds", c["n_seeds"]))
        runs = run(case, seeds, every=c["every"], n_snapshots=c["n_snapshots"])
        settings[entry["group"], entry["name"]] = case, runs, np.array(seeds)
        progress(case.name, began)
    table_of_settings(found, settings)
    new = settings.get(("new seeds", "default"))
    if new is not None:
        against_pilot(found, "pilot, all seeds", joined(default, new[1]))
        table_of_new_seeds(found, new[1], settings["new seeds", "two extra tokens"][1])
    table_of_times(found, settings)
    keep_runs(found, settings)


def has_pattern(runs):
    return np.isin(runs.label, [LABELS.index(name) for name in PATTERNS])


def is_(label, runs):
    return runs.label == LABELS.index(label)


def counts_of_default(found, runs):
    n, table = runs.label.size, found.table(
        "default", f"default, {runs.label.size} seeds: runs, and 95 % intervals of their share",
        what="<44", runs="4", of="4", share="6.1%", low="6.1%", high="6.1%",
    )  # fmt: skip

    def row(what, chosen, among=None):
        among = np.ones(n, bool) if among is None else among
        k, m = int((chosen & among).sum()), int(among.sum())
        share = proportion(k, m) if m else (np.nan,) * 3
        table.row(what=what, runs=k, of=m, share=share[0], low=share[1], high=share[2])

    c = found.config
    row("solved: every answer right at the end", runs.solved)
    row("99 % of the population at the end", runs.population >= c["min_accuracy"])
    row("99 % of the population at any time", ~np.isnan(runs.read_epoch))
    row("99 % of the test set at the end", runs.test >= c["min_accuracy"])
    for name in LABELS:
        row(name, is_(name, runs))
    for name in LABELS[:-1]:
        row(f"of the solved: {name}", is_(name, runs), runs.solved)
    for name in PATTERNS:
        row(f"of runs with the label {name}: solved", runs.solved, is_(name, runs))
    row("have a pattern, and never read it", np.isnan(runs.read_epoch), has_pattern(runs))


def joined(first, second):
    return Fates(
        **{f.name: np.concatenate([getattr(x, f.name) for x in (first, second)]) for f in fields(Fates)}
    )


def against_pilot(found, name, runs):
    """Fisher's exact test of the counts of others, for every meaning of success that they may have had."""
    c = found.config
    table = found.table(
        name, f"counts of a pilot by others against ours, {runs.label.size} runs: Fisher's exact test",
        what="<44", theirs="4", of_theirs="9", ours="4", of_ours="7", p="8.2g",
    )  # fmt: skip
    every = np.ones(runs.label.size, bool)
    meanings = {
        "solved": (c["pilot"]["solved"], runs.solved, every),
        "if it meant 99 % at any time": (c["pilot"]["solved"], ~np.isnan(runs.read_epoch), every),
        "if it meant a pattern": (c["pilot"]["solved"], has_pattern(runs), every),
        "if it meant any circuit": (c["pilot"]["solved"], ~is_("none", runs), every),
        "clustering heads among solved runs": (c["pilot"]["heads"], is_(CLUSTERING, runs), runs.solved),
    }
    for what, ((k, n), chosen, among) in meanings.items():
        ours = int((chosen & among).sum()), int(among.sum())
        table.row(what=what, theirs=k, of_theirs=n, ours=ours[0], of_ours=ours[1], p=compare((k, n), ours).p)


def stages_of_default(found, runs):
    table = found.table(
        "stages", "default: epochs, medians with 95 % intervals",
        runs_that="<34", n="4", formed="6.0f", formed_low="6.0f", formed_high="6.0f", read="6.0f",
        read_low="6.0f", read_high="6.0f", wait="6.0f", wait_low="6.0f", wait_high="6.0f", longest="7.0f",
    )  # fmt: skip
    groups = {
        "solve": runs.solved,
        "read a pattern": has_pattern(runs) & ~np.isnan(runs.read_epoch),
        **{f"read a pattern: {name}": is_(name, runs) & ~np.isnan(runs.read_epoch) for name in PATTERNS},
        "have a pattern, and do not read it": has_pattern(runs) & np.isnan(runs.read_epoch),
    }
    for name, chosen in groups.items():
        waits = (runs.read_epoch - runs.formed_epoch)[chosen]
        longest = np.nanmax(waits) if (~np.isnan(waits)).any() else np.nan
        table.row(
            runs_that=name, n=int(chosen.sum()), **named("formed", runs.formed_epoch[chosen]),
            **named("read", runs.read_epoch[chosen]), **named("wait", waits), longest=longest,
        )  # fmt: skip


def named(name, values, factor=1.0):
    """Median and its interval, as cells of a row."""
    value, low, high = (factor * x for x in median(values))
    return {name: value, f"{name}_low": low, f"{name}_high": high}


def table_of_settings(found, settings):
    default, pilot = settings["default", ""][1], found.config["pilot"]
    usual = int(default.solved.sum()), default.solved.size
    table = found.table(
        "settings", "settings: solved runs with 95 % interval, p of Fisher's exact test against the default,"
        " labels, patterns that are not read, p against both counts of the pilot",
        group="<22", setting="<30", n="3", solved="6", low="4.0%", high="4.0%", p="7.2g",
        **dict.fromkeys(SHORT.values(), "6"), solved_heads="12", unread="6",
        p_pilot="7.2g", p_pilot_heads="7.2g",
    )  # fmt: skip
    for (group, name), (_, runs, _) in settings.items():
        n, k = runs.label.size, int(runs.solved.sum())
        share, heads = proportion(k, n), int((is_(CLUSTERING, runs) & runs.solved).sum())
        table.row(
            group=group, setting=name, n=n, solved=k, low=share.low, high=share.high,
            p=compare((k, n), usual).p if group != "default" else np.nan,
            **{SHORT[label]: int(is_(label, runs).sum()) for label in LABELS},
            solved_heads=heads, unread=int((has_pattern(runs) & np.isnan(runs.read_epoch)).sum()),
            p_pilot=compare(pilot["solved"], (k, n)).p, p_pilot_heads=compare(pilot["heads"], (heads, k)).p,
        )  # fmt: skip


def table_of_new_seeds(found, one, other):
    """The one test on seeds that had no part in choosing what is tested: extra tokens against the default."""
    table = found.table(
        "new seeds", "new seeds: two extra tokens against the default, Fisher's exact test",
        what="<36", default="7", of_default="10", extra="5", of_extra="8", p="8.2g",
    )  # fmt: skip
    for what, chosen_of, among_of in (
        ("solved", lambda r: r.solved, lambda r: np.ones(r.label.size, bool)),
        ("clustering heads among solved runs", lambda r: is_(CLUSTERING, r), lambda r: r.solved),
    ):
        a, b = ((int((chosen_of(r) & among_of(r)).sum()), int(among_of(r).sum())) for r in (one, other))
        p = compare(a, b).p
        table.row(what=what, default=a[0], of_default=a[1], extra=b[0], of_extra=b[1], p=p)


def table_of_times(found, settings):
    """Both stages in epochs and in thousands of steps; runs that did not come to a stage are left out."""
    cells = {}
    for name in ("formed", "read"):
        cells |= {f"n_{name}": "3", name: "6.0f", f"{name}_low": "6.0f", f"{name}_high": "6.0f"}
        cells |= {f"{name}_steps": "6.1f", f"{name}_steps_low": "6.1f", f"{name}_steps_high": "6.1f"}
    table = found.table(
        "times", "medians of both stages with 95 % intervals, in epochs, and in thousands of steps",
        group="<8", value="6g", **cells,
    )  # fmt: skip
    for group in ("batch", "rate"):
        chosen = [(key, one) for key, one in settings.items() if key[0] in (group, "default")]
        field = {"batch": "batch_size", "rate": "rate"}[group]
        for _, (case, runs, _) in sorted(chosen, key=lambda item: getattr(item[1][0].training, field)):
            row = {"group": group, "value": getattr(case.training, field)}
            thousands = 2048 // case.training.batch_size / 1000
            for name, epochs in (("formed", runs.formed_epoch), ("read", runs.read_epoch)):
                row |= {f"n_{name}": int((~np.isnan(epochs)).sum()), **named(name, epochs)}
                row |= named(f"{name}_steps", epochs, thousands)
            table.row(**row)


def keep_runs(found, settings):
    columns = {name: [] for name in ("group", "setting", "seed", "label", "solved")}
    numbers = ("train", "test", "population", "unseen", "formed_epoch", "read_epoch")
    columns |= {name: [] for name in numbers}
    for (group, name), (_, runs, seeds) in settings.items():
        columns["group"] += [group] * len(seeds)
        columns["setting"] += [name] * len(seeds)
        columns["seed"] += seeds.tolist()
        columns["label"] += [LABELS[i] for i in runs.label]
        columns["solved"] += runs.solved.tolist()
        for key in numbers:
            columns[key] += getattr(runs, key).tolist()
    found.keep("runs", **columns)


def claims(found):
    default, settings, decides = found["default"], found["settings"], found.config["decides"]
    solved = settings["solved_heads"].sum() / settings["head"].sum()
    yield check("clustering heads that solve, all settings", solved, at_least=0.9)
    d8 = settings.where((settings["group"] == "d") & (settings["setting"] == "8"))
    ratio = d8["solved"][0] / d8["n"][0] / share_of(default)
    yield check("d = 8: share that solves, over the default", ratio, at_least=1.5 if decides else 0.5)
    if decides:
        yield from claims_of_default(found, default)
        yield from claims_of_settings(found, settings)


def claims_of_default(found, default):
    reason = "two intervals of 200 runs"
    yield check("default: share that solves", share_of(default), at_least=0.15, at_most=0.31, reason=reason)
    p = found["pilot, all seeds"].at(what="solved")["p"][0]
    yield check("all seeds: the pilot's share that solves does not reproduce: p", p, at_most=0.05)
    even = default.at(what="of runs with the label even-weight: solved")["high"][0]
    yield check("even-weight: upper end of the share that solves", even, at_most=0.5)
    head, even = (
        found["stages"].at(runs_that=f"read a pattern: {name}") for name in (CLUSTERING, PATTERNS[2])
    )
    ratio = head["wait_high"][0] / even["wait_low"][0]
    yield check("wait of heads, upper end, over that of even-weight, lower end", ratio, at_most=1)


def claims_of_settings(found, settings):
    largest = settings.at(group="d")["p"].max()
    reason = "5 % over the number of settings"
    yield check(
        "d = 3 and 8 unlike the default: larger p", largest, at_most=0.05 / (len(settings) - 1), reason=reason
    )
    times = found["times"].at(group="batch")
    for name, unit, bounds in (
        ("formed", "epochs", {"at_least": 1}),
        ("formed_steps", "steps", {"at_most": 1}),
    ):
        ratio = times[name][-1] / times[name][0]
        yield check(f"batch 512 over 16: {unit} until formed", ratio, **bounds)


def share_of(default):
    return default.at(what="solved: every answer right at the end")["share"][0]


def draw(found, path):
    figure.draw(found, path)
