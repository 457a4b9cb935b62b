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
# # 1. From attention to a map of the plane
#
# Linear self-attention, trained by gradient descent on one in-context regression problem, is a map of
# two numbers with one parameter. This page derives that map from the attention formula itself.
#
# **The prompt.** Context pairs $(x_i, y_i)$, $i = 1 \dots n$, $x_i \in \mathbb R^d$, and a query
# $(x_q, y_q)$ fill the columns of
#
# $$E = \begin{pmatrix} x_1 & \cdots & x_n & x_q \cr y_1 & \cdots & y_n & 0 \end{pmatrix}. \tag{1.1}$$
#
# **The model.** The prediction is the last entry of
#
# $$f(E) = E + P E\,(E^\top K E)/n, \qquad P = \mathrm{diag}(0, w), \quad K = \mathrm{diag}(W, 0), \tag{1.2}$$
#
# with a number $w$ and a $d \times d$ matrix $W$. **The loss** is $(\text{prediction} - y_q)^2/2$;
# the factor one half is a convention that fixes $\mu$ below.

# %%
import sympy as sp

from lintrans.symbolic import reduction
from lintrans.symbolic.claims import claims

prompt = reduction.literal_prompt(d=2, n=1)
prompt.tokens

# %% [markdown]
# ## The prediction is bilinear
#
# Only the last row of $P E$ and the last column of $E^\top K E$ enter, and the query's own column drops
# out because its label entry is 0:
#
# $$\text{prediction} = w\,\langle W, M\rangle, \qquad M = \frac1n \sum_i y_i\, x_i x_q^\top. \tag{1.3}$$

# %%
sp.factor(reduction.prediction(prompt))

# %% [markdown]
# ## The weights move along one direction
#
# Write $e = \text{prediction} - y_q$. Differentiating the loss entry by entry, one step of size $\eta$ is
#
# $$W' = W - \eta\, e\, w\, M, \qquad w' = w - \eta\, e\, \langle W, M\rangle. \tag{1.4}$$
#
# Whatever part of $W$ is orthogonal to $M$ never changes. With $h = \lVert M\rVert_F$ and
# $k = \langle W, M\rangle / h$ the pair $(w, k)$ is closed:
#
# $$w' = w - \eta h k\, e, \qquad k' = k - \eta h w\, e, \qquad e = h w k - y_q. \tag{1.5}$$
#
# SymPy checks (1.3) and the gradient in $W$ for matrices of symbolic size, any $d$ and $n$, multiplied block
# by block; and (1.3) to (1.5) entry by entry for $(d, n) = (1, 1), (2, 1), (2, 2)$, differentiating (1.2).

# %%
_, new_weights = reduction.gradient_step(prompt)
(new_weights - prompt.weights).applyfunc(sp.factor)

# %% [markdown]
# ## The normal form
#
# Let $s = \sqrt{|y_q|/h}$, $u = w/s$ and $v = \mathrm{sgn}(y_q)\, k/s$. Then $\text{prediction} =
# y_q\, uv$, and for both signs of $y_q$
#
# $$u' = u - \mu\, v\,(uv - 1), \qquad v' = v - \mu\, u\,(uv - 1), \qquad \mu = \eta\, h\, |y_q|. \tag{1.6}$$
#
# Two notes on the convention. Without the one half in the loss, $\mu$ doubles. And (1.6) needs $h > 0$ and
# $y_q \ne 0$: with $h = 0$ nothing moves at all; with $y_q = 0$ there is no scale $s$, and (1.5) is used as
# it stands. In the modes of the next page that case is simply $\mu = 0$, and a negative label a negative
# $\mu$.

# %%
reduction.effective_step_size()

# %% [markdown]
# ## Unrestricted weights
#
# With full $P$ and $K$ only $p$ (last row of $P$) and $k = K e_q/|e_q|$ matter, where $e_q = (x_q, 0)$:
#
# $$\text{prediction} = |e_q|\, p^\top G k, \qquad G = E E^\top/n. \tag{1.7}$$
#
# In the eigenbasis of $G$, with eigenvalues $g_i$ and $m_i = |e_q| g_i$, the sum $s_i$ and the difference
# $d_i$ of each pair $(p_i, k_i)$ obey
#
# $$s_i' = (1 - \eta m_i e)\, s_i, \quad d_i' = (1 + \eta m_i e)\, d_i, \quad
#   e = \sum_i m_i \frac{s_i^2 - d_i^2}{4} - y_q. \tag{1.8}$$
#
# One shared residual drives all modes; a single mode is (1.6) again.

# %% [markdown]
# ## Claims

# %%
for claim in claims("reduction"):
    verdict = claim.check()
    assert verdict.passed, (claim.id, verdict.remainder)
    print(f"{claim.id}: {claim.statement.splitlines()[0]}")
