"""Measurements: full gradient descent of the transformer, or plain NumPy steps where many starts are needed.

`descend` trains all weights of a prompt by `lintrans.train`; `step_uv` and `step_modes` are the map itself.
Of the closed forms only the equation of the ellipse enters: to put starts on it, and to say what Q is.
Averages on the ellipse are means over an ensemble, because rounding throws an orbit off it after 40 steps:
from a short arc of starts the map itself spreads over all angles in ten.
"""

from __future__ import annotations

import math
import tomllib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

import lintrans as lt
from lintrans.attention import training
from lintrans.many_modes.map import ManyModes

CONFIG = tomllib.loads((Path(__file__).parent / "config.toml").read_text())
# M = (5, 12) (3, 4)^T / 1: h = 13 * 5 exactly
TWO_FACTORS = lt.Prompt.from_arrays([[10.0, 0.0], [0.0, 12.0]], [1.0, 2.0], [3.0, 4.0], -1.25)
MOMENT, H = np.outer([5.0, 12.0], [3.0, 4.0]), 65.0
MANY = lt.Prompt.from_arrays([[1.0, 0.5], [-0.5, 1.5], [0.3, -1.2]], [0.8, -0.4, 1.1], [0.6, -0.9], 0.7)
SMALL = 1e-5  # central differences: SMALL^2 truncation, eps / SMALL rounding
OFF = 1e-8  # off a minimum: first order in OFF, eps / OFF rounding
FAR = 1e3
ROUNDING = "some ulps, and the bracket is halved 50 times"
SECOND_ORDER = "starts are 1e-4 apart in a, and miss the extremum to second order"
NEARLY = "starts are 1e-8 off the minimum, and rounding leaves 8 digits of that"


@dataclass(frozen=True)
class Measured:
    """A value with its standard error, or with a tolerance and the reason for it."""

    value: float
    error: float
    reason: str = "standard error"

    @property
    def sampled(self) -> bool:
        return self.reason == "standard error"


def mean(samples) -> Measured:
    samples = np.asarray(samples, dtype=float)
    return Measured(float(samples.mean()), float(samples.std() / math.sqrt(samples.size)))


def rng(*point: float) -> np.random.Generator:
    """Another stream at every point, whatever was drawn before."""
    return np.random.default_rng([CONFIG["seed"], *(int(1000 * abs(x)) for x in point)])


# The map, and training


def step_uv(mu, u, v):
    push = mu * (u * v - 1)
    return u - push * v, v - push * u


def step_modes(mu, a, b):
    r = a * a - b * b - mu
    return (1 - r) * a, (1 + r) * b


def descend(prompt, weights, eta, n_steps):
    return lt.train(prompt, weights, step_size=eta, n_steps=n_steps)


def tangent_growth(prompt, weights, eta, n_steps):
    return training.tangent_growth(prompt, weights, step_size=eta, n_steps=n_steps, n_discard=n_steps // 10)


def train(mu, u, v, n_steps=None, prompt=TWO_FACTORS):
    """Histories of u, v and of the residual mu (uv - 1), from gradient descent on w and W."""
    n_steps = CONFIG["n_steps"] if n_steps is None else n_steps
    label = prompt.query_label
    unit, sign = math.sqrt(abs(label) / H), math.copysign(1.0, label)
    along = sign * unit * v * MOMENT / H
    frozen = np.array([[4.0, -3.0], [0.0, 0.0]]) / 8  # orthogonal to M: training must not touch it
    run = descend(prompt, lt.TwoFactorWeights(unit * u, along + frozen), mu / (H * abs(label)), n_steps)
    k = np.tensordot(run.key_query, MOMENT, 2) / H
    return run.value / unit, sign * k / unit, mu * (run.predictions / label - 1)


def escapes(mu, u, v, n_steps=None) -> bool:
    r = train(mu, u, v, n_steps)[2]
    n_steps = CONFIG["n_steps"] if n_steps is None else n_steps
    return r.size <= n_steps or not abs(r[-1]) < FAR


def any_escapes(mu, u, v, n_steps=None) -> bool:
    """Whether any of many starts escapes; a step size may differ from start to start and step to step."""
    with np.errstate(all="ignore"):
        for i in range(CONFIG["n_steps"] if n_steps is None else n_steps):
            u, v = step_uv(mu[i] if np.ndim(mu) == 2 else mu, u, v)
        return not (np.abs(u * v) < FAR).all()


def bisect(condition: Callable[[float], bool], low: float, high: float, n: int | None = None) -> float:
    """Where a condition turns from false to true."""
    for _ in range(CONFIG["n_bisections"] if n is None else n):
        middle = (low + high) / 2
        low, high = (low, middle) if condition(middle) else (middle, high)
    return (low + high) / 2


# One state


def residual(mu, a, b):
    """From one step: the mean mode u + v shrinks by the factor 1 - r."""
    u, v, _ = train(mu, *_factors(mu, a, b), 1)
    return Measured(
        1 - (u[1] + v[1]) / (u[0] + v[0]), 1e-14, "rounding of a step, some ulps of numbers near 4"
    )


def level(mu, a, b):
    """Q from two predictions: r' = r^3 - 3 r - r (4 - mu^2) Q. Claim ellipse.pair."""
    r = train(mu, *_factors(mu, a, b), 1)[2]
    value = (r[0] ** 2 - 3 - r[1] / r[0]) / (4 - mu**2)
    return Measured(value, 2e-14, "r'/r has terms of up to 10, with some ulps of rounding")


def imbalance_bound(mu, a, b):
    """|b|^mu from the weights, over |Q| from two predictions."""
    u, v, _ = train(mu, *_factors(mu, a, b), 1)
    imbalance = math.sqrt(mu) / 2 * abs(u[0] - v[0])
    return Measured(imbalance**mu / abs(level(mu, a, b).value), 1e-13, "Q is known to 2e-14")


def across_minima(a, b):
    """Factor by which a small residual changes in a step, next to a minimum."""
    mu, ratios = a * a - b * b, []
    for change in (SMALL, -SMALL):
        r = train(mu, *_factors(mu, a * (1 + change), b), 1)[2]
        ratios.append(r[1] / r[0])
    return Measured(float(np.mean(ratios)), 2e-9, "second order in 1e-5, and rounding over 1e-5")


def along(mu, a, b):
    """Jacobian determinant of a step by central differences, over the factor of b."""
    moves = np.array([[1.0, 1.0], [1.0, -1.0]]) * SMALL
    start = np.array(_factors(mu, a, b))
    images = [[_end(mu, start + sign * move) for sign in (1, -1)] for move in moves]
    jacobian = [(plus - minus) / 2 for plus, minus in images]
    u, v = _end(mu, start)
    across = (u - v) / (start[0] - start[1]) if b else (jacobian[1][0] - jacobian[1][1]) / (2 * SMALL)
    value = np.linalg.det(jacobian) / np.linalg.det(moves) / across
    return Measured(float(value), 2e-9, "second order in 1e-5, and rounding over 1e-5")


def vertex(mu):
    """The balanced start u at which r'/r, a parabola in r, is least."""
    starts = np.sqrt(np.array([0.5, 1.0, 1.5]) * (1 / mu + 1))
    r = np.array([train(mu, u, u, 1)[2] for u in starts])
    curved, slope, _ = np.polyfit(r[:, 0], r[:, 1] / r[:, 0], 2)
    return Measured(math.sqrt(1 - slope / curved / 2 / mu), 1e-13, "exact parabola; a 3 x 3 system is solved")


# Thresholds


def critical_mu(u, v):
    return Measured(bisect(lambda mu: escapes(mu, u, v), 0.01, 3.0), 2e-14, ROUNDING)


def critical_step_size(w, k, label):
    """In the learning rate itself, from raw weights."""
    prompt = lt.Prompt.from_arrays(TWO_FACTORS.context, TWO_FACTORS.labels, TWO_FACTORS.query, label)
    weights = lt.TwoFactorWeights(w, k * MOMENT / H)

    def escapes(eta):
        run = descend(prompt, weights, eta, CONFIG["n_steps"])
        return run.overflowed or not abs(run.predictions[-1]) < FAR

    return Measured(bisect(escapes, 1e-4, 0.1), 1e-15, ROUNDING)


def certified(u, v):
    """Largest bound on the step sizes up to which 100 schedules, the constant one among them, are safe."""
    kappa = np.clip(rng(u, v).uniform(-0.5, 1.5, (CONFIG["n_steps"], 100)), 0, 1)
    kappa[:, 0] = 1
    start = np.full(100, u), np.full(100, v)
    found = bisect(lambda mu: any_escapes(mu * kappa, *start), 0.01, 2.5)
    return Measured(found, 2e-14, ROUNDING)


def largest_loss(mu):
    """Over starts just inside the ellipse of mu and random schedules up to mu."""
    size, worst = CONFIG["n_starts"], 0.0
    angle = 2 * np.pi * np.arange(size) / size
    u, v = _factors(mu, *(np.sqrt(1 - 1e-9) * x for x in _axes_point(mu, angle)))
    kappas = rng(mu).uniform(0, 1, (20, size))
    for kappa in (1.0, *kappas):
        worst = max(worst, ((u * v - 1) ** 2 / 2).max())
        u, v = step_uv(kappa * mu, u, v)
    reason = "starts miss a vertex by up to 2e-4 in angle, and are 1e-9 inside"
    return Measured(worst, 2e-7 / mu**2, reason)


def extent(mu, stable):
    """|ln(u/v)| of the last minimum uv = 1 next to which residuals fall, or training stays bounded."""

    def lost(x):
        u, v = math.exp(x / 2) * (1 + OFF), math.exp(-x / 2)
        if not stable:
            return escapes(mu, u, v)
        return _grows(train(mu, u, v)[2])

    return Measured(bisect(lost, 0.0, 8.0, 40), 1e-7, NEARLY)


def semi_axis(mu, balanced, factors):
    """Distance from 0, in (a, b) or in (u, v), up to which starts with u = v or u = -v stay bounded."""
    sign, unit = (1 if balanced else -1), 2 / math.sqrt(2 * mu)
    found = bisect(lambda size: escapes(mu, size, sign * size), 0.01, 40.0) * math.sqrt(2)
    return Measured(found if factors else found / unit, 2e-13, ROUNDING)


def loss_rises():
    """mu above which the loss rises in the first step from some balanced start."""

    def rises(mu):
        u = math.sqrt(1 + 2 / mu) * _fractions()
        after = np.prod(step_uv(mu, u, u), axis=0)
        return bool((np.abs(after - 1) > np.abs(u * u - 1) * (1 + 1e-12)).any())

    return Measured(bisect(rises, 0.5, 1.2), 1e-8, SECOND_ORDER)


def minimum_repels():
    def grows(mu):
        return _grows(train(mu, 1 + OFF, 1 + OFF)[2])

    return Measured(bisect(grows, 0.5, 1.5), 1e-7, NEARLY)


def two_cycle_doubles():
    def flips(mu):
        return two_cycle_multiplier(mu, across=False).value < -1

    return Measured(bisect(flips, 1.1, 1.4, 30), 2e-9, "the multiplier is measured to 2e-8, its slope is -9")


def bands_touch():
    """mu above which residuals of the critical orbit no longer alternate in sign."""

    def mixes(mu):
        u = math.sqrt((1 + mu) / 3 / mu)
        side = np.sign(train(mu, u, u)[2])
        return bool((side[1:] == side[:-1]).any())

    return Measured(bisect(mixes, 1.3, 1.45), 2e-14, ROUNDING)


def three_cycle_is_found():
    """mu above which the critical orbit settles on period 3."""

    def settles(mu):
        a, tail = math.sqrt((1 + mu) / 3), []
        for i in range(CONFIG["n_average"]):
            if i % 3 == 0 and i > 0.7 * CONFIG["n_average"]:
                tail.append(a)
            a, _ = step_modes(mu, a, 0.0)
        return float(np.ptp(np.abs(tail))) < 1e-2

    return Measured(bisect(settles, 1.449, 1.452, 25), 1e-7, "passages below it last 1/sqrt(distance) steps")


def weights_change_sign():
    def changes(mu):
        a = math.sqrt(1 + mu) * _fractions()
        for _ in range(2):
            a, _ = step_modes(mu, a, 0.0)
        return bool((a < 0).any())

    return Measured(bisect(changes, 1.3, 1.9), 2e-8, SECOND_ORDER)


def balanced_starts_escape():
    def lost(mu):
        u = 0.999 * math.sqrt(1 + 2 / mu) * _fractions()
        return any_escapes(mu, u, u, 60)

    return Measured(bisect(lost, 1.5, 2.5), 2e-8, SECOND_ORDER)


# Cycles of the balanced slice


def two_cycle(mu, high):
    """Residual of a cycle of period 2, by bisection of r'' - r where it changes sign once."""

    def beyond(a):
        u = a / math.sqrt(mu)
        r = train(mu, u, u, 2)[2]
        return r[2] < r[0]

    low, top = (math.sqrt(mu + 1e-3), math.sqrt(mu + 1.9)) if high else (1e-3, math.sqrt(mu - 1e-3))
    a = bisect(beyond, low, top)
    return Measured(a * a - mu, 2e-14, ROUNDING)


def two_cycle_multiplier(mu, across):
    return _multiplier(mu, math.sqrt(mu + two_cycle(mu, True).value), across)


def two_cycle_average(mu, loss):
    u = math.sqrt(1 + two_cycle(mu, True).value / mu)
    r = train(mu, u, u, 2)[2][:2]
    value = np.mean((r / mu) ** 2 / 2) if loss else np.mean(1 + r / mu)
    return Measured(float(value), 1e-13, "the cycle is found to 2e-14")


def symmetric_multiplier(mu, across):
    """Of the cycle f(f(a)) = -a with the smaller sum of factors a'/a."""

    def twice(a):
        for _ in range(2):
            a, _ = step_modes(mu, a, 0.0)
        return a

    grid = np.linspace(1e-3, math.sqrt(2 + mu), CONFIG["n_starts"])
    (at,) = np.nonzero(np.diff(np.sign(twice(grid) + grid)))
    sums = {}
    for low, high in zip(grid[at], grid[at + 1], strict=True):
        rising = twice(high) + high > 0
        a = bisect(lambda x, rising=rising: (twice(x) + x > 0) == rising, low, high)
        once = step_modes(mu, a, 0.0)[0]
        sums[abs(once / a + twice(a) / once)] = a
    return _multiplier(mu, sums[min(sums)], across)


def _multiplier(mu, a, across):
    """Of a cycle of period 2 in r: change of r along the slice, or of b, over two steps."""
    u, pairs = a / math.sqrt(mu), []
    for change in (SMALL / 5, -SMALL / 5):
        found = train(mu, u + change, u - change if across else u + change, 2)
        size = found[0] - found[1] if across else found[2]
        pairs.append(size[[0, 2]])
    before, after = pairs[0] - pairs[1]
    return Measured(float(after / before), 2e-8, "second order in 2e-6 with third derivatives of up to 1e4")


# The ellipse


def area(mu, factors):
    """Part of a box whose starts stay bounded, times the box."""
    half = 1.1 * np.array([semi_axis(mu, balanced, factors).value for balanced in (True, False)])
    x, y = rng(mu, factors).uniform(-1, 1, (2, CONFIG["n_samples"])) * half[:, None]
    with np.errstate(all="ignore"):
        # turned by 45 degrees, u = v and u = -v become the axes of the box
        p, q = ((x + y) / math.sqrt(2), (x - y) / math.sqrt(2)) if factors else (x, y)
        for _ in range(CONFIG["n_steps"]):
            p, q = (step_uv if factors else step_modes)(mu, p, q)
        bounded = np.abs(p) + np.abs(q) < FAR
    return mean(bounded * 4 * half.prod())


def residual_mean(mu, loss):
    a, b = _mixed(mu, loss)
    uv = 1 + (a * a - b * b - mu) / mu
    return mean((uv - 1) ** 2 / 2 if loss else uv)


def density(at):
    """Share of the residuals in a bin of width 0.1 about ``at``, at mu = 1."""
    a, b = _mixed(1.0, at)
    r = a * a - b * b - 1
    inside = np.abs(r - at) < 0.05
    found = mean(inside / 0.1)
    # the mean of a convex density over the bin differs by its second derivative times 0.1^2 / 24
    return Measured(found.value, math.hypot(found.error, 3e-4))


def angle_after(angle):
    mu = 1.0
    a, b = step_modes(mu, *_axes_point(mu, angle))
    turn = math.atan2(b / math.sqrt(2 - mu), a / math.sqrt(2 + mu))
    return Measured(turn % (2 * math.pi), 1e-14, "some ulps, times 3")


def along_ellipse(mu):
    """Growth of a small angle in one step."""
    angle = rng(mu).uniform(0, 2 * math.pi, 1000)
    turned = []
    for shift in (0, 1e-6):
        a, b = step_modes(mu, *_axes_point(mu, angle + shift))
        turned.append(np.exp(1j * np.arctan2(b / math.sqrt(2 - mu), a / math.sqrt(2 + mu))))
    growth = np.log(np.abs(np.angle(turned[1] / turned[0])) / 1e-6)
    return Measured(float(growth.mean()), 1e-9, "rounding of angles, over 1e-6")


def across_ellipse(mu):
    """Growth of a small distance from the ellipse over 4 steps; at mu = 2, where it is flat, of b twice."""
    if mu == 2:
        r = _balanced_residuals()
        return _batched(2 * np.log(np.abs(1 + r)))
    a, b = (x * (1 - 1e-9) for x in _mixed(mu))
    before = _level(mu, a, b)
    for _ in range(4):
        a, b = step_modes(mu, a, b)
    return mean(np.log(np.abs(_level(mu, a, b) / before)) / 4)


def average_at_two(loss):
    r = _balanced_residuals()
    return _batched((r / 2) ** 2 / 2 if loss else 1 + r / 2)


def exponent_at_two():
    unit = math.sqrt(1.25 / H)
    weights = lt.TwoFactorWeights(0.4 * unit, -0.4 * unit * MOMENT / H)
    found = tangent_growth(TWO_FACTORS, weights, 2 / (H * 1.25), CONFIG["n_average"])
    return Measured(found.exponent, found.standard_error)


# Learning rates, and unrestricted weights


def growth_at_the_saddle(eta, label):
    """Of tiny balanced weights in one step, less 1."""
    prompt, sign = _with_label(TWO_FACTORS, label), math.copysign(1.0, label)
    run = descend(prompt, lt.TwoFactorWeights(1e-9, sign * 1e-9 * MOMENT / H), eta, 1)
    return Measured(float(run.value[1] / run.value[0] - 1), 1e-15, "an ulp of 1 + mu")


def minimum_repels_in_eta(label):
    prompt, sign = _with_label(TWO_FACTORS, label), math.copysign(1.0, label)
    size = math.sqrt(abs(label) / H) * (1 + OFF)
    weights = lt.TwoFactorWeights(size, sign * size * MOMENT / H)

    def grows(eta):
        return _grows(descend(prompt, weights, eta, CONFIG["n_steps"]).predictions - label)

    found = bisect(grows, 1e-3, 0.1)
    return Measured(found, 1e-7 * found, NEARLY)


def mode_growth(eta, i, label):
    """Of tiny unrestricted weights in mode i in one step, less 1."""
    many = ManyModes.of(_with_label(MANY, label))
    s, d = np.zeros((2, many.n_modes))
    (s if label > 0 else d)[i] = 1e-9
    run = descend(_with_label(MANY, label), _full(many, s, d), eta, 1)
    sums, differences = many.project(run.P, run.K)
    size = (sums if label > 0 else differences)[:, i]
    return Measured(float(size[1] / size[0] - 1), 1e-14, "rounding of sums over 4 tokens")


def sharpness(s, d, label):
    """2/eta for the learning rate eta above which training leaves the minimum (s, d) of all weights."""
    limit = _stability_limit(np.array(s), np.array(d), label)
    return Measured(2 / limit, 1e-7 * 2 / limit, NEARLY)


def smallest_sharpness(label):
    return sharpness(*_flattest(label), label)


def largest_stable_step(label):
    limit = _stability_limit(*_flattest(label), label)
    return Measured(limit, 1e-7 * limit, NEARLY)


def flattest_size(label):
    """Norm of the minimum that descent on the sharpness finds among all."""
    return Measured(float(np.linalg.norm(_flattest(label))), 1e-14, "descent until nothing moves, some ulps")


def steepest_stable_spectrum(eta, label):
    """Largest mean curvature, over m_1, of the balanced minima in the outer two modes that training keeps."""
    many = ManyModes.of(_with_label(MANY, label))
    first, last = many.curvatures[[0, -1]]

    def state(share):
        s, d = np.zeros((2, many.n_modes))
        s[[0, -1]] = 2 * np.sqrt(label * np.array([share / first, (1 - share) / last]))
        return s, d

    def lost(share):
        return _leaves(many, *state(share), eta, label)

    share = bisect(lost, 0.0, 1.0)
    return Measured(share + (1 - share) * last / first, 1e-7, NEARLY)


def _full(many, s, d):
    zero = np.zeros((many.directions.shape[0],) * 2)
    return lt.FullWeights(*many.weights(s, d, zero, zero))


def _leaves(many, s, d, eta, label):
    weights = _full(many, s * (1 + OFF), d * (1 + OFF))
    run = descend(_with_label(MANY, label), weights, eta, CONFIG["n_steps"])
    return _grows(run.predictions - label)


def _stability_limit(s, d, label):
    many = ManyModes.of(_with_label(MANY, label))
    return bisect(lambda eta: _leaves(many, s, d, eta, label), 1e-3, 10.0)


def _flattest(label):
    """Flattest minimum: descent on sum_i m_i^2 (s_i^2 + d_i^2)/2 within e = 0, from a random start."""
    m = ManyModes.of(MANY).curvatures
    signs = math.copysign(1.0, label) * np.concatenate([m, -m]) / 4
    weights, x = np.concatenate([m, m]) ** 2, rng(label).normal(size=2 * m.size)
    x = np.abs(x) * np.where(signs > 0, 3.0, 1.0)  # some minimum: the prediction has the sign of the label
    for _ in range(5_000):
        normal, slope = signs * x, weights * x
        x = x - (slope - (slope @ normal) / (normal @ normal) * normal) / weights.max() / 4
        x = x * math.sqrt(abs(label) / (x @ (signs * x)))
    return x[: m.size], x[m.size :]


def _with_label(prompt, label):
    return lt.Prompt.from_arrays(prompt.context, prompt.labels, prompt.query, label)


# Helpers


def _grows(r):
    """Whether a perturbation has grown, if only for a while, or the run was cut short."""
    size = np.abs(r)
    return bool(r.size <= CONFIG["n_steps"] or size.max() > 10 * size[0] or size[-1] > size[0])


def _factors(mu, a, b):
    return (a + b) / math.sqrt(mu), (a - b) / math.sqrt(mu)


def _end(mu, start):
    u, v, _ = train(mu, *start, 1)
    return np.array([u[1], v[1]])


def _fractions():
    """Midpoints of equal parts of (0, 1)."""
    return (np.arange(CONFIG["n_starts"]) + 0.5) / CONFIG["n_starts"]


def _axes_point(mu, angle):
    return math.sqrt(2 + mu) * np.cos(angle), math.sqrt(2 - mu) * np.sin(angle)


def _level(mu, a, b):
    return a * a / (2 + mu) + b * b / (2 - mu) - 1


def _mixed(mu, *point):
    """Points of the ellipse after ten steps from an arc of one radian."""
    a, b = _axes_point(mu, rng(mu, *point).uniform(0.3, 1.3, CONFIG["n_samples"]))
    for _ in range(10):
        a, b = step_modes(mu, a, b)
    return a, b


def _balanced_residuals():
    return train(2.0, 0.4, 0.4, CONFIG["n_average"])[2][1000:]


def _batched(samples):
    """Time average with the standard error of 20 batches."""
    means = [batch.mean() for batch in np.array_split(samples, 20)]
    return Measured(float(np.mean(means)), float(np.std(means, ddof=1) / math.sqrt(20)))
