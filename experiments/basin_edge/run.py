"""Print how many starts escape on the wrong side of the invariant ellipse, and how far from it they lie."""

import tomllib
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np

from lintrans.two_factor import kernels
from lintrans.two_factor.normal_form import ellipse_level

CONFIG = Path(__file__).with_name("config.toml")
CHUNK = 10_000


def main() -> None:
    config = tomllib.loads(CONFIG.read_text())
    rng = np.random.default_rng(config["seed"])
    n, worst, n_wrong = config["n_starts"], 0.0, 0
    print(f"{n} starts each, {config['n_steps']} steps")
    print(f"{'mu':>6} {'inside':>9} {'wrong':>6} {'farthest':>9} {'nearest start':>14}")
    for mu in np.linspace(*config["mu"], config["n_mu"]):
        a, b = (config["box"] * np.sqrt(2 + s * mu) * rng.uniform(-1, 1, n) for s in (1, -1))
        diverged = fates(mu, a, b, config) == kernels.DIVERGED
        level, distance = ellipse_level(mu, a, b), distances(mu, a, b)
        wrong = diverged != (level > 0)
        farthest = distance[wrong].max(initial=0.0)
        print(f"{mu:6.2f} {(level < 0).sum():9} {wrong.sum():6} {farthest:9.1e} {distance.min():14.1e}")
        worst, n_wrong = max(worst, farthest), n_wrong + int(wrong.sum())
    print(f"{n_wrong} wrong of {n * config['n_mu']}, the farthest {worst:.1e} from the ellipse")
    beside(rng, config)
    if worst > config["tolerance"]:
        raise SystemExit("wrong beyond the tolerance")


def beside(rng, config) -> None:
    """Share of wrong starts at a given relative distance from the ellipse, half of them on either side."""
    print(f"\n{'relative distance':>18} {'wrong':>7}")
    for exponent in config["beside"]:
        wrong = []
        for mu in np.linspace(*config["mu"], config["n_mu"]):
            angle, side = rng.uniform(0, 2 * np.pi, CHUNK), rng.choice([-1.0, 1.0], CHUNK)
            scale = 1 + side * 10.0**exponent
            a, b = scale * np.sqrt(2 + mu) * np.cos(angle), scale * np.sqrt(2 - mu) * np.sin(angle)
            wrong.append((fates(mu, a, b, config) == kernels.DIVERGED) != (side > 0))
        print(f"{10.0**exponent:18.0e} {np.mean(wrong):7.2%}")


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


if __name__ == "__main__":
    main()
