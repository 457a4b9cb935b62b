"""Print phases of quadratic regression beside those of the map, and what averaging does to test errors."""

from collections import Counter

import numpy as np

import lintrans as lt
from experiments.quadratic_regression import averages, phases
from experiments.shared import panels
from experiments.tables import check

KINDS = ("monotone", "catapult", "period", "chaotic", "divergent", "unresolved")


def measure(found):
    compare(found, found.config["phases"])
    average(found, found.config["averages"])
    one_teacher(found, found.config["averages"])


def compare(found, config):
    n_steps, mus, size = config["n_steps"], config["mus"], {k: config[k] for k in ("n", "d", "seed")}
    table = found.table(
        "phases",
        f"{len(mus)} values of mu, {config['n']} samples each, {n_steps} steps: phases by training that"
        " agree with the map",
        model="<20", samples="7", agree="6", **dict.fromkeys(KINDS, "6"),
    )  # fmt: skip
    for name, model in phases.MODELS.items():
        judged, expected = [], []
        for mu in mus:
            data, eta, start = phases.problem(model, mu, **size)
            judged += phases.judge(data, model, start, eta, n_steps)
            expected += phases.predicted(data, model, start, eta, lt.regime)
        counts = Counter(verdict.split()[0] for verdict in judged)
        agree = sum(x == y for x, y in zip(judged, expected, strict=True))
        table.row(model=name, samples=len(judged), agree=agree, **{kind: counts[kind] for kind in KINDS})
        for x, y in sorted({(x, y) for x, y in zip(judged, expected, strict=True) if x != y}):
            print(f"    training: {x}, map: {y}")


def average(found, config):
    table = found.table(
        "averages",
        f"test error, mean of {config['n_seeds']} teachers with its standard error; std over steps;"
        " cycle: see training",
        data="<18", mu="4.2f", diverged="8", iterates="8.4f", iterates_error="6.4f", iterates_std="6.4f",
        average="8.4f", average_error="6.4f", average_std="8.6f", training="8.2e", cross="6.3f",
        cycle="8.2e",
    )  # fmt: skip
    for name in (averages.ONE_MU, averages.AS_THEY_ARE):
        for mu in config["mus"]:
            runs = [averages.measure(config, mu, name, seed) for seed in range(config["n_seeds"])]
            means = averages.Averaged(*np.mean(runs, axis=0))
            errors = averages.Averaged(*np.std(runs, axis=0, ddof=1) / np.sqrt(len(runs)))
            table.row(
                data=name,
                mu=mu,
                diverged=np.isnan(runs).any(axis=1).sum(),
                iterates_error=errors.iterates,
                average_error=errors.average,
                **means._asdict(),
            )


def one_teacher(found, config):
    """The first teacher at the mu that are said to be worse, and converged."""
    table = found.table("one_teacher", "test error of the average, first teacher", mu="5.3f", average="8.4f")
    for mu in (config["mus"][0], *config["worse"]):
        table.row(mu=mu, average=averages.curves_of_test(config, mu).averaged[-1])


def claims(found):
    table, n_seeds = found["phases"], found.config["averages"]["n_seeds"]
    differ = (table["samples"] - table["agree"]).sum()
    yield check("samples whose phase is not that of the map, periods too", differ, equals=0)
    fewest = min(table[kind].min() for kind in KINDS[:-1])
    yield check("samples of a model in the rarest of the five phases", fewest, at_least=3)
    table = found["averages"]
    settled, moving = table.where(table["mu"] < 1), table.where((table["mu"] > 1) & (table["mu"] < 2))
    diverging = table.where(table["mu"] > 2)
    yield check(
        "runs that diverge at mu = 2.1, least of both data", diverging["diverged"].min(), equals=n_seeds
    )
    part = moving["iterates_std"] / moving["iterates"]
    yield check("1 < mu < 2: fluctuation of the iterates over their mean, least", part.min(), at_least=0.02)
    yield check("and largest", part.max(), at_most=0.25, reason="a fifth")
    yield check(
        "fluctuation of the average over the last steps",
        moving["average_std"].max(),
        at_most=found.config["averages"]["still"],
    )
    yield check("training error of the average, mu < 1", settled["training"].max(), at_most=1e-20)
    yield check("training error of the average, 1 < mu < 2", moving["training"].min(), at_least=1e-4)
    cycle = table.at(data=averages.ONE_MU, mu=1.15)
    ratio = (cycle["training"] / cycle["cycle"]).item()
    yield check(
        "on the 2-cycle, over its closed form",
        ratio,
        at_least=0.99,
        at_most=1.01,
        reason="an odd number of steps",
    )
    lower = max(
        moving.at(data=name)["average"].max() / settled.at(data=name)["average"].min()
        for name in (averages.ONE_MU, averages.AS_THEY_ARE)
    )
    yield check("test error of the average over that of converged training", lower, at_most=1)
    last, first = (table.at(data=averages.ONE_MU, mu=mu)["cross"].item() for mu in (1.95, 0.5))
    yield check("cross terms at mu = 1.95 over those at 0.5", last / first, at_most=0.1)
    converged, *others = found["one_teacher"]["average"]
    yield check(
        "no law: for one teacher the average at two mu is worse by", min(others) - converged, at_least=1e-3
    )


def draw(found, path):
    with panels(path, 1, 3, dpi=110, style={}, figsize=(11, 3.6)) as axes:
        averages.draw(found.config["averages"], axes)
