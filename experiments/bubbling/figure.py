"""The figure: exponent across and its cycles, approach to mu = 2, tails with and without bubbling."""

import numpy as np

from experiments.bubbling import bursts
from experiments.shared import panels


def draw(found, path):
    with panels(path, 3, 1, figsize=(3.5, 6.6)) as (above, middle, below):
        draw_exponents(above, found)
        draw_approach(middle, found["approach"])
        draw_tails(below, found.config)


def draw_exponents(ax, found):
    curve, cycles = found["curve"], found["least_stable"]
    ax.plot(curve["mu"], curve["across"], "k-", lw=0.6, label="attractor")
    near = curve["mu"][curve["mu"] > 1.75]
    ax.plot(near, -np.sqrt((2 - near) / 3), "--", color="0.5", lw=1.4, label=r"$-\sqrt{(2-\mu)/3}$")
    ax.plot(
        cycles["mu"],
        np.log(cycles["per_step"]),
        ".",
        color="0.45",
        ms=1.8,
        label="least stable of its cycles",
    )
    ax.axhline(0, color="k", lw=0.5)
    ax.set(
        xlabel=r"effective step size $\mu$",
        ylabel=r"exponent across the slice $\lambda_\perp$",
        xlim=(1, 2),
        ylim=(-1.25, 0.06),
    )
    ax.legend(frameon=False, fontsize=7, loc="lower left")


def draw_approach(ax, table):
    ax.errorbar(2.0 ** -table["k"], table["median"], table["error"], fmt="ko", ms=3, lw=0.8)
    ax.axhline(1, color="0.5", ls="--", lw=1.2)
    ax.set(
        xscale="log",
        xlabel=r"distance $2 - \mu$",
        ylabel=r"$\lambda_\perp$ over its law $-\sqrt{(2-\mu)/3}$",
    )


def draw_tails(ax, config):
    steps = {key: config["noise"][key] for key in ("n_orbits", "n_transient", "n_steps", "every")}
    mu, gain, sigma = config["figure"]["mu"], config["figure"]["gain"], config["control"]["sigma"]
    for g, style in ((1.0, "k-"), (gain, "k--")):
        response = bursts.respond(mu, sigma, gain=g, seed=config["seed"], **steps)
        ax.loglog(*response.survival(), style, lw=1.2, label="map" if g == 1 else rf"control, $g = {g:g}$")
    power, x = bursts.tail_exponent(mu, gain), np.array([20, 2e4])
    ax.loglog(x, 0.15 * (x / 10) ** -power, ":", color="0.4", lw=1.2, label=f"slope {power:.2f}")
    ax.set(
        xlabel=r"imbalance over noise $|b|/\sigma$",
        ylabel=r"probability to exceed it $P$",
        xlim=(0.3, 1e5),
        ylim=(3e-8, 1.5),
    )
    ax.legend(frameon=False, fontsize=7, title=rf"$\mu = {mu:g}$", title_fontsize=7)
