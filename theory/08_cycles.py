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
# # 8. All cycles of the plane, and why noise makes no bubbles
#
# Where can a periodic orbit of
#
# $$a' = (1 - r)\,a, \qquad b' = (1 + r)\,b, \qquad r = a^2 - b^2 - \mu \tag{8.1}$$
#
# be? Chapter 5 has the Lyapunov function $V = |b|^\mu/|Q|$. It cannot come back once it has moved, so on a
# cycle it stands still, or is $0$ or infinite all along.
#
# **Theorem.** For every $\mu > 0$ a cycle of the plane is a minimum, or lies on the balanced slice $b = 0$,
# or, if $\mu < 2$, on the ellipse $Q = 0$.
#
# **Below 2** $V$ falls strictly off the slice and the ellipse, unless $r = 0$ (claim
# convergence.lyapunov_function). **At 2** it is constant, and what is left of it to the next order in
# $2 - \mu$,
#
# $$L = \ln|b| + \frac{a^2/4 - 1}{b^2}, \qquad L' - L = \ln|x| - \frac1x + \frac1{x^2}, \quad x = 1 + r,
#   \tag{8.2}$$
#
# rises: the gain has two minima, $0$ at $x = 1$ and $\ln 2 + \tfrac34$ at $x = -2$. **Above 2** $Q =
# a^2/(2 + \mu) - b^2/(\mu - 2) - 1$. Where $Q \ge 0$,
#
# $$r - 2 = (\mu + 2)\,Q + \frac{4 b^2}{\mu - 2} \ge 0, \tag{8.3}$$
#
# so $|b|$ at least triples, for ever. A cycle off the slice therefore has $Q < 0$ at every point, hence
# $1 + \mu r + r^2 > 0$; then $|1 + r|^\mu > 1 + \mu r + r^2$ unless $r = 0$, and $V$ rises. $\square$

# %%
import math

import sympy as sp

from lintrans.symbolic import cycles, ellipse
from lintrans.symbolic.claims import claims
from lintrans.symbolic.symbols import a, b, mu

cycles.bound_at_two(a, b)

# %% [markdown]
# ## On the ellipse
#
# A step multiplies $\theta - \pi/4$ by $-3$. So $n$ steps fix the $3^n - (-1)^n$ angles
#
# $$\theta = \frac\pi4 + \frac{2\pi k}{(-3)^n - 1}, \tag{8.4}$$
#
# the same for every $\mu$. Over $n$ steps the multiplier is $(-3)^n$ along the ellipse and $\prod(1 + \mu r +
# r^2)$ across it. How many cycles of exactly $n$ points that makes:

# %%


def exact(n, fixed):
    return fixed(n) - sum(exact(k, fixed) for k in range(1, n) if n % k == 0)


[exact(n, lambda k: 3**k - (-1) ** k) // n for n in range(1, 9)]

# %% [markdown]
# ## On the slice
#
# Here $f(a) = (1 + \mu)a - a^3$, and for $\mu \ge 2$ it covers $[-\sqrt{2 + \mu}, \sqrt{2 + \mu}]$ three
# times: $n$ steps fix $3^n$ points. Below 2 some of them are not real, and there is no formula for how
# many; but there is a way to miss none. Its Schwarzian derivative
#
# $$\frac{f'''}{f'} - \frac32\Bigl(\frac{f''}{f'}\Bigr)^2 = -\frac{6(1 + \mu + 6a^2)}{(1 + \mu - 3a^2)^2}
#   \tag{8.5}$$
#
# is negative, and so is that of every iterate. A slope with negative Schwarzian has no positive local
# minimum (Singer): on a lap where the iterate rises, the slope rises once, falls once, and passes 1 at most
# twice, so there are at most three fixed points, with the two places of slope 1 between them; on a lap
# where it falls, at most one. The ends of the laps are the preimages of the two critical points, by
# Cardano. `lintrans.two_factor.cycles` does this.
#
# A cycle of $n$ points in $uv$ closes in $a$ after $n$ steps if $\prod(1 - z) = 1$, and then has a mirror
# image beside it, or after $2n$ if the product is $-1$, and then is its own. In the second case a period
# doubling of the prediction is a pitchfork of the weights: nothing doubles, the mirror symmetry breaks.
#
# ## At $\mu = 2$ the cycles of the ellipse end on the slice
#
# The ellipse has $b = \sqrt{2 - \mu}\,\sin\theta$: each of its cycles reaches the slice at $\mu = 2$, at $a
# = 2\cos \theta$, where every balanced cycle is neutral across, by (5.6). These are bifurcations too,
# transverse to the slice: `lintrans continue` calls them `across`.
#
# ## Is an imbalance ever amplified?
#
# On the slice $b' = (1 + z)\,b$ to first order, and $2 - z' = (1 + \mu z + z^2)(2 - z)$. With (5.7)
#
# $$\prod_{i<n}|1 + z_i|^\mu \;\le\; \prod_{i<n}(1 + \mu z_i + z_i^2) = \frac{2 - z_n}{2 - z_0}. \tag{8.6}$$
#
# On the attractor $-\mu \le z \le \tfrac4{27}(1 + \mu)^3 - \mu$, the image of the critical point, so no
# stretch of any length amplifies an imbalance by more than
#
# $$C = \Bigl(\frac{2 + \mu}{2 + \mu - \frac4{27}(1 + \mu)^3}\Bigr)^{1/\mu}. \tag{8.7}$$
#
# In particular no cycle in it has a multiplier above 1 in size across the slice; only the minimum has
# exactly 1, and of the cycles elsewhere on the slice only the ends $z = 2$, with $3$ a step, are unstable
# across. In the language of synchronisation, *bubbling* needs an embedded cycle that is unstable across:
# there is none. Under small noise the imbalance is a sum of kicks times products of factors that never
# exceed $C$, and that decay except while the orbit stays near the minimum, which it leaves by a factor
# $2\mu - 1$ a step: growth makes no heavy tails, and the imbalance stays proportional to the noise.
# `experiments/bubbling` measures it.

# %%
for value in (1.1, 1.3, 1.5, 1.7, 1.9, 1.99):
    bound = ((2 + value) / (2 + value - 4 * (1 + value) ** 3 / 27)) ** (1 / value)
    print(f"mu = {value}: an imbalance grows at most {bound:.3g} times")

# %% [markdown]
# ## How the transverse exponent reaches 0
#
# By telescoping, $\mu\lambda_\perp = \langle\mu\ln|1 + z| - \ln(1 + \mu z + z^2)\rangle$. With $\mu = 2 -
# e$ and $x = 1 + z$ the function vanishes with $e$ except near $x = 0$, where it is $-\ln(1 + e/x^2)$, with
# the integral $-2\pi\sqrt e$; the density there tends to that of $\mu = 2$, $1/(\pi\sqrt3)$. So
#
# $$\lambda_\perp \simeq -\sqrt{\frac{2 - \mu}{3}}. \tag{8.8}$$
#
# The last step takes for granted that the invariant density of the slice attractor tends to that of $\mu =
# 2$ near $z = -1$; between, there are windows with stable cycles, where it does not. On orbits of $10^5$
# steps:

# %%
for e in (0.04, 0.01, 0.0025):
    value, position, total, n_steps = 2 - e, 0.4321, 0.0, 100_000
    for n in range(n_steps + 1000):
        residual = position**2 - value
        total += math.log(abs(1 + residual)) if n >= 1000 else 0
        position *= 1 - residual
    measured, law = total / n_steps, float(cycles.approach(sp.Rational(2) - sp.Rational(str(e))))
    print(f"2 - mu = {e}: measured {measured:+.4f}, law {law:+.4f}, ellipse {-law * 2:+.4f}")

# %% [markdown]
# The ellipse repels with $+2\sqrt{(2 - \mu)/3}$ (chapter 4), measured in the level $Q$, which is quadratic
# in $b$: both sides of the gap between slice and ellipse close with the same $\sqrt{(2 - \mu)/3}$.

# %%
sp.limit(ellipse.transverse_exponent(mu) / cycles.approach(mu), mu, 2, "-")

# %% [markdown]
# ## Claims

# %%
for claim in claims("cycles"):
    verdict = claim.check()
    assert verdict.passed, (claim.id, verdict.remainder)
    print(f"{claim.id}: {claim.statement.splitlines()[0]}")
