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
# # 8. The same map in quadratic regression
#
# A second model leads to the two-factor map: regression with a function quadratic in the weights, on
# orthogonal inputs. One unit is phase retrieval; several are a two-layer network with quadratic activation
# and fixed outer weights. Its cubic is due to arXiv:2310.01687, of which only the abstract was known here.
#
# **The model.** With $m$ units, coefficients $\gamma_j \ne 0$ and an optional linear term,
#
# $$g(W; x) = \sum_{j=1}^m \Bigl[\tfrac{\gamma_j}{2}(w_j\cdot x)^2 + \beta\, w_j\cdot x\Bigr]. \tag{8.1}$$
#
# **The loss** of samples $(x_i, y_i)$, $i = 1 \dots n$, is $\frac1{2n}\sum_i (g(W; x_i) - y_i)^2$. It has the
# one half; without it $\mu$ doubles. **The inputs** are orthogonal, $x_i \cdot x_k = 0$ for $i \ne k$.
#
# ## Samples decouple
#
# Complete the square: $p_{ij} = w_j\cdot x_i + \beta/\gamma_j$ and $t_i = y_i + \beta^2\sum_j 1/(2\gamma_j)$
# turn the error into $e_i = \sum_j \frac{\gamma_j}{2} p_{ij}^2 - t_i$. The gradient with respect to $w_j$ is
# $\frac1n\sum_k e_k \gamma_j p_{kj} x_k$. Its inner product with $x_i$ keeps the term $k = i$ only:
#
# $$p_{ij}' = \Bigl(1 - \frac{\eta\,|x_i|^2\gamma_j}{n}\, e_i\Bigr)\, p_{ij}, \tag{8.2}$$
#
# and what is orthogonal to all inputs never moves. SymPy differentiates the loss entry by entry, for two
# units in the plane and one unit in space, on inputs that are orthogonal identically.

# %%
import sympy as sp

from lintrans.symbolic import quadratic
from lintrans.symbolic.claims import claims
from lintrans.symbolic.slice import residual_step
from lintrans.symbolic.symbols import mu, z

inputs, _ = quadratic.orthogonal_inputs()
problem = quadratic.literal_problem(inputs, 1)
moved = quadratic.gradient_step(problem) - problem.weights
sp.factor((moved * inputs[0])[0])

# %% [markdown]
# ## Gammas of one sign: the balanced slice
#
# Let all $\gamma_j = \gamma > 0$. With $r = \eta\gamma|x_i|^2 e_i/n$ every $p_{ij}$ of the sample is
# multiplied by $1 - r$, so the sum of squares by $(1 - r)^2$, and
#
# $$r' = (1 - r)^2 (r + \mu_i) - \mu_i = r^3 + (\mu_i - 2)\, r^2 + (1 - 2\mu_i)\, r, \qquad
#   \mu_i = \frac{\eta\,\gamma\,|x_i|^2\, t_i}{n}. \tag{8.3}$$
#
# This is (3.2), the residual on the balanced slice of the transformer, with the same $\mu$. Every landmark of
# chapter 3 holds for every sample; training as a whole diverges with its largest $\mu_i$. The target
# $t_i$ must be positive: a sum of squares reaches no other.

# %%
sp.factor((1 - z) ** 2 * (z + mu) - mu - residual_step(z, mu))

# %% [markdown]
# ## Gammas of both signs: the plane
#
# With $\gamma_j = \pm\gamma$ the units of the two signs are multiplied by $1 - r$ and $1 + r$. Let $a^2$ and
# $b^2$ be $\eta\gamma^2|x_i|^2/(2n)$ times the sums of $p_{ij}^2$ over the units of either sign. Then
#
# $$a' = (1 - r)\, a, \qquad b' = (1 + r)\, b, \qquad r = a^2 - b^2 - \mu_i: \tag{8.4}$$
#
# the two-factor map (2.2) with its imbalance, ellipse and critical step size. For a target below 0 the two
# groups exchange their parts.
#
# ## What a time average does
#
# Beyond $\mu = 1$ the iterates oscillate for ever. Take the mean $\bar g$ of the predictions over the
# trajectory. At every input, trained on or not,
#
# $$(\bar g - y)^2 = \overline{(g - y)^2} - \overline{(g - \bar g)^2}: \tag{8.5}$$
#
# its error is never above the mean error of the iterates. On the training samples the map says how large it
# is. As long as a projection keeps its sign, $\overline{\ln(1 - r)} = 0$ on a bounded orbit away from 0, and
# $\ln(1 - r) \le -r$ gives $\overline r \le 0$: the average never exceeds the target. On the 2-cycle
#
# $$\bar g = \frac{\mu + 1}{2\mu}\, t, \qquad \text{error } \frac{(\mu - 1)^2}{8\mu^2}\, t^2, \qquad
#   \text{that of the iterates } \frac{\mu^2 - 1}{4\mu^2}\, t^2 \text{ on average}, \tag{8.6}$$
#
# smaller by the factor $(\mu - 1)/(2\mu + 2)$. At $\mu = 2$ the invariant density is that of Chebyshev, the
# mean of $r$ is exactly 0, and the average of a chaotic run interpolates the label.

# %%
mean, square = quadratic.two_cycle_average(mu)
sp.factor(mean**2 / square)

# %% [markdown]
# ## Claims

# %%
for claim in claims("quadratic"):
    verdict = claim.check()
    assert verdict.passed, (claim.id, verdict.remainder)
    print(f"{claim.id}: {claim.statement.splitlines()[0]}")
