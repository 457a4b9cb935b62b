"""Commands about the theory: landmarks of mu, and the claims with their proofs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from lintrans.cli.kit import ranges
from lintrans.cli.kit.answers import emit_json, progress, say, table
from lintrans.cli.kit.options import Json, command_group

if TYPE_CHECKING:
    from collections.abc import Mapping

    from lintrans.symbolic.claims import Claim
    from lintrans.two_factor.balanced_slice import Landmark


app = command_group()


@app.command()
def landmarks(
    digits: Annotated[int, typer.Option(help="Prove them, to so many digits; 0: plain floating point.")] = 0,
    max_period: Annotated[
        int, typer.Option(help="Add where cycles up to this period are born, superstable and double, proved.")
    ] = 0,
    json: Json = False,
    quiet: Annotated[bool, typer.Option("--quiet", help="No progress.")] = False,
) -> None:
    """List the values of mu at which the attractor of balanced training changes.

    Proofs need the extra lintrans[certify]; cycles of period 6 take half a minute.
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


@app.command()
def ellipse(
    mu: Annotated[float, typer.Option(help="Effective step size, between 0 and 2.")],
    json: Json = False,
) -> None:
    """Print the invariant ellipse: its size, its exponents and its time averages, from closed forms."""
    from lintrans.two_factor.invariant_ellipse import ellipse

    _answer(vars(ellipse(mu)), json=json)


@app.command()
def critical(
    start: Annotated[str, typer.Option(help="Start u,v.")],
    json: Json = False,
) -> None:
    """Print up to which mu training from a start stays bounded, and up to which it converges.

    Bounded: inside the invariant ellipse, under every schedule of step sizes below that mu too.
    Convergent: there, for almost every start, up to mu = 1.
    """
    from lintrans.two_factor.normal_form import critical_mu

    bounded = float(critical_mu(*ranges.parse_start(start)))
    _answer({"mu_bounded": bounded, "mu_convergent": min(bounded, 1.0)}, json=json)


@app.command()
def derive(
    claim: Annotated[
        str, typer.Argument(help="Claim, or family of claims; or all.", show_default=False)
    ] = "",
    json: Json = False,
) -> int:
    """List the claims of the theory, or recompute the proofs of one, of a family, or of all.

    Exits with 1 if a proof fails.
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
            "lintrans derive lists the ids"
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
