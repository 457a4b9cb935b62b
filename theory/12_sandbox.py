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
# # 12. A head that counts: sparse modular addition
#
# A sequence of $L$ tokens $x_t \in \{0, \dots, p - 1\}$ has the label $\sum_{t \in S} x_t \bmod p$, the
# sum over $k$ of its positions. One head with one query reads it:
#
# $$\xi = \frac{\sum_t e^{z_t \cdot q/\sqrt d}\, V z_t}{\sum_t e^{z_t \cdot q/\sqrt d}}, \qquad
#   z_t = \mathrm{norm}(E_{x_t} + P_t), \qquad
#   \mathrm{logits} = E\,\bigl(\xi + W_2\,g(W_1 \mathrm{norm}(\xi) + b_1) + b_2\bigr). \tag{12.1}$$
#
# The norm is $z/(\text{root mean square} + 10^{-5})$, so that for $d = 2$ the $pL$ vectors $z_t$ lie on a
# circle.
#
# ## A head in closed form
#
# A *clustering head* attends equally to the summed positions and to nothing else. Then $\xi$ depends on
# the counts of tokens at $S$ alone (claim sandbox.counts), and the feed-forward network has only to give
# each cluster its answer. `clustering_head` writes one down for any $p$, $L$ and $S$. With
# $y = x - (p - 1)/2$ and $R$ large,
#
# $$E_x = \Bigl(-\frac{y^2}{2R},\; y\Bigr), \qquad P_t = (\pm R, 0), \qquad q \propto (1, 0), \qquad
#   V \propto \mathrm{diag}(1, R\,T), \tag{12.2}$$
#
# with $+$ at the summed positions: $\xi$ is close to the line of points $(1, T \sum y/k)$, whose angle the
# next norm keeps. Two hidden units a step then form a staircase over the sum. Tokens on a parabola can
# answer anything in two dimensions: at the output $(1, y'/R)\,2 R m$ the logit of $y$ is $m\,(y - y')^2$
# below that of $y'$ (claim sandbox.parabola).

# %%
import numpy as np

from lintrans.sandbox import network
from lintrans.sandbox.constructed import certain_loss, clustering_head, least_margin
from lintrans.sandbox.curvature import hessian
from lintrans.sandbox.model import Model, initial_weights
from lintrans.sandbox.task import Task, distinct
from lintrans.sandbox.tied import descend, deviation, tie
from lintrans.sandbox.training import Training
from lintrans.symbolic import sandbox
from lintrans.symbolic.claims import claims

for task in (Task(), Task(p=3, length=8, positions=(1, 4, 6)), Task(p=7, length=5, positions=5)):
    head = clustering_head(task)
    margin = least_margin(task, *head, task.population())
    print(f"p = {task.p}, k = {task.k}: width {head.model.width}, least margin {margin:.3f}")
    assert margin > 9.9

# %% [markdown]
# Its label can be read off the mean effect of each position on $\xi$: one vector at the summed positions,
# none elsewhere.

# %%
task = Task()
model, weights = clustering_head(task)
population = task.population()
xi = network.layers(task, model, weights, population).xi
effects = [xi[population[:, t] == 1].mean(axis=0) - xi[population[:, t] == 0].mean(axis=0) for t in range(12)]
np.array(effects).round(6)[:, 1] + 0.0

# %% [markdown]
# ## Descent keeps it
#
# No weights reach the least cross entropy, which is 0: the head is not a minimum. Its loss, its gradient
# and the curvatures of both signs fall together as $e^{-m}$ with the margin $m$, up to powers of $m$. And
# a mean loss below $(\ln 2)/p^L$ leaves no sequence wrong (claim sandbox.certain): descent that begins
# there and does not raise the loss keeps every answer.

# %%
small = Task(length=6, positions=3)
for m in (5, 10, 15):
    head = clustering_head(small, margin=m)
    sequences, shares = distinct(small.population())
    values = np.linalg.eigvalsh(hessian(small, *head, sequences, shares))
    loss = network.loss(small, *head, sequences, shares)
    print(f"m = {m}: loss {loss:.2e}, eigenvalues from {values[0]:.2e} to {values[-1]:.2e}")

model, weights = clustering_head(small)
before = network.loss(small, model, weights, small.population())
moved = descend(small, model, Training(optimizer="sgd", rate=0.1), weights, 100)
after = network.loss(small, model, moved, small.population())
print(f"100 steps: {before:.3e} to {after:.3e}, certain below {certain_loss(small):.3e}")
assert after < before < certain_loss(small)

# %% [markdown]
# ## Tied positions are invariant
#
# Exchange the vectors of two summed positions, or of two others. The loss of the whole population stays
# what it is: exchanging the tokens as well changes neither $\xi$ nor the label, and maps the population
# onto itself (claim sandbox.permutation). Write $\pi$ for the exchange. From $\mathcal L(\pi w) = \mathcal
# L(w)$ follows
#
# $$\nabla \mathcal L(\pi w) = \pi \nabla \mathcal L(w), \tag{12.3}$$
#
# so at $\pi w = w$ the gradient is fixed by $\pi$ too: tied positions have equal gradients. Descent keeps
# them tied. So does Adam, which moves every weight by one function of its own gradients (claim
# sandbox.steps). Across the set the loss is even (claim sandbox.tied): the Hessian does not mix tied
# directions with others, and whether differences grow is a question of its own block.
#
# Drawn training sequences break the symmetry. The two runs differ in nothing but the sequences:

# %%
start = tie(small, initial_weights(small, Model(), 1))
for name, chosen in (("population", None), ("50 drawn", small.data(1).train[:50])):
    found = descend(small, Model(), Training(), start, 500, chosen)
    print(f"{name}: deviation {deviation(small, found):.1e} after 500 steps of Adam")
    assert (deviation(small, found) <= 1e-14) == (chosen is None)

# %% [markdown]
# ## Where optimisers lose stability
#
# Along a direction of curvature $c$ Adam with a frozen denominator $D = \sqrt{\hat v} + \epsilon$ averages
# gradients, in units where $D = 1$:
#
# $$m' = \beta m + (1 - \beta)\,c\,w, \qquad w' = w - \eta\,m'. \tag{12.4}$$
#
# The multipliers are the roots of $\lambda^2 - (1 + \beta - (1 - \beta)\eta c)\,\lambda + \beta$. By Jury's
# conditions both are inside the unit circle iff
#
# $$0 < c < \frac{2\,(1 + \beta)}{(1 - \beta)\,\eta}, \tag{12.5}$$
#
# which is $38/\eta$ for $\beta = 0.9$ (claim sandbox.edge). In the weights themselves $c$ is an eigenvalue
# of $D^{-1/2} H D^{-1/2}$ (claim sandbox.preconditioned). Without momentum the edge is $2/\eta$; heavy
# ball, which does not average, has $2(1 + \beta)/\eta$ (claim variants.heavy_ball). Just below and above:

# %%
sandbox.edge_of_averages(sandbox.beta, sandbox.rate)

# %%
for c in (37.5, 38.5):
    w, m = 1.0, 0.0
    for _ in range(1000):
        m = 0.9 * m + 0.1 * c * w
        w -= m
    print(f"c eta = {c}: |w| = {abs(w):.1e} after 1,000 steps")
    assert (abs(w) < 1) == (c < 38)

# %% [markdown]
# ## Claims

# %%
for claim in claims("sandbox"):
    verdict = claim.check()
    assert verdict.passed, (claim.id, verdict.remainder)
    print(f"{claim.id}: {claim.statement.splitlines()[0]}")
