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
# # 3. The balanced slice
#
# On $b = 0$ (equal factors, $u = v$) the map is the odd cubic
#
# $$a' = f(a) = (1 + \mu)\,a - a^3, \tag{3.1}$$
#
# and the residual $z = r = a^2 - \mu$ obeys
#
# $$z' = z^3 + (\mu - 2)\,z^2 + (1 - 2\mu)\,z. \tag{3.2}$$
#
# The interval $a^2 \le 2 + \mu$ maps into itself exactly for $\mu \le 2$. A cycle of $z$ closes in $a$
# after the same number of steps if the product of $1 - z_i$ over it is $1$, after twice as many if it
# is $-1$.

# %%
import sympy as sp
from mpmath import nstr

from lintrans.symbolic import landmarks, slice
from lintrans.symbolic.claims import claims
from lintrans.symbolic.symbols import a, mu, z

slice.cubic(a, mu), slice.residual_step(z, mu)

# %% [markdown]
# ## Monotone, catapult, unstable
#
# The ratio $z'/z = (z - 1 + \mu/2)^2 - \mu - \mu^2/4$ is 1 at both ends of the interval, so the loss never
# rises iff its minimum is at least $-1$:
#
# $$\mu \le 2\sqrt2 - 2. \tag{3.3}$$
#
# Above, the start at the vertex, $a^2 = 1 + \mu/2$, is the first whose loss rises. The minimum $z = 0$ has
# multiplier $1 - 2\mu$ and is stable for $\mu < 1$. There is no 2-cycle for $\mu \le 1$, and an interval map
# without 2-cycles has only convergent orbits (Coppel), so between (3.3) and 1 the loss may rise but
# converges.

# %%
sp.factor(slice.residual_step(z, mu) / z)

# %% [markdown]
# ## The 2-cycle
#
# $f(f(a)) = a$ splits into fixed points, the symmetric cycle $a^2 = 2 + \mu$ (a fixed point $z = 2$, always
# unstable) and a mirror pair with $a\,a' = 1$, born at $\mu = 1$:
#
# $$a^4 - (1 + \mu)a^2 + 1 = 0, \qquad z = \tfrac12\Bigl(1 - \mu \pm \sqrt{(\mu - 1)(\mu + 3)}\Bigr), \qquad
#   \text{multiplier } 9 - 2(1 + \mu)^2. \tag{3.4}$$
#
# It passes $-1$ at $\mu = \sqrt5 - 1$, where the period doubles to 4.

# %%
slice.two_cycle(mu)

# %% [markdown]
# ## Accumulation, bands, windows
#
# Let $A = a^2$, $A' = A(1 + \mu - A)^2$, with critical point $A_0 = (1 + \mu)/3$ and its orbit $A_1,
# A_2, \dots$
#
# - *Accumulation.* The superstable parameters $A_{2^k} = A_0$ converge geometrically; their gaps shrink by
#   Feigenbaum's $\delta = 4.669201609\dots$. No closed form; extrapolated by Wynn's epsilon algorithm.
# - *Band merging.* Two bands touch where the critical orbit falls on the unstable minimum in three steps,
#   $A_3 = \mu$, a polynomial whose relevant factor has degree 17.
# - *Period 3.* Below the crisis $a$ keeps its sign, so a 3-cycle has $\prod(1 - z_i) = 1$: twelve
# points, four
#   cycles. Two of them are born together where the discriminant of that polynomial vanishes: a factor of
#   degree 8, with one root between $\sqrt5 - 1$ and the crisis.

# %%
[nstr(ratio, 10) for ratio in landmarks.accumulation().ratios]

# %%
landmarks.band_merging_polynomial()

# %%
landmarks.period_3_polynomial()

# %% [markdown]
# ## Crisis and Chebyshev
#
# The critical orbit reaches 0, $f(f(c)) = 0$, when $f(c)^2 = \tfrac{4}{27}(1 + \mu)^3 = 1 + \mu$, at
#
# $$\mu = \tfrac{3\sqrt3}{2} - 1. \tag{3.5}$$
#
# Above, $a$ can change sign and the two mirror attractors merge. At $\mu = 2$, $a = 2\cos\theta$ gives
#
# $$a' = -2\cos 3\theta, \tag{3.6}$$
#
# with uniform density in $\theta$ and Lyapunov exponent
# $\frac1\pi\int_0^\pi \ln|3 - 12\cos^2\theta|\,d\theta = \ln 3$: a Mahler measure whose roots all lie
# on the unit
# circle. Above 2 the interval leaks.

# %%
table = landmarks.landmarks()
for landmark in table.values():
    print(f"{landmark.name:13} {sp.N(landmark.mu, 20)}  {landmark.meaning}")

# %% [markdown]
# ## Claims

# %%
for claim in claims("slice") + claims("landmarks"):
    verdict = claim.check()
    assert verdict.passed, (claim.id, verdict.remainder)
    print(f"{claim.id}: {claim.statement.splitlines()[0]}")
limit = landmarks.accumulation()
assert limit.error < 1e-18, "the extrapolation must be good to at least 15 digits"
