"""Commands that measure heads, and that switch them off."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, ClassVar

import typer

from lintrans.cli.kit import outputs, ranges
from lintrans.cli.kit.answers import Report, emit_json, progress, say, table
from lintrans.cli.kit.options import Files, Json, command_group, example, grouped

if TYPE_CHECKING:
    from lintrans.circuits.families import ModelShape
    from lintrans.circuits.names import Revision
    from lintrans.circuits.probes import Probe
    from lintrans.circuits.sources import Source

app = command_group()
Where = Annotated[
    str,
    typer.Argument(
        help="Folder with a checkpoint or with one per subfolder, a .gguf file, or owner/name on the "
        "Hugging Face Hub. Some checkpoints only: owner/name@step1,step512.",
        metavar="SOURCE",
        show_default=False,
    ),
]
Force = Annotated[bool, typer.Option("--force", help="Replace files that exist.")]
Quiet = Annotated[bool, typer.Option("--quiet", help="Print neither progress nor a summary.")]
Device = Annotated[
    str, typer.Option(help="Where to compute: cpu, cuda, ...  [default: a GPU if any]", show_default=False)
]
NThreads = Annotated[
    int | None,
    typer.Option("--n-threads", help="Threads of PyTorch.  [default: its own]", show_default=False),
]
Batch = Annotated[
    int | None,
    typer.Option(help="Sequences at once.  [default: 16, or what memory allows]", show_default=False),
]
PROBES = ("published", "repeated", "text")


@dataclass(frozen=True)
class ProbeOptions:
    """Sequences that pass through the model."""

    note: ClassVar[str] = """\
Probes end with a token, or a passage, that occurred before; how many tokens before differs between \
sequences, so that a head which looks a fixed number of tokens back is not taken for induction. What a \
model has at position 0 matters: without --bos a random token stands there, as in the published probe."""

    n: Annotated[
        int | None,
        typer.Option(
            "--n", help="Number of sequences.  [default: 2000, 64 with a passage]", show_default=False
        ),
    ] = None
    length: Annotated[
        int | None,
        typer.Option(help="Tokens of a sequence.  [default: 256, or the positions]", show_default=False),
    ] = None
    seed: Annotated[int, typer.Option(help="Seed of the sequences.")] = 42
    bos: Annotated[str, typer.Option(help="Id of the token at position 0, or none.")] = "none"
    lags: Annotated[
        str, typer.Option(help="Tokens between two copies, e.g. 50,64,85.", show_default=False)
    ] = ""
    text: Annotated[
        Path | None,
        typer.Option(help="Text file, for pieces of it with a repeated passage.", show_default=False),
    ] = None

    def make(self, name: str, source: Source, revision: Revision, model: ModelShape) -> Probe:
        """The probe, for the vocabulary of a model."""
        from lintrans.circuits import probes
        from lintrans.errors import InputError, count

        given: dict[str, Any] = {
            "length": min(probes.LENGTH, model.n_positions) if self.length is None else self.length,
            "seed": self.seed,
            "bos": None if self.bos == "none" else count("--bos", ranges.whole(self.bos), minimum=0),
            "lags": [ranges.whole(word) for word in self.lags.split(",")] if self.lags else None,
        }
        if self.n is not None:
            given["n"] = self.n
        if (self.text is not None) != (name == "text"):
            raise InputError(
                f"--text and --probe text must be given together, got {self.text or 'no text'} with {name}; "
                "add the other, or leave both out"
            )
        if self.text is not None:
            return probes.text_probe(_ids_of(self.text, source, revision), **given)
        make = probes.published_probe if name == "published" else probes.repeated_probe
        return make(model.vocabulary, **given)


def _ids_of(text: Path, source: Source, revision: Revision) -> Any:
    from lintrans.circuits.families import text_ids

    with source.folder(revision) as folder:
        return text_ids(text, folder, gguf_file=source.gguf_file)


@app.command(epilog=example("lintrans circuits measure checkpoints --probe repeated --output heads.h5"))
@grouped
def measure(
    source: Where,
    probes: ProbeOptions,
    probe: Annotated[
        str,
        typer.Option(
            help="published: filler A B filler A, of random tokens. repeated: random tokens that end with a "
            "passage twice. text: the same of a text."
        ),
    ] = "published",
    revisions: Annotated[
        str,
        typer.Option(
            help="Names of checkpoints, separated by commas.  [default: all of the source]",
            show_default=False,
        ),
    ] = "",
    batch: Batch = None,
    device: Device = "",
    n_threads: NThreads = None,
    output: Annotated[Path, typer.Option(help="HDF5 result file to write.")] = Path("heads.h5"),
    force: Force = False,
    quiet: Quiet = False,
    json: Json = False,
) -> None:
    """Measure what the attention heads of a model look at, at every checkpoint.

    The mass of a head is the mean attention of the last token on a target: the token after its earlier copy
    (induction), the one before (previous token), the earlier copy itself (duplicate), the first token, itself
    (self), the last few (local). The selectivity is mass over the mean attention on random positions. Also
    measured are the participation ratio of what the head puts out, scores in common use, and how much the
    context helps.

    Prints for each checkpoint the leading head of the first four kinds with its mass, the share of heads with
    more than 0.3 of their attention on the first token, the median participation ratio over its bound, and
    the loss of late tokens minus that of early ones. lintrans resume continues a measurement that was
    stopped; each checkpoint is kept once it is finished.
    """
    from lintrans.circuits.families import use_threads
    from lintrans.circuits.sources import open_source
    from lintrans.circuits.tracking import head_sweep, shape_at
    from lintrans.errors import InputError
    from lintrans.sweeps.executors import Threads
    from lintrans.sweeps.store import load, run_to_file

    outputs.check(Files(output, None, force, quiet))
    if probe not in PROBES:
        raise InputError(f"--probe must be one of {', '.join(PROBES)}, got {probe!r}; choose one")
    opened = open_source(source)
    wanted = [name for name in revisions.split(",") if name] or None
    first = _chosen(opened, wanted)[0]
    model = shape_at(opened, first)
    made = probes.make(probe, opened, first, model)
    use_threads(n_threads)
    sweep = head_sweep(opened, revisions=wanted, probe=made, batch=batch, device=device or None, model=model)
    n = made.n + sweep.standard.n
    with progress("measuring", quiet=quiet or json, unit="sequences") as report:
        run_to_file(sweep, output, force=force, executor=Threads(1), progress=_in_sequences(report, n))
    result: Any = load(output)
    written = {"output": str(output)}
    if json:
        emit_json({**result.answer(), **written})
    elif not quiet:
        if result.windowed:
            say(f"layers with a window shorter than the sequences: {', '.join(map(str, result.windowed))}")
        table(result.lines())
        outputs.say_written(written)


@app.command(epilog=example("lintrans circuits ablate checkpoints --heads 0.1,1.2 --draws 20"))
@grouped
def ablate(
    source: Where,
    probes: ProbeOptions,
    heads: Annotated[
        str, typer.Option(help="Heads as layer.head from 0, e.g. 17.3,18.6.", show_default=False)
    ],
    revision: Annotated[
        str, typer.Option(help="Name of the checkpoint.  [default: the last]", show_default=False)
    ] = "",
    how: Annotated[str, typer.Option(help="What heads put out instead: zero, or their mean.")] = "zero",
    draws: Annotated[int, typer.Option(help="Number of random sets, in the same layers.")] = 50,
    batch: Batch = None,
    device: Device = "",
    n_threads: NThreads = None,
    output: Annotated[
        Path | None, typer.Option(help="HDF5 result file to write.", show_default=False)
    ] = None,
    force: Force = False,
    quiet: Quiet = False,
    json: Json = False,
) -> None:
    """Switch off attention heads, and see what a passage costs that occurs twice.

    Prints the mean loss on the first and on the second copy of the passage with all heads, without those
    named, and without as many random heads of the same layers. The first token of the second copy is left
    out: nothing says that a copy begins. p is the share of random sets that cost at least as much. The
    passage is of random tokens, or of a text with --text.
    """
    from dataclasses import replace

    from lintrans.circuits.ablation import ablation, check_heads, check_how
    from lintrans.circuits.families import load, use_threads
    from lintrans.circuits.sources import open_source
    from lintrans.circuits.tracking import shape_at
    from lintrans.sweeps.store import save

    outputs.check(Files(output, None, force, quiet))
    check_how(how)
    opened = open_source(source)
    one = _chosen(opened, [revision] if revision else None)[-1]
    model = shape_at(opened, one)
    wanted = check_heads(model, parse_heads(heads))
    made = probes.make("repeated" if probes.text is None else "text", opened, one, model)
    model.check_tokens(int(made.tokens.max()), made.length)
    use_threads(n_threads)
    with opened.folder(one) as folder:
        loaded = load(folder, gguf_file=opened.gguf_file, device=device or None, name=one.name)
        with progress("ablation", quiet=quiet or json, unit="sets") as report:
            found = ablation(
                loaded, wanted, made, how=how, draws=draws, seed=probes.seed, batch=batch, progress=report
            )
    found = replace(found, settings=found.settings | {"model": opened.name, "revision": one.name})
    written = {}
    if output is not None:
        save(found, output, force=force)
        written["output"] = str(output)
    if json:
        emit_json({**found.answer(), "revision": one.name, **written})
    elif not quiet:
        table(found.lines())
        outputs.say_written(written)


def parse_heads(text: str) -> list[tuple[int, int]]:
    """Read heads as layer.head, separated by commas.

    Examples
    --------
    >>> parse_heads("17.3,18.6")
    [(17, 3), (18, 6)]
    """
    from lintrans.errors import InputError, count

    found = []
    for word in text.split(","):
        layer, dot, head = word.strip().partition(".")
        if not dot:
            raise InputError(f"--heads must be layer.head, got {word!r}; write e.g. 17.3,18.6")
        pair = [count(f"--heads {word}", ranges.whole(part), minimum=0) for part in (layer, head)]
        found.append((pair[0], pair[1]))
    return found


def _chosen(source: Source, names: list[str] | None) -> list[Revision]:
    from lintrans.circuits.files import chosen

    return chosen(source.revisions(), names)


def _in_sequences(report: Report | None, n: int) -> Any:
    """Progress in sequences, of which a checkpoint has n."""
    if report is None:
        return None

    def in_sequences(done: int, total: int, found: Mapping[str, int]) -> None:
        report(done * n, total * n, found)

    return in_sequences
