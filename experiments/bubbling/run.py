"""Print whether anything in the balanced attractor amplifies an imbalance for ever, and draw the figure."""

import math
import tomllib
from pathlib import Path

import bursts
import matplotlib as mpl
import numpy as np
from scipy.stats import norm

import lintrans as lt

mpl.use("Agg")
import matplotlib.pyplot as plt

HERE = Path(__file__).parent
QUANTILES = (0.5, 0.01, 1e-4)  # survivals: 50, 99 and 99.99 %


def main() -> None:
    config = tomllib.loads((HERE / "config.toml").read_text())
    curve = exponents(config)
    per_step = cycles(config)
    noise(config)
    escapes(config)
    control(config)
    medians = approach(config)
    draw(config, curve, per_step, medians)


def measure(config, mus, n_steps):
    return lt.lyapunov_exponents(mus, start=(config["start"],) * 2, n_steps=n_steps)


def exponents(config):
    """Transverse exponent over mu in (1, 2)."""
    c = config["exponent"]
    inside = np.linspace(1, 2, c["n_mu"] + 2)[1:-1]
    found = measure(config, inside, c["n_steps"])
    across, limit = found.transverse, -c["standard_errors"] * found.transverse_error
    print(f"{c['n_mu']} values of mu in (1, 2), {c['n_steps']:.0e} steps; exponent across:")
    print(f"at most {across.max():.5f}, at mu = {inside[across.argmax()]:.4f}", end="; ")
    print(f"at least {across.min():.4f}, at mu = {inside[across.argmin()]:.4f}")
    print(f"negative by {c['standard_errors']} standard errors {(across < limit).sum()}", end=", ")
    print(f"not negative {(across >= 0).sum()}")
    cycle = inside < lt.landmarks()["period_4"].mu
    closed = np.log(np.abs(3 - 2 * inside[cycle])) / 2
    print(f"2-cycle, from ln(3 - 2 mu) / 2: {np.abs(across[cycle] - closed).max():.1e} at most")
    names = {mark.mu: name for name, mark in lt.landmarks().items() if 1 < mark.mu < 2}
    names |= dict.fromkeys((*config["mus"], 1.999, 1.9999), "")
    mus = np.array(sorted(names))
    table = measure(config, mus, 10 * c["n_steps"])
    print(f"\n{'mu':>9} {'along':>9} {'across':>9} {'error':>8}")
    for row in zip(mus, table.along, table.transverse, table.transverse_error, strict=True):
        print(f"{row[0]:9.6f} {row[1]:+9.4f} {row[2]:+9.5f} {row[3]:8.1e}  {names[row[0]]}")
    return inside, across


def cycles(config):
    """Balanced cycles at every mu; returns the largest |multiplier across|^(1/period) at every mu."""
    c = config["cycles"]
    mus = np.linspace(1, 2, c["n_mu"] + 2)[1:-1]
    found = {mu: list(bursts.balanced_cycles(lt.find_cycles(mu, c["max_period"]))) for mu in mus}
    print(f"\nbalanced cycles at {c['n_mu']} values of mu in (1, 2)")
    print(f"{'period':>6} {'cycles':>10} {'in all':>7} {'largest per step':>17} {'at mu':>7} {'above 1':>8}")
    for period in range(1, c["max_period"] + 1):
        rows = [
            [m ** (1 / period) for p, kind, m in found[mu] if (p, kind) == (period, "inside")] for mu in mus
        ]
        counts, largest = [len(row) for row in rows], [max(row, default=0) for row in rows]
        above = sum(m > 1 for row in rows for m in row)
        at = mus[int(np.argmax(largest))]
        span = f"{min(counts)} to {max(counts)}"
        print(f"{period:6} {span:>10} {sum(counts):7} {max(largest):17.8f} {at:7.4f} {above:8}")
    for kind in ("minimum", "vertices", "outside"):
        sizes = [m ** (1 / p) for mu in mus for p, k, m in found[mu] if k == kind]
        span = f", per step {min(sizes):.12f} to {max(sizes):.12f}" if sizes else ""
        print(f"{kind}: {len(sizes)}{span}")
    return mus, np.array([max(m ** (1 / p) for p, kind, m in found[mu] if kind == "inside") for mu in mus])


def noise(config):
    """Quantiles of |b| / sigma: the same for every sigma, and falling off faster than a power."""
    c = config["noise"]
    steps = {k: c[k] for k in ("n_orbits", "n_transient", "n_steps", "every")}
    print(f"\n{c['n_orbits']} orbits, {c['n_steps']} steps, noise in b: quantiles of |b| / sigma, largest")
    print(f"{'mu':>5} {'sigma':>6}   {'50 %':>7} {'99 %':>7} {'99.99 %':>7} {'largest':>8}  local slopes")
    normal = norm.isf(np.array([*QUANTILES, *c["survivals"]]) / 2)
    slopes = -np.diff(np.log(c["survivals"])) / np.diff(np.log(normal[len(QUANTILES) :]))
    print(f"a normal b     {numbers(normal[: len(QUANTILES)], '7.3f')} {'':8}  {numbers(slopes, '5.1f')}")
    deviations, seed = [], config["seed"]
    for mu in config["mus"]:
        amplified = bursts.largest_amplification(mu, n_orbits=c["n_orbits"] // 10, n_steps=4000, seed=seed)
        print(f"{mu:5.2f} amplified at most {amplified:.3f} times, bound C = {bursts.bound(mu):.3f}")
        found = []
        for sigma in (*c["sigmas"], c["both"]):
            seed, both = seed + 1, len(found) == len(c["sigmas"])
            response = bursts.respond(mu, sigma, seed=seed, both=both, **steps)
            found.append(response)
            cells = numbers([response.quantile(s) for s in QUANTILES], "7.3f")
            slopes = numbers(response.slopes(c["survivals"]), "5.1f")
            name = "  in a and b" if both else ""
            print(f"{'':5} {sigma:6.0e}   {cells} {response.largest:8.1f}  {slopes}{name}")
        for s in QUANTILES:
            values, errors = np.array([(r.quantile(s), r.error(s)) for r in found]).T
            differences = np.subtract.outer(values, values) / np.hypot.outer(errors, errors)
            deviations.append((np.abs(differences).max(), np.ptp(values) / values.mean()))
    worst, spread = np.max(deviations, axis=0)
    n = len(deviations) * math.comb(len(c["sigmas"]) + 1, 2)
    print(f"{n} pairs of quantiles of two sigmas differ by at most {worst:.1f} standard errors, {spread:.2%}")


def numbers(values, form):
    return " ".join(f"{x:{form}}" for x in values)


def escapes(config):
    """Noise that is not small: share of orbits that leave the ellipse for good."""
    c = config["escape"]
    steps = {k: config["noise"][k] for k in ("n_transient", "n_steps", "every")}
    total = steps["n_transient"] + steps["n_steps"]
    print(f"\nnoise in b: 99.99 % of |b| / sigma; escaped in {total} steps, of {c['n_orbits']};", end=" ")
    print("in brackets with noise in a and b")
    print(f"{'mu':>5} " + " ".join(f"{f'sigma = {s:g}':>20}" for s in c["sigmas"]))
    for mu in config["mus"]:
        cells = []
        for sigma in c["sigmas"]:
            one, two = (
                bursts.respond(mu, sigma, n_orbits=c["n_orbits"], seed=config["seed"], both=both, **steps)
                for both in (False, True)
            )
            size = "-" if one.escaped else f"{one.quantile(1e-4):.1f}"
            cells.append(f"{size}; {one.escaped:.1%} ({two.escaped:.1%})")
        print(f"{mu:5.2f} " + " ".join(f"{cell:>20}" for cell in cells))


def control(config):
    """The factor across enlarged: the attractor still attracts across, cycles in it do not."""
    c, survivals = config["control"], config["noise"]["survivals"]
    steps = {k: config["noise"][k] for k in ("n_orbits", "n_transient", "n_steps", "every")}
    print("\ncontrol: b' = g (1 + r) b; cycles: unstable across, of those inside and the minima")
    head = f"{'mu':>5} {'g':>5} {'exponent':>9} {'cycles':>9} {'minimum':>8} {'predicted':>9} {'slope':>15}"
    print(f"{head} {'99 %':>7} {'99.99 %':>9} {'largest':>9}  local slopes")
    for mu, gain in c["gains"]:
        across = measure(config, [mu], config["exponent"]["n_steps"]).transverse[0] + math.log(gain)
        table = bursts.balanced_cycles(lt.find_cycles(mu, config["cycles"]["max_period"]))
        sizes = [gain * m ** (1 / p) for p, kind, m in table if kind in ("inside", "minimum")]
        response = bursts.respond(mu, c["sigma"], gain=gain, seed=config["seed"], **steps)
        slope, error = response.slope(c["fit"])
        predicted = bursts.tail_exponent(mu, gain)
        alone = math.log(2 * mu - 1) / math.log(gain)  # power of stays near the minimum, if nothing else grew
        unstable = f"{sum(x > 1 for x in sizes)}/{len(sizes)}"
        q = [response.quantile(s) for s in QUANTILES[1:]]
        slopes = " ".join(f"{x:5.2f}" for x in response.slopes(survivals))
        print(
            f"{mu:5.2f} {gain:5.2f} {across:+9.4f} {unstable:>9} {alone:8.3f} {predicted:9.3f}"
            f" {f'{slope:.3f} +- {error:.3f}':>15} {q[0]:7.1f} {q[1]:9.3g} {response.largest:9.3g}  {slopes}"
        )
    mu, gain = c["escaping"]
    steps |= {"n_orbits": c["escaping_orbits"], "n_steps": c["escaping_steps"]}
    print(f"control, mu = {mu}, g = {gain}: escaped in {steps['n_transient'] + steps['n_steps']} steps")
    escaped = []
    for sigma in c["sigmas"]:
        response = bursts.respond(mu, sigma, gain=gain, seed=config["seed"], **steps)
        escaped.append(response.escaped)
        print(f"  sigma = {sigma:.0e}: {escaped[-1]:.4%}, median |b| / sigma {response.quantile(0.5):.2f}")
    rates, weights = -np.log1p(-np.array(escaped)), np.sqrt(np.array(escaped) * steps["n_orbits"])
    fit, covariance = np.polyfit(np.log(c["sigmas"]), np.log(rates), 1, w=weights, cov="unscaled")
    error, predicted = covariance[0, 0] ** 0.5, bursts.tail_exponent(mu, gain)
    print(f"  escapes grow like sigma^({fit[0]:.3f} +- {error:.3f}), predicted {predicted:.3f}")


def approach(config):
    """Transverse exponent in octaves of 2 - mu, in units of the law."""
    c = config["approach"]
    octaves = np.arange(c["octaves"][0], c["octaves"][1] + 1)
    print("\n2 - mu around 2^-k; exponent across over -sqrt((2 - mu) / 3), of chaotic mu")
    print(f"{'k':>3} {'chaotic':>8} {'median':>7} {'error':>7} {'16 %':>7} {'84 %':>7} {'of one':>7}")
    medians = []
    for k in octaves:
        gaps = 2.0 ** (-k - ((np.arange(c["n_mu"]) + 0.5) / c["n_mu"] - 0.5))
        found = measure(config, (2 - gaps), c["n_steps"])
        chaotic = found.along > config["exponent"]["standard_errors"] * found.along_error
        law = np.sqrt((2 - found.mu) / 3)
        ratio, error = -(found.transverse / law)[chaotic], (found.transverse_error / law)[chaotic]
        low, median, high = np.quantile(ratio, (0.16, 0.5, 0.84))
        # of a median of so many normal values
        medians.append((median, math.sqrt(math.pi / 2 / ratio.size) * (high - low) / 2))
        cells = " ".join(f"{x:7.4f}" for x in (*medians[-1], low, high, np.median(error)))
        print(f"{k:3} {f'{chaotic.sum()}/{chaotic.size}':>8} {cells}")
    fit_law(c, octaves, np.array(medians))
    return octaves, np.array(medians)


def fit_law(config, octaves, medians):
    """Power and constant, from an octave on."""
    used = octaves >= config["fit"]
    gaps, (values, errors) = 2.0 ** -octaves[used], medians[used].T
    (power, _), covariance = np.polyfit(
        np.log(gaps), np.log(values * np.sqrt(gaps / 3)), 1, w=values / errors, cov=True
    )
    print(f"k >= {config['fit']}: power {power:.4f} +- {covariance[0, 0] ** 0.5:.4f} (law 0.5)")
    (slope, ratio), covariance = np.polyfit(np.sqrt(gaps), values, 1, w=1 / errors, cov=True)
    error, law = covariance[1, 1] ** 0.5, 1 / math.sqrt(3)
    print(
        f"power 1/2 with a correction of {slope:+.2f} sqrt(2 - mu): ratio {ratio:.4f} +- {error:.4f},",
        end=" ",
    )
    print(f"constant {ratio * law:.4f} +- {error * law:.4f} (law {law:.4f})")


def draw(config, curve, per_step, medians):
    plt.rcParams.update({"font.size": 8, "axes.linewidth": 0.6, "mathtext.fontset": "cm"})
    figure, (above, middle, below) = plt.subplots(3, 1, figsize=(3.5, 6.6), constrained_layout=True)
    mus, across = curve
    above.plot(mus, across, "k-", lw=0.6, label="attractor")
    near = mus[mus > 1.75]
    above.plot(near, -np.sqrt((2 - near) / 3), "--", color="0.5", lw=1.4, label=r"$-\sqrt{(2-\mu)/3}$")
    above.plot(
        per_step[0], np.log(per_step[1]), ".", color="0.45", ms=1.8, label="least stable of its cycles"
    )
    above.axhline(0, color="k", lw=0.5)
    above.set(
        xlabel=r"effective step size $\mu$",
        ylabel=r"exponent across the slice $\lambda_\perp$",
        xlim=(1, 2),
        ylim=(-1.25, 0.06),
    )
    above.legend(frameon=False, fontsize=7, loc="lower left")
    octaves, table = medians
    middle.errorbar(2.0**-octaves, table[:, 0], table[:, 1], fmt="ko", ms=3, lw=0.8)
    middle.axhline(1, color="0.5", ls="--", lw=1.2)
    middle.set(
        xscale="log",
        xlabel=r"distance $2 - \mu$",
        ylabel=r"$\lambda_\perp$ over its law $-\sqrt{(2-\mu)/3}$",
    )
    steps = {k: config["noise"][k] for k in ("n_orbits", "n_transient", "n_steps", "every")}
    mu, gain, sigma = config["figure"]["mu"], config["figure"]["gain"], config["control"]["sigma"]
    for g, style in ((1.0, "k-"), (gain, "k--")):
        response = bursts.respond(mu, sigma, gain=g, seed=config["seed"], **steps)
        below.loglog(*response.survival(), style, lw=1.2, label="map" if g == 1 else rf"control, $g = {g:g}$")
    power, x = bursts.tail_exponent(mu, gain), np.array([20, 2e4])
    below.loglog(x, 0.15 * (x / 10) ** -power, ":", color="0.4", lw=1.2, label=f"slope {power:.2f}")
    below.set(
        xlabel=r"imbalance over noise $|b|/\sigma$",
        ylabel=r"probability to exceed it $P$",
        xlim=(0.3, 1e5),
        ylim=(3e-8, 1.5),
    )
    below.legend(frameon=False, fontsize=7, title=rf"$\mu = {mu:g}$", title_fontsize=7)
    for ax, letter in zip((above, middle, below), "abc", strict=True):
        ax.set_title(f"({letter})", loc="left", fontsize=8)
    figure.savefig(HERE / "bubbling.png", dpi=220)
    plt.close(figure)
    print("wrote bubbling.png")


if __name__ == "__main__":
    main()
