"""Print the largest commutation error and the two verdicts for one case of every regime."""

import numpy as np

import lintrans as lt
from experiments.shared import example_prompt
from experiments.tables import check
from lintrans.two_factor import Mode


def measure(found):
    config = found.config
    prompt = example_prompt(config["data"])
    mode = Mode.of(prompt)
    noise = np.random.default_rng(config["seed"]).normal(size=(prompt.d, prompt.d))
    frozen = mode.frozen_part(config["frozen_scale"] * mode.weight_unit * noise)
    table = found.table(
        "cases",
        f"{config['n_steps']} steps of training beside the map; predicted horizon: ln(tol / eps) / exponent",
        case="<19", mu="6.3f", error="7.1e", predicted="<18", trained="<18", horizon="7",
        predicted_horizon="6.1f",
    )  # fmt: skip
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
        table.row(
            case=name,
            mu=mu,
            error=report.max_commutation_error,
            predicted=report.regime_predicted,
            trained=report.regime_trained,
            horizon=report.horizon,
            predicted_horizon=report.predicted_horizon,
        )


def claims(found):
    table, config = found["cases"], found.config
    rounding = np.sqrt(config["n_products"]) * np.finfo(float).eps
    yield check(
        "relative error of a step, in every regime",
        table["error"].max(),
        at_most=rounding,
        reason=f"sqrt({config['n_products']}) ulps: a step sums so many products",
    )
    same = (table["predicted"] == table["trained"]).sum()
    yield check("cases whose training ends as the map says", same, equals=len(table))
    named = sum(
        regime in (f"periodic, {case.replace('-', ' ')}", case) or ("chaos" in case and regime == "chaotic")
        for case, regime in zip(table["case"], table["trained"], strict=True)
    )
    yield check("cases that end in the regime they are named after", named, equals=len(table))
    settled = table.where(np.isinf(table["predicted_horizon"]) & (table["trained"] != "divergent"))
    whole = (settled["horizon"] == config["n_steps"]).sum()
    yield check("orbits that agree to the end where training settles at once", whole, equals=5)
    part = table.where(np.isfinite(table["predicted_horizon"]))
    ratio = part["horizon"] / part["predicted_horizon"]
    reason = "exponents over some 40 steps scatter"
    yield check(
        "steps of agreement in chaos, over predicted: least", ratio.min(), at_least=0.5, reason=reason
    )
    yield check("and largest", ratio.max(), at_most=2, reason=reason)
