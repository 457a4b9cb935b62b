"""Commands of the circuit tracker: audit checkpoints, measure heads, report, ablate."""

from __future__ import annotations

from lintrans.cli.commands.circuits import auditing, demonstrating, measuring, reporting
from lintrans.cli.kit.options import command_group

app = command_group()
circuits = command_group()
for part in (auditing, measuring, reporting, demonstrating):
    circuits.add_typer(part.app)
app.add_typer(
    circuits,
    name="circuits",
    help="Follow the attention heads of a language model over its checkpoints.\n\n"
    "lintrans circuits COMMAND --help explains a command and ends with an example of it.",
)

__all__ = ["app"]
