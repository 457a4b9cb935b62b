"""What a table of boundaries says: how they lie, how laws fit them, and how far the laws are off."""

from itertools import pairwise

import numpy as np

from experiments.softmax import laws
from experiments.tables import check

OBSERVED = {  # name of a boundary: what it is
    "stable": "the small-step minimum is linearly stable",
    "converges": "training converges at this and all smaller steps",
    "bounded": "training stays bounded at this and all smaller steps",
}
SHOWN = (laws.HEADLINE, laws.DERIVED, laws.SHARPNESS)


def add_columns(t):
    """Columns the laws ask for, and the ratios rho."""
    t["scale"] = t["h"] * np.abs(t["y_q"]) / t["temperature"]  # so that eta scale is mu of linear attention
    t["label"], t["n_eff"] = t["flow_label"], t["flow_n_ipr"]
    t["stable"] = t["flow_stable"]
    for name in ("converges", "converges_last", "bounded", "bounded_last"):
        t[name] = t[f"softmax_{name}"] / t[f"linear_{name}"]


def tell(found, t):
    ratios(found, t)
    facts(found, t)
    medians(found, t)
    fits = tell_fits(found, t)
    headline(found, t, fits)
    bins(found, t, fits["converges"][laws.HEADLINE.name])
    ranges(found, t, fits)
    residuals(found, t, fits["converges"][laws.HEADLINE.name])


def rms(off):
    return float(np.sqrt(np.mean(off**2))) if off.size else np.nan


def ratios(found, t):
    """How the boundaries lie to those of linear attention."""
    table = found.table(
        "ratios",
        f"{t['n'].size} cells; softmax over linear, rho: median and middle 68 %, parts below, least;"
        " missing: not in the scan",
        boundary="<14", median="7.2f", low="6.2f", high="7.2f", below_1="7.1%", below_95="8.1%",
        least="6.2f", missing="7",
    )  # fmt: skip
    for name in (*OBSERVED, "converges_last", "bounded_last"):
        rho = t[name][np.isfinite(t[name])]
        low, median, high = np.quantile(rho, (0.16, 0.5, 0.84))
        table.row(
            boundary=name, median=median, low=low, high=high, below_1=np.mean(rho < 1),
            below_95=np.mean(rho < 0.95), least=rho.min(), missing=t[name].size - rho.size,
        )  # fmt: skip


def facts(found, t):
    """Single numbers, by what they are."""
    beyond, excess = t["converges_last"] / t["converges"], t["converges"] / t["stable"]
    low, median, high = np.nanquantile(excess, (0.16, 0.5, 0.84))
    edge = t["softmax_converges"] / t["end_stable"]
    table = found.table("facts", "single numbers", what="<74", value="8.4f")
    for name in ("converges", "bounded"):
        column = t[f"linear_{name}"]
        table.row(what=f"linear attention, {name} up to mu, least", value=column.min())
        table.row(what=f"linear attention, {name} up to mu, largest", value=column.max())
    for what, value in {
        "part of the cells where steps that converge are no interval": np.mean(t["returns_converged"] > 0),
        "part of the cells where steps that stay bounded are no interval": np.mean(t["returns_bounded"] > 0),
        "part whose largest convergent step is above 10 times the first boundary": np.mean(beyond > 10),
        "part above 100 times": np.mean(beyond > 100),
        "convergent over stable step size, median": median,
        "convergent over stable step size, 16 %": low,
        "convergent over stable step size, 84 %": high,
        "part of the cells where it is below 0.98": np.mean(excess < 0.98),
        "part of the cells where it is above 1.02": np.mean(excess > 1.02),
        "minimum found at it: part with eta sharpness > 1.96": np.mean(edge > 0.98),
        "minimum found at it: part with n_eff below that of small steps": np.mean(
            t["end_n_ipr"] < t["n_eff"]
        ),
        "bounded in every cell up to this times 2 / max y_i^2": np.nanmin(
            t["softmax_bounded"] / t["scale"] * t["max_label"] ** 2 / 2
        ),
    }.items():
        table.row(what=what, value=value)


def medians(found, t):
    """Median over seeds of rho and of n_eff, by prompt length and temperature."""
    temperatures = np.unique(t["temperature"])
    columns = {f"T_{x:g}": "7.2f" for x in temperatures}
    table = found.table(
        "medians", "medians over seeds of n_eff and of rho, by temperature T", of="<9", n="3", **columns
    )
    for name in ("n_eff", *OBSERVED):
        for n in np.unique(t["n"]):
            here = [t[name][(t["n"] == n) & (t["temperature"] == x)] for x in temperatures]
            table.row(of=name, n=int(n), **dict(zip(columns, map(np.nanmedian, here), strict=True)))


def usable(t, name):
    """Rows with a boundary, ln rho, and which of them are fitted: the even seeds."""
    here = laws.rows(t, np.isfinite(t[name]))
    return here, np.log(here[name]), here["seed"] % 2 == 0


def tell_fits(found, t):
    """Every law, fitted to the even seeds; residuals in the odd ones."""
    table = found.table(
        "fits",
        "rms and largest |ln(observed / predicted)| in the seeds not fitted; n_eff = 1 / sum p^2 at"
        " the minimum of small steps",
        law="<36", boundary="<9", rms="6.3f", worst="6.2f",
    )  # fmt: skip
    fits = {name: {} for name in OBSERVED}
    for law in laws.LAWS:
        for name in OBSERVED:
            one = fits[name][law.name] = laws.fit(law, *usable(t, name))
            table.row(law=law.name, boundary=name, rms=one.rms, worst=one.worst)
    return fits


def headline(found, t, fits):
    """The law of the README: its parameters, and how much it explains."""
    law = laws.HEADLINE
    table = found.table(
        "headline",
        f"{law.name}: parts within a factor 1.25 and 2; rms with exp(entropy), and with n_eff where"
        " training ends",
        boundary="<9", c="6.1f", c_error="7.1f", a="6.2f", a_error="7.2f", explains="8.0%",
        within_1_25="11.0%", within_2="8.0%", rms_entropy="11.3f", rms_end="7.3f",
    )  # fmt: skip
    for name in OBSERVED:
        here, log_rho, fitted = usable(t, name)
        one = fits[name][law.name]
        errors = laws.errors(law, laws.rows(here, fitted), log_rho[fitted], **found.config["fit"])
        (log_c, a), (error_c, error_a) = one.parameters, errors
        entropy, end = (
            laws.fit(
                law, laws.rows(here, known) | {"n_eff": here[column][known]}, log_rho[known], fitted[known]
            ).rms
            for column, known in ((x, np.isfinite(here[x])) for x in ("flow_n_entropy", "end_n_ipr"))
        )
        size = np.abs(one.residuals)
        table.row(
            boundary=name, c=np.exp(log_c), c_error=np.exp(log_c) * error_c, a=a, a_error=error_a,
            explains=1 - (one.rms / fits[name]["c"].rms) ** 2, within_1_25=np.mean(size < np.log(1.25)),
            within_2=np.mean(size < np.log(2)), rms_entropy=entropy, rms_end=end,
        )  # fmt: skip


def by_spread(t):
    """Bins of 1/n_eff - 1/n with the 16, 50 and 84 % quantiles of the convergent rho, and a mask."""
    spread = laws.spread(t)
    for low, high in pairwise(np.geomspace(1e-3, 1, 10)):
        inside = (spread >= low) & (spread < high) & np.isfinite(t["converges"])
        if inside.sum() > 10:
            yield low, high, np.quantile(t["converges"][inside], (0.16, 0.5, 0.84)), inside


def bins(found, t, fit):
    """Medians of the convergent rho of all seeds, beside a fitted law."""
    table = found.table(
        "bins", f"bins of 1/n_eff - 1/n: median of rho, training converges, and of {fit.law.name}",
        above="7.4f", below="7.4f", cells="5", median="7.2f", law="7.2f", ratio="6.2f",
    )  # fmt: skip
    for low, high, (_, median, _), inside in by_spread(t):
        law = np.exp(np.median(fit.law.log(fit.parameters, laws.rows(t, inside))))
        table.row(above=low, below=high, cells=inside.sum(), median=median, law=law, ratio=median / law)


def ranges(found, t, fits):
    """Residuals of three laws by effective length, in the seeds not fitted."""
    table = found.table(
        "ranges", "rms of ln(observed / predicted) by effective length",
        n_eff_from="10g", to="5g", law="<36", boundary="<9", cells="5", rms="6.2f",
    )  # fmt: skip
    for low, high in pairwise((1, 1.5, 3, 10, 50, np.inf)):
        for law in SHOWN:
            for name in OBSERVED:
                here, _, fitted = usable(t, name)
                n_eff = here["n_eff"][~fitted]
                off = fits[name][law.name].residuals[(n_eff >= low) & (n_eff < high)]
                table.row(n_eff_from=low, to=high, law=law.name, boundary=name, cells=off.size, rms=rms(off))


def residuals(found, t, fit):
    """Residuals of a fit of the convergent step size by prompt length and temperature."""
    here, _, fitted = usable(t, "converges")
    n, temperature = here["n"][~fitted], here["temperature"][~fitted]
    table = found.table(
        "residuals",
        f"{fit.law.name}, {OBSERVED['converges']}: ln(observed / predicted) in the seeds not fitted",
        n="3", T="5g", mean="6.2f", rms="6.2f",
    )  # fmt: skip
    for one in np.unique(n):
        for x in np.unique(temperature):
            off = fit.residuals[(n == one) & (temperature == x)]
            table.row(n=int(one), T=x, mean=off.mean(), rms=rms(off))


def claims(found):
    yield from of_boundaries(found)
    yield from of_laws(found)


ROUNDED = "to 2 %, the scatter of 1,344 cells that are partly chaotic"


def about(statement, measured, value, reason=ROUNDED):
    return check(statement, measured, at_least=value - 0.02, at_most=value + 0.02, reason=reason)


def of_boundaries(found):
    fact = dict(zip(found["facts"]["what"], found["facts"]["value"], strict=True))
    for name, mu in (("converges", 1), ("bounded", 2)):
        for end in ("least", "largest"):
            value = fact[f"linear attention, {name} up to mu, {end}"]
            reason = "bisected to 0.5 % from below"
            yield check(
                f"linear attention {name} up to mu, {end}",
                value,
                at_least=0.993 * mu,
                at_most=1.001 * mu,
                reason=reason,
            )
    below = dict(zip(found["ratios"]["boundary"], found["ratios"]["below_95"], strict=True))
    for name, part in (("stable", 0.25), ("converges", 0.11), ("bounded", 0.06)):
        yield about(f"not always later: part of rho < 0.95, {name}", below[name], part)
    rho = found["medians"].at(of="converges")
    yield check(
        "concentrated on few tokens, median rho", rho["T_0.1"][0], at_least=25, at_most=40, reason="about 30"
    )
    yield check("long prompts at high temperature, median rho off 1", abs(rho["T_30"][-1] - 1), at_most=0.02)
    yield about(
        "no interval: part of the cells, converges",
        fact["part of the cells where steps that converge are no interval"],
        0.78,
    )
    yield about(
        "no interval: part of the cells, bounded",
        fact["part of the cells where steps that stay bounded are no interval"],
        0.70,
    )
    yield about(
        "part whose largest step is above ten times the first",
        fact["part whose largest convergent step is above 10 times the first boundary"],
        0.33,
    )
    yield about(
        "convergent over stable step size, median", fact["convergent over stable step size, median"], 1.32
    )
    yield about("part that converges beyond it", fact["part of the cells where it is above 1.02"], 0.64)
    yield check(
        "part that converges less far", fact["part of the cells where it is below 0.98"], at_most=0.01
    )
    yield about(
        "part that ends with attention more concentrated",
        fact["minimum found at it: part with n_eff below that of small steps"],
        0.77,
    )
    yield check(
        "bounded in every cell up to 2 / max y_i^2, times",
        fact["bounded in every cell up to this times 2 / max y_i^2"],
        at_least=0.995,
        reason="bisected to 0.5 %",
    )


def of_laws(found):
    left = {
        (law, name): value
        for law, name, value in zip(*(found["fits"][key] for key in ("law", "boundary", "rms")), strict=True)
    }
    law, names = laws.HEADLINE.name, [one.name for one in laws.LAWS]
    explained = found["headline"]["explains"]
    yield check(
        "the law explains of the variance, least", explained.min(), at_least=0.48, reason="about half"
    )
    yield check("and most", explained.max(), at_most=0.6)
    alone = 1 - (left["c n^a", "converges"] / left["c", "converges"]) ** 2
    yield check("n alone explains of the convergent boundary", alone, at_most=0.08, reason="6 %")
    gain = max(left[law, name] - left[f"{law} T^b", name] for name in OBSERVED)
    yield check("T adds to n_eff, rms", gain, at_most=0.02, reason="next to nothing")
    other = min(left[one, name] - left[law, name] for one in names[:5] for name in OBSERVED)
    yield check("simpler laws are worse, rms by at least", other, at_least=0.01)
    a = dict(
        zip(
            found["headline"]["boundary"],
            zip(found["headline"]["a"], found["headline"]["a_error"], strict=True),
            strict=True,
        )
    )
    apart = min((a["stable"][0] - a[name][0]) / a["stable"][1] for name in ("converges", "bounded"))
    yield check(
        "no one law: exponents of the others from that of stable, in its errors",
        apart,
        at_least=2.5,
        reason="three; 200 resamples tell an error to 5 %",
    )
    ratio = found["bins"]["ratio"]
    yield check("a law of averages: medians over law, least", ratio.min(), at_least=0.6)
    yield check("and largest", ratio.max(), at_most=1.25)
    worst = found["residuals"]
    at = np.nanargmax(worst["rms"])
    yield check("no law for one prompt: largest rms of a cell", worst["rms"][at], at_least=1.5, at_most=1.7)
    yield check(
        "which is at n T of",
        worst["n"][at] * worst["T"][at],
        at_least=0.4,
        at_most=0.4,
        reason="n = 4, T = 0.1",
    )
    collapsed = found["ranges"].at(n_eff_from=1.0, boundary="stable")
    fitted, derived = (collapsed.at(law=one)["rms"].item() for one in (law, laws.DERIVED.name))
    yield check("attention on one token: rms of the law without a number", derived, at_most=0.3)
    yield check("there the fitted law, rms", fitted, at_least=0.8)
