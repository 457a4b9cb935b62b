"""Print how many cells refined diagrams compute, how many verdicts differ from full ones, and the time."""

import time
import tomllib
from pathlib import Path

import numpy as np

import lintrans as lt

CONFIG = Path(__file__).with_name("config.toml")


def main() -> None:
    config = tomllib.loads(CONFIG.read_text())
    stride = config["stride"]
    lt.phase_diagram([0.5, 1.0], refine_from=2)  # compiles
    print(
        f"{'family':12}{'cells':>12}{'computed':>10}{'proved':>9}{'differ':>8}{'time, full over refined':>25}"
    )
    for name, family in config["families"].items():
        for n in config["sizes"]:
            axes = {k: np.linspace(*v, n) for k, v in family.items() if k != "start"}
            mus, start = np.linspace(*config["mu"], n), tuple(family["start"])
            full, seconds_full = timed(mus, start=start, **axes, verdicts_only=True)
            refined, seconds = timed(mus, start=start, **axes, refine_from=stride)
            shares = {k: f"{v / n**2:.1%}" for k, v in refined.count_sources().items()}
            differ = int((full.regime != refined.regime).sum())
            ratio = f"{seconds_full:.2f} s / {seconds:.2f} s = {seconds_full / seconds:.1f}"
            print(
                f"{name:12}{n:>7} x {n:<4}{shares['computed']:>8}{shares['proved']:>9}{differ:>8}{ratio:>25}"
            )
    line(**config["line"])


def line(mu: list[float], size: int, stride: int) -> None:
    """Boundaries of the probe start, from a few cells of a fine axis."""
    mus = np.linspace(*mu, size)
    refined, seconds = timed(mus, refine_from=stride)
    n = refined.count_sources()["computed"]
    print(f"\nline of {size} cells, {n} computed in {seconds:.2f} s, spacing {mus[1] - mus[0]:.1e}")
    marks = lt.landmarks()
    for name, end in (("monotone", "catapult"), ("stable", "periodic"), ("chebyshev", "divergent")):
        first = mus[np.flatnonzero(refined.regime[:, 0] == lt.Regime.from_label(end))[0]]
        print(f"{end:10} from {first:.7f}, closed form {marks[name].mu:.7f}")


def timed(mus, **options):
    began = time.perf_counter()
    return lt.phase_diagram(mus, **options), time.perf_counter() - began


if __name__ == "__main__":
    main()
