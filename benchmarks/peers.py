"""pynamicalsys at work on our problems, in an environment and a process of its own.

Started by `peer_process`; reads the name of a task per line and answers with the seconds it took and one
number by which its result can be checked. Maps are given to it as its documentation shows, compiled
functions that return new arrays. Where it offers no loop over parameters or starts, the loop is ours, in
Python, over arrays prepared before. Two tasks are there twice: `*_tuned` fills an empty Jacobian in place
of the nested lists of the documentation, which takes half the time.
"""

import json
import sys
import time

import numpy as np
import problems
from numba import njit
from pynamicalsys import DiscreteDynamicalSystem


@njit
def slice_map(state, parameters):
    a = state[0]
    return np.array([a * (1 + parameters[0] - a * a)])


@njit
def slice_jacobian(state, parameters, *args):
    a = state[0]
    return np.array([[1 + parameters[0] - 3 * a * a]])


@njit
def slice_jacobian_tuned(state, parameters, *args):
    a = state[0]
    jacobian = np.empty((1, 1))
    jacobian[0, 0] = 1 + parameters[0] - 3 * a * a
    return jacobian


@njit
def slice_map_with_mu(state, parameters):
    """The parameter as a second coordinate: an ensemble of starts is then a sweep over mu."""
    a, mu = state
    return np.array([a * (1 + mu - a * a), mu])


@njit
def plane_map(state, parameters):
    a, b = state
    r = a * a - (b * b + parameters[0])
    return np.array([a - r * a, b + r * b])


@njit
def plane_jacobian(state, parameters, *args):
    a, b = state
    r = a * a - (b * b + parameters[0])
    return np.array([[1 - r - 2 * a * a, 2 * a * b], [2 * a * b, 1 + r - 2 * b * b]])


@njit
def plane_jacobian_tuned(state, parameters, *args):
    a, b = state
    r = a * a - (b * b + parameters[0])
    jacobian = np.empty((2, 2))
    jacobian[0, 0] = 1 - r - 2 * a * a
    jacobian[0, 1] = jacobian[1, 0] = 2 * a * b
    jacobian[1, 1] = 1 + r - 2 * b * b
    return jacobian


@njit
def factor_map(state, parameters):
    u, v = state
    r = parameters[0] * (u * v - 1)
    return np.array([u - r * v, v - r * u])


def system(dimension, mapping, jacobian=None):
    return DiscreteDynamicalSystem(
        mapping=mapping, jacobian=jacobian, system_dimension=dimension, number_of_parameters=1
    )


def orbit_diagram():
    """Its own function for the purpose."""
    p = problems.ORBIT_DIAGRAM
    axis = p.mu[0], p.mu[-1], p.mu.size
    n = p.n_transient + p.n_steps
    return system(1, slice_map).bifurcation_diagram([p.a], 0, axis, n, transient_time=p.n_transient)[1]


def orbit_diagram_ensemble():
    """Its fastest way that we found: one ensemble, in one call."""
    p = problems.ORBIT_DIAGRAM
    starts = np.column_stack([np.full_like(p.mu, p.a), p.mu])
    n = p.n_transient + p.n_steps
    states = system(2, slice_map_with_mu).trajectory(
        starts, n, parameters=[0.0], transient_time=p.n_transient
    )
    return states[:, 0]


def exponents(problem, dynamics, start):
    """Exponents at every mu; in the plane by the method of Eckmann and Ruelle, the fastest of its three."""
    n = problem.n_transient + problem.n_steps
    return np.array(
        [
            dynamics.lyapunov(start, n, parameters=mu, method="ER", transient_time=problem.n_transient)
            for mu in problem.mu[:, None]
        ]
    )


def slice_exponent(jacobian):
    p = problems.SLICE_EXPONENT
    return exponents(p, system(1, slice_map, jacobian), np.array([p.a]))


def plane_exponents(jacobian):
    p = problems.PLANE_EXPONENTS
    return exponents(p, system(2, plane_map, jacobian), np.array([p.a, p.b]))


def basin(mu):
    """Step at which each start leaves, one call per start."""
    dynamics, box = system(2, factor_map), problems.BASIN_EXIT * np.array([[-1.0, 1.0], [-1.0, 1.0]])
    n, parameters = problems.BASIN_STEPS, np.array([mu])
    return np.array(
        [
            dynamics.escape_analysis(start, n, box, parameters=parameters, escape="exiting")
            for start in np.column_stack(problems.basin_starts())
        ]
    )


# Each with the number that checks it: a mean over all states, exponents or starts.
TASKS = {
    "orbit_diagram": (orbit_diagram, lambda states: np.mean(states**2)),
    "orbit_diagram_ensemble": (orbit_diagram_ensemble, lambda states: np.mean(states**2)),
    "slice_exponent": (lambda: slice_exponent(slice_jacobian), np.mean),
    "slice_exponent_tuned": (lambda: slice_exponent(slice_jacobian_tuned), np.mean),
    "plane_exponents": (lambda: plane_exponents(plane_jacobian), lambda pair: np.mean(pair.sum(axis=1))),
    "plane_exponents_tuned": (
        lambda: plane_exponents(plane_jacobian_tuned),
        lambda pair: np.mean(pair.sum(axis=1)),
    ),
    "basin_0.9": (lambda: basin(0.9), lambda fates: np.mean(fates[:, 0] >= 0)),
    "basin_1.5": (lambda: basin(1.5), lambda fates: np.mean(fates[:, 0] >= 0)),
}


def main():
    for line in sys.stdin:
        task, check = TASKS[line.strip()]
        began = time.perf_counter()
        result = task()
        seconds = time.perf_counter() - began
        print(json.dumps({"seconds": seconds, "check": float(check(result))}), flush=True)


if __name__ == "__main__":
    main()
