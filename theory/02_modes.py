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
# # 2. The coordinates to compute in
#
# The normal form is gradient descent on $(uv - 1)^2/2$ with step size $\mu$,
#
# $$u' = u - \mu\, v\,(uv - 1), \qquad v' = v - \mu\, u\,(uv - 1). \tag{2.1}$$
#
# Its sum and difference decouple up to one shared number. Let
#
# $$a = \tfrac{\sqrt\mu}{2}(u + v), \quad b = \tfrac{\sqrt\mu}{2}(u - v), \quad
#   r = a^2 - b^2 - \mu = \mu\,(uv - 1). \tag{2.2}$$
#
# Then
#
# $$a' = (1 - r)\,a, \qquad b' = (1 + r)\,b. \tag{2.3}$$
#
# Both axes are invariant, and a tiny imbalance $b$ is kept to full relative precision, which $u - v$ is not.

# %%
import sympy as sp

from lintrans.symbolic import modes
from lintrans.symbolic.claims import claims
from lintrans.symbolic.symbols import a, b, mu, u, v

modes.step_uv(u, v, mu)

# %%
modes.step_modes(a, b, mu)

# %% [markdown]
# ## Fixed points and their stability
#
# A step moves a point by $(-r a, r b)$, so the fixed points are the hyperbola $r = 0$ (the minima, $uv = 1$)
# and the origin. With the Jacobian
#
# $$\begin{gathered} J = \begin{pmatrix} 1 - r - 2a^2 & 2ab \cr 2ab & 1 + r - 2b^2 \end{pmatrix}, \cr
#   \det J = 1 - r^2 - 2(a^2 + b^2) - 2r(a^2 - b^2), \end{gathered} \tag{2.4}$$
#
# the multipliers are $1$ and $1 - 2(a^2 + b^2)$ at a minimum and $1 \pm \mu$ at the origin, a saddle for
# $0 < \mu < 2$. The largest Hessian eigenvalue of a minimum, its sharpness, is $u^2 + v^2$, so
#
# $$\text{a minimum is linearly stable} \iff \mu\,(u^2 + v^2) < 2 \iff a^2 + b^2 < 1. \tag{2.5}$$

# %%
modes.jacobian().applyfunc(sp.factor)

# %% [markdown]
# ## Recursions
#
# With $s = a^2 + b^2$ the loss $r^2/(2\mu^2)$ (in units of $y_q^2$) follows from
#
# $$r' = r\,\bigl(1 - 2s + r(r + \mu)\bigr), \qquad s' = s\,(1 + r^2) - 2r\,(r + \mu), \tag{2.6}$$
#
# and the imbalance from
#
# $$u'^2 - v'^2 = (1 - r^2)\,(u^2 - v^2). \tag{2.7}$$
#
# ## The ellipse
#
# For $0 < \mu < 2$ let
#
# $$Q = \frac{a^2}{2 + \mu} + \frac{b^2}{2 - \mu} - 1. \qquad \text{Then } Q' = (1 + \mu r + r^2)\, Q,
# \tag{2.8}$$
#
# and the factor $(r + \mu/2)^2 + 1 - \mu^2/4$ is positive: inside, on and outside the ellipse $Q = 0$ are
# each forward invariant. A start inside stays bounded forever.

# %%
sp.factor(modes.ellipse(*modes.step_modes(a, b, mu), mu) / modes.ellipse(a, b, mu))

# %% [markdown]
# ## The critical step size of a start
#
# For a fixed start $(u, v)$, $(4 - \mu^2)\,Q = (1 - uv)\mu^2 + (u^2 + v^2)\mu - 4$ changes sign once below
# $\mu = 2$. With $S = u^2 + v^2$ the start is inside, or on, its ellipse exactly up to
#
# $$\mu_c(u, v) = \frac{8}{S + \sqrt{S^2 + 16(1 - uv)}} \le 2. \tag{2.9}$$
#
# The bound follows from $S^2 + 16(1 - uv) = (S - 4)^2 + 8(u - v)^2 \ge (4 - S)^2$.

# %%
modes.critical_mu(u, v)

# %% [markdown]
# ## Claims

# %%
for claim in claims("modes"):
    verdict = claim.check()
    assert verdict.passed, (claim.id, verdict.remainder)
    print(f"{claim.id}: {claim.statement.splitlines()[0]}")
