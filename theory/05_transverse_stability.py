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
# # 5. Across the balanced slice, and where every start ends
#
# The slice $b = 0$ is invariant, and chapter 3 knows what happens on it. Does a small imbalance $b$ grow or
# decay there? On the slice the Jacobian is diagonal,
#
# $$J = \begin{pmatrix} 1 + \mu - 3a^2 & 0 \cr 0 & 1 + z \end{pmatrix}, \qquad z = a^2 - \mu, \tag{5.1}$$
#
# so to first order $b' = (1 + z)\,b$. The transverse exponent of an orbit is the mean of $\ln|1 + z|$.
#
# **Fixed points.** Across the slice the multipliers are $1$ at the minimum, $1 - \mu$ at the origin and $3$
# at the ends $a^2 = 2 + \mu$. The 1 is exact for every $\mu$: the minima form a curve through the slice, so
# no minimum attracts across it, and once training has converged the largest exponent is 0.

# %%
import math

import sympy as sp

from lintrans.symbolic import slice, transverse
from lintrans.symbolic.claims import claims
from lintrans.symbolic.symbols import mu

low, high = slice.two_cycle(mu)
sp.expand(transverse.transverse_factor(low) * transverse.transverse_factor(high))

# %% [markdown]
# ## The 2-cycle
#
# Its residuals are the roots of $z^2 + (\mu - 1)z + 1 - \mu$, so along and across the slice
#
# $$9 - 2(1 + \mu)^2 \quad\text{and}\quad (1 + z_1)(1 + z_2) = 3 - 2\mu. \tag{5.2}$$
#
# Across, the cycle is stable for all $1 < \mu < 2$. At $\mu = 3/2$, where $z_1 = -1$, an imbalance is gone
# after one turn, to first order. In the plane it attracts for $1 < \mu < \sqrt5 - 1$: training that no
# longer converges balances its two factors. Its averages are, in units of the label and its square,
#
# $$\langle uv\rangle = \frac{1 + \mu}{2\mu} < 1, \qquad \tfrac12\langle(uv - 1)^2\rangle =
#   \frac{\mu^2 - 1}{4\mu^2}: \tag{5.3}$$
#
# the prediction falls short on average, unlike on the ellipse and at $\mu = 2$, where it is right.

# %%
[sp.factor(average) for average in transverse.two_cycle_averages(mu)]

# %% [markdown]
# ## A window of period 2 close to $\mu = 2$
#
# The cycles with $f(f(a)) = -a$ have factors $1 - z$ equal to $f$ and $g - f$, product $-1$, and
# $1 + \mu = g + 2/g$. Along and across, over their period of 2 in $uv$,
#
# $$5 + 2g^2 - \frac{16}{g^2} \quad\text{and}\quad 3 - 2g. \tag{5.4}$$
#
# They are born in a saddle-node at $g^2 = 2$. The smaller $g$ is stable down to
# $g^2 = (\sqrt{41} - 3)/2$,
#
# $$2\sqrt2 - 1 < \mu < \sqrt{\tfrac14(13 + 3\sqrt{41})} - 1, \tag{5.5}$$
#
# with $1 < g < 2$, so stable across as well: a window in which the prediction has period 2 and the weights
# period 4, changing sign.

# %%
[sp.N(end, 15) for end in transverse.PERIOD_2_WINDOW]

# %% [markdown]
# ## At $\mu = 2$
#
# With $a = 2\cos\theta$ the density is uniform in $\theta$, $1/(\pi\sqrt{4 - a^2})$ in $a$, and $uv =
# a^2/2$: the mean prediction is the label, the mean loss $1/4$, the limit of $1/\mu^2$ from (4.5). The
# factor telescopes,
#
# $$1 + z = 1 + 2\cos 2\theta = \frac{\sin 3\theta}{\sin\theta}, \qquad
#   b_n = \pm b_0\,\frac{\sin 3^n\theta}{\sin\theta}. \tag{5.6}$$
#
# The imbalance $|b|/\sqrt{4 - a^2}$ is therefore constant to first order, on every orbit: $(2\cos\theta,
# \varepsilon\sin\theta)$ is the ellipse of chapter 4, infinitely thin. The transverse exponent is 0, not
# only on average; the mean of $\ln|1 + z|$ is the Mahler measure of $y^2 + y + 1$, whose roots are roots of
# unity.
#
# ## The slice always attracts
#
# In between there is no closed form for chaotic attractors, but the sign is certain. For real $r \ne 0$
#
# $$|1 + r|^\mu < 1 + \mu r + r^2, \qquad 0 < \mu < 2, \tag{5.7}$$
#
# because in $\mu$ the left side is convex and the right side linear; the right side leads by $r^2$ at
# $\mu = 0$, and at $\mu = 2$ the two are equal. The right side is the growth factor of $Q$, the left that
# of $|b|^\mu$. On the slice $Q$ is proportional to $2 - z$, so $\ln(1 + \mu z + z^2)$ telescopes and has
# mean 0: every invariant measure on the slice, except the minimum and the end $z = 2$, has
#
# $$\lambda_\perp = \langle\ln|1 + z|\rangle < 0. \tag{5.8}$$
#
# The size is measured here, on orbits of 100,000 steps (the fourth value is the crisis):

# %%
for value in (1.1, 1.3023, 1.4, 1.5 * math.sqrt(3) - 1, 1.7, 1.9, 1.99):
    position, total, n_steps = 0.4321, 0.0, 100_000
    for n in range(n_steps + 1000):
        residual = position**2 - value
        total += math.log(abs(1 + residual)) if n >= 1000 else 0
        position *= 1 - residual
    print(f"mu = {value:.4f}: transverse exponent {total / n_steps:+.3f}")

# %% [markdown]
# ## Where every start ends
#
# In the whole plane (5.7) makes
#
# $$V = \frac{|b|^\mu}{|Q|}, \qquad \frac{V'}{V} = \frac{|1 + r|^\mu}{1 + \mu r + r^2} \le 1, \tag{5.9}$$
#
# a Lyapunov function: it falls strictly unless $b = 0$ or $r = 0$.
#
# **Theorem.** For $0 < \mu < 2$ an orbit inside the ellipse converges to a minimum or has $b \to 0$. An
# orbit outside is unbounded, or converges to one of the unstable minima there.
#
# **Proof.** Inside, $|Q| \le 1$ and $V$ falls to a limit. *No limit point lies on the ellipse*: from
# $|b|^\mu \le V_0|Q|$ it would have $b = 0$, a vertex $a^2 = 2 + \mu$. The vertices repel, with multipliers
# $-(5 + 2\mu)$ and $3$, so the orbit comes close again and again only by jumps from afar; the places it
# jumps from accumulate at a limit point that maps to a vertex. That point has $Q = 0$ too, by $Q' =
# (\dots)Q$ with a positive factor, so again $b = 0$: it is a vertex and not afar. *If $V$ has a positive
# limit*, it is constant on the limit set, which is invariant: there $r = 0$. On the curve of minima $V$ is
# strictly monotone in $b^2$, so the limit points are finitely many fixed points, and the orbit converges to
# one. *If the limit is 0*, $b \to 0$. Outside, for a bounded orbit, the same holds, but $b \to 0$ is
# excluded: on the slice $A' - A = A z (z - 2) > 0$ there, for $A = a^2$, and no bounded set is invariant.
# $\square$
#
# Unstable minima are reached from a set of measure zero only: the map repels from the curve there, and
# preimages of curves are curves. So almost every start inside ends, for $\mu < 1$, at a minimum, and for
# $1 < \mu < 2$ balanced, on the slice of chapter 3. Almost every start outside diverges. (For $\mu < 1$ and
# $b \to 0$: the slice has no 2-cycle, so its only chain-recurrent points are the fixed points (Block and
# Coppel), which hold all limits of an orbit that approaches it; and $a = 0$ repels along the slice.)

# %% [markdown]
# ## Claims

# %%
for claim in claims("transverse") + claims("convergence"):
    verdict = claim.check()
    assert verdict.passed, (claim.id, verdict.remainder)
    print(f"{claim.id}: {claim.statement.splitlines()[0]}")
