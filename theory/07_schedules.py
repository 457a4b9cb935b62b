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
# # 7. A certificate for every schedule
#
# Real training changes its step size: warm-up, decay, cycles. The invariant set of one map is not that
# of another, so alternating between two safe step sizes could be unsafe. Here it is not.
#
# **Theorem.** Let $0 < \bar\mu < 2$ and let $(u, v)$ lie in the closed ellipse of $\bar\mu$. Then it stays
# there under *every* sequence of step sizes $0 \le \mu_t \le \bar\mu$. At every step
# $|uv - 1| \le 2/\bar\mu$, so the loss never exceeds $2/\bar\mu^2$ (in units of $y_q^2$).
#
# **Proof.** Use the modes and the residual $r = \bar\mu(uv - 1)$ of the bound for all steps. One step of
# size $\mu_t = \kappa\bar\mu$ is
#
# $$a' = (1 - \kappa r)\,a, \qquad b' = (1 + \kappa r)\,b, \tag{7.1}$$
#
# and the level of the bound's ellipse, $Q = a^2/(2 + \bar\mu) + b^2/(2 - \bar\mu) - 1$, obeys
#
# $$Q' = \bigl(1 + \bar\mu\,\kappa r + \kappa^2r^2\bigr)\,Q - \kappa(1 - \kappa)\,r^2. \tag{7.2}$$
#
# The factor is $(\kappa r + \bar\mu/2)^2 + 1 - \bar\mu^2/4 > 0$ for $\bar\mu < 2$, and $\kappa(1 - \kappa)
# \ge 0$ for $0 \le \kappa \le 1$: from $Q \le 0$ follows $Q' \le 0$. $\square$

# %%
import sympy as sp

from lintrans.symbolic import modes, schedules, variants
from lintrans.symbolic.claims import claims
from lintrans.symbolic.symbols import a, b, kappa, max_mu, sigma

new = modes.ellipse(*schedules.step_fraction(a, b, max_mu, kappa), max_mu)
remainder = new + kappa * (1 - kappa) * modes.residual(a, b, max_mu) ** 2
sp.factor(remainder / modes.ellipse(a, b, max_mu))

# %% [markdown]
# For balanced weights, $b = 0$, the bound 2 itself is safe:
#
# $$4 - a'^2 = (4 - a^2)(1 + \kappa r)^2 + 4\kappa(1 - \kappa)\,r^2. \tag{7.3}$$
#
# The bound on the loss comes from $|r| \le 2$ inside the ellipse,
#
# $$2 - r = -(2 + \bar\mu)\,Q + \frac{4\,b^2}{2 - \bar\mu}, \qquad
#   2 + r = -(2 - \bar\mu)\,Q + \frac{4\,a^2}{2 + \bar\mu}. \tag{7.4}$$
#
# ## The largest bound of a start
#
# The start is certified up to its critical $\mu_c(u, v)$, equation (2.9), and in the learning rate up to
# (4.10). For a start and a schedule that is one comparison: `is_certified(u, v, max_mu)`. Above $\mu_c$ no
# certificate is possible: the constant schedule $\mu > \mu_c$ keeps $Q > 0$ forever, and every linearly
# stable minimum has $Q < 0$, since $(4 - \mu^2)\,Q = 2(a^2 + b^2 - 2)$ there.
#
# ## Every hypothesis is needed
#
# *Steps within the bound.* On the ellipse $Q = 0$, and (7.2) is
#
# $$Q' = \kappa(\kappa - 1)\,r^2. \tag{7.5}$$
#
# One step above $\bar\mu$, or one uphill step, leaves the ellipse from every point but the four minima on
# it; every step strictly in between goes strictly inside. For example $\bar\mu = 1$, $a = 3/2$, $b = 1/2$
# has $Q = 0$, and one step of size 2 gives $Q' = 2$.

# %%
start = (sp.Rational(3, 2), sp.Rational(1, 2))
after = schedules.step_fraction(*start, 1, 2)
modes.ellipse(*start, 1), after, modes.ellipse(*after, 1)

# %% [markdown]
# *One target.* A mini-batch moves the modes by its own residual $\sigma$ in place of $\kappa r$:
#
# $$Q' = (1 + \bar\mu\sigma + \sigma^2)\,Q + \sigma(\sigma - r). \tag{7.6}$$
#
# Batches that differ in curvature $c$ but share the minimum $uv = 1$ have $\sigma = \kappa r$ with $\kappa
# = c\,\mu_t/\bar\mu$: they are steps of a schedule, and certified as long as $c\,\mu_t \le \bar\mu$. A
# batch with another target has $\sigma \ne 0$ at a minimum. At a minimum on the ellipse, $r = 0$, it leaves
# by $Q' = \sigma^2 > 0$, however small the step: noise in the labels breaks the certificate.

# %%
batch = modes.ellipse(*schedules.step_batch(a, b, sigma), max_mu)
minimum = {a: sp.sqrt(2 + max_mu) / sp.sqrt(2), b: sp.sqrt(2 - max_mu) / sp.sqrt(2)}
sp.simplify(batch.subs(minimum))

# %% [markdown]
# *Exact arithmetic.* The ellipse itself repels, (4.7): a start exactly on it is thrown off by rounding
# after some 40 steps of constant size (at $\mu = 1$). Leave a margin in $\bar\mu$; the tests leave one part
# in a thousand.
#
# ## Weight decay and momentum
#
# With the penalty $\tfrac\lambda2(w^2 + \|W\|^2)$ and Polyak's momentum $\beta$ the reduction stays exact:
# both are linear in the weights, so $(w, k)$ remain closed and the rest of $W$ decays by itself. With
# $\delta = \lambda/(h |y_q|)$ a step of size $\kappa\mu$ displaces the modes by
#
# $$\Delta a' = -\kappa(r + \mu\delta)\,a + \beta\,\Delta a, \qquad
#   \Delta b' = \kappa(r - \mu\delta)\,b + \beta\,\Delta b. \tag{7.7}$$
#
# Decay pulls $b$ to 0: of the curve of minima two points are left, $a^2 = \mu(1 - \delta)$, where the
# prediction falls short by $\delta$, with the curvatures $2\mu(1 - \delta)$ and $2\mu\delta$. Heavy ball is
# stable for curvatures up to $2(1 + \beta)$. The ellipse is not invariant under either: with decay the edge
# of the bounded starts is rough (`lintrans dimension`).

# %%
variants.force_modes(a, b, max_mu, variants.decay)

# %% [markdown]
# ## Claims

# %%
for claim in claims("schedules") + claims("variants"):
    verdict = claim.check()
    assert verdict.passed, (claim.id, verdict.remainder)
    print(f"{claim.id}: {claim.statement.splitlines()[0]}")
