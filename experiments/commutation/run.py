"""Print the largest commutation error and the two verdicts for one case of every regime."""

import tomllib
from pathlib import Path

import numpy as np

import lintrans as lt
from lintrans.two_factor.reduction import Mode


def main() -> None:
    config = tomllib.loads((Path(__file__).parent / "config.toml").read_text())
    n = config["data"].pop("context")
    prompt = lt.Prompt.from_csv(lt.example_data(), context=slice(0, n), query=n, **config["data"])
    mode = Mode.of(prompt)
    noise = np.random.default_rng(config["seed"]).normal(size=(prompt.d, prompt.d))
    frozen = mode.frozen_part(config["frozen_scale"] * mode.weight_unit * noise)
    row = "{:<20} {:>6}  {:>9}  {:<20} {:<20} {:>7}  {:>9}"
    print(row.format("case", "mu", "error", "predicted", "trained", "horizon", "predicted"))
    for name, (mu, u, v) in config["cases"].items():
        value, key_query = mode.weights(u, v, frozen)
        report = lt.verify(
            prompt,
            step_size=mu * mode.unit_step_size,
            value=float(value),
            key_query=key_query,
            n_steps=config["n_steps"],
            tol=config["tol"],
        )
        cells = (report.regime_predicted, report.regime_trained, report.horizon)
        error = f"{report.max_commutation_error:.1e}"
        print(row.format(name, mu, error, *cells, f"{report.predicted_horizon:.1f}"))


if __name__ == "__main__":
    main()
