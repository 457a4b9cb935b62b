"""Print, per range of mu, how many verdicts agree with closed form and exponent."""

import tomllib
from itertools import pairwise
from pathlib import Path

import numpy as np

import lintrans as lt
from lintrans.two_factor.regimes import Regime


def critical_exponent(mu, n_transient, n_steps):
    """Exponent of the orbit of the critical point of a' = (1 + mu) a - a^3, without lintrans."""
    a = np.sqrt((1 + mu) / 3)
    total = np.zeros_like(mu)
    for i in range(n_transient + n_steps):
        if i >= n_transient:
            total += np.log(np.abs(1 + mu - 3 * a * a))
        a = a * (1 + mu - a * a)
    return total / n_steps


def main() -> None:
    config = tomllib.loads((Path(__file__).parent / "config.toml").read_text())
    mu = np.linspace(0, config["mu_max"], config["n_mu"] + 1)[1:]
    diagram = lt.phase_diagram(mu)
    verdict = diagram.regime[:, 0]
    marks = {name: mark.mu for name, mark in lt.landmarks().items()}
    bounds = [marks[name] for name in ("monotone", "stable", "accumulation", "chebyshev")]
    codes = [Regime.MONOTONE, Regime.CATAPULT, Regime.PERIODIC, Regime.CHAOTIC, Regime.DIVERGENT]
    expected = np.array([int(code) for code in codes])[np.searchsorted(bounds, mu)]
    middle = np.flatnonzero((mu > marks["accumulation"]) & (mu < marks["chebyshev"]))
    exponent = critical_exponent(mu[middle], config["n_transient"], config["n_steps"])
    expected[middle] = np.where(exponent < 0, Regime.PERIODIC, Regime.CHAOTIC)
    near = np.abs(mu[:, None] - np.array(list(marks.values()))).min(axis=1) <= config["near"]
    row = "{:<22} {:<12} {:>6} {:>7} {:>11} {:>6}"
    print(row.format("mu", "expected", "values", "agree", "unresolved", "wrong"))
    edges = [0.0, *bounds, config["mu_max"]]
    for low, high in pairwise(edges):
        for code in Regime:
            cells = (mu > low) & (mu <= high) & (expected == code)
            if cells.any():
                agree = (verdict == expected)[cells].sum()
                unresolved = (verdict == Regime.UNRESOLVED)[cells].sum()
                wrong = cells.sum() - agree - unresolved
                span = f"({low:.6f}, {high:.6f}]"
                print(row.format(span, code.label, cells.sum(), agree, unresolved, wrong))
    far = (verdict != expected) & ~near
    print(f"disagreements farther than {config['near']:g} from a landmark: {far.sum()} of {(~near).sum()}")


if __name__ == "__main__":
    main()
