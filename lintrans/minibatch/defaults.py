"""Defaults of functions and commands on mini-batches; for its help the command line imports no more."""

from __future__ import annotations

BATCH_SIZE = 32  # of the commands; functions are always told
SAMPLING = "with-replacement"
N_STEPS = 1000
EVENT = "left"
RISK = 0.01

N_TRAJECTORIES = 10_000  # from one start, at one step size
N_TRAININGS = 1000  # each is about d^2 times the work of a trajectory
MAP_TRAJECTORIES = 1000  # of a cell of a map
MAP_TRAININGS = 200
MAP_STEP_SIZES = 49
TRAINED_STEP_SIZES = 25
