"""Print which modes carry the prediction after training at every step size, and draw it."""

from dataclasses import replace

import numpy as np

from experiments.shared import example_prompt, panels
from experiments.tables import check
from lintrans.many_modes import ManyModes

CHECK_EVERY = 50
OWN_UNITS, DEVIATIONS = "own units", "standardised"  # of the labels


def measure(found):
    config = found.config
    raw = example_prompt(config["data"])
    deviation = raw.labels.std()
    prompt = replace(raw, labels=raw.labels / deviation, query_label=raw.query_label / deviation)
    problems = {DEVIATIONS: ManyModes.of(prompt), OWN_UNITS: ManyModes.of(raw)}
    modes = found.table("modes", "modes of the prompt", labels="<12", mode="4", curvature_over_first="10.3g")
    for labels, many in problems.items():
        for i, ratio in enumerate(many.curvatures / many.curvatures[0]):
            modes.row(labels=labels, mode=i + 1, curvature_over_first=ratio)
    table = found.table(
        "shares",
        f"{config['n_starts']} starts of every size; shares of the prediction by mode, means over those"
        " that converged",
        labels="<12", size="5g", mu="5g", converged="6.1%", escaped="6.1%", mode_1="6.3f", mode_2="6.3f",
        mode_3="6.3f", rest="6.3f", effective="6.2f", mean_curvature="6.3f", cap="6.3f",
    )  # fmt: skip
    for labels, size in [(DEVIATIONS, size) for size in config["scales"]] + [
        (OWN_UNITS, config["scales"][0])
    ]:
        many = problems[labels]
        ratio = many.curvatures / many.curvatures[0]
        for mu in config["mu"]["table" if labels == DEVIATIONS else "raw"]:
            shares, converged, escaped = learn(many, mu, size, config)
            mean, effective, curvature = np.full(many.n_modes, np.nan), np.nan, np.nan
            if len(shares):
                mean = shares.mean(axis=0)
                # modes that carry the prediction: 1 / sum of squared shares
                effective = np.median(1 / np.square(shares).sum(axis=1))
                curvature = np.median(shares @ ratio)
            table.row(
                labels=labels, size=size, mu=mu, converged=converged, escaped=escaped, mode_1=mean[0],
                mode_2=mean[1], mode_3=mean[2], rest=mean[3:].sum(), effective=effective,
                mean_curvature=curvature, cap=1 / mu,
            )  # fmt: skip
    keep_curves(found, problems[DEVIATIONS])


def keep_curves(found, many):
    """Shares over a fine axis of mu, for the figure; NaN where below 5 % converged, as a mean says little."""
    config, rows = found.config, []
    for size in config["scales"]:
        for mu in np.linspace(*config["mu"]["figure"][:2], config["mu"]["figure"][2]):
            shares, converged, _ = learn(many, mu, size, config)
            mean = shares.mean(axis=0) if converged >= 0.05 else np.full(many.n_modes, np.nan)
            rows.append((size, mu, converged, *mean))
    names = ("size", "mu", "converged", *(f"mode_{i + 1}" for i in range(many.n_modes)))
    found.keep("curves", **dict(zip(names, np.transpose(rows), strict=True)))


def learn(many, mu, scale, config):
    """Train all starts; shares of the prediction, and what parts of the starts converged and escaped."""
    rng = np.random.default_rng(config["seed"])
    unit = np.sqrt(abs(many.query_label) / many.curvatures[0])
    p, k = scale * unit * rng.normal(size=(2, config["n_starts"], many.n_modes))
    s, d = p + k, p - k
    step_size = mu / many.curvatures[0] / abs(many.query_label)
    for i in range(config["n_steps"]):
        s, d = many.step(s, d, step_size=step_size)
        if i % CHECK_EVERY == 0:
            relative = np.abs(many.residual(s, d) / many.query_label)
            # a residual passing through 0 is not convergence: the minimum must be stable too
            converged = (relative < config["tol"]) & (step_size * many.sharpness(s, d) < 2)
            escaped = ~(relative < config["escape"])
            s[escaped] = d[escaped] = np.nan
            if (converged | escaped).all():
                break
    return many.contributions(s, d)[converged] / many.query_label, converged.mean(), escaped.mean()


def claims(found):
    small = found["shares"].at(labels=DEVIATIONS, size=found.config["scales"][0])
    below, above = small.where(small["mu"] < 1), small.where((small["mu"] > 1) & (small["mu"] < 1.9))
    yield check(
        "mu < 1: least share of the strongest mode, small starts", below["mode_1"].min(), at_least=0.99
    )
    yield check("1 < mu < 1.9: least part that converges", above["converged"].min(), equals=1)
    falls = np.diff(above["mode_1"]).max()
    yield check("1 < mu < 1.9: largest step of the share of the strongest mode", falls, at_most=0)
    ratio = above["mean_curvature"] / above["cap"]
    yield check("1 < mu < 1.9: mean curvature over its cap, largest", ratio.max(), at_most=1)
    yield check("and least", ratio.min(), at_least=0.95, reason="just inside the cap")
    curve = found["curves"].at(size=found.config["scales"][0])
    exact, strange = (np.abs(curve["mu"] - mu).argmin() for mu in (1, 1.85))
    converged = curve["converged"]
    yield check(
        "mu = 1: part that converges, less than next to it",
        converged[exact],
        at_most=min(converged[[exact - 1, exact + 1]]) - 0.1,
    )
    yield check("mu = 1.85: part that still oscillates", 1 - converged[strange], at_least=0.6, at_most=0.9)
    own = found["shares"].at(labels=OWN_UNITS)
    yield check(
        "labels in their own units, mu > 1: nothing converges",
        own.where(own["mu"] > 1)["converged"].max(),
        equals=0,
    )
    stiffest, second = found["modes"].at(labels=OWN_UNITS)["curvature_over_first"][:2]
    yield check(
        "there the label direction is stiffer than the next", stiffest / second, at_least=1458, at_most=1460
    )


def draw(found, path):
    curves, sizes = found["curves"], found.config["scales"]
    ratio = found["modes"].at(labels=DEVIATIONS)["curvature_over_first"]
    shape = {"figsize": (10, 6), "sharex": True, "sharey": "row"}
    with panels(path, 2, 2, dpi=110, style={}, **shape) as axes:
        for (above, below), size in zip(axes.T, sizes, strict=True):
            curve = curves.at(size=size)
            mus, means = curve["mu"], np.array([curve[f"mode_{i + 1}"] for i in range(ratio.size)])
            above.stackplot(
                mus,
                *means,
                labels=[f"mode {i + 1}: $m_i/m_1$ = {x:.2g}" for i, x in enumerate(ratio)],
                colors=axes_colors(ratio.size),
            )
            above.set(title=f"starts of size {size:g}", ylim=(0, 1))
            below.plot(mus, ratio @ means, "o", ms=3, label=r"mean curvature, $\sum_i m_i c_i / (m_1 y_q)$")
            below.plot(mus, np.minimum(1, 1 / mus), "k-", lw=1, label=r"no stable minimum above $1/\mu$")
            below.plot(mus, curve["converged"], "--", lw=1, color="tab:red", label="starts that converge")
            below.set(xlabel=r"step size, as $\mu = \eta\, m_1 |y_q|$ of the strongest mode", ylim=(0, 1.05))
        axes[0, 0].set_ylabel("share of the prediction")
        axes[1, 0].legend(fontsize=8, loc="lower left")
        axes[0, 1].legend(fontsize=8, loc="upper left", bbox_to_anchor=(1.01, 1), frameon=False)


def axes_colors(n):
    from matplotlib import colormaps

    return colormaps["viridis"](np.linspace(0, 1, n))
