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
# # 4. The ellipse
#
# For $0 < \mu < 2$ the ellipse $Q = 0$ is the edge of bounded training. It is also the one place where the
# chaos of the map can be solved completely. With
#
# $$\begin{gathered} a' = (1 - r)\,a, \quad b' = (1 + r)\,b, \quad r = a^2 - b^2 - \mu, \cr
#   Q = \frac{a^2}{2 + \mu} + \frac{b^2}{2 - \mu} - 1, \end{gathered} \tag{4.1}$$
#
# residual and level form a closed pair in the whole plane. Let $P = (4 - \mu^2)\,Q$, which is
# $2(a^2 + b^2 - 2) - \mu r$:
#
# $$r' = r^3 - 3r - rP, \qquad P' = (1 + \mu r + r^2)\,P. \tag{4.2}$$

# %%
import sympy as sp

from lintrans.symbolic import ellipse, modes
from lintrans.symbolic.claims import claims
from lintrans.symbolic.symbols import a, b, h, k, mu, r, theta, w, y_q

new = modes.step_modes(a, b, mu)
sp.factor(modes.residual(*new, mu) + (4 - mu**2) * modes.ellipse(a, b, mu) * modes.residual(a, b, mu))

# %% [markdown]
# ## Angle tripling
#
# Let $a = \sqrt{2 + \mu}\,\cos\theta$ and $b = \sqrt{2 - \mu}\,\sin\theta$. Then $r = 2\cos 2\theta$, and
# from $\cos 3\theta = \cos\theta\,(2\cos 2\theta - 1)$, $\sin 3\theta = \sin\theta\,(2\cos 2\theta + 1)$
#
# $$\theta' = \pi - 3\theta, \qquad \theta' - \tfrac\pi4 = -3\,\bigl(\theta - \tfrac\pi4\bigr). \tag{4.3}$$
#
# The orientation is reversed. The four fixed angles $\pi/4 + n\pi/2$ have $r = 0$: there the ellipse meets
# the curve of minima, with multipliers $1$ and $-3$. On the ellipse the residual obeys $r' = r^3 - 3r$ for
# every $\mu$, the map that the balanced slice reaches only at $\mu = 2$.

# %%
a_next, b_next = modes.step_modes(*ellipse.point(theta, mu), mu)
sp.simplify(a_next), sp.simplify(b_next)

# %% [markdown]
# ## Density and averages
#
# Tripling keeps the uniform density in $\theta$, and is ergodic with it (Rényi): time averages of almost
# every start on the ellipse are means over $\theta$. In $r$, and in $uv = 1 + r/\mu$, that is the arcsine
# law
#
# $$\varrho(r) = \frac{1}{\pi\sqrt{4 - r^2}}, \qquad -2 < r < 2, \tag{4.4}$$
#
# because $4 - r'^2 = (4 - r^2)(r^2 - 1)^2$ makes $\varrho(r)/|dr'/dr|$ a third of $\varrho(r')$ on each of
# three branches. Hence, with the loss in units of $y_q^2$,
#
# $$\langle uv\rangle = 1, \qquad \tfrac12\langle (uv - 1)^2\rangle = \frac{1}{\mu^2}, \qquad
#   \langle r_0\, r_n\rangle = 2\,\delta_{n0}. \tag{4.5}$$
#
# The prediction is right on average although it never settles, and its errors are uncorrelated: over $n$
# steps the mean prediction errs by $\sqrt{2/n}/\mu$ (one standard deviation).

# %%
sp.factor(4 - ellipse.residual_step(r) ** 2)

# %% [markdown]
# ## Exponents
#
# Along the ellipse the angle turns with speed 3 everywhere: the Lyapunov exponent is $\ln 3$. Across it $Q$
# is multiplied by $1 + \mu r + r^2$ in every step, and $\det J = -3\,(1 + \mu r + r^2)$ is the product of
# the two. The transverse exponent is the mean of the logarithm. With $r = y + 1/y$ on $|y| = 1$ it is a
# Mahler measure,
#
# $$\frac1{2\pi}\oint \ln\bigl|y^4 + \mu y^3 + 3y^2 + \mu y + 1\bigr|\,|dy|, \tag{4.6}$$
#
# and the quartic splits into $(y^2 + py + L)(y^2 + py/L + 1/L)$ with $p = \mu L/(1 + L)$, where
# $C = \tfrac12(L + 1/L)$ solves $4C^2 - 2C + \mu^2 = 6$. The first factor has conjugate roots of modulus
# $\sqrt L > 1$, the second their inverses, so Jensen's formula gives $\ln L$:
#
# $$\lambda_\perp(\mu) = \operatorname{arccosh}\frac{1 + \sqrt{25 - 4\mu^2}}{4}. \tag{4.7}$$
#
# It is positive: the ellipse repels, and a start next to it moves away exponentially fast, inwards or
# outwards. It falls from $\ln\frac{3 + \sqrt5}{2}$ (twice the logarithm of the golden ratio) at $\mu \to
# 0$ to 0 at $\mu \to 2$, like $2\sqrt{(2 - \mu)/3}$.

# %%
ellipse.transverse_exponent(mu)

# %%
(
    sp.limit(sp.exp(ellipse.transverse_exponent(mu)), mu, 0),
    sp.limit(ellipse.transverse_exponent(mu), mu, 2, "-"),
)

# %%
for value in (sp.Rational(1, 10), 1, sp.Rational(19, 10)):
    print(f"mu = {float(value):.1f}: transverse exponent {sp.N(ellipse.transverse_exponent(value), 15)}")

# %% [markdown]
# ## Size
#
# Semi-axes and area are
#
# $$\begin{gathered} \sqrt{2 \pm \mu}, \quad \pi\sqrt{4 - \mu^2} \text{ in } (a, b), \cr
#   \sqrt{2(2 \pm \mu)/\mu}, \quad \frac{2\pi}{\mu}\sqrt{4 - \mu^2} \text{ in } (u, v).
#   \end{gathered} \tag{4.8}$$
#
# For fixed $(u, v)$ the level rises with $\mu$,
#
# $$\frac{\partial Q}{\partial\mu} = \frac{(u + v)^2}{2(2 + \mu)^2} + \frac{(u - v)^2}{2(2 - \mu)^2},
# \tag{4.9}$$
#
# so the ellipses are nested: the larger the step, the smaller the ellipse. That gives each start one
# critical step size, (2.9). In the learning rate and the raw weights, with $N = w^2 + k^2$, it is
#
# $$\eta_c = \frac{8}{h\,\Bigl(hN + \sqrt{h^2N^2 + 16\,y_q\,(y_q - h w k)}\Bigr)}. \tag{4.10}$$

# %%
ellipse.critical_step_size(w, k, h, y_q)

# %% [markdown]
# ## Which minima are inside, and which are stable
#
# At a minimum $P = 2(a^2 + b^2 - 2)$: it is inside the ellipse iff $a^2 + b^2 < 2$, and stable iff
# $a^2 + b^2 < 1$, (2.5). Writing $u/v = e^{2x}$ there, $a^2 + b^2 = \mu\cosh 2x$, so
#
# $$\begin{gathered} \text{inside} \iff \Bigl|\ln\frac uv\Bigr| < \operatorname{arccosh}\frac2\mu, \cr
#   \text{stable} \iff \Bigl|\ln\frac uv\Bigr| < \operatorname{arccosh}\frac1\mu. \end{gathered} \tag{4.11}$$
#
# Stable minima exist for $\mu < 1$ only; exactly then the unit circle fits into the ellipse.

# %% [markdown]
# ## Claims

# %%
for claim in claims("ellipse"):
    verdict = claim.check()
    assert verdict.passed, (claim.id, verdict.remainder)
    print(f"{claim.id}: {claim.statement.splitlines()[0]}")
