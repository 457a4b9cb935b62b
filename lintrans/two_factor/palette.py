"""Colours of the regimes, the same in figures and on pages. In grey they differ by at least 8 in CIE L*."""

from __future__ import annotations

from lintrans.two_factor.regimes import Regime

COLORS = {
    Regime.UNRESOLVED: "#ffffff",
    Regime.MONOTONE: "#f7e69a",
    Regime.CATAPULT: "#e8b730",
    Regime.PERIODIC: "#4aa3d8",
    Regime.CHAOTIC: "#0b4a86",
    Regime.DIVERGENT: "#1c1c1c",
    Regime.SADDLE: "#c85200",
}
