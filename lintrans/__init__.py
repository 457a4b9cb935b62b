"""Large-step training dynamics of linear transformers: one prompt in, its phase diagram out.

Names are loaded when first used, so that importing the package stays light.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from lintrans.balanced_slice import Landmark, landmarks
    from lintrans.basins import BasinMap, basin_map, basin_sweep
    from lintrans.certified import CertifiedLandmark, certified_landmarks
    from lintrans.continuation import CycleBranches, follow_cycles
    from lintrans.cycles import Cycle, CycleTable, find_cycles
    from lintrans.densities import InvariantDensity, invariant_density
    from lintrans.dimension import BoundaryDimension, boundary_dimension
    from lintrans.errors import InputError, MissingExtraError, NoNormalFormError
    from lintrans.executors import Dask, Threads
    from lintrans.exponents import LyapunovExponents, lyapunov_exponents, lyapunov_sweep
    from lintrans.invariant_ellipse import Ellipse, ellipse
    from lintrans.many_modes import ManyModes
    from lintrans.normal_form import critical_mu, is_certified
    from lintrans.orbits import BifurcationDiagram, Orbit, bifurcation_diagram, bifurcation_sweep, orbit
    from lintrans.phase import PhaseDiagram, phase_diagram, phase_sweep
    from lintrans.prompt import Prompt, example_data
    from lintrans.reduction import NormalForm, critical_step_sizes, iterate_unnormalized, reduce
    from lintrans.regimes import Regime, regime
    from lintrans.spectra import ExponentWindows, orbit_exponents
    from lintrans.store import load, resume, run_to_file, save
    from lintrans.training import train
    from lintrans.transformer import FullWeights, TwoFactorWeights, initial_weights
    from lintrans.variants import Variant
    from lintrans.verification import Verification, verify

_ROOMS = {
    "balanced_slice": ("Landmark", "landmarks"),
    "basins": ("BasinMap", "basin_map", "basin_sweep"),
    "certified": ("CertifiedLandmark", "certified_landmarks"),
    "continuation": ("CycleBranches", "follow_cycles"),
    "cycles": ("Cycle", "CycleTable", "find_cycles"),
    "densities": ("InvariantDensity", "invariant_density"),
    "dimension": ("BoundaryDimension", "boundary_dimension"),
    "errors": ("InputError", "MissingExtraError", "NoNormalFormError"),
    "executors": ("Dask", "Threads"),
    "exponents": ("LyapunovExponents", "lyapunov_exponents", "lyapunov_sweep"),
    "invariant_ellipse": ("Ellipse", "ellipse"),
    "many_modes": ("ManyModes",),
    "normal_form": ("critical_mu", "is_certified"),
    "orbits": ("BifurcationDiagram", "Orbit", "bifurcation_diagram", "bifurcation_sweep", "orbit"),
    "phase": ("PhaseDiagram", "phase_diagram", "phase_sweep"),
    "prompt": ("Prompt", "example_data"),
    "reduction": ("NormalForm", "critical_step_sizes", "iterate_unnormalized", "reduce"),
    "regimes": ("Regime", "regime"),
    "spectra": ("ExponentWindows", "orbit_exponents"),
    "store": ("load", "resume", "run_to_file", "save"),
    "training": ("train",),
    "transformer": ("FullWeights", "TwoFactorWeights", "initial_weights"),
    "variants": ("Variant",),
    "verification": ("Verification", "verify"),
}
_ROOM_OF = {name: room for room, names in _ROOMS.items() for name in names}

__all__ = [  # noqa: RUF022 - one line per room, as above
    "Landmark", "landmarks",
    "BasinMap", "basin_map", "basin_sweep",
    "CertifiedLandmark", "certified_landmarks",
    "CycleBranches", "follow_cycles",
    "Cycle", "CycleTable", "find_cycles",
    "InvariantDensity", "invariant_density",
    "BoundaryDimension", "boundary_dimension",
    "InputError", "MissingExtraError", "NoNormalFormError",
    "Dask", "Threads",
    "LyapunovExponents", "lyapunov_exponents", "lyapunov_sweep",
    "Ellipse", "ellipse",
    "ManyModes",
    "critical_mu", "is_certified",
    "BifurcationDiagram", "Orbit", "bifurcation_diagram", "bifurcation_sweep", "orbit",
    "PhaseDiagram", "phase_diagram", "phase_sweep",
    "Prompt", "example_data",
    "NormalForm", "critical_step_sizes", "iterate_unnormalized", "reduce",
    "Regime", "regime",
    "ExponentWindows", "orbit_exponents",
    "load", "resume", "run_to_file", "save",
    "train",
    "FullWeights", "TwoFactorWeights", "initial_weights",
    "Variant",
    "Verification", "verify",
]  # fmt: skip


def __getattr__(name: str) -> Any:
    if name not in _ROOM_OF:
        raise AttributeError(f"module 'lintrans' has no attribute {name!r}")
    value = getattr(import_module(f"lintrans.{_ROOM_OF[name]}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted([*globals(), *__all__])
