"""Print how often the loss spikes with and without the norm, under which optimiser, and what precedes it."""

import time
from dataclasses import replace

import numpy as np
from scipy.stats import mannwhitneyu

from experiments.entry import progress
from experiments.intervals import mean, median
from experiments.sandbox_spikes import figure, windows
from experiments.sandbox_spikes.training import case_of, descend, go_on, train
from experiments.tables import check
from lintrans.counting import proportion
from lintrans.sandbox import Task, Training
from lintrans.sandbox.curvature import edge, sharpness
from lintrans.sandbox.model import unflatten
from lintrans.sandbox.spikes import rising_edges
from lintrans.sandbox.task import distinct

MEASURES = ("preconditioned", "plain", "update")
ONE_SPIKE = {"steps_to_peak": "6", "rise": "8.3g", "crossed": "7", "xi_rank": "7.2f", "leader": "<12"}


def measure(found):
    c, runs = found.config, {}
    for entry in c["settings"]:
        began = time.monotonic()
        runs[entry["name"]] = train(
            case_of(entry), range(entry.get("n_seeds", c["n_seeds"])), c["n_snapshots"]
        )
        progress(entry["name"], began)
    table_of_settings(found, runs)
    plain_descent(found)
    began = time.monotonic()
    branches(found, runs)
    progress("branches", began)
    began = time.monotonic()
    predict(found, runs[c["windows"]["of"]])
    progress("windows", began)
    keep_losses(found, runs)


def table_of_settings(found, runs):
    table = found.table(
        "settings", "spikes of the training loss of a solved run, mean with bootstrap interval; p of the rank"
        " test against the first setting; after reading: those after 99 % of the answers, by 100 epochs",
        setting="<24", runs="4", solved="6", spikes="6.2f", low="5.2f", high="5.2f", p="7.2g",
        median="6.1f", most="4", after_reading="13.2f", after_low="9.2f", after_high="10.2f", unsolved="8.2f",
    )  # fmt: skip
    seed, first = found.config["seed"], next(iter(runs.values()))
    usual = first.edges.sum(axis=1)[first.solved]
    for name, one in runs.items():
        counts, solved = one.edges.sum(axis=1), one.solved
        compared = one is not first and usual.size and solved.any()
        later = (one.edges & one.reading).sum(axis=1)[solved]
        hundreds = one.reading.sum(axis=1)[solved] / 100
        spikes, rate = mean(counts[solved], seed), ratio(later, hundreds, seed)
        table.row(
            setting=name, runs=solved.size, solved=int(solved.sum()), spikes=spikes.value, low=spikes.low,
            high=spikes.high, p=mannwhitneyu(counts[solved], usual).pvalue if compared else np.nan,
            median=median(counts[solved]).value, most=int(counts[solved].max(initial=0)),
            after_reading=rate[0], after_low=rate[1], after_high=rate[2],
            unsolved=counts[~solved].mean() if (~solved).any() else np.nan,
        )  # fmt: skip


def ratio(events, exposure, seed):
    """Events over exposure of all runs, with the percentiles of bootstrap resamples of runs."""
    if len(events) < 2 or not exposure.sum():
        return np.nan, np.nan, np.nan
    drawn = np.random.default_rng(seed).integers(len(events), size=(10_000, len(events)))
    resampled = events[drawn].sum(axis=1) / np.maximum(exposure[drawn].sum(axis=1), 1e-12)
    return events.sum() / exposure.sum(), *np.percentile(resampled, [2.5, 97.5])


def plain_descent(found):
    c = found.config["scratch"]
    table = found.table(
        "descent", f"plain descent from the beginning, {c['n_epochs']} epochs, {c['n_seeds']} seeds",
        momentum="4g", rate="5g", solved="6", diverged="8", best="6.3f",
    )  # fmt: skip
    for momentum, rate in zip(c["momenta"], c["rates"], strict=True):
        began = time.monotonic()
        training = Training(optimizer="sgd", momentum=momentum, rate=rate, n_epochs=c["n_epochs"])
        accuracy = descend(training, range(c["n_seeds"]))
        table.row(
            momentum=momentum, rate=rate, solved=int((accuracy == 1).sum()),
            diverged=int(np.isnan(accuracy).sum()), best=np.nanmax(accuracy, initial=0.0),
        )  # fmt: skip
        progress(f"descent, momentum {momentum:g}, rate {rate:g}", began)


def branches(found, runs):
    c = found.config["branches"]
    table = found.table(
        "branches", f"solved runs gone on for {c['n_epochs']} epochs from their end: spikes of a run, mean"
        " with bootstrap interval; the loss at the end over that at the beginning; runs still solved",
        setting="<10", optimizer="<26", runs="4", spikes="6.2f", low="5.2f", high="5.2f", without="7",
        loss_over_first="15.3g", still_solved="12", diverged="8",
    )  # fmt: skip
    for name in c["of"]:
        if not runs[name].solved.any():
            continue
        for optimizer, changes in c["optimizers"].items():
            training = replace(Training(**changes), n_epochs=c["n_epochs"])
            loss, accuracy = go_on(runs[name], training)
            counts = rising_edges(loss).sum(axis=1)
            spikes = mean(counts, found.config["seed"])
            table.row(
                setting=name, optimizer=optimizer, runs=len(counts), spikes=spikes.value, low=spikes.low,
                high=spikes.high, without=int((counts == 0).sum()),
                loss_over_first=np.median(loss[:, -20:].mean(axis=1) / loss[:, :20].mean(axis=1)),
                still_solved=int((accuracy == 1).sum()), diverged=int(np.isnan(loss[:, -1]).sum()),
            )  # fmt: skip


def predict(found, runs):
    """Curvature before spikes, and elsewhere in the same runs; what each spike was."""
    c, seed = found.config["windows"], found.config["seed"]
    chosen = windows.sample(runs, c["n"], c["per_run"], seed)
    table = found.table(
        "spikes", "spikes that were run again: steps from onset to peak, peak of the loss over the usual one,"
        " sequences that crossed, their mean rank by |xi|, and the group whose curvature rose first",
        seed="4", epoch="5", **ONE_SPIKE,
    )  # fmt: skip
    around, before = {"spike": [], "control": []}, np.arange(-c["before"], 1, c["stride"])
    for place, epoch in chosen:
        spike = windows.explain(runs, place, epoch)
        table.row(
            seed=int(runs.seeds[place]), epoch=epoch, steps_to_peak=spike.peak - spike.onset,
            rise=spike.peak_loss / spike.usual_loss, crossed=len(spike.crossed), xi_rank=spike.xi_rank,
            leader=spike.leader or "none",
        )  # fmt: skip
        steps = spike.onset + np.append(before, np.arange(1, spike.peak - spike.onset + 1))
        around["spike"].append(windows.look(runs, place, epoch, steps, spike.onset))
    for place, epoch in windows.controls(runs, chosen, c["apart"], seed):
        onset = epoch * runs.case.training.per_epoch(Task())
        around["control"].append(windows.look(runs, place, epoch, onset + before, onset))
    leaders(found)
    keep_windows(found, around)
    table_of_prediction(found)
    agreement(found, runs, chosen)


def leaders(found):
    spikes, names = found["spikes"], ("embeddings", "attention", "feed_forward", "none")
    table = found.table(
        "leaders", "group of weights whose curvature rose first", group="<12", spikes="6", share="6.1%",
        low="6.1%", high="6.1%",
    )  # fmt: skip
    for name in names if len(spikes) else ():
        k = int((spikes["leader"] == name).sum())
        share = proportion(k, len(spikes))
        table.row(group=name, spikes=k, share=share.value, low=share.low, high=share.high)
    known = spikes["xi_rank"][~np.isnan(spikes["xi_rank"])] if len(spikes) else np.zeros(0)
    rank, long = median(known), int((known > 0.5).sum())
    ranks = found.table(
        "ranks", "mean rank by |xi| of the sequences that crossed: 0.5 if |xi| had nothing to do with it",
        spikes="6", median="6.2f", low="6.2f", high="6.2f", above_half="10",
    )  # fmt: skip
    ranks.row(spikes=known.size, median=rank.value, low=rank.low, high=rank.high, above_half=long)


def keep_windows(found, around):
    columns = {name: [] for name in ("kind", "window", "seed", "epoch", "step", *MEASURES)}
    for kind, each in around.items():
        for number, one in enumerate(each):
            n = len(one.steps)
            for name, value in (("kind", kind), ("window", number), ("seed", one.seed), ("epoch", one.epoch)):
                columns[name] += [value] * n
            columns["step"] += one.steps.tolist()
            for name in MEASURES:
                columns[name] += getattr(one, name).tolist()
    found.keep("windows", **columns)


def largest(table, kind, name, *, until=0, after=False):
    """Seed of each window, and the largest value in it up to a step, or after the onset."""
    rows = table.at(kind=kind)
    if len(rows):
        rows = rows.where(rows["step"] > 0 if after else rows["step"] <= until)
    each = [rows.at(window=i) for i in sorted(set(rows["window"].tolist()))] if len(rows) else []
    return np.array([one["seed"][0] for one in each]), np.array([one[name].max() for one in each])


def leads(table):
    """Steps from the first preconditioned sharpness above the edge to the onset, where there is one."""
    rows, found = table.at(kind="spike"), []
    rows = rows.where((rows["step"] <= 0) & (rows["preconditioned"] > 1)) if len(rows) else rows
    for i in sorted(set(rows["window"].tolist())) if len(rows) else ():
        found.append(-int(rows.at(window=i)["step"].min()))
    return np.array(found, dtype=float)


def table_of_prediction(found):
    """Above the edge before the onset; and how well the largest value of each measure tells spikes apart."""
    rows = found["windows"]
    table = found.table(
        "prediction", "preconditioned sharpness above the edge of Adam, (1 + beta_1) 2 / ((1 - beta_1) eta)",
        windows="<34", above="5", of="3", share="6.1%", low="6.1%", high="6.1%",
    )  # fmt: skip
    stride = found.config["windows"]["stride"]
    values = {
        f"{stride} steps or more before spikes": largest(rows, "spike", "preconditioned", until=-stride),
        "up to the onset (hit rate)": largest(rows, "spike", "preconditioned"),
        "between onset and peak": largest(rows, "spike", "preconditioned", after=True),
        "elsewhere (false alarms)": largest(rows, "control", "preconditioned"),
    }
    for name, (_, ratios) in values.items():
        if ratios.size:
            k = int((ratios > 1).sum())
            share = proportion(k, ratios.size)
            table.row(
                windows=name, above=k, of=ratios.size, share=share.value, low=share.low, high=share.high
            )
    lead, leads_table = median(leads(rows)), found.table(
        "lead", "steps by which it was above before the onset, where it was", spikes="6", median="6.1f",
        low="6.1f", high="6.1f",
    )  # fmt: skip
    leads_table.row(spikes=leads(rows).size, median=lead.value, low=lead.low, high=lead.high)
    separations(found, rows)


def separations(found, rows):
    until = -found.config["windows"]["stride"]
    table = found.table(
        "separation", f"largest value {-until} steps or more before the onset: medians, and the probability"
        " that one before a spike is above one elsewhere, with bootstrap interval over runs; preconditioned"
        " is over its edge",
        measure="<16", before_spikes="13.3g", elsewhere="9.3g", after_onset="11.3g", probability="11.3f",
        low="6.3f", high="6.3f",
    )  # fmt: skip
    for name in MEASURES:
        pair = [largest(rows, kind, name, until=until) for kind in ("spike", "control")]
        if all(values.size for _, values in pair):
            low, high = windows.resampled(*pair, found.config["seed"])
            table.row(
                measure=name, before_spikes=np.median(pair[0][1]), elsewhere=np.median(pair[1][1]),
                after_onset=np.median(largest(rows, "spike", name, after=True)[1]),
                probability=windows.separation(pair[0][1], pair[1][1]), low=low, high=high,
            )  # fmt: skip


def agreement(found, runs, chosen):
    """Lanczos' method beside the whole Hessian, once."""
    task, place = Task(), chosen[0][0] if chosen else 0
    data = distinct(task.data(int(runs.seeds[place])).train)
    flat = runs.states[place, -1, 0]
    model = runs.case.model
    whole = sharpness(task, model, unflatten(task, model, flat), *data)[0]
    (by_products,) = windows.top(task, model, flat, data, [np.ones(len(flat))])
    table = found.table(
        "agreement", "largest eigenvalue at an end, two ways", whole="12.6g", products="12.6g", edge="8.6g"
    )
    table.row(whole=whole, products=by_products, edge=edge(runs.case.training))


def keep_losses(found, runs):
    """Losses by epoch of the solved runs of every setting."""
    columns = {name: [] for name in ("setting", "seed", "epoch", "loss", "begins")}
    for name, one in runs.items():
        for i in np.flatnonzero(one.solved).tolist():
            n = one.loss.shape[1]
            columns["setting"] += [name] * n
            columns["seed"] += [int(one.seeds[i])] * n
            columns["epoch"] += list(range(1, n + 1))
            columns["loss"] += one.loss[i].tolist()
            columns["begins"] += one.edges[i].tolist()
    found.keep("losses", **columns)


def claims(found):
    whole, products = (found["agreement"][key][0] for key in ("whole", "products"))
    reason = "Lanczos to 1e-3"
    yield check(
        "sharpness by products over that of the whole Hessian",
        products / whole,
        at_least=0.999,
        at_most=1.001,
        reason=reason,
    )
    solved = found["descent"]["solved"].sum()
    yield check("plain descent from the beginning: runs that solve", solved, equals=0)
    if found.config["decides"]:
        yield from claims_of_norms(found["settings"], found.config["pilot"])
        yield from claims_of_optimizers(found["branches"])
        yield from claims_of_prediction(found)


def claims_of_norms(settings, pilot):
    on, off = (settings.at(setting=name) for name in ("norm on", "norm off"))
    yield check(
        "norm on: upper end of the spikes of a solved run, below the pilot",
        on["high"][0],
        at_most=pilot["norm on"],
    )
    yield check("norm off: lower end, above the pilot", off["low"][0], at_least=pilot["norm off"])


def claims_of_optimizers(branches):
    for setting in ("norm on", "norm off"):
        rows = branches.at(setting=setting)
        short, usual = (rows.at(optimizer=f"Adam, beta_2 {beta}")["spikes"][0] for beta in ("0.9", "0.999"))
        yield check(f"{setting}: spikes with beta_2 = 0.9 over those with 0.999", short / usual, at_least=2)
        descent = rows.where(np.char.startswith(rows["optimizer"], "SGD"))
        yield check(
            f"{setting}, plain descent: spikes of a run, upper ends", descent["high"].max(), at_most=1
        )


def claims_of_prediction(found):
    names = ("up to the onset (hit rate)", "elsewhere (false alarms)")
    hit, alarm = (found["prediction"].at(windows=name) for name in names)
    yield check("spikes with the edge passed before: upper end of the share", hit["high"][0], at_most=0.4)
    yield check("windows elsewhere above the edge: share", alarm["share"][0], at_most=0.1)
    apart = found["separation"].at(measure="preconditioned")
    yield check("preconditioned sharpness tells them apart: lower end", apart["low"][0], at_least=0.5)


def draw(found, path):
    figure.draw(found, path)
