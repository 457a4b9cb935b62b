"""Near mu = 2: the exponent across in octaves of 2 - mu, in units of the law -sqrt((2 - mu) / 3)."""

import math

import numpy as np

import lintrans as lt
from experiments.tables import check


def approach(found, config):
    c = config["approach"]
    table = found.table(
        "approach", "2 - mu around 2^-k; exponent across over -sqrt((2 - mu) / 3), of chaotic mu",
        k="3", chaotic="7", median="7.4f", error="7.4f", low="7.4f", high="7.4f", error_of_one="7.4f",
    )  # fmt: skip
    for k in range(c["octaves"][0], c["octaves"][1] + 1, c["every"]):
        gaps = 2.0 ** (-k - ((np.arange(c["n_mu"]) + 0.5) / c["n_mu"] - 0.5))
        run = lt.lyapunov_exponents(2 - gaps, start=(config["start"],) * 2, n_steps=c["n_steps"])
        chaotic = run.along > config["exponent"]["standard_errors"] * run.along_error
        law = np.sqrt((2 - run.mu) / 3)
        ratio, error = -(run.transverse / law)[chaotic], (run.transverse_error / law)[chaotic]
        low, median, high = np.quantile(ratio, (0.16, 0.5, 0.84))
        # of a median of so many normal values
        of_median = math.sqrt(math.pi / 2 / ratio.size) * (high - low) / 2
        table.row(
            k=k, chaotic=chaotic.sum(), median=median, error=of_median, low=low, high=high,
            error_of_one=np.median(error),
        )  # fmt: skip
    fit_law(found, c, table)


def fit_law(found, config, table):
    """Power and constant, from an octave on."""
    used = table.where(table["k"] >= config["fit"])
    gaps, values, errors = 2.0 ** -used["k"], used["median"], used["error"]
    (power, _), covariance = np.polyfit(
        np.log(gaps), np.log(values * np.sqrt(gaps / 3)), 1, w=values / errors, cov=True
    )
    (slope, ratio), straight = np.polyfit(np.sqrt(gaps), values, 1, w=1 / errors, cov=True)
    fit = found.table(
        "law",
        f"k >= {config['fit']}: the power; with 1/2 and a correction in sqrt(2 - mu), the constant over"
        " 1/sqrt(3)",
        power="7.4f", power_error="7.4f", correction="6.2f", ratio="7.4f", ratio_error="7.4f",
    )  # fmt: skip
    fit.row(
        power=power, power_error=covariance[0, 0] ** 0.5, correction=slope, ratio=ratio,
        ratio_error=straight[1, 1] ** 0.5,
    )  # fmt: skip


def claims(found):
    law, table = found["law"], found["approach"]
    (power,), (ratio,), (error,) = (law[name] for name in ("power", "ratio", "ratio_error"))
    off = found.config["approach"]["largest_off"]
    reason = "a correction of higher order is still in it"
    yield check(
        "near mu = 2: power of 2 - mu in the exponent across",
        power,
        at_least=0.5 - off,
        at_most=0.5 + off,
        reason=reason,
    )
    yield check(
        "near mu = 2: constant over 1 / sqrt(3)",
        ratio,
        at_least=1 - off,
        at_most=1 + off,
        reason=f"errors of {error:.4f}",
    )
    far = np.abs(table["median"] - 1)
    yield check("medians come closer to the law: last distance over first", far[-1] / far[0], at_most=0.1)
