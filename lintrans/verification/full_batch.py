"""The reduction compared with training: full gradient descent of the transformer next to the map.

Three comparisons, from strictest to loosest. At *every step*, the trained weights are projected, the map
steps once, and the result is converted back to weights: this commutes with training up to rounding, in every
regime. *Whole orbits* agree until rounding has grown to the tolerance: forever if training converges or is
periodic, for about ln(tol / eps) / exponent steps in chaos. The *regime* is judged on both sides by the same
rules; the trained side uses only predictions and the tangent growth of the transformer. Claim
reduction.normal_form.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, fields, replace
from typing import ClassVar

import numpy as np
from numpy.typing import ArrayLike, NDArray

from lintrans.attention import training
from lintrans.attention.training import TangentGrowth, TwoFactorRun
from lintrans.attention.transformer import TwoFactorWeights
from lintrans.errors import count, positive
from lintrans.prompts.prompt import Prompt
from lintrans.sweeps.results import Result, axis, on
from lintrans.two_factor import kernels, normal_form
from lintrans.two_factor.defaults import MAX_PERIOD
from lintrans.two_factor.reduction import NormalForm, reduce
from lintrans.two_factor.regimes import PERIOD_TOL, SEPARATION, Evidence, Regime, Verdict, regime

FloatArray = NDArray[np.float64]
EPSILON = float(np.finfo(np.float64).eps)
SHORT = 32  # steps over which a cycle is judged, rounded up to whole turns
ROUNDING = 1e-12  # sums over n d terms of rounding 1e-16 each; measured: below 1e-14 for n = 64, d = 10
TINY = 1e-290  # a state smaller than this is compared absolutely: its last digits underflow
FAR = 1e60  # in weight units; beyond, training has left every bound and cubes near the end of float64


@dataclass(frozen=True, eq=False, kw_only=True)
class Verification(Result):
    """Outcome of `lintrans.verify`; ``settings`` holds mu, the start, the verdicts and the horizons.

    Errors are relative to the scale of the state: the largest of |u|, |v|, the Frobenius norm of W in
    units of |v|, before and after the step.
    """

    kind: ClassVar[str] = "verification"

    step: NDArray[np.int64] = axis("gradient descent step")
    commutation_error: FloatArray = on("step", text="relative error of one map step from the weights before")
    orbit_difference: FloatArray = on(
        "step", text="relative distance of the whole orbits of map and training"
    )
    growth: FloatArray = on("step", text="log growth of a perturbation of the map, relative to the state")
    uv_trained: FloatArray = on("step", text="prediction of the trained transformer, in units of y_q")
    uv_predicted: FloatArray = on("step", text="prediction of the map iterated from the start")

    def check(self) -> None:
        """Refuse settings from a file that no verification can have."""
        for name in ("mu", "tol"):
            positive(name, self.settings.get(name))
        exponent = self.settings.get("exponent")
        if exponent is not None:
            positive("exponent", exponent)

    @property
    def max_commutation_error(self) -> float:
        """Largest relative error of a single step."""
        return float(np.max(self.commutation_error))

    @property
    def regime_predicted(self) -> str:
        """Verdict on the map, as text."""
        return str(self.settings["regime_predicted"])

    @property
    def regime_trained(self) -> str:
        """Verdict on the trained transformer, as text."""
        return str(self.settings["regime_trained"])

    @property
    def agrees(self) -> bool:
        """True if every step commutes within ``ROUNDING`` and the regimes do not contradict each other."""
        verdicts = {self.regime_predicted, self.regime_trained} - {Regime.UNRESOLVED.label}
        return self.max_commutation_error <= ROUNDING and len(verdicts) <= 1

    @property
    def horizon(self) -> int:
        """Steps over which the whole orbits agree within the tolerance."""
        apart = np.flatnonzero(~(self.orbit_difference <= self.settings["tol"]))
        return int(apart[0]) - 1 if apart.size else int(self.step[-1])

    @property
    def predicted_horizon(self) -> float:
        """Steps after which rounding errors have grown to the tolerance; inf if they never do.

        In chaos this is ln(tol / eps) / exponent. Otherwise it is the first step up to which perturbations
        have grown that much from some earlier step: an orbit may be chaotic for a while and settle on a cycle
        in another phase than its neighbour.
        """
        needed = math.log(self.settings["tol"] / EPSILON)
        if self.settings["exponent"] is not None:
            return needed / float(self.settings["exponent"])
        grown = np.flatnonzero(self.growth - np.minimum.accumulate(self.growth) > needed)
        return float(self.step[grown[0]]) if grown.size else math.inf


def verify(
    prompt: Prompt,
    *,
    step_size: float,
    value: float,
    key_query: ArrayLike,
    n_steps: int = 4096,
    tol: float = 1e-6,
) -> Verification:
    """Train the transformer by full gradient descent and compare the reduction with it, step by step.

    In exact arithmetic every step would agree. Claims reduction.normal_form and modes.step.

    Parameters
    ----------
    prompt, step_size, value, key_query
        As in `reduce`.
    n_steps
        Number of steps of full training. The trained regime is judged on the second half; raise it near a
        bifurcation. Training stops early if it overflows.
    tol
        Relative distance up to which whole orbits count as equal. It affects only the horizons.

    Raises
    ------
    InputError, NoNormalFormError
        As `reduce`.

    Examples
    --------
    >>> prompt = Prompt.from_arrays([[1.0], [2.0]], [1.0, -3.0], [1.0], -2.0)  # h |y_q| = 5
    >>> report = verify(prompt, step_size=0.1, value=1.0, key_query=[[0.5]], n_steps=256)
    >>> report.regime_predicted, report.regime_trained, report.max_commutation_error < 1e-15
    ('monotone', 'monotone', True)
    """
    n_steps, tol = count("n_steps", n_steps, minimum=64, maximum=10**7), positive("tol", tol)
    nf = reduce(prompt, step_size=step_size, value=value, key_query=key_query)
    weights = TwoFactorWeights(value, np.asarray(key_query, dtype=np.float64))
    run, scale = _train_bounded(prompt, weights, step_size, n_steps, nf.mode.weight_unit)
    u, v = nf.mode.project(run.value, run.key_query)
    uv = run.predictions / prompt.query_label
    a_map, b_map = _map_orbit(nf, run.n_steps)
    u_map, v_map = normal_form.from_modes(nf.mu, a_map, b_map)
    predicted = regime(nf.mu, nf.u, nf.v)
    chaotic = predicted.regime is Regime.CHAOTIC
    with np.errstate(over="ignore", invalid="ignore"):
        difference = np.maximum(np.abs(u - u_map), np.abs(v - v_map)) / scale
        uv_map = u_map * v_map
    return Verification(
        step=np.arange(run.n_steps + 1),
        commutation_error=_commutation_error(nf, run, scale),
        orbit_difference=difference,
        growth=_growth_along(nf.mu, a_map, b_map),
        uv_trained=uv,
        uv_predicted=uv_map,
        settings={
            "mu": nf.mu,
            "u": nf.u,
            "v": nf.v,
            "step_size": step_size,
            "n_steps": n_steps,
            "tol": tol,
            "overflowed": run.overflowed,
            "exponent": float(predicted.evidence.along) if chaotic else None,
            "regime_predicted": str(predicted),
            "regime_trained": _trained_verdict(prompt, nf, run, uv, scale),
        },
    )


def _trained_verdict(
    prompt: Prompt, nf: NormalForm, run: TwoFactorRun, uv: FloatArray, scale: FloatArray
) -> str:
    """Regime of the trained transformer, by the rules of `classify`, from what training itself shows.

    Escape, rises of the loss and the period come from the predictions, the exponents from the growth
    of tangents of gradient descent, convergence from the final weights.
    """
    r = nf.mu * (uv - 1)
    a, b = normal_form.to_modes(nf.mu, *nf.mode.project(run.value, run.key_query))
    floor = kernels.RISE_FLOOR * np.maximum(1.0, nf.mu * np.square(scale))  # rounding of <W, M>
    tail = slice(-min(2 * MAX_PERIOD, r.size // 4), None)
    period, period_a, return_error, separation = kernels.find_period(r[tail], a[tail], PERIOD_TOL, SEPARATION)
    growth = _growth(prompt, run, 0, run.n_steps) if not run.overflowed else None
    turn = _growth(prompt, run, -1, period * -(-SHORT // period)) if period else None
    evidence = _evidence(
        escape_step=run.n_steps if run.overflowed else _first(np.abs(r) > kernels.ESCAPED),
        rise_step=_first(np.diff(np.abs(r), prepend=np.inf) > floor),
        along=growth.exponent if growth else math.nan,
        along_error=growth.standard_error if growth else math.nan,
        n_measured=run.n_steps - run.n_steps // 2,
        final_a=a[-1],
        final_b=b[-1],
        period_uv=period,
        period_a=period_a,
        return_error=return_error,
        separation=separation,
        cycle_along=turn.exponent if turn else math.nan,
    )
    return str(Verdict.of(nf.mu, evidence))


def _growth(prompt: Prompt, run: TwoFactorRun, state: int, n_steps: int) -> TangentGrowth:
    """Growth of a tangent of gradient descent from a trained state on; the first half is discarded.

    Weights that never move have exponent 0 and win in the end over two negative exponents, by way of
    rounding: a cycle is therefore judged over a few turns only.
    """
    weights = TwoFactorWeights(run.value[state], run.key_query[state])
    n_discard = n_steps // 2 if state == 0 else 0
    return training.tangent_growth(
        prompt, weights, step_size=run.step_size, n_steps=n_steps, n_discard=n_discard
    )


def _evidence(**measured: float) -> Evidence:
    """Evidence with NaN for what was not measured."""
    return Evidence(**{f.name: np.asarray(measured.get(f.name, np.nan)) for f in fields(Evidence)})


def _first(condition: NDArray[np.bool_]) -> int:
    """Index of the first True, or -1."""
    where = np.flatnonzero(condition)
    return int(where[0]) if where.size else -1


def _commutation_error(nf: NormalForm, run: TwoFactorRun, scale: FloatArray) -> FloatArray:
    """Relative error of one map step into every trained state, compared weight by weight."""
    a, b = normal_form.to_modes(nf.mu, *nf.mode.project(run.value[:-1], run.key_query[:-1]))
    next_a, next_b = kernels.orbits(np.full_like(a, nf.mu), a, b, 1, 1)
    u, v = normal_form.from_modes(nf.mu, next_a[:, 0], next_b[:, 0])
    value, key_query = nf.mode.weights(u, v, nf.mode.frozen_part(run.key_query[:-1]))
    error = np.maximum(
        np.abs(value - run.value[1:]), np.linalg.norm(key_query - run.key_query[1:], axis=(1, 2))
    )
    relative = error / nf.mode.weight_unit / np.maximum(scale[:-1], scale[1:])
    return np.concatenate([[0.0], relative])


def _map_orbit(nf: NormalForm, n_steps: int) -> tuple[FloatArray, FloatArray]:
    a, b = normal_form.to_modes([nf.mu], [nf.u], [nf.v])
    all_a, all_b = kernels.orbits(np.array([nf.mu]), a, b, 0, n_steps + 1)
    return all_a[0], all_b[0]


def _growth_along(mu: float, a: FloatArray, b: FloatArray) -> FloatArray:
    """Logarithm by which a perturbation along the loss has grown, relative to the state; 0 at first."""
    with np.errstate(all="ignore"):
        logs = np.log(np.abs(normal_form.along_factor(mu, a[:-1], b[:-1])))
        sizes = np.log(np.maximum(np.hypot(a, b), TINY))
    logs = np.nan_to_num(logs, nan=0.0, posinf=0.0, neginf=-1e3)  # a lost perturbation is lost for good
    return np.asarray(np.concatenate([[0.0], np.cumsum(logs)]) - (sizes - sizes[0]))


def _train_bounded(
    prompt: Prompt, weights: TwoFactorWeights, step_size: float, n_steps: int, unit: float
) -> tuple[TwoFactorRun, FloatArray]:
    """Train; keep the states up to the first beyond ``FAR``, and the scale of each in weight units."""
    run = training.train(prompt, weights, step_size=step_size, n_steps=n_steps)
    with np.errstate(over="ignore"):
        scale = np.maximum(np.abs(run.value), np.linalg.norm(run.key_query, axis=(1, 2))) / unit
    scale = np.maximum(scale, TINY)
    beyond = _first(~(scale <= FAR))
    if beyond < 0:
        return run, scale
    keep = slice(0, max(beyond, 2))
    kept = {name: getattr(run, name)[keep] for name in ("predictions", "losses", "value", "key_query")}
    n_kept = kept["value"].size - 1
    return replace(run, **kept, n_steps=n_kept, overflowed=True), scale[keep]
