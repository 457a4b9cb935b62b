"""The symbols of the theory, defined once with their assumptions.

One symbol, one meaning: ``u, v`` are the two factors in normal form, ``a, b`` the modes, ``mu`` the
effective step size, ``z`` the residual ``r`` on the balanced slice ``b = 0``, ``A = a**2`` there.
The loss is ``(prediction - y_q)**2 / 2`` throughout; without the 1/2 every ``mu`` doubles.
"""

from __future__ import annotations

from sympy import Symbol, symbols

mu = Symbol("mu", positive=True)
"""Effective step size ``eta * h * abs(y_q)``."""

u, v = symbols("u v", real=True)
"""Factors in normal form: ``u = w/s``, ``v = sign(y_q) k/s``, ``s = sqrt(abs(y_q)/h)``."""

a, b = symbols("a b", real=True)
"""Modes ``sqrt(mu)/2 (u + v)`` and ``sqrt(mu)/2 (u - v)``."""

z = Symbol("z", real=True)
"""Residual ``r = mu (u v - 1)`` on the balanced slice, where ``z = a**2 - mu``."""

A = Symbol("A", real=True)
"""Squared mode ``a**2`` on the balanced slice."""

theta = Symbol("theta", real=True)
"""Angle of the Chebyshev conjugacy: ``a = sqrt(2 + mu) cos(theta)``, ``b = sqrt(2 - mu) sin(theta)``."""

r = Symbol("r", real=True)
"""Residual ``a**2 - b**2 - mu = mu (u v - 1)``; on the ellipse it is ``2 cos(2 theta)``."""

kappa = Symbol("kappa", real=True)
"""One step of a schedule as a fraction of its bound: ``mu_t = kappa max_mu``."""

max_mu = Symbol("max_mu", positive=True)
"""Largest effective step size of a schedule."""

sigma = Symbol("sigma", real=True)
"""Residual a mini-batch moves by: ``a' = (1 - sigma) a``, ``b' = (1 + sigma) b``."""

eta, h, y_abs = symbols("eta h y_abs", positive=True)
"""Step size, Frobenius norm of the moment matrix ``M``, absolute label of the query."""

w, k, y_q = symbols("w k y_q", real=True)
"""Value weight, ``<W, M>/h`` and the label of the query."""

x = Symbol("x")
"""Unknown of the polynomials whose roots are landmarks; without assumptions, so that it parses back."""
