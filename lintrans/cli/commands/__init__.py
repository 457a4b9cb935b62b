"""The commands, by what they are asked about; importing them registers them, in the order of the help."""

from lintrans.cli.commands import one_run, sweeps, plane, batches, theory, files  # noqa: F401, I001
