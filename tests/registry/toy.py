"""A subject of its own: `test_registry` copies this file into the package as ``lintrans/toy/__init__.py``.

Marks of pupils over the difficulty of a question: a result with an axis of numbers and one of names, marks as
categories, a sweep, a figure and a command.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, ClassVar

import numpy as np
import typer
from numpy.typing import NDArray

from lintrans.cli.kit import outputs
from lintrans.cli.kit.options import Files, Json, Workers, command_group, grouped
from lintrans.sweeps.grid import Sweep
from lintrans.sweeps.results import Result, axis, categories, on

app = command_group()
PUPILS = np.array(["Ann", "Böðvar", "李雷", "Zoë de la Tour"])


@dataclass(frozen=True, eq=False, kw_only=True)
class Marks(Result):
    """Marks of every pupil."""

    kind: ClassVar[str] = "toy_marks"

    difficulty: NDArray[np.float64] = axis("difficulty of the question")
    pupil: NDArray[np.str_] = axis("name of the pupil")
    remark: NDArray[np.str_] | None = axis("remark of the teacher", optional=True)
    mark: NDArray[np.uint8] = categories(
        "difficulty", "pupil", name="mark", labels=["poor", "fair", "very good"]
    )
    score: NDArray[np.float64] = on("difficulty", "pupil", text="points")

    def summary(self):
        return {"best": str(self.pupil[self.score.mean(axis=0).argmax()])}


@dataclass(frozen=True, eq=False, kw_only=True)
class MarkSweep(Sweep):
    """Questions put to pupils."""

    result = Marks

    difficulty: NDArray[np.float64]
    pupil: NDArray[np.str_]
    seconds: float

    @property
    def shape(self):
        return self.difficulty.size, self.pupil.size

    @property
    def steps_per_cell(self):
        return 1

    @property
    def cells_per_tile(self):
        return 8

    def axes(self):
        return {"difficulty": self.difficulty, "pupil": self.pupil}

    def left_out(self):
        return {"remark"}

    def settings(self):
        return {"seconds": self.seconds}

    def compute(self, *place):
        rows, columns = place
        time.sleep(self.seconds)
        skill = np.array([sum(map(ord, name)) % 7 for name in self.pupil[columns]]) / 7
        score = np.exp(skill - self.difficulty[rows, None])
        return {"mark": np.digitize(score, [0.5, 1.5]).astype(np.uint8), "score": score}


def draw_marks(result):
    from matplotlib.figure import Figure

    from lintrans.plotting.style import WIDTH

    figure = Figure(figsize=(WIDTH, 2.5), layout="constrained")
    axes = figure.subplots()
    for name, score in zip(result.pupil, result.score.T, strict=True):
        axes.plot(result.difficulty, score, label=name.encode("ascii", "replace").decode())
    axes.set(xlabel="difficulty", ylabel="points")
    axes.legend()
    return figure


@app.command("toy-marks")
@grouped
def toy_marks(
    workers: Workers,
    files: Files,
    seconds: Annotated[float, typer.Option(help="Time a tile takes.")] = 0.0,
    json: Json = False,
) -> None:
    """Mark some pupils."""
    files = outputs.sweep_files(files, "marks", json=json)
    sweep = MarkSweep(difficulty=np.linspace(0, 1, 60), pupil=PUPILS, seconds=seconds)
    result = outputs.run(sweep, files, {"class": "7b"}, workers.start(), label="marks", json=json)
    outputs.answer(result, files, json=json)


FOLDER = Path(__file__).parent
