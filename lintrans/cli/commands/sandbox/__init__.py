"""Commands of the sandbox: train runs, study settings, measure a run, label weights, show a run."""

from __future__ import annotations

from lintrans.cli.commands.sandbox import measuring, showing, training
from lintrans.cli.kit.options import command_group, example

app = command_group()
sandbox = command_group()
for part in (training, measuring, showing):
    sandbox.add_typer(part.app)
app.add_typer(
    sandbox,
    name="sandbox",
    help="Train small transformers on modular addition, and see every layer at every step.\n\n"
    "lintrans sandbox COMMAND --help explains a command and ends with an example of it.",
    epilog=example("lintrans sandbox train --seeds 0:8 --epochs 60 --output runs.h5"),
)

__all__ = ["app"]
