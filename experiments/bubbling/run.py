"""Print whether anything in the balanced attractor amplifies an imbalance for ever."""

import math
import time

import numpy as np
from scipy.stats import norm

import lintrans as lt
from experiments.bubbling import bursts, figure, near_two
from experiments.entry import progress
from experiments.tables import check
from lintrans.two_factor import find_cycles

QUANTILES = (0.5, 0.01, 1e-4)  # survivals: 50, 99 and 99.99 %
BOTH = "a and b"


def measure(found):
    for part in (exponents, cycles, noise, escapes, control, control_escapes, near_two.approach):
        began = time.monotonic()
        part(found, found.config)
        progress(part.__name__, began)


def exponent(config, mus, n_steps):
    return lt.lyapunov_exponents(mus, start=(config["start"],) * 2, n_steps=n_steps)


def exponents(found, config):
    """Transverse exponent over mu in (1, 2), and at named values."""
    c = config["exponent"]
    inside = np.linspace(1, 2, c["n_mu"] + 2)[1:-1]
    curve = exponent(config, inside, c["n_steps"])
    found.keep("curve", mu=inside, across=curve.transverse, error=curve.transverse_error)
    names = {mark.mu: name for name, mark in lt.landmarks().items() if 1 < mark.mu < 2}
    names |= dict.fromkeys((*config["mus"], 1.999, 1.9999), "")
    mus = np.array(sorted(names))
    marks = exponent(config, mus, 10 * c["n_steps"])
    table = found.table(
        "marks", "exponents along and across the slice",
        mu="8.6f", along="7.4f", across="8.5f", error="7.1e", landmark="<12",
    )  # fmt: skip
    for row in zip(mus, marks.along, marks.transverse, marks.transverse_error, strict=True):
        table.row(mu=row[0], along=row[1], across=row[2], error=row[3], landmark=names[row[0]])


def cycles(found, config):
    """Balanced cycles at every mu: kinds, and the largest size of the multiplier across, per step."""
    c = config["cycles"]
    mus = np.linspace(1, 2, c["n_mu"] + 2)[1:-1]
    all_of = {mu: list(bursts.balanced_cycles(find_cycles(mu, c["max_period"]))) for mu in mus}
    table = found.table(
        "cycles",
        f"balanced cycles at {c['n_mu']} values of mu in (1, 2), by kind: |multiplier across| per step",
        kind="<8", period="6", fewest="6", most="6", in_all="6", least="14.12f", largest="14.12f",
        at_mu="6.4f", above_1="7",
    )  # fmt: skip
    for kind in ("inside", "minimum", "vertices", "outside"):
        for period in range(1, c["max_period"] + 1):
            rows = [[m ** (1 / p) for p, k, m in all_of[mu] if (p, k) == (period, kind)] for mu in mus]
            sizes = [m for row in rows for m in row]
            if sizes:
                largest, counts = [max(row, default=0) for row in rows], [len(row) for row in rows]
                table.row(
                    kind=kind, period=period, fewest=min(counts), most=max(counts), in_all=len(sizes),
                    least=min(sizes), largest=max(sizes), at_mu=mus[int(np.argmax(largest))],
                    above_1=sum(m > 1 for m in sizes),
                )  # fmt: skip
    inside = [max(m ** (1 / p) for p, kind, m in all_of[mu] if kind == "inside") for mu in mus]
    found.keep("least_stable", mu=mus, per_step=inside)


def steps_of(config, *, n_orbits=None, n_steps=None):
    steps = {key: config["noise"][key] for key in ("n_orbits", "n_transient", "n_steps", "every")}
    changed = {"n_orbits": n_orbits, "n_steps": n_steps}
    return steps | {key: value for key, value in changed.items() if value}


def tail(response, survivals):
    """Columns of a tail: quantiles with errors, the largest sample, and local slopes."""
    columns = {f"q{i}": response.quantile(s) for i, s in enumerate(QUANTILES)}
    columns |= {f"error{i}": response.error(s) for i, s in enumerate(QUANTILES)}
    slopes = {f"slope{i + 1}": x for i, x in enumerate(response.slopes(survivals))}
    return columns | {"largest": response.largest} | slopes


TAIL = dict.fromkeys(("q0", "q1", "q2"), "8.4g") | dict.fromkeys(("error0", "error1", "error2"), "7.1e")
TAIL |= {"largest": "8.3g"}


def slopes_of(survivals):
    return {f"slope{i + 1}": "6.1f" for i in range(len(survivals) - 1)}


def noise(found, config):
    """Quantiles of |b| / sigma: the same for every sigma, and falling off faster than a power."""
    c, seed = config["noise"], config["seed"]
    survivals = c["survivals"]
    bounds = found.table(
        "bounds", "how much the product of factors over any stretch came to, and its bound C",
        mu="5.2f", amplified="9.3f", bound="8.3f",
    )  # fmt: skip
    for mu in config["mus"]:
        amplified = bursts.largest_amplification(
            mu, n_orbits=c["n_orbits"] // 10, n_steps=c["stretch"], seed=seed
        )
        bounds.row(mu=mu, amplified=amplified, bound=bursts.bound(mu))
    normal = norm.isf(np.array(survivals) / 2)
    gauss = -np.diff(np.log(survivals)) / np.diff(np.log(normal))
    print(f"local slopes of a normal b: {' '.join(f'{x:.1f}' for x in gauss)}")
    table = found.table(
        "noise",
        f"{c['n_orbits']} orbits, {c['n_steps']} steps with noise: |b| / sigma at 50, 99, 99.99 % (q),"
        " errors, slopes of the tail",
        mu="5.2f", sigma="6.0e", noise="<7", **TAIL, **slopes_of(survivals),
    )  # fmt: skip
    for mu in config["mus"]:
        for sigma, where in [*((sigma, "b") for sigma in c["sigmas"]), (c["both"], BOTH)]:
            seed += 1
            response = bursts.respond(mu, sigma, seed=seed, both=where == BOTH, **steps_of(config))
            table.row(mu=mu, sigma=sigma, noise=where, **tail(response, survivals))


def escapes(found, config):
    """Noise that is not small: share of orbits that leave the ellipse for good."""
    c = config["escape"]
    steps = steps_of(config, n_orbits=c["n_orbits"])
    table = found.table(
        "escapes",
        f"larger noise: escaped in {steps['n_transient'] + steps['n_steps']} steps, of {c['n_orbits']};"
        " 99.99 % of |b| / sigma",
        mu="5.2f", sigma="6.0e", noise="<7", escaped="8.1%", q2="8.1f",
    )  # fmt: skip
    for mu in config["mus"]:
        for sigma in c["sigmas"]:
            for where in ("b", BOTH):
                response = bursts.respond(mu, sigma, seed=config["seed"], both=where == BOTH, **steps)
                size = math.nan if response.escaped else response.quantile(QUANTILES[2])
                table.row(mu=mu, sigma=sigma, noise=where, escaped=response.escaped, q2=size)


def control(found, config):
    """The factor across enlarged: the attractor still attracts across, cycles in it do not."""
    c, survivals = config["control"], config["noise"]["survivals"]
    table = found.table(
        "control",
        "control: b' = g (1 + r) b; repel: cycles inside and minima that do; kappa: power of the tail,"
        " and found",
        mu="5.2f", g="5.2f", exponent="8.4f", repel="5", cycles="6", kappa="6.3f", slope="6.3f",
        slope_error="6.3f", **TAIL, **slopes_of(survivals),
    )  # fmt: skip
    for mu, gain in c["gains"]:
        across = exponent(config, [mu], config["exponent"]["n_steps"]).transverse[0] + math.log(gain)
        kinds = bursts.balanced_cycles(find_cycles(mu, config["cycles"]["max_period"]))
        sizes = [gain * m ** (1 / p) for p, kind, m in kinds if kind in ("inside", "minimum")]
        response = bursts.respond(mu, c["sigma"], gain=gain, seed=config["seed"], **steps_of(config))
        slope, error = response.slope(c["fit"])
        table.row(
            mu=mu, g=gain, exponent=across, repel=sum(x > 1 for x in sizes), cycles=len(sizes),
            kappa=bursts.tail_exponent(mu, gain), slope=slope, slope_error=error,
            **tail(response, survivals),
        )  # fmt: skip


def control_escapes(found, config):
    """Its bursts end in divergence, however small the noise."""
    c = config["control"]
    mu, gain = c["escaping"]
    steps = steps_of(config, n_orbits=c["escaping_orbits"], n_steps=c["escaping_steps"])
    table = found.table(
        "control_escapes",
        f"control, mu = {mu}, g = {gain}: escaped in {steps['n_transient'] + steps['n_steps']} steps",
        sigma="6.0e", escaped="9.4%", median="8.2f",
    )  # fmt: skip
    for sigma in c["sigmas"]:
        response = bursts.respond(mu, sigma, gain=gain, seed=config["seed"], **steps)
        table.row(sigma=sigma, escaped=response.escaped, median=response.quantile(0.5))
    escaped = table["escaped"]
    rates, weights = -np.log1p(-escaped), np.sqrt(escaped * steps["n_orbits"])
    fit, covariance = np.polyfit(np.log(c["sigmas"]), np.log(rates), 1, w=weights, cov="unscaled")
    power = found.table(
        "control_power", "escapes grow like a power of sigma", power="6.3f", error="6.3f", kappa="6.3f"
    )
    power.row(power=fit[0], error=covariance[0, 0] ** 0.5, kappa=bursts.tail_exponent(mu, gain))


def claims(found):
    yield from of_exponents(found)
    yield from of_noise(found)
    yield from of_control(found)
    yield from near_two.claims(found)


def of_exponents(found):
    curve, limit = found["curve"], found.config["exponent"]["standard_errors"]
    below = curve["across"] < -limit * curve["error"]
    yield check(
        f"mu at which the exponent across is not negative by {limit} errors", (~below).sum(), equals=0
    )
    lowest = curve["mu"][curve["across"].argmin()]
    yield check("it is lowest at mu", lowest, at_least=1.49, at_most=1.505)
    doubled = curve.where(curve["mu"] < lt.landmarks()["period_4"].mu - 0.005)
    closed = np.log(np.abs(3 - 2 * doubled["mu"])) / 2
    off = np.abs(doubled["across"] - closed).max()
    yield check("on the 2-cycle, off ln(3 - 2 mu) / 2", off, at_most=1e-6, reason="slow next to its doubling")
    inside = found["cycles"].at(kind="inside")
    yield check("cycles in the attractor that repel across", inside["above_1"].sum(), equals=0)
    nearest = found["least_stable"]["mu"].max()
    yield check(
        "periods whose least stable is not at the mu nearest to 2",
        (inside["at_mu"] != nearest).sum(),
        equals=0,
    )
    minima, vertices = (found["cycles"].at(kind=kind) for kind in ("minimum", "vertices"))
    yield check(
        "multiplier of the minima, off 1",
        np.abs([minima["least"] - 1, minima["largest"] - 1]).max(),
        at_most=1e-12,
    )
    yield check(
        "multiplier of the vertices per step, off 3",
        np.abs([vertices["least"] - 3, vertices["largest"] - 3]).max(),
        at_most=1e-9,
    )
    yield check("other cycles", len(found["cycles"].at(kind="outside")), equals=0)


def of_noise(found):
    bounds, table = found["bounds"], found["noise"]
    ratio = bounds["amplified"] / bounds["bound"]
    yield check("largest amplification of a stretch over its bound C", ratio.max(), at_most=1)
    errors, spread = [], []
    for mu in found.config["mus"]:
        rows = table.at(mu=mu)
        for i in range(len(QUANTILES)):
            value, error = rows[f"q{i}"], rows[f"error{i}"]
            errors.append(np.abs(np.subtract.outer(value, value) / np.hypot.outer(error, error)).max())
            spread.append(np.ptp(value) / value.mean())
    n = len(errors) * math.comb(len(table.at(mu=mu)), 2)
    reason = "errors from few chunks are known to a third"
    yield check(
        f"{n} pairs of quantiles of two sigmas, in standard errors",
        max(errors),
        at_most=found.config["noise"]["largest_z"],
        reason=reason,
    )
    yield check("and relative", max(spread), at_most=found.config["noise"]["largest_spread"])
    survivals = found.config["noise"]["survivals"]
    slopes = np.array([table[name] for name in slopes_of(survivals)])
    yield check(
        "least steepening of the tail from one decade to the next",
        np.diff(slopes, axis=0).min(),
        at_least=0.5,
    )
    q2 = max((table.at(mu=mu)["q2"] / bounds.at(mu=mu)["bound"]).max() for mu in found.config["mus"])
    yield check("99.99 % of |b| / sigma over C", q2, at_most=5)
    lost = found["escapes"]
    yield check("escaped at sigma = 0.001, every mu", lost.at(sigma=1e-3)["escaped"].max(), equals=0)
    loud = lost.where((lost["sigma"] == 0.1) & (lost["mu"] >= 1.6))
    yield check("escaped at sigma = 0.1 from mu = 1.6 on", loud["escaped"].min(), at_least=0.9)


def of_control(found):
    table = found["control"]
    yield check("control: exponent across", table["exponent"].max(), at_most=-0.1)
    yield check("control: cycles that repel", table["repel"].min(), at_least=1)
    low = table.where(table["kappa"] < 3)
    off = np.abs(low["slope"] / low["kappa"] - 1).max()
    yield check(
        "control: slope of the tail off kappa, kappa < 3",
        off,
        at_most=0.1,
        reason="high powers are reached slowly",
    )
    plain = found["noise"].at(sigma=found.config["noise"]["sigmas"][0])
    burst = min(
        (row / plain.at(mu=mu)["q2"]).item() for mu, row in zip(table["mu"], table["q2"], strict=True)
    )
    yield check("control: 99.99 % over that of the map", burst, at_least=2)
    (power,), (error,), (kappa,) = (found["control_power"][key] for key in ("power", "error", "kappa"))
    reason = f"errors of {error:.3f}, and powers are reached slowly"
    yield check(
        "control: power of sigma in the escapes, over kappa",
        power / kappa,
        at_least=0.9,
        at_most=1.1,
        reason=reason,
    )


def draw(found, path):
    figure.draw(found, path)
