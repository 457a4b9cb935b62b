"""Print predicted safe step sizes of a real table beside what training does at them."""

import time

import numpy as np
from scipy.stats import chi2

from experiments.entry import progress
from experiments.safe_step_size import figure, safety
from experiments.tables import check
from lintrans.counting import intervals
from lintrans.minibatch.escapes import EVENTS
from lintrans.two_factor import critical_mu

NAMES = ("trained", *safety.PREDICTORS)
LABELS = {name: name.replace(" ", "_") for name in NAMES}  # of columns


def measure(found):
    one_feature(found, found.config)
    many_features(found, found.config)


def prepare(config, case):
    asked = {"target": config["target"], "n_prompts": config["n_prompts"], "seed": config["table_seed"]}
    return safety.problem_of(safety.read_prompts(case, **asked), config["start"])


def one_feature(found, config):
    """The mode is shared exactly: predicted step sizes, then training at them."""
    c, began = config["one"], time.monotonic()
    problem = prepare(config, c)
    population, n_steps = problem.population, config["n_steps"]
    facts = population.summary()
    table = found.table(
        "prompts",
        f"{', '.join(c['features'])}: prompts of {c['context_length']} rows; critical mu of the full batch",
        n_prompts="9", curvature_std="8.2f", mismatch_std="8.2f", leakage="8.2g", unit_step_size="10.4g",
        critical="8.2f",
    )  # fmt: skip
    names = ("n_prompts", "curvature_std", "mismatch_std", "leakage")
    unit, critical = population.unit_step_size, float(critical_mu(*config["start"]))
    table.row(**{name: facts[name] for name in names}, unit_step_size=unit, critical=critical)
    limits, kept = {}, found.table(
        "limits", "predicted step size with interval, in mu",
        B="3", batches="<17", event="<8", risk="5.0%", mu="7.4f", low="7.4f", high="7.4f",
    )  # fmt: skip
    for size, sampling in c["columns"]:
        limits[size, sampling] = safety.predict(problem, size, sampling, c, n_steps)
        for (event, risk), limit in limits[size, sampling].items():
            value, low, high = (population.mu(x) for x in limit)
            kept.row(B=size, batches=sampling, event=event, risk=risk, mu=value, low=low, high=high)
        progress(f"predicted: {size} {sampling}", began)
    say_cells(found, problem, limits, began)


def say_cells(found, problem, limits, began):
    c, n_steps = found.config["one"], found.config["n_steps"]
    table = found.table(
        "cells",
        f"parts that leave and diverge in {n_steps} steps; predicted: {c['n_trajectories']}"
        f" trajectories, trained: {c['n_trainings']}, literal, by definition: {c['n_literal']}; off in"
        " standard errors",
        B="3", batches="<17", risk="4.0%", factor="6g", mu="6.4f", left="7.2%", trained_left="7.2%",
        off_left="5.1f", literal_left="7.1%", diverged="7.2%", trained_diverged="7.2%", off_diverged="5.1f",
        literal_diverged="7.1%", alike="5", error="7.1e",
    )  # fmt: skip
    for (size, sampling), predicted in limits.items():
        for cell in safety.compare(problem, size, sampling, c, n_steps, predicted):
            off = safety.deviation(cell.predicted, c["n_trajectories"], cell.trained, c["n_trainings"])
            columns = {}
            for i, event in enumerate(EVENTS):
                columns |= {event: cell.predicted[i], f"trained_{event}": cell.trained[i]}
                columns |= {f"off_{event}": float(off[i]), f"literal_{event}": cell.literal[i]}
            table.row(
                B=size, batches=sampling, risk=cell.risk, factor=cell.factor,
                mu=problem.population.mu(cell.eta), alike=cell.n_alike, error=cell.error, **columns,
            )  # fmt: skip
        progress(f"trained: {size} {sampling}", began)
    agreement = found.table(
        "agreement", "all cells together, those with enough of both outcomes for a normal error",
        event="<8", cells="5", largest="7.1f", chi2="7.1f", p="6.2f",
    )  # fmt: skip
    for event in EVENTS:
        p = table[event]
        off = table[f"off_{event}"][p * (1 - p) * c["n_trainings"] > 5]
        total = np.sum(off**2)
        agreement.row(
            event=event, cells=off.size, largest=np.abs(off).max(), chi2=total, p=chi2.sf(total, off.size)
        )


def many_features(found, config):
    """Prompts with leakage: trainings beside each predictor."""
    c, began = config["many"], time.monotonic()
    full = found.table(
        "full_batch",
        "several features: mu up to which the full batch stays in the ellipse, trained and by the mode",
        prompts="<22", leakage="7.3f", trained="8.3f", by_mode_over_it="8.4f",
    )  # fmt: skip
    problems = [prepare(config, case) for case in c["cases"]]
    for case, problem in zip(c["cases"], problems, strict=True):
        trained, by_mode = safety.full_batch(problem, config["n_steps"])
        leakage = problem.population.summary()["leakage"]
        full.row(prompts=case["name"], leakage=leakage, trained=trained, by_mode_over_it=by_mode / trained)
    predicted = {f"half_{LABELS[name]}": "8.2f" for name in safety.PREDICTORS}
    diverge = {f"n_{LABELS[name]}": "6" for name in NAMES}
    table = found.table(
        "leaky",
        f"half: mu at which half of n trainings diverge within {config['n_steps']} steps, then"
        f" predicted over it; limit: mu up to which {c['risk']:.0%} of n do, then how many of n others"
        " do there (n), and at the limits of the predictors",
        prompts="<22", use="<8", one_query="9", leakage="7.3f", B="3", n="5", n_trajectories="5",
        half="6.3f", **predicted, limit="6.3f", low="6.3f", high="6.3f", **diverge,
    )  # fmt: skip
    for case, problem in zip(c["cases"], problems, strict=True):
        for size, *numbers in zip(c["batch_sizes"], c["n_trainings"], c["n_trajectories"], strict=True):
            seed = c["seed"] + 2 * len(table)  # and the next
            row = safety.compare_leaky(problem, size, c, config["n_steps"], *numbers, seed=seed)
            table.row(
                prompts=case["name"], use=case["use"], one_query=int("query_quantile" in case),
                leakage=problem.population.summary()["leakage"], B=size, n=numbers[0],
                n_trajectories=numbers[1], half=row.half, limit=row.limit.value, low=row.limit.low,
                high=row.limit.high,
                **{f"half_{LABELS[name]}": row.predicted[name] / row.half for name in safety.PREDICTORS},
                **{f"n_{LABELS[name]}": row.diverge[name] for name in NAMES},
            )  # fmt: skip
        progress(f"leaky: {case['name']}", began)
    say_spans(found, table)
    say_divergence(found, c["risk"], table)


def say_spans(found, table):
    """Ranges of predicted over trained."""
    spans = found.table(
        "spans", "predicted over trained, least and largest",
        one_query="9", use="<8", by="<10", least="6.2f", largest="7.2f",
    )  # fmt: skip
    for one_query, use in sorted({*zip(table["one_query"].tolist(), table["use"].tolist(), strict=True)}):
        for name in safety.PREDICTORS:
            ratios = table.at(one_query=one_query, use=use)[f"half_{LABELS[name]}"]
            spans.row(one_query=one_query, use=use, by=name, least=ratios.min(), largest=ratios.max())


def say_divergence(found, risk, table):
    """Whether others diverge as often as accepted: by their chance alone, and by that of the limit too."""
    kept = found.table(
        "divergence",
        f"parts of others that diverge at limits of {risk:.0%}; of {len(table)} rows, those with"
        f" {risk:.0%} in the 95 % interval of the part, and those that chance allows at an estimated"
        " limit; together, and off in standard errors",
        by="<10", least="6.1%", largest="7.1%", inside="6", allowed="7", rows="4", together="8.2%",
        off="5.1f",
    )  # fmt: skip
    for name in NAMES:
        k, n = table[f"n_{LABELS[name]}"], table["n"]
        n_limit = table["n"] if name == "trained" else table["n_trajectories"]  # by which the limit was found
        ends = np.array([intervals(*x) for x in zip(k, n, strict=True)])
        allowed = np.array([safety.allowed(risk, *x) for x in zip(n_limit, n, strict=True)])
        inside = [int(((x[:, 0] <= y) & (y <= x[:, 1])).sum()) for x, y in ((ends, risk), (allowed, k))]
        whole = k.sum() / n.sum()
        off = float(safety.deviation(risk, n_limit.sum(), whole, n.sum()))
        kept.row(
            by=name, least=(k / n).min(), largest=(k / n).max(), inside=inside[0], allowed=inside[1],
            rows=k.size, together=whole, off=off,
        )  # fmt: skip


def claims(found):
    yield from of_one_feature(found)
    yield from of_many_features(found)


def of_one_feature(found):
    z = found.config["largest_z"]
    for event in EVENTS:
        row = found["agreement"].at(event=event)
        yield check(
            f"one feature, {event}: p of all deviations",
            row["p"].item(),
            at_least=1e-3,
            reason="by chance alone",
        )
        yield check(
            f"one feature, {event}: largest deviation, standard errors", row["largest"].item(), at_most=z
        )
    cells = found["cells"]
    below = cells.where(cells["mu"] < 1)
    strange = len(below) * found.config["one"]["n_literal"] - below["alike"].sum()
    yield check("mu < 1: trainings not alike to their trajectory", strange, equals=0)
    yield check("largest error of one step", cells["error"].max(), at_most=1e-12, reason="rounding")
    limits = found["limits"]
    gap = limits.at(event="diverged")["mu"] / limits.at(event="left")["mu"] - 1
    yield check(
        "step size of divergence beyond that of leaving", gap.max(), at_least=0, at_most=0.12, reason="11 %"
    )
    left = limits.at(event="left")
    drawn, epochs = (left.at(batches=batches) for batches in ("with-replacement", "epochs"))
    off, slack = (
        epochs["mu"] / drawn["mu"] - 1,
        (epochs["high"] / drawn["low"] - epochs["mu"] / drawn["mu"]).max(),
    )
    reason = "5 %, and what is left open by the intervals"
    yield check(
        "epochs over batches drawn: largest change of the step size",
        np.abs(off).max(),
        at_most=0.05 + slack,
        reason=reason,
    )
    critical = found["prompts"]["critical"].item()
    small = found["limits"].at(event="left", risk=min(found.config["one"]["risks"]))["mu"].max()
    yield check(
        "safe is less than for the full batch: part of its critical mu", small / critical, at_most=0.5
    )


def of_many_features(found):
    leaky, divergence = found["leaky"], found["divergence"]
    trained = divergence.at(by="trained")
    yield check(
        "several features, by trainings: rows that chance does not allow",
        (trained["rows"] - trained["allowed"]).item(),
        equals=0,
    )
    yield check(
        "by trainings: all together off the risk, standard errors", abs(trained["off"].item()), at_most=3
    )
    own, one = leaky.at(one_query=0), leaky.at(one_query=1)
    single = own.where(own["B"] == own["B"].min())
    yield check(
        "own queries, smallest batches: mode over trained, least", single["half_mode"].min(), at_least=1.1
    )
    yield check("own queries: mode over trained, largest", own["half_mode"].max(), at_most=1.65, reason="1.6")
    yield check(
        "own queries: by own length over trained, largest", own["half_own_length"].max(), at_most=1.15
    )
    better = np.abs(own["half_own_length"] - 1) - np.abs(own["half_mode"] - 1)
    yield check("own length is no worse than the mode, by", better.max(), at_most=0.01)
    yield check(
        "own queries: most that diverge at the safe step size by mode",
        (own["n_mode"] / own["n"]).max(),
        at_least=2 * found.config["many"]["risk"],
    )
    yield check("one query: mode over trained, largest", one["half_mode"].max(), at_most=1.085)
    large = one.where(one["B"] >= 4)
    yield check("one query, batches: the same", large["half_mode"].max(), at_most=1.015)
    full = dict(zip(found["full_batch"]["prompts"], found["full_batch"]["by_mode_over_it"], strict=True))
    yield check("full batch, all 10 features: mode over trained", full["all 10"], at_least=1.25, at_most=1.45)
    off = found.config["many"]["full_batch_off"]
    yield check("full batch, one query: the same", full["all 10, one query"], at_most=1 + off)


def draw(found, path):
    figure.draw(found, path)
