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

from lintrans.certified import certified_landmarks
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
# $$\begin{gathered} a^4 - (1 + \mu)a^2 + 1 = 0, \qquad \text{multiplier } 9 - 2(1 + \mu)^2, \cr
#   z = \tfrac12\Bigl(1 - \mu \pm \sqrt{(\mu - 1)(\mu + 3)}\Bigr). \end{gathered} \tag{3.4}$$
#
# The multiplier passes $-1$ at $\mu = \sqrt5 - 1$, where the period doubles to 4.

# %%
slice.two_cycle(mu)

# %% [markdown]
# ## Accumulation, bands, windows
#
# Let $A = a^2$ and $t = 1 + \mu$, so that $A' = A(t - A)^2$, with critical point $A_0 = t/3$ and its orbit
# $A_1, A_2, \dots$
#
# - *Accumulation.* The superstable parameters $A_{2^k} = A_0$ converge geometrically; their gaps shrink by
#   Feigenbaum's $\delta = 4.669201609\dots$. No closed form; extrapolated here by Wynn's epsilon algorithm,
#   proved below.
# - *Band merging.* Two bands touch where the critical orbit falls on the unstable minimum in three steps,
#   $A_3 = \mu$, a polynomial whose relevant factor has degree 17.
# - *Period 3.* Below the crisis $a$ keeps its sign, so a 3-cycle has $\prod(1 - z_i) = 1$: twelve points,
#   four cycles. Two of them are born together where the discriminant of that polynomial vanishes: a factor of
#   degree 8, with one root between $\sqrt5 - 1$ and the crisis.

# %%
[nstr(ratio, 10) for ratio in landmarks.accumulation().ratios]

# %%
landmarks.band_merging_polynomial()

# %%
landmarks.period_3_polynomial()

# %% [markdown]
# ## Every window up to period 6
#
# Over $n$ steps $a_n = a\,P$ with $P = \prod (t - A_i)$, and
#
# $$A_n - A = A\,(P - 1)(P + 1). \tag{3.5}$$
#
# The cubic is odd, so cycles come in two families: $P = 1$, one of a pair of mirror images, and $P = -1$, a
# cycle that is its own mirror image and takes twice as long in $a$ (possible only beyond the crisis, where
# $a$ changes sign). The slope of $A'$ is $(t - A)(t - 3A)$, so the multiplier is $P \prod (t - 3A_i)$. A
# cycle appears in a saddle-node where that is $1$, is superstable at $0$, and doubles at $-1$.
#
# Each of these parameters is algebraic: eliminating $A$ from $P = \pm1$ and the multiplier by a resultant
# leaves an integer polynomial in $t$. Two free facts keep it exact and complete. There is only one free
# critical point (the other, $A = t$, falls on the repelling origin), so no two cycles are stable together and
# windows follow one another; and a cycle of multiplier $\pm1$ needs $|t| \le 3$, which bounds the
# coefficients.

# %%
certified = certified_landmarks(30, max_period=3)
for mark in certified.values():
    degree = len(mark.minimal_polynomial) - 1 if mark.minimal_polynomial else "-"
    print(f"{mark.name:24} {mark.value:32}  degree {degree}")

# %% [markdown]
# Every line is a proof: in ball arithmetic an interval Newton step maps a ball of radius $10^{-32}$ into
# itself, so the polynomial has one root there; a second one, in the plane of $\mu$ and $A$, shows that the
# cycle exists with that multiplier. Up to period 6 the windows of period $n$ between 0 and 2 are 1, 2, 4, 10,
# 24, 60 in number: $\frac1{2n}\sum (-1)^{\omega(d)}\,(3^{n/d} - 1)$ over the odd square-free divisors $d$ of
# $n$ with $\omega(d)$ prime factors, a count of itineraries, independent of resultants.
#
# ## The accumulation, proved
#
# In the coordinate $q = y\sqrt{t - y}$, $y = A - t/3$, the map is even:
#
# $$q' = h(q^2), \qquad h(s) = (v - s)\sqrt{t - v + s}, \qquad v = \tfrac{4}{27}t^3 - \tfrac t3. \tag{3.6}$$
#
# Scaled to $h(0) = 1$, two steps of it, rescaled by $\lambda = h(1) < 0$, are again such a
# map: $(Rh)(s) = h\bigl(h(\lambda^2 s)^2\bigr)/\lambda$. The critical orbit of $Rh$ is that of $h$ at even
# times, turned over; the period-doubling itinerary, sign $(-1)^{k}$ at time $2^k \cdot$ odd, is the one that
# $R$ does not change. So $\mu$ lies below the accumulation if and only if $Rh$ does, and 45 rounds
# replace an orbit of $2^{45}$ steps. Carrying $h$ as a polynomial on the disc $|s - 1| < 1.2$ with a bound on
# the rest, ball arithmetic decides the side of any $\mu$. The itinerary is below that of the accumulation at
# the left end of an interval of width $10^{-32}$ and above it at the right end; by the intermediate value
# theorem for itineraries an accumulation lies between.

# %%
extrapolated = landmarks.accumulation()
nstr(extrapolated.mu, 24), nstr(extrapolated.error, 2), certified["accumulation"].value

# %% [markdown]
# ## Crisis and Chebyshev
#
# The critical orbit reaches 0, $f(f(c)) = 0$, when $f(c)^2 = \tfrac{4}{27}(1 + \mu)^3 = 1 + \mu$, at
#
# $$\mu = \tfrac{3\sqrt3}{2} - 1. \tag{3.7}$$
#
# Above, $a$ can change sign and the two mirror attractors merge. At $\mu = 2$, $a = 2\cos\theta$ gives
#
# $$a' = -2\cos 3\theta, \tag{3.8}$$
#
# with uniform density in $\theta$ and Lyapunov exponent
# $\frac1\pi\int_0^\pi \ln|3 - 12\cos^2\theta|\,d\theta = \ln 3$: a Mahler measure whose roots all lie
# on the unit
# circle. Above 2 points escape from the interval.

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
gap = abs(sp.Rational(certified["accumulation"].value) - sp.Rational(nstr(limit.mu, 24)))
assert gap < 1e-21, "the extrapolated and the proved accumulation must agree"
