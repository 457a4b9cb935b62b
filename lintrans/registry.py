"""The contents of the package by name: kinds of results with their sweeps and figures, and the commands.

Each subject, a folder of the package, has one entry here, in strings: nothing is imported before it is
needed. Result files, figures and the command line look names up; none of them knows a subject.

To add a subject, write its folder and one entry of `SUBJECTS`.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from importlib import import_module
from typing import Any, NamedTuple


class Kind(NamedTuple):
    """A kind of result; functions and classes are written ``module:name``.

    Attributes
    ----------
    result : str
        Its class.
    figure : str
        The function that draws it; "" if there is none.
    variables : tuple of str
        Quantities that the figure can show.
    sweeps : tuple of str
        Sweeps that compute it.
    """

    result: str
    figure: str = ""
    variables: tuple[str, ...] = ()
    sweeps: tuple[str, ...] = ()


class Group(NamedTuple):
    """Commands that stand together in the help.

    Attributes
    ----------
    title : str
        Title of the section in the help.
    module : str
        The module that defines them, on a ``typer.Typer`` called ``app``.
    commands : tuple of str
        Their names, in the order of the help.
    """

    title: str
    module: str
    commands: tuple[str, ...]


class Subject(NamedTuple):
    """A folder of the package.

    Attributes
    ----------
    packages : tuple of str
        Distributions that its numbers depend on, in addition to those of every result; its results record
        their versions.
    kinds : mapping
        Its kinds of results, by the name in result files.
    arguments : tuple of str
        Frozen dataclasses that its sweeps have among their arguments; the journal of a sweep keeps their
        fields.
    groups : tuple of Group
        Its commands.
    """

    packages: tuple[str, ...] = ()
    kinds: Mapping[str, Kind] = {}
    arguments: tuple[str, ...] = ()
    groups: tuple[Group, ...] = ()


_MAP, _BATCHES, _DRAW = "lintrans.two_factor", "lintrans.minibatch", "lintrans.plotting"
_SANDBOX = "lintrans.sandbox"
_COMMANDS = "lintrans.cli.commands"

SUBJECTS: dict[str, Subject] = {
    "two_factor": Subject(
        packages=("numba", "scipy", "mpmath"),
        kinds={
            "phase_diagram": Kind(
                f"{_MAP}.phase:PhaseDiagram",
                f"{_DRAW}.diagrams:draw_phase_diagram",
                sweeps=(f"{_MAP}.phase:PhaseSweep",),
            ),
            "bifurcation_diagram": Kind(
                f"{_MAP}.orbits:BifurcationDiagram",
                f"{_DRAW}.diagrams:draw_bifurcation",
                variables=("uv", "a", "loss"),
                sweeps=(f"{_MAP}.orbits:BifurcationSweep",),
            ),
            "lyapunov_exponents": Kind(
                f"{_MAP}.exponents:LyapunovExponents",
                f"{_DRAW}.diagrams:draw_lyapunov",
                sweeps=(f"{_MAP}.exponents:LyapunovSweep",),
            ),
            "basin_map": Kind(
                f"{_MAP}.basins:BasinMap",
                f"{_DRAW}.basins:draw_basin_map",
                variables=("regime", "sharpness", "branch", "steps"),
                sweeps=(f"{_MAP}.basins:BasinSweep",),
            ),
            "orbit": Kind(f"{_MAP}.orbits:Orbit", f"{_DRAW}.runs:draw_orbit"),
            "exponent_windows": Kind(
                f"{_MAP}.spectra:ExponentWindows", f"{_DRAW}.distributions:draw_exponent_windows"
            ),
            "invariant_density": Kind(
                f"{_MAP}.densities:InvariantDensity", f"{_DRAW}.distributions:draw_density"
            ),
            "cycles": Kind(f"{_MAP}.cycles:CycleTable", f"{_DRAW}.cycles:draw_cycles"),
            "cycle_branches": Kind(
                f"{_MAP}.continuation:CycleBranches",
                f"{_DRAW}.cycles:draw_branches",
                variables=("uv", "a"),
            ),
            "boundary_dimension": Kind(
                f"{_MAP}.dimension:BoundaryDimension", f"{_DRAW}.dimension:draw_dimension"
            ),
        },
        groups=(
            Group(
                "One training run",
                f"{_COMMANDS}.one_run",
                ("reduce", "thresholds", "orbit", "exponents", "verify"),
            ),
            Group(
                "Diagrams",
                f"{_COMMANDS}.diagrams",
                ("phase-diagram", "bifurcation", "lyapunov", "basin"),
            ),
            Group(
                "Cycles, densities and boundaries",
                f"{_COMMANDS}.plane",
                ("cycles", "continue", "density", "dimension"),
            ),
        ),
    ),
    "minibatch": Subject(
        packages=("numba", "scipy"),
        kinds={
            "escape_times": Kind(
                f"{_BATCHES}.escapes:EscapeTimes",
                f"{_DRAW}.batches:draw_escape_times",
                sweeps=(f"{_BATCHES}.escapes:EscapeSweep", f"{_BATCHES}.trainings:TrainingSweep"),
            ),
            "risk_map": Kind(
                f"{_BATCHES}.risk:RiskMap",
                f"{_DRAW}.batches:draw_risk_map",
                variables=("left", "diverged"),
                sweeps=(f"{_BATCHES}.risk:RiskSweep", f"{_BATCHES}.trained_risks:TrainedRiskSweep"),
            ),
        },
        arguments=(
            f"{_BATCHES}.population:Population",
            f"{_BATCHES}.population:PromptMoments",
            f"{_BATCHES}.sampling:Batches",
        ),
        groups=(Group("Mini-batches", f"{_COMMANDS}.batches", ("minibatch", "escapes")),),
    ),
    "verification": Subject(
        packages=("numba", "scipy"),
        kinds={
            "verification": Kind(
                "lintrans.verification.full_batch:Verification", f"{_DRAW}.runs:draw_verification"
            ),
            "batch_verification": Kind(
                "lintrans.verification.mini_batch:BatchVerification",
                f"{_DRAW}.batches:draw_batch_verification",
            ),
        },
    ),
    "explorer": Subject(groups=(Group("Pages", f"{_COMMANDS}.explore", ("explore",)),)),
    "sandbox": Subject(
        packages=("numba", "scipy"),
        kinds={
            "sandbox_runs": Kind(
                f"{_SANDBOX}.runs:Runs",
                f"{_SANDBOX}.figures:draw_runs",
                sweeps=(f"{_SANDBOX}.runs:RunSweep",),
            ),
            "sandbox_study": Kind(
                f"{_SANDBOX}.studies:Study",
                f"{_SANDBOX}.figures:draw_study",
                sweeps=(f"{_SANDBOX}.studies:StudySweep",),
            ),
            "sandbox_measures": Kind(f"{_SANDBOX}.histories:History", f"{_SANDBOX}.figures:draw_history"),
        },
        arguments=(
            f"{_SANDBOX}.task:Task",
            f"{_SANDBOX}.model:Model",
            f"{_SANDBOX}.training:Training",
            f"{_SANDBOX}.studies:Case",
        ),
        groups=(Group("Transformers on modular addition", f"{_COMMANDS}.sandbox", ("sandbox",)),),
    ),
    "symbolic": Subject(
        groups=(Group("Theory", f"{_COMMANDS}.theory", ("landmarks", "ellipse", "critical", "derive")),),
    ),
    "sweeps": Subject(groups=(Group("Result files", f"{_COMMANDS}.files", ("show", "plot", "resume")),)),
}


def find(place: str) -> Any:
    """Import what ``module:name`` names."""
    module, _, name = place.partition(":")
    return getattr(import_module(module), name)


def kinds() -> dict[str, Kind]:
    """All kinds of results by name."""
    return {name: kind for subject in SUBJECTS.values() for name, kind in subject.kinds.items()}


def groups() -> Iterator[Group]:
    """Commands, in the order of the help."""
    for subject in SUBJECTS.values():
        yield from subject.groups


def packages_of(kind: str) -> tuple[str, ...]:
    """Distributions that a kind of result depends on, in addition to those of every result."""
    return next((s.packages for s in SUBJECTS.values() if kind in s.kinds), ())


def sweep_named(name: str) -> Any:
    """Class of the sweep with this name; a KeyError if there is none."""
    return _find_named(name, (place for kind in kinds().values() for place in kind.sweeps))


def argument_named(name: str) -> Any:
    """Class with this name that sweeps have among their arguments; a KeyError if there is none."""
    return _find_named(name, (place for subject in SUBJECTS.values() for place in subject.arguments))


def _find_named(name: str, places: Iterable[str]) -> Any:
    return find({place.partition(":")[2]: place for place in places}[name])
