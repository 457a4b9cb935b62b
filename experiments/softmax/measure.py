"""One row per seed, prompt length and temperature: boundaries, and the minimum of vanishing steps."""

from __future__ import annotations

import csv

import numpy as np

from experiments.softmax import boundaries
from experiments.softmax.boundaries import CONVERGED, ESCAPED, NAMES, Lanes, Units

# Boundaries and step sizes are in units of mu = 1 of linear attention, eta = T / (h |y_q|).
COLUMNS = (
    *("seed", "n", "temperature", "h", "y_q", "max_label"),
    *(f"linear_{name}" for name in NAMES),
    *(f"softmax_{name}" for name in NAMES),
    *("returns_converged", "returns_bounded"),  # how often the scan returns to what it had left
    *("flow_stable", "flow_weight", "flow_label", "flow_n_ipr", "flow_n_entropy"),
    *("end_stable", "end_n_ipr", "end_n_entropy"),
)


def rows_of(n, seed, config):
    """Rows of one prompt, one per temperature."""
    temperatures = np.array(config["temperatures"])
    longest = max(config["lengths"])
    prompt = boundaries.draw_prompt(n, config["d"], seed, longest=longest, label_tol=config["label_tol"])
    options = {"seed": config.get("start_seed", seed), "start": config["start"]}
    search = options | {"scan": config["scan"], "settings": config["train"]}
    # the linear map is the same at every temperature, in its units
    linear, _ = boundaries.find_boundaries(
        prompt, [1.0], linear=True, octaves=config["scan"]["octaves_linear"], **search
    )
    softmax, status = boundaries.find_boundaries(prompt, temperatures, **search)
    unit = temperatures / Units.of(prompt).curvature
    at_flow = flow_columns(prompt, temperatures, unit, options, config)
    at_end = end_columns(prompt, temperatures, unit * softmax[:, 0], unit, options, config)
    head = (
        Units.of(prompt).curvature / abs(prompt.query_label),
        prompt.query_label,
        np.abs(prompt.labels).max(),
    )
    for i, temperature in enumerate(temperatures):
        returns = [boundaries.n_changes(good) for good in (status[i] == CONVERGED, status[i] != ESCAPED)]
        numbers = (temperature, *head, *linear[0], *softmax[i], *returns, *at_flow[i], *at_end[i])
        yield dict(zip(COLUMNS, (seed, n, *numbers), strict=True))


def flow_columns(prompt, temperatures, unit, options, config):
    """Largest stable step size, w, m and effective lengths at the minimum of vanishing steps."""
    lanes = Lanes.start(prompt, temperatures, unit[:, None], **options)
    lanes, off = boundaries.flow(lanes, **config["flow"])
    mean, slope = lanes.label_and_slope()
    stable = 2 / lanes.sharpness(mean, slope) / unit
    stable[off >= config["flow"]["tol"]] = np.nan
    return np.array([stable, lanes.w, mean, *boundaries.effective_lengths(lanes.shares())]).T


def end_columns(prompt, temperatures, eta, unit, options, config):
    """Largest stable step size and effective lengths where training ends at the step sizes ``eta``."""
    eta = np.where(np.isnan(eta), unit, eta)
    lanes = Lanes.start(prompt, temperatures, eta[:, None], **options)
    status, lanes.w, lanes.g = boundaries.train(lanes, **config["train"])
    stable = 2 / lanes.sharpness(*lanes.label_and_slope()) / unit
    columns = np.array([stable, *boundaries.effective_lengths(lanes.shares())]).T
    columns[status != CONVERGED] = np.nan
    return columns


def write(path, rows):
    with path.open("w", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(COLUMNS)
        writer.writerows([f"{row[name]:.6g}" for name in COLUMNS] for row in rows)


def read(path):
    """The table as one array per column."""
    table = np.genfromtxt(path, delimiter=",", names=True)
    return {name: np.atleast_1d(table[name]) for name in table.dtype.names}
