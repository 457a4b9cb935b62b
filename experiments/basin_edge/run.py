"""Print how many starts escape on the wrong side of the invariant ellipse, and how far from it they lie."""

from concurrent.futures import ThreadPoolExecutor

import numpy as np

from experiments.tables import check
from lintrans.two_factor import kernels
from lintrans.two_factor.normal_form import ellipse_level

CHUNK = 10_000


def measure(found):
    config = found.config
    rng = np.random.default_rng(config["seed"])
    n = config["n_starts"]
    table = found.table(
        "starts", f"{n} starts each, {config['n_steps']} steps",
        mu="4.2f", inside="7", wrong="6", farthest="8.1e", nearest_start="8.1e",
    )  # fmt: skip
    for mu in np.linspace(*config["mu"], config["n_mu"]):
        a, b = (config["box"] * np.sqrt(2 + s * mu) * rng.uniform(-1, 1, n) for s in (1, -1))
        diverged = fates(mu, a, b, config) == kernels.DIVERGED
        level, distance = ellipse_level(mu, a, b), distances(mu, a, b)
        wrong = diverged != (level > 0)
        farthest = distance[wrong].max(initial=0.0)
        table.row(
            mu=mu,
            inside=(level < 0).sum(),
            wrong=wrong.sum(),
            farthest=farthest,
            nearest_start=distance.min(),
        )
    beside(rng, found)


def beside(rng, found):
    """Share of wrong starts at a given relative distance from the ellipse, half of them on either side."""
    config = found.config
    table = found.table(
        "beside", f"{CHUNK * config['n_mu']} starts beside the ellipse, half of them inside",
        relative_distance="8.0e", wrong="8.3%",
    )  # fmt: skip
    for exponent in config["beside"]:
        wrong = []
        for mu in np.linspace(*config["mu"], config["n_mu"]):
            angle, side = rng.uniform(0, 2 * np.pi, CHUNK), rng.choice([-1.0, 1.0], CHUNK)
            scale = 1 + side * 10.0**exponent
            a, b = scale * np.sqrt(2 + mu) * np.cos(angle), scale * np.sqrt(2 - mu) * np.sin(angle)
            wrong.append((fates(mu, a, b, config) == kernels.DIVERGED) != (side > 0))
        table.row(relative_distance=10.0**exponent, wrong=np.mean(wrong))


def fates(mu, a, b, config):
    """Codes of `kernels.fates`, on all cores."""

    def chunk(i):
        part, none = slice(i, i + CHUNK), np.empty((0, 3))
        mus = np.full(a[part].size, mu)
        return kernels.fates(mus, a[part], b[part], config["n_steps"], config["settled"], False, none)[0]

    with ThreadPoolExecutor() as pool:
        return np.concatenate(list(pool.map(chunk, range(0, a.size, CHUNK))))


def distances(mu, a, b):
    """Distance to the ellipse up to first order: |Q| over the length of its gradient."""
    return np.abs(ellipse_level(mu, a, b)) / (2 * np.hypot(a / (2 + mu), b / (2 - mu)))


def claims(found):
    starts, beside = found["starts"], found["beside"]
    last = beside["relative_distance"].min()
    farther = beside.where(beside["relative_distance"] > 2 * last)
    yield check("starts on the wrong side of the ellipse", starts["wrong"].sum(), equals=0)
    yield check(
        "distance of such a start from the ellipse",
        starts["farthest"].max(),
        at_most=found.config["tolerance"],
        reason="closer than that rounding may decide",
    )
    yield check("part that is wrong from 1e-14 on", farther["wrong"].max(), at_most=5e-5, reason="0.00 %")
    yield check(
        "part that is wrong at 1e-15",
        beside.at(relative_distance=last)["wrong"].item(),
        at_least=1e-4,
        at_most=1e-2,
        reason="there rounding begins to decide: a few ulps",
    )
