# ---
# jupytext:
#   text_representation:
#     extension: .py
#     format_name: percent
# kernelspec:
#   display_name: Python 3
#   language: python
#   name: python3
# ---

# %% [markdown]
# # 11. Sampling: what batches do in the long run
#
# Batches drawn at random make the map of chapter 10 a random one. Here: when a minimum is stable, how noise
# moves along the minima, how far a batch can be from its mean, what that costs in step size, and when
# escape is certain.
#
# ## A minimum is stable by its exponent, not by a mean
#
# Prompts that interpolate share their minima. Near one, with $S = a^2 + b^2$, the residual obeys
#
# $$r' = (1 - 2 S\,a_B)\,r, \qquad \lambda(S) = \mathrm E \ln|1 - 2 S\,a_B|, \tag{11.1}$$
#
# and the Jacobians of all batches commute: the minimum is stable, almost surely, iff $\lambda < 0$ (claim
# sampling.exponent). The mean square contracts only up to $S = 1/(1 + \mathrm{Var}\,a_B)$, *below* the edge
# $S = 1$ of the full batch (claim sampling.mean_square), the exponent up to $S = 1 + \mathrm{Var}\,a_B -
# \tfrac43\,\mathrm E(a_B - 1)^3 + \dots$, *beyond* it (claim sampling.edge). In between, training
# converges, with bursts so rare and large that the mean square grows.
#
# Two prompts of curvature $1 \pm s$, one at a time, have the closed form (claim sampling.two_point)
#
# $$\lambda = \tfrac12 \ln\bigl|(1 - 2S)^2 - 4 S^2 s^2\bigr|. \tag{11.2}$$

# %%
import math

import numpy as np
import sympy as sp

from lintrans.minibatch import Batches, Population, batch_exponents, escape_times, geometry
from lintrans.minibatch.walks import walk
from lintrans.symbolic import sampling, switching
from lintrans.symbolic.claims import claims
from lintrans.symbolic.symbols import mu

S, s = 1.2, 0.5
roots = np.sqrt([1 + s, 1 - s])
batches = Batches(1, n_steps=512)
found = batch_exponents(Population(roots, roots), S, 1.0, 1.0, batches=batches).along
derived = float(sampling.two_point_exponent(S, s))
print(f"S = {S}: derived {derived:.5f}, drawn {found.value:.5f} +- {found.standard_error:.5f}")
assert abs(found.value - derived) < 5 * found.standard_error
print(
    f"stable for S in {sampling.two_point_stable(sp.Rational(1, 2))}, in mean square below {1 / (1 + s * s)}"
)

# %% [markdown]
# ## Noise at a minimum, and the drift to flat minima
#
# With noise in the labels no minimum is at rest. To first order the residual and that of the batch are
# stationary with the variances (claim sampling.stationary)
#
# $$\begin{gathered} \mathrm{Var}\,r = \frac{S\,v}{1 - S\,(1 + \mathrm{Var}\,a_B)}, \qquad
#   \mathrm{Var}\,\sigma = \frac{v}{1 - S\,(1 + \mathrm{Var}\,a_B)}, \cr
#   v = \mu^2\,\mathrm{Var}\,d_B, \end{gathered} \tag{11.3}$$
#
# which diverge at the mean-square edge. By (10.9) the imbalance $D = ab$ then shrinks at the rate
# $\mathrm{Var}\,\sigma$:
#
# $$\frac{dD}{dt} = -\frac{v\,D}{1 - g S}, \qquad S = \sqrt{\mu^2 + 4 D^2},
#   \qquad g = 1 + \mathrm{Var}\,a_B, \tag{11.4}$$
#
# *training drifts along the minima to the flattest one*, $D = 0$, $S = \mu$, the faster the sharper the
# minimum it is at. (11.4) has a closed clock (claim sampling.flattening). Beside it: 1,000 trainings from
# $S = 0.7$, for as long as the clock says it takes to $S = 0.5$.

# %%
step_size, s, start, end = 0.4, 0.02, 0.7, 0.5
n_steps = round(float(sampling.flattening_time(start, end, step_size, (step_size * s) ** 2)))
imbalance = math.sqrt(start**2 - step_size**2) / 2
n, first = 1000, math.sqrt((start + step_size) / 2)
labels = Population([1.0, 1.0], [1 + s, 1 - s])
states = (np.full(n, x) for x in (step_size, first, imbalance / first))
_, (end_a, end_b) = walk(labels.for_kernels(), *states, batches=Batches(1, n_steps=n_steps, seed=1))
logs = np.log(end_a * end_b)
derived, error = math.log(math.sqrt(end**2 - step_size**2) / 2), logs.std() / math.sqrt(n)
print(f"{n_steps} steps: ln D derived {derived:.4f}, drawn {logs.mean():.4f} +- {error:.4f}")
assert abs(logs.mean() - derived) < 5 * error

# %% [markdown]
# ## How far a batch is from the mean
#
# If the prompts have $|\sigma_i - r| \le M$ and the variance $V_1$ at the present state, Bernstein's
# inequality bounds a batch (claims sampling.exponential_moment and sampling.bernstein),
#
# $$P(|\sigma - r| > \varepsilon \mid \text{past})
#   \le 2 \exp\Bigl(-\frac{B\,\varepsilon^2}{2\,(V_1 + M\varepsilon/3)}\Bigr), \tag{11.5}$$
#
# and since that holds at each step given the past, with $V_1$, $M$ and $\varepsilon$ of the state reached,
# the chances of $T$ steps add up: with probability $1 - \delta$ all of them keep (claim
# sampling.every_step)
#
# $$|\sigma - r| \le \frac{L M}{3B} + \sqrt{\Bigl(\frac{L M}{3B}\Bigr)^2 + \frac{2 L V_1}{B}},
#   \qquad L = \ln\frac{2T}{\delta}. \tag{11.6}$$
#
# For interpolating prompts the same with the curvature, one-sided, turns (10.7) into a step size for $T$
# steps: up to $\mu_c/(1 + \varepsilon)$ training stays in the ellipse with probability $1 - \delta$. So the
# critical step size of the full batch shrinks by at most $\sqrt{2 L\,\mathrm{Var}\,a_i/B}$ for large $B$
# (claim sampling.critical_mu).

# %%
population = Population.sampled(500, spread=0.4, noise=0.0, seed=6)
for size in (16, 64, 256, 1024):
    batches = Batches(size, n_steps=1000)
    eta = geometry.certified_step_size(population, 1.5, 0.6, batches=batches, risk=0.01)
    found = escape_times(population, population.mu(eta), 1.5, 0.6, batches=batches, n_trajectories=200)
    left = found.probability("left")
    print(
        f"B = {size:<5} certified at mu = {population.mu(eta):.4f}, left: {left.value} (to {left.high:.3f})"
    )
    assert left.low <= 0.01

# %% [markdown]
# ## Two batches in turn: escape is certain or impossible
#
# On the slice, two batches of curvature 1 and targets $1 \pm s$ are two cubics, one of which is thrown a
# coin for at every step. By chapter 10 no sequence of them leads out of $a^2 \le 2 + \mu(1 - s)$ iff $s$ is
# at most (claim switching.threshold)
#
# $$s^* = \frac{3 \sinh\bigl(\tfrac13 \operatorname{arsinh}(3 + 2\mu)\bigr) - 1 - \mu}{\mu}. \tag{11.7}$$
#
# Above it some sequence leads out. Where from every $|a|$ between some $\delta$ and the outside a word of
# at most $n$ batches does, and 0 repels, training almost surely diverges from every start that does not hit
# 0 exactly, with the chance of lasting falling like $(1 - 2^{-n})^j$ (claims switching.origin and
# switching.escape). For $\mu s > 1$ the greedy word always does. Elsewhere a finite check of cells, in
# exact fractions, finds the words: at the four places that were tried just above $s^*$ it does (claim
# switching.words), so that escape looks all or nothing at $s^*$; for all $\mu$ that is not proved.

# %%
step_size = 1.0
threshold = float(switching.switching_threshold(sp.Integer(1)))
print(f"mu = 1: s* = {threshold:.6f}, words at s = 3/5: {switching.escape_words('1', '3/5', '1/10')}")
for s in (0.999 * threshold, 0.6):
    a = np.random.default_rng(1).uniform(0.1, 0.999, 2000) * math.sqrt(2 + step_size * (1 - s))
    events, _ = walk(
        Population([1.0, 1.0], [1 + s, 1 - s]).for_kernels(),
        np.full(2000, step_size),
        a,
        np.zeros(2000),
        batches=Batches(1, n_steps=4000, seed=2),
    )
    diverged = int((events[:, 1] >= 0).sum())
    print(f"s = {s:.4f}: {diverged} of 2000 diverged within 4,000 steps")
    assert diverged == (2000 if s == 0.6 else 0)

# %%
switching.switching_threshold(mu)

# %% [markdown]
# ## Claims

# %%
for claim in claims("sampling") + claims("switching"):
    verdict = claim.check()
    assert verdict.passed, (claim.id, verdict.remainder)
    print(f"{claim.id}: {claim.statement.splitlines()[0]}")
