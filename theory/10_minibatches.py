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
# # 10. Mini-batches: exact geometry of one step
#
# Many prompts $i$ on one shared mode: prompt $i$ predicts $h_i\,wk$ for its label $y_i$. Training on batches
# $B$ of them is gradient descent on the mean of $\tfrac12(h_i\,wk - y_i)^2$ over the batch. With
#
# $$\begin{gathered} A = \overline{h^2}, \qquad C = \overline{h y} > 0, \qquad \mu = \eta C, \cr
#   a_B = \overline{h^2}^B / A, \qquad c_B = \overline{h y}^B / C, \end{gathered} \tag{10.1}$$
#
# and the normal form of the full batch, $uv = 1$ at its minimum $wk = C/A$, one step is that of the map with
# another residual in the place of $r = \mu(uv - 1)$ (claims minibatch.reduction and minibatch.residual):
#
# $$\begin{gathered} \sigma = \mu\,(a_B\,uv - c_B) = a_B\,r + \mu\,d_B, \qquad d_B = a_B - c_B, \cr
#   a' = (1 - \sigma)\,a, \qquad b' = (1 + \sigma)\,b. \end{gathered} \tag{10.2}$$
#
# Curvature $a_B$ and target $c_B$ have the mean 1 over batches, the mismatch $d_B$ the mean 0: the step is
# unbiased, $\mathrm E\,\sigma = r$. Prompts *interpolate*, $d_B = 0$ for every batch, iff $y_i/h_i$ is one
# number for all of them (claims minibatch.unbiased and minibatch.interpolating).

# %%
import numpy as np
import sympy as sp

from lintrans.two_factor import normal_form
from lintrans.minibatch import Batches, Population, geometry
from lintrans.minibatch.walks import walk
from lintrans.symbolic import minibatch, modes, schedules
from lintrans.symbolic.claims import claims
from lintrans.symbolic.symbols import a, b, mu, sigma

r = modes.residual(a, b, mu)
curvature, mismatch = sp.symbols("a_B d_B", real=True)
minibatch.batch_residual(r, mu, curvature, mismatch)

# %% [markdown]
# ## The mean step leaves the ellipse
#
# The variance of $\sigma$ over batches is
#
# $$V(r) = r^2\,\mathrm{Var}\,a_B + 2\mu r\,\mathrm{Cov}(a_B, d_B) + \mu^2\,\mathrm{Var}\,d_B, \tag{10.3}$$
#
# that of single prompts over the batch size, times $(N - B)/(N - 1)$ without replacement (claim
# minibatch.variance). $Q'$ is quadratic in $\sigma$, so its mean sees this variance (claim minibatch.drift):
#
# $$\mathrm E\,Q' = (1 + \mu r + r^2)\,Q + V\,(1 + Q). \tag{10.4}$$
#
# On the ellipse, where full-batch training stays, the mean of $Q'$ is $V$: an unbiased gradient drifts
# outward, at every step size. Beside it a simulation: 200,000 batches from one state, with the standard
# error.

# %%
population = Population.sampled(200, spread=0.4, noise=0.3, seed=3)
step_size, start_a, start_b = 0.8, 1.1832159566199232, 0.7745966692414834  # on the ellipse, at a minimum
n = 200_000


def levels_after(size, seed):
    """Levels Q' after one step, by batches drawn from the population."""
    batches = Batches(size, n_steps=1, seed=seed)
    start = (np.full(n, x) for x in (step_size, start_a, start_b))
    return normal_form.ellipse_level(step_size, *walk(population.for_kernels(), *start, batches=batches)[1])


for size in (1, 8, 64):
    moments = geometry.batch_moments(population, Batches(size))
    derived = float(geometry.level_drift(step_size, start_a, start_b, moments))
    found = levels_after(size, seed=size) - normal_form.ellipse_level(step_size, start_a, start_b)
    error = found.std() / np.sqrt(n)
    print(f"B = {size:<3} drift of Q: derived {derived:.6f}, drawn {found.mean():.6f} +- {error:.6f}")
    assert abs(found.mean() - derived) < 5 * error

# %% [markdown]
# A sampler may be unbiased and wrong all the same. With all deviations from the mean stretched by 5 % the
# mean of $\sigma$ is still $r$, but the drift is 10 % too large, and the simulation says so.
#
# ## Which batches cross
#
# From a state inside, $-1 < Q \le 0$, a step ends outside iff (claim minibatch.crossing)
#
# $$(1 + Q)\,\sigma^2 + (\mu Q - r)\,\sigma + Q > 0, \tag{10.5}$$
#
# that is iff $\sigma$ lies outside the two roots. They have opposite signs and enclose $0$ and $r$: a step of
# size zero and the full batch never cross. On the ellipse they are $0$ and $r$, and a batch crosses iff it
# points the wrong way or overshoots.

# %%
level = sp.Symbol("Q")
new_level = modes.ellipse(*schedules.step_batch(a, b, sigma), mu)
quadratic = (1 + level) * sigma**2 + (mu * level - r) * sigma + level
assert sp.simplify(new_level - quadratic.subs(level, modes.ellipse(a, b, mu))) == 0
minibatch.crossing_interval(level, sp.Symbol("r"), mu)

# %% [markdown]
# ## Every batch has its own ellipse
#
# In the coordinates $\sqrt{a_B}\,(a, b)$ a batch is the two-factor map with its own $\mu_B = \mu\,c_B$ (claim
# minibatch.ellipse), and keeps
#
# $$Q_B = \frac{a_B\,a^2}{2 + \mu_B} + \frac{a_B\,b^2}{2 - \mu_B} - 1 \le 0. \tag{10.6}$$
#
# For interpolating prompts $\mu_B = a_B\,\mu$ and these ellipses are nested: the sharpest batch has the
# smallest, and every batch keeps it. So a start whose critical effective step size is $\mu_c$ is safe,
# under every sequence of batches, up to
#
# $$\mu = \frac{\mu_c}{\max_B a_B}, \tag{10.7}$$
#
# and no further if the sharpest batch may be drawn for ever (claim minibatch.certificate). With noise in
# the labels the ellipses cross, and no common one is kept.

# %%
population = Population.sampled(200, spread=0.4, noise=0.0, seed=3)
critical = float(normal_form.critical_mu(1.5, 0.6))
print(f"full batch {critical:.4f}, any batches {critical / population.curvatures.max():.4f}")

# %% [markdown]
# ## On the balanced slice
#
# With $b = 0$ and $m = \mu\,c_B$ a batch is the cubic $a' = (1 + m)\,a - a_B\,a^3$. Beyond $L_B$ it enlarges
# $|a|$ for ever, and the height of its peak is $E_B$,
#
# $$L_B = \sqrt{\frac{2 + m}{a_B}}, \qquad E_B = \frac{2\,(1 + m)^{3/2}}{\sqrt{27\,a_B}} \tag{10.8}$$
#
# (claim minibatch.slice). Batches keep an interval $|a| \le L$ together iff each does, and none beyond
# $\min_B L_B$: $E_B \le L$ where the peak lies in the interval, $m \le a_B L^2$ where not (claim
# minibatch.interval). Here noise in the labels has a certificate too; chapter 11 follows it for two
# batches.

# %%
(
    minibatch.keeps_interval(1, [1, 1], [sp.Rational(3, 2), sp.Rational(1, 2)]),
    minibatch.keeps_interval(1, [1, 1], [sp.Rational(8, 5), sp.Rational(2, 5)]),
)

# %% [markdown]
# ## Every batch balances
#
# The imbalance law of chapter 1 holds for each batch by itself (claim minibatch.imbalance),
#
# $$u'^2 - v'^2 = (1 - \sigma^2)\,(u^2 - v^2): \tag{10.9}$$
#
# a batch shrinks the imbalance as long as $0 < \sigma^2 < 2$, whether it goes the right way or not. At a
# minimum of the full batch, where full-batch training rests, noise goes on balancing (chapter 11).
#
# ## A schedule calms the noise
#
# In the modes of the largest step size a step of size $\kappa\mu$, $0 \le \kappa \le 1$, has the residual
# $\kappa\sigma$. Full-batch training keeps the ellipse under every schedule (chapter 7); with batches (claim
# minibatch.schedule)
#
# $$\mathrm E\,Q' = (1 + \kappa\mu r + \kappa^2 r^2)\,Q + \kappa^2 V\,(1 + Q) - \kappa(1 - \kappa)\,r^2.
#   \tag{10.10}$$
#
# The noise enters by $\kappa^2$, the pull inward by $\kappa$. On the ellipse the mean step goes outward iff
# $\kappa V > (1 - \kappa)\,r^2$. For interpolating prompts that is
#
# $$\kappa > \frac{1}{1 + \mathrm{Var}\,a_B}, \tag{10.11}$$
#
# the same everywhere; with noise in the labels it is every $\kappa > 0$ near a minimum, but with a drift of
# $\kappa^2\mu^2\,\mathrm{Var}\,d_B$ only. Beside it batches drawn at three parts of the step.

# %%
population = Population.sampled(200, spread=0.4, noise=0.3, seed=3)
start_a, start_b = 1.5, np.sqrt(1.2 * (1 - 1.5**2 / 2.8))  # on the ellipse
for part in (1.0, 0.5, 0.1):
    batches = Batches(8, n_steps=1, seed=9, schedule=[part])
    start = (np.full(n, x) for x in (step_size, start_a, start_b))
    _, ends = walk(population.for_kernels(), *start, batches=batches)
    found = normal_form.ellipse_level(step_size, *ends)
    moments = geometry.batch_moments(population, batches)
    derived = float(geometry.level_drift(step_size, start_a, start_b, moments, part=part))
    error = found.std() / np.sqrt(n)
    print(f"kappa = {part}: drift of Q: derived {derived:.6f}, drawn {found.mean():.6f} +- {error:.6f}")
    assert abs(found.mean() - derived) < 5 * error

# %% [markdown]
# ## Claims

# %%
for claim in claims("minibatch"):
    verdict = claim.check()
    assert verdict.passed, (claim.id, verdict.remainder)
    print(f"{claim.id}: {claim.statement.splitlines()[0]}")
