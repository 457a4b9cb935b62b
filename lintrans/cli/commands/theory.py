"""Commands about the theory: landmarks of mu, and the claims with their proofs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from lintrans.cli.commands.problem import LANDMARKS
from lintrans.cli.kit import ranges
from lintrans.cli.kit.answers import emit_json, progress, say, table
from lintrans.cli.kit.options import Json, command_group, example, explained

if TYPE_CHECKING:
    from collections.abc import Mapping

    from lintrans.symbolic.claims import Claim
    from lintrans.two_factor.balanced_slice import Landmark


app = command_group()


MU = """\
mu is the effective step size: the learning rate times a number that lintrans reduce computes from a \
prompt, for the trained weights P = diag(0, w) and K = diag(W, 0), the paper's two-factor model. u and v \
are the two trained factors; the prediction is u v in units of the label."""


@app.command(epilog=example("lintrans landmarks"))
@explained(LANDMARKS, MU)
def landmarks(
    digits: Annotated[
        int, typer.Option(help="Number of proved digits; 0 prints unproved floating-point values.")
    ] = 0,
    max_period: Annotated[
        int,
        typer.Option(
            help="Also list, with proofs, where cycles up to this period appear, are superstable (attract "
            "fastest) and double their period."
        ),
    ] = 0,
    json: Json = False,
    quiet: Annotated[bool, typer.Option("--quiet", help="Print no progress.")] = False,
) -> None:
    """List the values of mu at which balanced training changes.

    Proofs need pip install 'lintrans[certify]'; with cycles of period 6 they take half a minute.
    """
    if not digits and not max_period:
        from lintrans.two_factor.balanced_slice import landmarks

        _landmarks(landmarks(), json=json)
        return
    from lintrans.certified import certified_landmarks

    with progress("cycles", quiet=quiet or json, unit="units of work") as report:
        proved = certified_landmarks(digits or 30, max_period=max_period, progress=report)
    _landmarks(proved, json=json)


def _landmarks(marks: Mapping[str, Landmark], *, json: bool) -> None:
    if json:
        emit_json(
            {name: {k: v for k, v in vars(mark).items() if k != "name"} for name, mark in marks.items()}
        )
        return
    table([(name, *_columns(mark), mark.meaning) for name, mark in marks.items()])


def _columns(mark: Landmark) -> tuple[str, ...]:
    from lintrans.certified import CertifiedLandmark

    if not isinstance(mark, CertifiedLandmark):
        return (f"{mark.mu:.15g}",)
    degree = len(mark.minimal_polynomial) - 1 if mark.minimal_polynomial else None
    return mark.value, f"+- {mark.radius}", f"degree {degree}" if degree else ""


@app.command(epilog=example("lintrans ellipse --mu 0.9"))
@explained(MU)
def ellipse(
    mu: Annotated[float, typer.Option(help="Effective step size mu, between 0 and 2.")],
    json: Json = False,
) -> None:
    """Print the invariant ellipse: size, exponents, averages.

    The invariant ellipse is the closed curve a^2/(2 + mu) + b^2/(2 - mu) = 1 in the modes a = sqrt(mu) (u +
    v)/2 and b = sqrt(mu) (u - v)/2. Training from a start inside stays inside; almost every start outside
    diverges. On the curve itself training is chaotic. Everything printed is a closed form.
    """
    from lintrans.two_factor.invariant_ellipse import ellipse

    _answer(vars(ellipse(mu)), json=json)


@app.command(epilog=example("lintrans critical --start 0.4,0.3"))
@explained(MU)
def critical(
    start: Annotated[str, typer.Option(help="Start u,v, e.g. 0.4,0.3.")],
    json: Json = False,
) -> None:
    """Print up to which mu training from a start stays bounded.

    Up to mu bounded the start lies inside the invariant ellipse, a closed curve that training never leaves;
    this also holds under every schedule of smaller step sizes. Up to mu convergent, at most 1, training from
    almost every such start converges.
    """
    from lintrans.two_factor.normal_form import critical_mu

    bounded = float(critical_mu(*ranges.parse_start(start)))
    _answer({"mu_bounded": bounded, "mu_convergent": min(bounded, 1.0)}, json=json)


@app.command(epilog=example("lintrans derive reduction.normal_form"))
def derive(
    claim: Annotated[
        str,
        typer.Argument(
            help="Id of a claim, name of a family of claims, or all.", metavar="CLAIM", show_default=False
        ),
    ] = "",
    json: Json = False,
) -> int:
    """List the claims of the theory, or prove them again.

    Without CLAIM it lists all ids with their statements. With CLAIM it repeats the proofs by computer
    algebra, and exits with 1 if one fails.
    """
    from lintrans.symbolic.claims import claims

    if not claim:
        statements = {c.id: c.statement for c in claims()}
        if json:
            emit_json(statements)
        else:
            table([(name, _first_sentence(text)) for name, text in statements.items()])
        return 0
    verdicts = []
    for chosen in _chosen(claim):
        verdict = chosen.check()
        verdicts.append(verdict)
        if not json:
            say(f"{verdict.id}: {' '.join(chosen.statement.split())}")
            say(*([f"  assuming {chosen.assumptions}"] if chosen.assumptions else []))
            outcome = "proved" if verdict.passed else f"NOT proved: {verdict.remainder}"
            say(f"  {outcome}, {verdict.seconds:.2f} s")
    if json:
        emit_json({v.id: {"passed": v.passed, "seconds": v.seconds} for v in verdicts})
    elif len(verdicts) > 1:
        total = sum(v.seconds for v in verdicts)
        say(f"{sum(v.passed for v in verdicts)} of {len(verdicts)} claims proved in {total:.0f} s")
    return 0 if all(v.passed for v in verdicts) else 1


def _chosen(name: str) -> list[Claim]:
    """Claims of that id or family; all of them for "all"."""
    from lintrans.errors import InputError
    from lintrans.symbolic.claims import FAMILIES, claims

    if name == "all" or name in FAMILIES:
        return claims(None if name == "all" else name)
    found = [c for c in claims() if c.id == name]
    if not found:
        raise InputError(
            f"claim must be an id, a family ({', '.join(FAMILIES)}) or all, got {name!r}; "
            "lintrans derive lists all ids"
        )
    return found


def _first_sentence(text: str) -> str:
    line = " ".join(text.split("\n\n", maxsplit=1)[0].split())
    return line if len(line) <= 100 else line[:97] + "..."


def _answer(values: dict[str, Any], *, json: bool) -> None:
    if json:
        emit_json(values)
    else:
        table([(name.replace("_", " "), _numbers(value)) for name, value in values.items()])


def _numbers(value: float | tuple[float, ...]) -> str:
    return ", ".join(f"{x:.10g}" for x in (value if isinstance(value, tuple) else (value,)))
