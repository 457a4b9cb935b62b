"""Options shared by the commands on mini-batches: many prompts, and how training goes through them."""

from __future__ import annotations

import functools
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from lintrans.cli.commands.problem import Weights
from lintrans.cli.kit.options import NSteps
from lintrans.cli.kit.ranges import parse_schedule
from lintrans.minibatch import defaults

if TYPE_CHECKING:
    from lintrans import minibatch
    from lintrans.attention.transformer import TwoFactorWeights
    from lintrans.minibatch import Population
    from lintrans.prompts.prompt import Prompt


@dataclass(frozen=True)
class Prompts:
    """Many prompts: a table to be cut into them, or the numbers h and y of each."""

    data: Annotated[
        Path, typer.Argument(help="CSV table, or NPZ file with moments and labels.", show_default=False)
    ]
    target: Annotated[str, typer.Option(help="CSV column with the labels.")] = ""
    features: Annotated[str, typer.Option(help="CSV columns to use, comma separated; default all.")] = ""
    context_length: Annotated[int, typer.Option(help="Rows in the context of a prompt.")] = 32
    n_prompts: Annotated[
        int | None,
        typer.Option(
            help="Prompts of rows drawn at random.  [default: cut the table, no row twice]",
            show_default=False,
        ),
    ] = None
    standardize: Annotated[bool, typer.Option("--standardize", help="Scale columns by the table.")] = False
    center: Annotated[bool, typer.Option("--center", help="Subtract the mean label of the table.")] = False
    table_seed: Annotated[int, typer.Option(help="Seed of the rows drawn.")] = 0
    by_mode: Annotated[
        bool,
        typer.Option("--by-mode", help="Answer by the mode that prompts are near, where they share none."),
    ] = False

    def read(self) -> tuple[list[Prompt], Population]:
        """Read the file: prompts, none where it holds numbers only, and the population."""
        import numpy as np

        from lintrans.errors import InputError
        from lintrans.minibatch import Population
        from lintrans.prompts import prompts_from_csv
        from lintrans.prompts.readers import naming_file, read_npz

        if self.data.suffix.lower() == ".npz":
            with naming_file(self.data) as file:
                found = read_npz(file, ("moments", "labels"))
                return [], Population(found["moments"], found["labels"], direction=np.ones((1, 1)))
        if not self.target:
            raise InputError("--target must be given for a CSV file, got none; see lintrans minibatch --help")
        prompts = prompts_from_csv(
            self.data,
            target=self.target,
            features=self.features.split(",") if self.features else None,
            context_length=self.context_length,
            n_prompts=self.n_prompts,
            standardize=self.standardize,
            center=self.center,
            seed=self.table_seed,
        )
        return prompts, Population.from_prompts(prompts)

    def settings(self) -> dict[str, Any]:
        """Return the options as plain values, to be kept in result files."""
        return {**vars(self), "data": self.data.name}


@dataclass(frozen=True)
class Batches:
    """How training goes through the prompts."""

    batch_size: Annotated[int, typer.Option(help="Prompts in a batch.")] = defaults.BATCH_SIZE
    sampling: Annotated[
        str, typer.Option(help="How batches are drawn: with-replacement, without-replacement or epochs.")
    ] = defaults.SAMPLING
    n_steps: NSteps = defaults.N_STEPS
    batch_seed: Annotated[int, typer.Option(help="Seed of the batches.")] = 0
    schedule: Annotated[
        str,
        typer.Option(
            help="Step sizes over the largest, by step, as 0.01:1:100,1 for a warm-up; the last goes on."
        ),
    ] = ""

    @functools.cached_property
    def made(self) -> minibatch.Batches:
        """The batches, checked."""
        from lintrans.minibatch import Batches

        return Batches(
            self.batch_size,
            sampling=self.sampling,
            n_steps=self.n_steps,
            seed=self.batch_seed,
            schedule=parse_schedule(self.schedule),
        )


@dataclass(frozen=True)
class Task:
    """What is trained: prompts, none where a file holds numbers only, their population, and a start.

    ``trained``: whether the prompts are to be trained themselves, as they share no mode.
    """

    prompts: list[Prompt]
    population: Population
    weights: TwoFactorWeights
    trained: bool

    @classmethod
    def read(cls, prompts: Prompts, weights: Weights) -> Task:
        """Read the file, and draw the weights."""
        many, population = prompts.read()
        assert population.direction is not None  # of a file there always is one
        trained = bool(many) and population.leaks and not prompts.by_mode
        return cls(many, population, weights.draw(len(population.direction)), trained)

    @property
    def start(self) -> tuple[float, float]:
        """State (u, v) that the weights are projected to."""
        return self.population.project_weights(self.weights.value, self.weights.key_query)

    def critical_step_size(self, n_steps: int) -> float:
        """Critical learning rate of the full batch, by the mode or of so many steps of training."""
        from lintrans.minibatch import full_batch_step_size
        from lintrans.minibatch.full_batch import MAX_WEIGHTS
        from lintrans.minibatch.risk import critical_step_size

        by_mode = critical_step_size(self.population, *self.start)
        if not self.trained or self.weights.key_query.size > MAX_WEIGHTS:
            return by_mode
        found = full_batch_step_size(**self.training(), n_steps=n_steps)
        return found if found > 0 else by_mode

    def training(self) -> dict[str, Any]:
        """Return the arguments of a training."""
        value, key_query = float(self.weights.value.real), self.weights.key_query
        return {"prompts": self.prompts, "value": value, "key_query": key_query}

    def on_the_mode(self) -> dict[str, Any]:
        """Return the arguments of a trajectory of the random map."""
        u, v = self.start
        return {"population": self.population, "u": u, "v": v}
