"""Print, per range of mu, how many verdicts agree with closed form and exponent."""

from itertools import pairwise

import numpy as np

import lintrans as lt
from experiments.tables import check
from lintrans.two_factor import Regime


def critical_exponent(mu, n_transient, n_steps):
    """Exponent of the orbit of the critical point of a' = (1 + mu) a - a^3, without lintrans."""
    a = np.sqrt((1 + mu) / 3)
    total = np.zeros_like(mu)
    for i in range(n_transient + n_steps):
        if i >= n_transient:
            total += np.log(np.abs(1 + mu - 3 * a * a))
        a = a * (1 + mu - a * a)
    return total / n_steps


def expected_regimes(mu, marks, config):
    """By closed form, and between accumulation and mu = 2 by the exponent."""
    bounds = [marks[name] for name in ("monotone", "stable", "accumulation", "chebyshev")]
    codes = [Regime.MONOTONE, Regime.CATAPULT, Regime.PERIODIC, Regime.CHAOTIC, Regime.DIVERGENT]
    expected = np.array([int(code) for code in codes])[np.searchsorted(bounds, mu)]
    middle = np.flatnonzero((mu > marks["accumulation"]) & (mu < marks["chebyshev"]))
    exponent = critical_exponent(mu[middle], config["n_transient"], config["n_steps"])
    expected[middle] = np.where(exponent < 0, Regime.PERIODIC, Regime.CHAOTIC)
    return expected, [0.0, *bounds, config["mu_max"]]


def measure(found):
    config = found.config
    mu = np.linspace(0, config["mu_max"], config["n_mu"] + 1)[1:]
    verdict = lt.phase_diagram(mu).regime[:, 0]
    marks = {name: mark.mu for name, mark in lt.landmarks().items()}
    expected, edges = expected_regimes(mu, marks, config)
    near = np.abs(mu[:, None] - np.array(list(marks.values()))).min(axis=1) <= config["near"]
    table = found.table(
        "verdicts",
        f"verdicts on {mu.size} values of mu; far: disagreements farther than {config['near']:g} from a"
        " landmark",
        above="8.6f", up_to="8.6f", expected="<12", values="6", agree="6", unresolved="6", wrong="6",
        far="6",
    )  # fmt: skip
    for low, high in pairwise(edges):
        for code in Regime:
            cells = (mu > low) & (mu <= high) & (expected == code)
            if cells.any():
                differ, unresolved = cells & (verdict != expected), cells & (verdict == Regime.UNRESOLVED)
                table.row(
                    above=low, up_to=high, expected=code.label, values=cells.sum(),
                    agree=(cells & ~differ).sum(), unresolved=unresolved.sum(),
                    wrong=(differ & ~unresolved).sum(), far=(differ & ~near).sum(),
                )  # fmt: skip


def claims(found):
    table = found["verdicts"]
    yield check("all five regimes are there to be judged", np.unique(table["expected"]).size, equals=5)
    yield check("no verdict is wrong", table["wrong"].sum(), equals=0)
    yield check("none is unresolved but next to a landmark", table["far"].sum(), equals=0)
