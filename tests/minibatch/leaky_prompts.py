"""Prompts that share no mode, and some that do, with weights to start from; for tests of trainings."""

from __future__ import annotations

import math

import numpy as np
from problems import random_prompt

from lintrans.minibatch import Population
from lintrans.prompts.prompt import Prompt
from lintrans.two_factor import normal_form


def on_a_mode(d, n_prompts=11, seed=0):
    rng = np.random.default_rng(seed)
    m, q = rng.normal(size=(2, d))
    sizes = rng.uniform(0.3, 1.7, n_prompts)
    return [Prompt.from_arrays([x * m], [1.0], q, 2 * x + 5 * rng.normal()) for x in sizes]


def leaky(d, n_prompts=11):
    return [random_prompt(4 * d + i, d, seed=i) for i in range(n_prompts)]


PROMPTS = {
    "one feature": leaky(1),
    "three features": leaky(3),
    "ten features": leaky(10),
    "mode of three": on_a_mode(3),
    "mode of ten": on_a_mode(10),
    "fewer than features": leaky(10, 4),
}


def start(prompts, size=1.2):
    """Weights with u = size, v = size / 2 on the mode, and more beside it."""
    population, rng = Population.from_prompts(prompts), np.random.default_rng(9)
    beside = 0.1 * rng.normal(size=population.direction.shape)
    beside -= np.sum(beside * population.direction) * population.direction
    along = math.copysign(size / 2 * population.weight_unit, population.mean_product)
    return {"value": size * population.weight_unit, "key_query": along * population.direction + beside}


def project(population, mu, w, W):
    u, v = w / population.weight_unit, np.sum(W * population.direction) / population.weight_unit
    return normal_form.to_modes(mu, u, math.copysign(1.0, population.mean_product) * v)
