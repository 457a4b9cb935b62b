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
# # 6. Unrestricted weights: many modes, one residual
#
# Chapters 1 to 5 restrict the weights to two factors. Now let every entry of $P$ and $K$ be trained. With
# $E$ the tokens, $G = E E^\top/n$ and $e_q = (x_q, 0)$, only two vectors matter: $p$, the last row of $P$,
# and $k = K e_q/|e_q|$. The prediction and one step of gradient descent on $(\text{prediction} - y_q)^2/2$
# are
#
# $$\text{prediction} = |e_q|\, p^\top G\, k, \tag{6.1}$$
#
# $$p' = p - \eta\, e\, |e_q|\, G k, \qquad k' = k - \eta\, e\, |e_q|\, G p, \tag{6.2}$$
#
# with the residual $e = \text{prediction} - y_q$. All other rows of $P$, and $K$ on vectors orthogonal to
# $e_q$, never change. In the eigenbasis of $G$, eigenvalues $g_i$, let $m_i = |e_q|\, g_i$ be the
# *curvature* of mode $i$, $s_i = p_i + k_i$ and $d_i = p_i - k_i$. Then
#
# $$s_i' = (1 - \eta m_i e)\, s_i, \quad d_i' = (1 + \eta m_i e)\, d_i, \quad
#   e = \sum_i m_i \frac{s_i^2 - d_i^2}{4} - y_q. \tag{6.3}$$
#
# Every mode is a two-factor pair; they affect each other only through the number $e$. A mode with $m_i = 0$
# (more features than tokens) never moves, and modes of equal curvature act as one.

# %%
import numpy as np
import sympy as sp

import lintrans as lt
from lintrans.many_modes.map import ManyModes
from lintrans.symbolic import many_modes
from lintrans.symbolic.claims import claims
from lintrans.symbolic.symbols import eta, y_q

many_modes.step(many_modes.s[:2], many_modes.d[:2], sp.symbols("m1:3"), y_q, eta)

# %% [markdown]
# **One mode.** A mode at 0 stays at 0. If one mode alone is excited, and $y_q > 0$, then
# $a = \tfrac{\sqrt\eta}{2} m s$, $b = \tfrac{\sqrt\eta}{2} m d$ obey the normal form of chapter 2 with
#
# $$\mu_i = \eta\, m_i\, |y_q|; \tag{6.4}$$
#
# for $y_q < 0$ the two exchange roles. Below, $\mu$ is that of the strongest mode, $\mu_1$, and $y_q > 0$.

# %%
prompt = lt.Prompt.from_arrays([[1.0, 0.0], [0.0, 2.0]], [0.0, 0.0], [1.0, 0.0], 0.5)
many = ManyModes.of(prompt)  # G = diag(1, 2, 0): two modes move
many.curvatures, many.mus(0.8)

# %% [markdown]
# ## What is conserved, and what is not
#
# The imbalance $s_i d_i = p_i^2 - k_i^2$ of every mode obeys
#
# $$s_i'\, d_i' = \bigl(1 - (\eta m_i e)^2\bigr)\, s_i d_i. \tag{6.5}$$
#
# Gradient flow ($\eta \to 0$) conserves it, and also every ratio
#
# $$|s_i|^{1/m_i} \,/\, |s_j|^{1/m_j}. \tag{6.6}$$
#
# So for the flow the start fixes the learned spectrum up to one number. A finite step always breaks (6.6) in
# the same direction. With $x = \eta e$ a step adds $\ln(1 - m_i x)/m_i$ to $\ln|s_i|/m_i$, and, if
# $m_i x < 1$,
#
# $$\begin{gathered} \frac{d}{dm}\,\frac{\ln(1 - m x)}{m} = -\frac{f(m x)}{m^2} < 0 \quad (x \ne 0), \cr
#   f(t) = \frac{t}{1 - t} + \ln(1 - t) \ge 0. \end{gathered} \tag{6.7}$$
#
# **Every step, up or down, favours weak modes over strong ones**, by $(m_i - m_j)\, x^2/2$ to leading order.
#
# ### From a small start
# Near the saddle at the origin $s_i$ grows by $1 + \mu_i$ per step, until the strongest mode has reached size
# 1. A mode that starts at size $\epsilon$ then has $\epsilon^{\,1 - \ln(1 + \mu_j)/\ln(1 + \mu_1)}$, so
#
# $$\frac{c_j}{c_1} \propto \epsilon^{\,2\,\left(1 - \ln(1 + \mu_j)/\ln(1 + \mu_1)\right)},
#   \qquad c_i = m_i p_i k_i, \tag{6.8}$$
#
# where $c_i$ is the part of the prediction that mode $i$ carries. The exponent is $2(1 - m_j/m_1)$ for tiny
# steps and smaller for large ones. We measure it between $\epsilon = 10^{-3}$ and $10^{-4}$:

# %%
four = ManyModes([1.0, 0.8, 0.5, 0.2], 1.0, np.eye(4), [1.0, 0.0, 0.0, 0.0])
starts = np.random.default_rng(0).normal(size=(2, 200, 4))


def learn(mu, size, n_steps):
    """Residuals and spectra c_i / y_q of all starts after training."""
    s, d = size * (starts[0] + starts[1]), size * (starts[0] - starts[1])
    for _ in range(n_steps):
        s, d = four.step(s, d, step_size=mu)
    return four.residual(s, d), four.contributions(s, d)


for mu in (0.05, 0.5, 0.95):
    ratios = [
        np.median(np.log10(c[:, 1] / c[:, 0])) for _, c in (learn(mu, e, int(120 / mu)) for e in (1e-3, 1e-4))
    ]
    law = 2 * (1 - np.log1p(0.8 * mu) / np.log1p(mu))
    assert abs(ratios[0] - ratios[1] - law) < 0.02, "the saddle must set the spectrum of a small start"
    print(f"mu = {mu}: exponent {ratios[0] - ratios[1]:.3f}, predicted {law:.3f}")

# %% [markdown]
# ## Minima and their sharpness
#
# At a minimum, $e = 0$, the Hessian is the outer product of the prediction's gradient with itself. Its only
# eigenvalue other than 0 is
#
# $$S = \sum_i m_i^2\, (p_i^2 + k_i^2) = \tfrac12 \sum_i m_i^2\, (s_i^2 + d_i^2), \tag{6.9}$$
#
# in the space of all weights too, and the multiplier across the minima is $1 - \eta S$: stable iff
# $\eta S < 2$.
#
# **The flattest minimum.** Let $m_{\min}$ be the smallest curvature (other than 0). On $e = 0$
#
# $$S - 2\, m_{\min}\, y_q = \tfrac12 \sum_i m_i
#   \bigl[(m_i - m_{\min})\, s_i^2 + (m_i + m_{\min})\, d_i^2\bigr] \ge 0, \tag{6.10}$$
#
# a sum of squares, zero only if all $d_i = 0$ and $s_i = 0$ wherever $m_i > m_{\min}$. The flattest minimum
# is the balanced one in the *weakest* mode; hence
#
# $$\text{some minimum is linearly stable} \iff \eta < \frac{1}{m_{\min}\, |y_q|}, \tag{6.11}$$
#
# which is $\mu_{\min} = 1$. The strongest mode alone would stop at $\mu_1 = 1$: unrestricted weights stretch
# the range of usable step sizes by the condition number $m_1/m_{\min}$, if training gets there.

# %%
many.smallest_sharpness, many.largest_stable_step_size, many.flattest_minimum()

# %% [markdown]
# **A cap on the spectrum.** From $p^2 + k^2 \ge 2|pk|$, $S \ge 2 \sum_i m_i |c_i|$. At a stable minimum
#
# $$\sum_i m_i |c_i| < \frac1\eta, \qquad\text{so}\quad \frac{|c_i|}{|y_q|} < \frac{1}{\mu_i}. \tag{6.12}$$
#
# A step size is a bound on the mean curvature that can be learned: at $\mu_1 = 2$ the strongest mode carries
# less than half of the prediction, or training does not settle.
#
# ## Who can oscillate
#
# Where one mode alone oscillates, $\mu_1 > 1$, its weaker companions see a multiplier that is not balanced.
# Let $r = \eta m_i e$ and $c = m_j/m_i < 1$. While $-R \le r < 1$,
#
# $$\ln(1 - c r) - c \ln(1 - r) \;\ge\; \frac{c\,(1 - c)}{2\,(1 + R)^2}\, r^2. \tag{6.13}$$
#
# Sum over the steps of a bounded orbit on which no excited $s_i$ changes sign ($\eta m_i e_t < 1$). If
# $\sum e_t^2$ diverges, so does the left side; $|s_j|$ is bounded, so $s_i \to 0$: **either the loss goes to
# 0, or every $s_i$ does, except that of the weakest excited mode.** In particular, every cycle and every
# chaotic orbit of a single mode below the crisis at $\mu = 3\sqrt3/2 - 1$, where the sign is kept, is
# unstable against every weaker mode: the mean of $\ln(1 - r)$ along it is 0, so that of $\ln(1 - c r)$ is
# positive. Periodic and chaotic training of one mode is a transient of unrestricted weights, ended by the
# spread of the spectrum.
#
# Above the crisis $r$ passes 1, the hypothesis fails, and so may the conclusion. The growth per step of a
# weaker mode next to the chaotic strongest one:

# %%
for mu in (1.05, 1.2, 1.5, 1.8, 1.85, 1.9):
    r = lt.orbit(mu, 0.5, 0.5, n_steps=50_000).a[1000:] ** 2 - mu
    growth = [np.log(np.abs(1 - c * r)).mean() for c in (0.8, 0.4, 0.2, 0.05)]
    assert mu > 1.59 or min(growth) > 0, "below the crisis weaker modes must grow"
    print(f"mu = {mu}: largest r {r.max():.2f}, growth", *(f"{x:+.4f}" for x in growth))

# %% [markdown]
# ## What large steps do to the learned spectrum
#
# Four modes of curvature 1, 0.8, 0.5, 0.2, the same 200 small random starts at every step size:

# %%
for mu in (0.05, 0.95, 1.2, 1.5, 1.8):
    e, shares = learn(mu, 0.01, 6000)
    settled = np.abs(e) < 1e-6
    spectrum, curvature = np.median(shares[settled], axis=0), shares[settled] @ four.curvatures
    assert settled.mean() > 0.95 or mu > 1.59, "below the crisis nothing but convergence lasts"
    assert curvature.max() < 1 / mu, "no stable minimum lies above the cap"
    cap = f"{np.median(curvature):.3f} < {1 / mu:.3f}"
    print(f"mu = {mu}: {settled.mean():4.0%} settled,", spectrum.round(3), cap)

# %% [markdown]
# In words, with the numbers of `experiments/spectrum` (64 patients of the diabetes data, labels in units of
# their standard deviation, eleven modes, starts of size 0.001):
#
# - *Up to $\mu_1 = 1$* the strongest mode takes all: at least 99.9 % of the prediction. Larger steps
#   flatten the spectrum only slightly, by (6.8).
# - *From $\mu_1 = 1$ on* the strongest mode cannot hold the prediction alone. It oscillates, weaker modes
#   grow by (6.13), and training **converges** where two factors would be periodic or chaotic. It stops just
#   inside the cap: mean curvature 0.824 against 0.833 at $\mu_1 = 1.2$, 0.698 against 0.714 at 1.4. The share
#   of the strongest mode falls to 72 %, 52 % and 23 % at $\mu_1 = 1.2$, 1.4, 1.8: the edge of stability
#   chooses the spectrum, not the start.
# - *Above the crisis, 1.598*, chaos of the strongest mode can last: at 1.85 it suppresses modes 2 to 9, and 3
#   of 4 starts still oscillate after 100 000 steps. *Near 2* most small starts escape, though flat minima
#   exist.
# - *Speed depends on the ratio of curvatures*: (6.13) is of order $m_j/m_1$. With labels in their own units
#   the label direction is 1459 times stiffer than the next; at $\mu_1 = 1.2$ a mode grows by 0.00007 per
#   step, so that for tens of thousands of steps unrestricted weights look like the two-factor model.
#
# Not proved: that bounded training with $\mu_{\min} < 1$ always ends in a minimum once only the weakest mode
# is left, anything where signs change, and a bound on the starts that escape (an ellipse for many modes).
#
# ## Claims

# %%
for claim in claims("many_modes"):
    verdict = claim.check()
    assert verdict.passed, (claim.id, verdict.remainder)
    print(f"{claim.id}: {claim.statement.splitlines()[0]}")
