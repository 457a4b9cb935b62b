"""Print how the leakage out of the shared mode falls with the prompt length."""

import time

import numpy as np
from scipy.stats import chi2

from experiments.entry import progress
from experiments.leakage import figure, leaks
from experiments.tables import check

MEASURED = ("way_early", "way_end", "error")  # of training: W beside the mode, and the map of one step


def measure(found):
    static(found, found.config["static"])
    controls(found, found.config["controls"], found.config["static"])
    dynamic(found, found.config["dynamic"])
    settled(found, found.config["long"], found.config["dynamic"])
    risks(found, found.config["risk"])


def static(found, c):
    """Leakage of the prompts themselves: slopes, and the derived law."""
    lengths, count = np.array(c["lengths"]), {"n_prompts": c["n_prompts"], "n_seeds": c["n_seeds"]}
    table = found.table(
        "static",
        f"leakage of independent prompts, {c['n_seeds']} times {c['n_prompts']} of each length: slopes"
        f" over n; small: n <= {c['small']}, large: n >= {c['large']}, shifted: over n + d - 1;"
        " constant: over its limit",
        d="2", noise="5g", **slopes("all", "8.4f"), **slopes("small", "8.4f"), **slopes("large", "8.4f"),
        **slopes("shifted", "8.4f"), law_chi2="8.1f", law_dof="7", law_p="6.3f", constant="8.4f",
        constant_error="6.4f",
    )  # fmt: skip
    curves = []
    for d in c["features"]:
        for noise in c["noises"]:
            began = time.monotonic()
            y, error = np.array([leaks.static(n, d, noise=noise, **count) for n in lengths]).T
            law = np.log([leaks.law(n, d, c["n_prompts"], noise) for n in lengths])
            off = np.sum(((y - law) / error) ** 2)
            constant = np.exp(y[-1]) * np.sqrt(lengths[-1] / (d - 1) / (1 + noise**2))
            small, large = halves(c, lengths, y, error)
            table.row(
                d=d, noise=noise, **of_fit("all", leaks.fit_slope(np.log(lengths), y, error)),
                **of_fit("small", small), **of_fit("large", large),
                **of_fit("shifted", leaks.fit_slope(np.log(lengths + d - 1), y, error)), law_chi2=off,
                law_dof=y.size, law_p=chi2.sf(off, y.size), constant=constant,
                constant_error=constant * error[-1],
            )  # fmt: skip
            curves += [(d, noise, *row) for row in zip(lengths, np.exp(y), np.exp(y) * error, strict=True)]
            progress(f"static: d = {d}, noise {noise:g}", began)
    names = ("d", "noise", "n", "leakage", "error")
    found.keep("curves", **dict(zip(names, zip(*curves, strict=True), strict=True)))


def slopes(name, form):
    return {name: form, f"{name}_error": "6.4f", f"{name}_chi2": "7.1f", f"{name}_dof": "3"}


def of_fit(name, fit):
    return {name: fit.slope, f"{name}_error": fit.error, f"{name}_chi2": fit.chi2, f"{name}_dof": fit.dof}


def halves(c, lengths, y, error):
    """Slopes at small and at large lengths."""
    return [
        leaks.fit_slope(np.log(lengths[part]), y[part], error[part])
        for part in (lengths <= c["small"], lengths >= c["large"])
    ]


def controls(found, c, sizes):
    """Prompts with queries of their own, and prompts on exactly one mode."""
    count, d = {"n_prompts": sizes["n_prompts"], "n_seeds": sizes["n_seeds"]}, c["features"]
    table = found.table(
        "controls", f"controls, d = {d}: leakage (root mean square)",
        kind="<12", n="5", leakage="8.4f", error="7.4f", law="7.4f",
    )  # fmt: skip
    for kind in leaks.KINDS[1:]:
        for n in c["lengths"]:
            y, error = leaks.static(n, d, kind=kind, **count)
            law = leaks.control_law(n, d) if kind == "own queries" else 0.0
            table.row(kind=kind, n=n, leakage=np.exp(y), error=np.exp(y) * error, law=law)


def dynamic(found, c):
    """What training makes of it: the way of W beside the mode, and the error of a step of the map."""
    names = ("early", "start", "batch_size", "n_steps")
    cases = [(mu, beside) for mu in c["mus"] for beside in c["beside"]]
    lengths, began = np.array(c["lengths"]), time.monotonic()
    runs = np.full((len(cases), lengths.size, c["n_seeds"], len(MEASURED)), np.nan)
    for seed in range(c["n_seeds"]):
        for j, n in enumerate(lengths):
            prompts = leaks.draw_prompts(n, c["features"], c["n_prompts"], seed=seed)
            for i, (mu, beside) in enumerate(cases):
                settings = {name: c[name] for name in names} | {"beside": beside, "seed": seed}
                runs[i, j, seed] = leaks.dynamic(prompts, mu, **settings)
        progress(f"dynamic: seed {seed + 1}/{c['n_seeds']}", began)
    table = found.table(
        "training",
        f"training, {c['n_steps']} steps of {c['batch_size']} prompts, {c['n_seeds']} seeds: way of W"
        f" beside the mode at step {c['early']} and at the end, error of a step; slopes over n, small:"
        f" n <= {c['small']}, large: n >= {c['large']}",
        mu="4g", beside="6g", measured="<9", **slopes("all", "8.4f"), **slopes("small", "8.4f"),
        **slopes("large", "8.4f"), left_out="8",
    )  # fmt: skip
    ways = []
    for (mu, beside), run in zip(cases, runs, strict=True):
        for k, name in enumerate(MEASURED):
            # lengths at which a training diverged are left out
            used = np.isfinite(run[:, :, k]).all(axis=1)
            logs, n = np.log(run[used, :, k]), lengths[used]
            y, error = logs.mean(axis=1), logs.std(axis=1, ddof=1) / np.sqrt(c["n_seeds"])
            small, large = halves(c, n, y, error)
            fits = (
                of_fit("all", leaks.fit_slope(np.log(n), y, error))
                | of_fit("small", small)
                | of_fit("large", large)
            )
            table.row(mu=mu, beside=beside, measured=name, **fits, left_out=np.sum(~used))
            ways += [(mu, beside, name, *row) for row in zip(n, np.exp(y), np.exp(y) * error, strict=True)]
    columns = zip(*ways, strict=True)
    found.keep("ways", **dict(zip(("mu", "beside", "measured", "n", "value", "error"), columns, strict=True)))


def settled(found, c, other):
    """Long training: the way beside the mode is then that to the minimum of all prompts."""
    names, d = ("early", "start", "batch_size"), other["features"]
    settings = {name: other[name] for name in names} | {"beside": 0.0, "n_steps": c["n_steps"]}
    table = found.table(
        "settled",
        f"{c['n_steps']} steps, mu = {c['mu']}: way of W beside the mode over that along it, rms; law:"
        " sqrt(2 (d - 1) / N) / (1 - start)",
        N="4", n="5", way="7.4f", error="7.4f", law="7.4f",
    )  # fmt: skip
    for count in c["n_prompts"]:
        for n in c["lengths"]:
            squares = []
            for seed in range(c["n_seeds"]):
                prompts = leaks.draw_prompts(n, d, count, seed=seed)
                part = leaks.dynamic(prompts, c["mu"], seed=seed, **settings)[1]
                squares.append(part**2 / (1 - part**2))
            square, error = mean(squares)
            law = leaks.settled_way(d, count, other["start"])
            table.row(N=count, n=n, way=square**0.5, error=error / 2 / square**0.5, law=law)
            progress(f"long: N = {count}, n = {n}")


def risks(found, c):
    """How far the step size of risk one half is from the predicted one."""
    names = ("start", "batch_size", "n_steps", "n_trainings", "ratio")
    table = found.table(
        "risk",
        f"step size at which half of {c['n_trainings']} trainings leave, {c['n_steps']} steps of"
        f" {c['batch_size']} prompts; {c['n_seeds']} seeds; short: 1 - trained / predicted",
        beside="6g", n="5", mu="7.4f", mu_error="7.4f", short="9.5f", error="8.5f",
    )  # fmt: skip
    for beside in c["beside"]:
        for n in c["lengths"]:
            rows = []
            for seed in range(c["n_seeds"]):
                prompts = leaks.draw_prompts(n, c["features"], c["n_prompts"], seed=seed)
                settings = {name: c[name] for name in names} | {"beside": beside, "seed": seed}
                rows.append(leaks.compare_risks(prompts, **settings))
            predicted, trained = np.array(rows).T
            (mu, mu_error), (short, error) = (mean(x) for x in (predicted, 1 - trained / predicted))
            table.row(beside=beside, n=n, mu=mu, mu_error=mu_error, short=short, error=error)
            progress(f"risk: beside {beside:g}, n = {n}")
    say_powers(found, c)


def say_powers(found, c):
    """Power of n in what is missing, where that is above 3 errors."""
    table = found.table(
        "risk_powers", "slope of 1 - trained / predicted, where above 3 errors",
        beside="6g", least_n="7", lengths="7", slope="8.4f", error="7.4f", chi2="7.1f", dof="3",
    )  # fmt: skip
    for beside in c["beside"]:
        rows = found["risk"].at(beside=beside)
        for least in (min(c["lengths"]), c["large"]):
            sure = rows.where((rows["short"] > 3 * rows["error"]) & (rows["n"] >= least))
            if len(sure) > 2:
                relative = sure["error"] / sure["short"]
                fit = leaks.fit_slope(np.log(sure["n"]), np.log(sure["short"]), relative)
                table.row(
                    beside=beside, least_n=least, lengths=len(sure), slope=fit.slope, error=fit.error,
                    chi2=fit.chi2, dof=fit.dof,
                )  # fmt: skip


def mean(values):
    """Mean over seeds, and its standard error."""
    return np.mean(values), np.std(values, ddof=1) / np.sqrt(len(values))


def claims(found):
    z = found.config["largest_z"]
    yield from of_prompts(found, z)
    yield from of_training(found, z)
    yield from of_risk(found["risk"], z)


def of_prompts(found, z):
    table = found["static"]
    chance = f"less happens by chance once in {1 / found.config['least_p']:.0f}"
    yield check(
        "prompts: least p of the law without a fitted number",
        table["law_p"].min(),
        at_least=found.config["least_p"],
        reason=chance,
    )
    plain = table.at(noise=0.0)
    off = np.abs((plain["shifted"] + 0.5) / plain["shifted_error"]).max()
    yield check("prompts: slope over n + d - 1 off -1/2, in standard errors", off, at_most=z)
    bent = table.at(d=table["d"].max(), noise=1.0)
    off = ((bent["all"] + 0.5) / bent["all_error"]).item()
    yield check(
        "prompts: over n alone, with many features and noise, the same",
        off,
        at_least=z,
        reason="not straight",
    )
    off = np.abs((table["constant"] - 1) / table["constant_error"]).max()
    yield check("prompts: constant at the longest off its limit, in standard errors", off, at_most=z)
    own = found["controls"].at(kind="own queries")
    off = np.abs(own["leakage"] - own["law"]) / own["error"]
    yield check(
        "control, own queries: off their law, in standard errors",
        off.max(),
        at_most=z,
        reason=f"and {z} errors",
    )
    yield check("control, own queries: least leakage", own["leakage"].min(), at_least=0.8)
    yield check(
        "control, one mode: leakage", found["controls"].at(kind="one mode")["leakage"].max(), equals=0
    )


def of_training(found, z):
    table, (converging, cycling) = found["training"], found.config["dynamic"]["mus"]
    expected = [  # mu, start beside, what, slope at large n
        *((mu, beside, "way_early", -0.5) for mu in (converging, cycling) for beside in (0.0, 1.0)),
        (converging, 1.0, "error", -0.5),
        (cycling, 1.0, "error", -0.5),
        (cycling, 0.0, "error", -1.0),
        *((converging, beside, "way_end", -1.0) for beside in (0.0, 1.0)),
    ]
    for mu, beside, name, slope in expected:
        row = table.at(mu=mu, beside=beside, measured=name)
        off = abs((row["large"] - slope) / row["large_error"]).item()
        where = "beside" if beside else "on the mode"
        statement = f"training, mu = {mu}, start {where}, {label(name)}: slope off {slope:g}, in errors"
        yield check(statement, off, at_most=z)
    long = found["settled"]
    off = np.abs((long["way"] - long["law"]) / long["error"]).max()
    yield check("long training: way beside the mode off its law, in standard errors", off, at_most=z)


def label(name):
    return {"way_early": "early way", "way_end": "way", "error": "error of a step"}[name]


def of_risk(table, z):
    ends = table["short"] + z * table["error"]
    yield check(
        "risk: least of 1 - trained / predicted, plus its error", ends.min(), at_least=0, reason=f"{z} errors"
    )
    small = (table["short"] - z * table["error"]).max()
    yield check("risk: largest of it, less its error", small, at_most=0.042, reason=f"4 %, {z} errors")
    for beside in np.unique(table["beside"]):
        rows = table.at(beside=beside)
        ratio = rows["short"][-1] / rows["short"][0]
        where = "beside" if beside else "on the mode"
        yield check(f"risk, start {where}: longest prompts over shortest", ratio, at_most=0.5)


def draw(found, path):
    figure.draw(found, path)
