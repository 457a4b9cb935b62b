"""Print how far training gets under every schedule, certified and beyond, and draw one start."""

import numpy as np

from experiments.schedules.descent import SCHEDULES, train
from experiments.shared import example_prompt, panels
from experiments.tables import check
from lintrans.two_factor import critical_mu

STYLES = {"constant": ":", "warm_up": "-", "decay": "--", "cyclic": "-.", "greedy": (0, (1, 1))}
FULL_STEPS = ("constant", "decay", "on_or_off")  # schedules that begin with them
GENTLE = ("warm_up", "cyclic", "random")


def measure(found):
    config = found.config
    prompt = example_prompt(config["data"])
    rng = np.random.default_rng(config["seed"])
    starts = rng.uniform(-config["range"], config["range"], (config["n_starts"], 2))
    starts = starts[critical_mu(*starts.T) < config["max_critical"]]
    inside, outside = config["factors"]
    table = found.table(
        "schedules",
        f"{len(starts)} starts, full gradient descent; mu_t up to {inside:g} and, beyond, {outside:g}"
        " times critical",
        schedule="<10", largest_Q="10.2e", loss_over_bound="8.4f", escaped="6.0%", escaped_beyond="6.0%",
    )  # fmt: skip
    for schedule in SCHEDULES:
        runs = [follow(prompt, point, inside, schedule) for point in starts]
        level, loss = max(q for q, _ in runs), max(r for _, r in runs)
        escaped = np.mean([q > config["escape"] for q, _ in runs])
        beyond = np.mean([follow(prompt, p, outside, schedule)[0] > config["escape"] for p in starts])
        table.row(
            schedule=schedule, largest_Q=level, loss_over_bound=loss, escaped=escaped, escaped_beyond=beyond
        )


def follow(prompt, point, factor, schedule):
    """Largest level of the ellipse, and largest loss in units of its bound 2 / max_mu^2: (r / 2)^2."""
    levels, residuals = zip(*train_to_escape(prompt, point, factor, schedule), strict=True)
    return max(levels), max(np.square(residuals)) / 4


def train_to_escape(prompt, point, factor, schedule):
    for level, residual in train(prompt, point, factor * float(critical_mu(*point)), schedule):
        yield level, residual
        if level > 1e12:
            return


def claims(found):
    table = found["schedules"]
    beyond = dict(zip(table["schedule"], table["escaped_beyond"], strict=True))
    yield check("largest part that escapes from certified starts", table["escaped"].max(), equals=0)
    yield check("largest level Q of certified starts", table["largest_Q"].max(), at_most=0)
    largest = table["loss_over_bound"].max()
    yield check("largest loss over its bound", largest, at_least=0.95, at_most=1, reason="nearly reached")
    yield check(
        "2 % beyond, schedules with full steps: least part that escapes",
        min(beyond[name] for name in FULL_STEPS),
        equals=1,
    )
    yield check("the same of the adversary", beyond["greedy"], at_least=0.75, reason="a part of the starts")
    yield check("the same of gentle schedules, largest", max(beyond[name] for name in GENTLE), equals=0)


def draw(found, path):
    config = found.config
    prompt, point = example_prompt(config["data"]), config["figure"]
    mu = float(critical_mu(*point))
    with panels(path, 1, 2, dpi=110, style={}, figsize=(9, 3.4), sharey=True) as axes:
        for ax, factor, last in zip(axes, config["factors"], (120, 25), strict=True):
            for schedule, style in STYLES.items():
                residuals = np.array([r for _, r in train_to_escape(prompt, point, factor, schedule)])
                loss = np.square(residuals / (factor * mu)) / 2
                name = schedule.replace("_", "-")
                ax.semilogy(1 + np.arange(loss.size), loss, ls=style, lw=1.6, label=name)
            ax.axhline(2 / (factor * mu) ** 2, color="k", lw=0.8)
            ax.text(last, 2 / (factor * mu) ** 2, r"$2/\bar\mu^2$", va="bottom", ha="right")
            ax.set(xlabel="step", title=rf"$\bar\mu$ = {factor:g} $\mu_c$", xlim=(0, last), ylim=(1e-6, 1e5))
        axes[0].set_ylabel(r"loss, in units of $y_q^2$")
        axes[1].legend(fontsize=9, loc="lower right", title="schedule")
