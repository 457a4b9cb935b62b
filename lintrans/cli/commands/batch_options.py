"""Options of the commands on mini-batches: many prompts, and how training draws batches of them."""

from __future__ import annotations

import functools
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, ClassVar

import typer

from lintrans.cli.commands.problem import Weights, data_file
from lintrans.cli.kit.options import NSteps
from lintrans.cli.kit.ranges import parse_schedule
from lintrans.minibatch import defaults

if TYPE_CHECKING:
    from lintrans import minibatch
    from lintrans.attention.transformer import TwoFactorWeights
    from lintrans.minibatch import Population
    from lintrans.prompts.prompt import Prompt


EXAMPLE_TABLE = "example --target progression --features bmi --standardize --center --n-prompts 500"
PROMPTS_NOTE = """\
Model: a linear transformer trained on many prompts, each a context of table rows and a query row whose \
label it must predict. Trained weights: P = diag(0, w) and K = diag(W, 0), with a number w and a d x d \
matrix W for d features. This is the two-factor model of the paper (arXiv 2605.21292): d^2 + 1 of the 2 \
(d+1)^2 weights; the others stay 0. The effective step size mu is the learning rate times |mean(h_i y_i)|, \
where y_i is the query label of prompt i and h_i its moment: the part along the common direction of the \
matrix mean(y_k x_k) x_q^T of its context and query."""


@dataclass(frozen=True)
class Prompts:
    """Many prompts: a table that is cut into prompts, or the numbers h and y of each."""

    note: ClassVar[str] = PROMPTS_NOTE

    data: Annotated[
        Path,
        typer.Argument(
            help="CSV table, or NPZ file with the arrays moments and labels. The word example is the "
            "diabetes table of the package; a file of that name is ./example.",
            parser=data_file,
            metavar="DATA",
            show_default=False,
        ),
    ]
    target: Annotated[str, typer.Option(help="CSV column of the labels.")] = ""
    features: Annotated[
        str,
        typer.Option(help="CSV columns of the features, separated by commas.  [default: all but the target]"),
    ] = ""
    context_length: Annotated[int, typer.Option(help="Number of rows in the context of a prompt.")] = 32
    n_prompts: Annotated[
        int | None,
        typer.Option(
            help="Number of prompts, each of rows drawn at random.  [default: cut the table, each row used "
            "once]",
            show_default=False,
        ),
    ] = None
    standardize: Annotated[
        bool,
        typer.Option(
            "--standardize", help="Scale each feature to mean 0 and standard deviation 1 over the table."
        ),
    ] = False
    center: Annotated[
        bool, typer.Option("--center", help="Subtract the mean label of the table from all labels.")
    ] = False
    table_seed: Annotated[int, typer.Option(help="Random seed of the rows that form the prompts.")] = 0
    by_mode: Annotated[
        bool,
        typer.Option(
            "--by-mode",
            help="Use the mode nearest to the prompts even where they share none: faster, but too "
            "optimistic.",
        ),
    ] = False

    def read(self) -> tuple[list[Prompt], Population]:
        """Read the file: its prompts (none if it holds numbers only) and their population."""
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
            raise InputError("--target must be given for a CSV file, got none; name the column of the labels")
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
        """Return the options as plain values, for the settings of a result file."""
        return {**vars(self), "data": self.data.name}


@dataclass(frozen=True)
class Batches:
    """How training draws batches of prompts."""

    batch_size: Annotated[int, typer.Option(help="Number of prompts in a batch.")] = defaults.BATCH_SIZE
    sampling: Annotated[
        str, typer.Option(help="How batches are drawn: with-replacement, without-replacement or epochs.")
    ] = defaults.SAMPLING
    n_steps: NSteps = defaults.N_STEPS
    batch_seed: Annotated[int, typer.Option(help="Random seed of the batches.")] = 0
    schedule: Annotated[
        str,
        typer.Option(
            help="Factors between 0 and 1 on the step size, step by step, e.g. 0.01:1:100,1 for a warm-up "
            "of 100 steps. The last one is kept."
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
    """What is trained: prompts (none if a file holds numbers only), their population, and initial weights.

    ``trained`` is True if the prompts share no mode, so that the transformer itself must be trained.
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
        """Critical learning rate of the full batch: by the mode, or from ``n_steps`` steps of training."""
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
