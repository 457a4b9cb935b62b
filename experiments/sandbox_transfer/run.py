"""Print whether runs that have learned parity learn p = 3 and p = 4, by the circuit of the source."""

import time

import numpy as np

from experiments.entry import progress
from experiments.intervals import compare, power
from experiments.sandbox_transfer import figure
from experiments.sandbox_transfer.training import Sources, runs, sources
from experiments.tables import check
from lintrans.counting import proportion
from lintrans.sandbox import Task, Training
from lintrans.sandbox.labels import LABELS

SCRATCH = "from scratch"
LONGER = "from scratch, 2 x"  # as many epochs as a source and its transfer together


def measure(found):
    c, kept = found.config, []
    plan(found, "plan", c["plan"])
    parents = find_sources(c, range(0, c["max_seeds"], c["chunk"]), c["n_per_group"])
    count_sources(found, "sources", parents)
    for p in c["tasks"]:
        task = Task(p=p, n_train=c["n_train"])
        kept += [(task.p, name, *one) for name, one in transfers(task, parents, c["n_per_group"], c)]
        kept.append((task.p, SCRATCH, *from_scratch(task, c, SCRATCH, c["n_epochs"])))
    task = Task(p=c["primary"], n_train=c["n_train"])
    kept.append((task.p, LONGER, *from_scratch(task, c, LONGER, 2 * c["n_epochs"])))
    table_of_tasks(found, "tasks", kept)
    table_of_tests(found)
    keep_runs(found, kept)
    table_of_labels(found)
    test_again(found)


def test_again(found):
    """The planned test once more, on seeds and with a size that were fixed before any of these runs."""
    c, again = found.config, found.config["again"]
    plan(found, "plan again", again)
    seeds = range(again["first"], again["first"] + again["max_seeds"], c["chunk"])
    parents = find_sources(c, seeds, again["n_per_group"])
    count_sources(found, "sources again", parents)
    task = Task(p=c["primary"], n_train=c["n_train"])
    kept = [(task.p, name, *one) for name, one in transfers(task, parents, again["n_per_group"], c)]
    table_of_tasks(found, "tasks again", kept)
    table_of_tests(found, "tests again", "tasks again")
    keep_runs(found, kept, "runs again", "curves again")


def training_of(c):
    return Training(n_epochs=c["n_epochs"])


def plan(found, name, c):
    """Power of Fisher's exact test, if these shares are right."""
    (a, n), (b, m) = c["heads"], c["others"]
    table = found.table(
        name, f"{name}: power of Fisher's exact test, two-sided at {found.config['level']:g}, if the shares"
        f" are {a}/{n} and {b}/{m}",
        n_per_group="3", power="6.3f",
    )  # fmt: skip
    for size in c["sizes"]:
        table.row(n_per_group=size, power=power(size, (a / n, b / m), found.config["level"]))


def find_sources(c, firsts, n_per_group):
    """Train parity, chunk by chunk of seeds, until there are enough sources of both kinds."""
    parts, began = [], time.monotonic()
    for first in firsts:
        parts.append(sources(range(first, first + c["chunk"]), c["n_tokens"], training_of(c)))
        whole = Sources(*(np.concatenate(column) for column in zip(*parts, strict=True)))
        progress(f"sources: {[int(chosen.size) for chosen in whole.groups.values()]}", began)
        if min(chosen.size for chosen in whole.groups.values()) >= n_per_group:
            break
    return whole


def count_sources(found, name, parents):
    table = found.table(
        name, f"{name}: parity from {parents.seed.size} seeds", label="<16", runs="4", solved="6"
    )
    for label in LABELS:
        chosen = parents.label == label
        table.row(label=label, runs=int(chosen.sum()), solved=int((chosen & parents.solved).sum()))


def transfers(task, parents, n_per_group, c):
    """Runs of a task by the kind of their source, with the seed and the label of it."""
    how = c["n_tokens"], training_of(c)
    for name, places in parents.groups.items():
        chosen = places[:n_per_group]
        if chosen.size:
            began, seeds = time.monotonic(), parents.seed[chosen]
            done = runs(task, seeds.tolist(), *how, every=c["every"], weights=parents.weights[chosen])
            progress(f"p = {task.p} from {name}", began)
            yield name, (seeds, parents.label[chosen], done)


def from_scratch(task, c, name, n_epochs):
    began, seeds = time.monotonic(), np.arange(c["n_scratch"])
    done = runs(task, seeds.tolist(), c["n_tokens"], Training(n_epochs=n_epochs), every=c["every"])
    progress(f"p = {task.p} {name}", began)
    return seeds, np.full(seeds.size, name), done


def table_of_tasks(found, name, kept):
    c = found.config
    table = found.table(
        name, f"success: accuracy of at least {c['success']:g} at the end on sequences never seen",
        p="1", source="<17", n="3", succeed="7", share="6.1%", low="6.1%", high="6.1%", best_unseen="11.4f",
        median_unseen="13.4f", above_half="10", heads_at_end="12",
    )  # fmt: skip
    for p, source, _, _, done in kept:
        k, n = int((done.unseen >= c["success"]).sum()), done.unseen.size
        share = proportion(k, n)
        table.row(
            p=p, source=source, n=n, succeed=k, share=share.value, low=share.low, high=share.high,
            best_unseen=np.nanmax(done.unseen), median_unseen=np.nanmedian(done.unseen),
            above_half=int((done.unseen >= c["half"]).sum()),
            heads_at_end=int((done.label == LABELS[0]).sum()),
        )  # fmt: skip


def table_of_tests(found, name="tests", of="tasks"):
    table = found.table(
        name, "Fisher's exact test of success, two-sided, and the conditional odds ratio with its 95 %"
        " interval; the first is the one that was planned; beside it, of those far above chance",
        p="1", first="<16", second="<17", value="9.3g", odds="7.3g", low="7.3g", high="7.3g",
        of_above_half="13.3g",
    )  # fmt: skip
    tasks, primary = found[of], found.config["primary"]
    pairs = [("clustering head", "other"), ("clustering head", SCRATCH), ("other", SCRATCH)]
    pairs.append(("clustering head", LONGER))
    for p in sorted(set(tasks["p"].tolist()), key=lambda p: p != primary):
        rows, better = (counts(tasks.at(p=p), key) for key in ("succeed", "above_half"))
        for first, second in pairs:
            if first in rows and second in rows:
                one = compare(rows[first], rows[second])
                table.row(
                    p=p, first=first, second=second, value=one.p, odds=one.odds.value,
                    low=one.odds.low, high=one.odds.high,
                    of_above_half=compare(better[first], better[second]).p,
                )  # fmt: skip


def counts(table, key):
    """Runs of a kind, and all, by source."""
    each = zip(*(table[name].tolist() for name in ("source", key, "n")), strict=True)
    return {source: (k, n) for source, k, n in each}


def keep_runs(found, kept, name_of_runs="runs", name_of_curves="curves"):
    columns = {name: [] for name in ("p", "source", "seed", "label_of_source", "label")}
    columns |= {name: [] for name in ("train", "test", "population", "unseen")}
    curves = {name: [] for name in ("p", "source", "seed", "epoch", "accuracy")}
    for p, name, seeds, labels, done in kept:
        for key, values in (("seed", seeds), ("label_of_source", labels), ("label", done.label)):
            columns[key] += values.tolist()
        columns["p"] += [p] * len(seeds)
        columns["source"] += [name] * len(seeds)
        for key in ("train", "test", "population", "unseen"):
            columns[key] += getattr(done, key).tolist()
        for seed, curve in zip(seeds.tolist(), done.curve, strict=True):
            curves["p"] += [p] * len(curve)
            curves["source"] += [name] * len(curve)
            curves["seed"] += [seed] * len(curve)
            curves["epoch"] += (found.config["every"] * (1 + np.arange(len(curve)))).tolist()
            curves["accuracy"] += curve.tolist()
    found.keep(name_of_runs, **columns)
    found.keep(name_of_curves, **curves)


def table_of_labels(found):
    """Success by the label of the source: a look at what was not planned."""
    runs, success = found["runs"], found.config["success"]
    table = found.table(
        "labels", "by the label of the source", p="1", label="<16", n="3", succeed="7", best_unseen="11.4f"
    )
    for p in found.config["tasks"]:
        for label in LABELS:
            unseen = runs.at(p=p, label_of_source=label)["unseen"]
            if unseen.size:
                succeed = int((unseen >= success).sum())
                table.row(p=p, label=label, n=unseen.size, succeed=succeed, best_unseen=unseen.max())


def claims(found):
    c = found.config
    planned = found["plan"].at(n_per_group=22)
    yield check("plan: power with 22 sources of each kind", planned["power"][0], at_least=c["plan"]["power"])
    planned = found["plan again"].at(n_per_group=60)
    power_again = planned["power"][0]
    yield check("plan again: power with 60 sources of each kind", power_again, at_least=c["again"]["power"])
    if not c["decides"]:
        return
    tests, tasks = found["tests"], found["tasks"]
    again = found["tests again"].at(p=c["primary"], first="clustering head", second="other")
    statement = "p = 3, heads against others, the second planned test: p"
    yield check(statement, again["value"][0], at_most=c["level"])
    for p in c["tasks"]:
        one = tests.at(p=p, first="clustering head", second=SCRATCH)
        yield check(f"p = {p}, heads against runs from scratch: p", one["value"][0], at_most=c["level"])
    for source in ("other", SCRATCH):
        share = tasks.at(p=c["primary"], source=source)["high"][0]
        yield check(f"p = 3, {source}: upper end of the share that succeeds", share, at_most=0.25)


def draw(found, path):
    figure.draw(found, path)
