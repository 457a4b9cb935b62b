"""A command takes the defaults of what it calls: of the sweep, or of the function."""

from __future__ import annotations

import inspect

import pytest
import typer

from lintrans.cli.app import app
from lintrans.registry import find

CALLS = {  # command: what it calls
    "phase-diagram": "lintrans.two_factor:PhaseSweep",
    "bifurcation": "lintrans.two_factor:BifurcationSweep",
    "lyapunov": "lintrans.two_factor:LyapunovSweep",
    "basin": "lintrans.two_factor:BasinSweep",
    "exponents": "lintrans.two_factor:orbit_exponents",
    "verify": "lintrans.verification:verify",
    "density": "lintrans.two_factor:invariant_density",
    "dimension": "lintrans.two_factor:boundary_dimension",
    "landmarks": "lintrans.certified:certified_landmarks",
}
RESOLVED = {  # options that become an argument of that name on the way
    "phase-diagram": {"start", "scales", "imbalances"},
    "bifurcation": {"start"},
    "lyapunov": {"start"},
    "basin": {"mu", "u", "v", "a", "b"},
    "verify": {"step_size", "value"},
    "exponents": {"mu", "start"},
    "density": {"mu"},
    "dimension": {"mu", "half_width"},
    "landmarks": {"digits"},
}


def shared(command):
    """Defaults of the options and of the arguments that have the same name."""
    options = {p.name: p.default for p in typer.main.get_command(app).commands[command].params}
    arguments = inspect.signature(find(CALLS[command])).parameters
    names = set(options) & set(arguments) - RESOLVED[command]
    return {name: options[name] for name in names}, {name: arguments[name].default for name in names}


@pytest.mark.parametrize("command", CALLS)
def test_defaults_are_those_of_what_is_called(command):
    ours, theirs = shared(command)
    assert ours and ours == theirs


def test_what_is_compared():
    assert set(shared("density")[0]) == {"on_ellipse", "n_orbits", "n_bins", "seed"}
    names = {"n_transient", "n_steps", "max_period", "verdicts_only", "refine_from"}
    assert set(shared("phase-diagram")[0]) == names
