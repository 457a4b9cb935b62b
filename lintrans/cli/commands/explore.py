"""The command that writes the explorer, a page on which one moves mu and watches."""

from __future__ import annotations

import contextlib
import os
import shlex
import sys
from dataclasses import MISSING, fields
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from lintrans.cli.commands.problem import EXAMPLE, EXAMPLE_PROMPT, TRAINED, Problem, Step, Weights
from lintrans.cli.kit import ranges
from lintrans.cli.kit.answers import emit_json, say, table
from lintrans.cli.kit.options import Json, command_group, example, grouped

if TYPE_CHECKING:
    from lintrans.pages import Page

app = command_group()
OUTPUT = Path("explorer.html")


@app.command(epilog=example(f"lintrans explore {EXAMPLE_PROMPT} --output explorer.html --no-open"))
@grouped
def explore(
    problem: Problem,
    step: Step,
    weights: Weights,
    start: Annotated[
        str,
        typer.Option(
            help="Start u,v at which the page begins.  [default: the initial weights; without DATA 0.4,0.4, "
            "and 1.75,0.6 if --mu is left out too]"
        ),
    ] = "",
    output: Annotated[Path, typer.Option(help="HTML file to write.")] = OUTPUT,
    force: Annotated[bool, typer.Option("--force", help="Replace a file that exists.")] = False,
    no_open: Annotated[bool, typer.Option("--no-open", help="Do not open the page.")] = False,
    quiet: Annotated[bool, typer.Option("--quiet", help="Print no summary.")] = False,
    json: Json = False,
) -> None:
    """Write a page on which to move mu and watch training.

    It shows the orbit diagram, the plane of starts, the loss and the verdict, and computes them in the
    browser: one HTML file that needs no server and no network. With DATA it shows learning rates too, and
    gradient descent of the transformer, and it contains the rows of the prompt. Without --step-size and
    --mu it begins at mu = 0.9.
    """
    from lintrans.pages.page import check_page_path
    from lintrans.sweeps.store import check_output
    from lintrans.two_factor.regimes import regime

    check_output(check_page_path(output), force=force)
    page = _page(problem, step, weights, start)
    begin = page.data["start"]
    verdict = regime(begin["mu"], begin["u"], begin["v"])
    page.save(output, force=force)
    if json:
        emit_json(
            {
                **begin,
                "regime": verdict.regime.label,
                "period": verdict.period or None,
                "step_size": page.data.get("stepSize"),
                "output": str(output),
                "bytes": output.stat().st_size,
                "contains_rows": _rows(page) is not None,
                "too_large": _too_large(page),
            }
        )
    elif not quiet:
        _say(page, str(verdict), output)
    if not no_open:
        _open(output)


def _page(problem: Problem, step: Step, weights: Weights, start: str) -> Page:
    from lintrans.explorer import explorer_page
    from lintrans.two_factor.reduction import Mode

    begin = ranges.parse_start(start) if start else None
    given = step.mu is not None or step.step_size is not None
    if problem.is_absent():
        return explorer_page(mu=step.effective(problem) if given else None, start=begin)
    prompt = problem.prompt()
    drawn = weights.draw(prompt.d)
    if given:
        step.eta(Mode.of(prompt))  # refuses both, and what is not positive
    return explorer_page(
        prompt,
        step_size=step.step_size,
        mu=step.mu,
        value=drawn.value,
        key_query=drawn.key_query,
        start=begin,
        target=problem.target or "label",
        options={"data": _words(problem), "weights": _words(weights)},
    )


def _words(group: Problem | Weights) -> str:
    """Command-line words of the options that were given, quoted for a shell; of a file only its name."""
    words: list[str] = []
    for f in fields(group):
        value = getattr(group, f.name)
        if f.name == "data":
            words.append(_data_word(value))
        elif value is True:
            words.append(f"--{f.name}")
        elif f.default is MISSING or value != f.default:
            words += [f"--{f.name}={value}"] if str(value).startswith("-") else [f"--{f.name}", str(value)]
    return shlex.join(words)


def _data_word(path: Path) -> str:
    from lintrans.prompts.prompt import example_data

    if path == example_data():
        return EXAMPLE
    return f"./{path.name}" if path.name == EXAMPLE or path.name.startswith("-") else path.name


def _say(page: Page, verdict: str, output: Path) -> None:
    begin, eta = page.data["start"], page.data.get("stepSize")
    note = "" if eta is None else f"learning rate {eta:.4g}"
    table(
        [
            TRAINED,
            ("mu now", f"{begin['mu']:.6g}", note),
            ("regime now", verdict, f"start u = {begin['u']:.4g}, v = {begin['v']:.4g}"),
        ]
    )
    say(*filter(None, [_too_large(page)]))
    size = output.stat().st_size / 1000
    say(f"wrote {output} ({size:.0f} kB), one file that works offline")
    say(_rows(page) or "send it, or put it on any server: it contains no rows of data")


def _too_large(page: Page) -> Any:
    return page.data.get("prompt", {}).get("tooLarge")


def _rows(page: Page) -> str | None:
    """Say that a page contains rows of the data file; None if it does not."""
    prompt = page.data.get("prompt")
    if prompt is None or prompt["tooLarge"]:
        return None
    rows = "context row" if prompt["n"] == 1 else f"{prompt['n']} context rows"
    return (
        f"the page contains the {rows} and the query of {prompt['dataName']}: send it only where these may go"
    )


def _open(output: Path) -> None:
    """Show the page in a browser, if there is a screen; it is no failure if no browser is found."""
    import webbrowser

    displays = {"DISPLAY", "WAYLAND_DISPLAY", "BROWSER"}
    if sys.platform in ("win32", "darwin") or displays & {*os.environ}:  # else it may take the terminal
        with contextlib.suppress(webbrowser.Error):
            webbrowser.open(output.resolve().as_uri())
