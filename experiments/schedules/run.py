"""Print how far training gets under every schedule, certified and beyond, and draw one start."""

import tomllib
from pathlib import Path

import matplotlib as mpl
import numpy as np
from descent import SCHEDULES, train

import lintrans as lt

mpl.use("Agg")
import matplotlib.pyplot as plt

HERE = Path(__file__).parent
STYLES = {"constant": ":", "warm_up": "-", "decay": "--", "cyclic": "-.", "greedy": (0, (1, 1))}


def main() -> None:
    config = tomllib.loads((HERE / "config.toml").read_text())
    n = config["data"].pop("context")
    prompt = lt.Prompt.from_csv(lt.example_data(), context=slice(0, n), query=n, **config["data"])
    rng = np.random.default_rng(config["seed"])
    starts = rng.uniform(-config["range"], config["range"], (config["n_starts"], 2))
    starts = starts[lt.critical_mu(*starts.T) < config["max_critical"]]
    inside, outside = config["factors"]
    print(
        f"{len(starts)} starts, full gradient descent; mu_t up to {inside:g} and {outside:g} times critical"
    )
    print(f"{'schedule':12} {'largest Q':>12} {'loss / bound':>12} {'escaped':>8}   {'escaped beyond':>14}")
    for schedule in SCHEDULES:
        runs = [follow(prompt, point, inside, schedule) for point in starts]
        level, loss = max(q for q, _ in runs), max(r for _, r in runs)
        escaped = sum(q > config["escape"] for q, _ in runs) / len(runs)
        beyond = np.mean([follow(prompt, p, outside, schedule)[0] > config["escape"] for p in starts])
        print(f"{schedule:12} {level:12.2e} {loss:12.4f} {escaped:8.0%}   {beyond:14.0%}")
    draw(prompt, config)


def follow(prompt, point, factor, schedule):
    """Largest level of the ellipse, and largest loss in units of its bound 2 / max_mu^2: (r / 2)^2."""
    levels, residuals = zip(*train_to_escape(prompt, point, factor, schedule), strict=True)
    return max(levels), max(np.square(residuals)) / 4


def train_to_escape(prompt, point, factor, schedule):
    for level, residual in train(prompt, point, factor * float(lt.critical_mu(*point)), schedule):
        yield level, residual
        if level > 1e12:
            return


def draw(prompt, config):
    point, mu = config["figure"], float(lt.critical_mu(*config["figure"]))
    figure, axes = plt.subplots(1, 2, figsize=(9, 3.4), sharey=True, constrained_layout=True)
    for ax, factor, last in zip(axes, config["factors"], (120, 25), strict=True):
        for schedule, style in STYLES.items():
            residuals = np.array([r for _, r in train_to_escape(prompt, point, factor, schedule)])
            loss = np.square(residuals / (factor * mu)) / 2
            ax.semilogy(1 + np.arange(loss.size), loss, ls=style, lw=1.6, label=schedule.replace("_", "-"))
        ax.axhline(2 / (factor * mu) ** 2, color="k", lw=0.8)
        ax.text(last, 2 / (factor * mu) ** 2, r"$2/\bar\mu^2$", va="bottom", ha="right")
        ax.set(xlabel="step", title=rf"$\bar\mu$ = {factor:g} $\mu_c$", xlim=(0, last), ylim=(1e-6, 1e5))
    axes[0].set_ylabel(r"loss, in units of $y_q^2$")
    axes[1].legend(fontsize=9, loc="lower right", title="schedule")
    figure.savefig(HERE / "schedules.png", dpi=110)
    plt.close(figure)
    print(f"wrote {(HERE / 'schedules.png').name}")


if __name__ == "__main__":
    main()
