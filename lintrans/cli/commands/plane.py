"""Commands about the plane: its cycles, how they come and go over mu, how rough its boundary is."""

from __future__ import annotations

from collections import Counter
from typing import Annotated, Any

import typer

from lintrans.cli.commands.problem import Problem, Step, Variation, context
from lintrans.cli.kit import outputs, ranges
from lintrans.cli.kit.answers import emit_json, progress, say, table
from lintrans.cli.kit.options import Files, Json, NSteps, command_group, grouped

app = command_group()
DIAGRAM = "0.5:2.02:77"
CERTIFIED_PERIOD = 6


@app.command()
@grouped
def cycles(
    problem: Problem,
    step: Step,
    files: Files,
    period: Annotated[int, typer.Option(help="Longest period, in the weights; 12 at most.")] = 4,
    json: Json = False,
) -> None:
    """List every periodic orbit of the plane up to a period, with its multipliers along and across.

    On the balanced slice and on the invariant ellipse: there are no others but the minima.
    """
    from lintrans.two_factor.cycles import expected_counts, find_cycles

    mu = step.effective(problem)
    outputs.check(files)
    found = find_cycles(mu, period)
    written = outputs.write(found, files, context(problem))
    if json:
        emit_json(
            [
                {
                    "period": cycle.period,
                    "period_uv": cycle.period_uv,
                    "place": cycle.place.label,
                    "points": cycle.points,
                    "multipliers": cycle.multipliers,
                    "stable": cycle.stable,
                    "type": cycle.type,
                }
                for cycle in found
            ]
        )
    elif not files.quiet:
        groups = Counter((c.place.label, c.period, c.period_uv, c.type) for c in found)
        expected = expected_counts(mu, period)
        rows = [("place", "period", "in uv", "type", "cycles")]
        rows += [(place, str(p), str(q), kind, str(n)) for (place, p, q, kind), n in groups.items()]
        table(rows)
        for place, counts in found.count().items():
            wanted = expected[place]
            if counts and all(n is not None for n in wanted.values()):
                agrees = all(counts.get(n, 0) == wanted[n] for n in wanted)
                say(f"numbers on the {place}: {'as' if agrees else 'NOT as'} theory asks for")
        outputs.say_written(written)


@app.command("continue")
@grouped
def continue_(
    files: Files,
    mu: Annotated[
        str, typer.Option(help="Range of mu, start:stop:count; the spacing bounds the steps.")
    ] = DIAGRAM,
    period: Annotated[int, typer.Option(help="Longest period, in the weights; 8 at most.")] = 4,
    certify: Annotated[bool, typer.Option("--certify", help="Prove the events, to 30 digits.")] = False,
    json: Json = False,
) -> None:
    """Follow all balanced cycles over mu, unstable ones too, and locate their bifurcations.

    Proofs, in ball arithmetic, need lintrans[certify] and know periods of the prediction up to 6.
    """
    from lintrans.errors import InputError, require_extra
    from lintrans.two_factor.continuation import follow_cycles

    mus = ranges.parse_positive_range("--mu", mu)
    if mus.size == 1:
        raise InputError(f"--mu must be a range start:stop:count, got {mu}; as in {DIAGRAM}")
    outputs.check(files)
    if certify:
        require_extra("certify", "flint", "--certify")
    result = follow_cycles(mus[0], mus[-1], period, largest_step=mus[1] - mus[0])
    events: list[dict[str, Any]] = [
        {"kind": e.kind.label, "mu": e.mu, "period": e.period, "period_uv": e.period_uv, "branch": e.branch}
        for e in result.events()
    ]
    if certify:
        _certify(events)
    written = outputs.write(result, files, context(Problem()))
    if json:
        branches = [
            {"period": int(p), "period_uv": int(q)}
            for p, q in zip(result.period, result.period_uv, strict=True)
        ]
        emit_json({"n_branches": len(branches), "branches": branches, "events": events, **written})
    elif not files.quiet:
        rows = [("mu", "event", "period", "in uv", *(["proved"] if certify else []))]
        for e in events:
            proved = [e.get("value", "")] if certify else []
            rows.append((f"{e['mu']:.15g}", e["kind"], str(e["period"]), str(e["period_uv"]), *proved))
        table(rows)
        say(f"{result.branch.size} curves, {result.node.size} cycles computed")
        outputs.say_written(written)


def _certify(events: list[dict[str, Any]]) -> None:
    """Add to every event the certified landmark that it is, where there is one."""
    from lintrans.certified import certified_landmarks

    periods = [e["period_uv"] for e in events if e["period_uv"] <= CERTIFIED_PERIOD]
    marks = certified_landmarks(30, max_period=max(periods, default=0))
    for event in events:
        name = _NAMES.get(event["kind"])
        family = "pair" if event["period"] == event["period_uv"] else "symmetric"
        alike = [
            mark
            for key, mark in marks.items()
            if name and key.startswith(f"{name}_{event['period_uv']}_{family}_")
        ]
        nearest = min(alike, key=lambda mark: abs(mark.mu - event["mu"]), default=None)
        if nearest is not None and abs(nearest.mu - event["mu"]) < 1e-10:
            event |= {"name": nearest.name, "value": nearest.value, "radius": nearest.radius}


_NAMES = {"fold": "saddle_node", "superstable": "superstable", "flip": "doubling", "pitchfork": "doubling"}


@app.command()
@grouped
def density(
    problem: Problem,
    step: Step,
    files: Files,
    on_ellipse: Annotated[
        bool, typer.Option("--on-ellipse", help="On the ellipse; else on the balanced slice.")
    ] = False,
    n_orbits: Annotated[int, typer.Option(help="Orbits to count.")] = 10**6,
    n_bins: Annotated[int, typer.Option(help="Bins of the residual, from -2 to 2.")] = 100,
    seed: Annotated[int, typer.Option(help="Seed of the starts.")] = 0,
    json: Json = False,
) -> None:
    """Measure the invariant density of the residual, on the slice or on the ellipse."""
    from lintrans.two_factor.densities import invariant_density

    mu = step.effective(problem)
    outputs.check(files)
    result = invariant_density(mu, on_ellipse=on_ellipse, n_orbits=n_orbits, n_bins=n_bins, seed=seed)
    written = outputs.write(result, files, context(problem))
    misfit = result.chi_square()
    if json:
        arrays = {v.name: v.values for v in result.variables()}
        emit_json({"mu": mu, **arrays, "chi_square_per_bin": misfit, **written})
    elif not files.quiet:
        say(f"{result.settings['n_counted']} orbits in {n_bins} bins")
        if result.expected is not None:
            say(f"squared deviation from 1/(pi sqrt(4 - r^2)) in units of its error: {misfit:.3f} per bin")
        outputs.say_written(written)


@app.command()
@grouped
def dimension(
    problem: Problem,
    step: Step,
    variation: Variation,
    files: Files,
    half_width: Annotated[
        float | None,
        typer.Option(help="Half the side of the window, in u.  [default: 5.657]", show_default=False),
    ] = None,
    coarsest: Annotated[int, typer.Option(help="Coarsest scale: the side over 2 to this power.")] = 5,
    finest: Annotated[int, typer.Option(help="Finest scale: the side over 2 to this power.")] = 12,
    n_events: Annotated[int, typer.Option(help="Probes with both fates to find at every scale.")] = 8000,
    n_steps: NSteps = 400,
    seed: Annotated[int, typer.Option(help="Seed of the random probes.")] = 0,
    json: Json = False,
) -> None:
    """Measure the dimension of the boundary between bounded and divergent starts.

    With neither DATA nor --mu where arXiv 2509.25351 reports 1.249: label 0.5, step size 1, weight decay 0.2,
    that is --mu 0.5 --weight-decay 0.4, in units of the label. Without weight decay the boundary is smooth.
    """
    from lintrans.two_factor.dimension import HALF_WIDTH, PUBLISHED, boundary_dimension

    mu, variant = PUBLISHED
    if problem.data is not None or step != Step() or variation != Variation():
        mu, variant = step.effective(problem), variation.resolve(problem)
    outputs.check(files)
    with progress("dimension", quiet=files.quiet or json, unit="scales") as report:
        result = boundary_dimension(
            mu,
            variant=variant,
            half_width=HALF_WIDTH if half_width is None else half_width,
            coarsest=coarsest,
            finest=finest,
            n_events=n_events,
            n_steps=n_steps,
            seed=seed,
            progress=report,
        )
    written = outputs.write(result, files, context(problem))
    answer = result.summary()
    if json:
        scales = {
            "mu": mu,
            "scale": result.scale,
            "n_boxes": result.n_boxes,
            "uncertain": result.uncertain,
            "local_dimensions": result.local_dimensions(),
        }
        emit_json({**answer, **scales, **written})
    elif not files.quiet:
        values = list(answer.values())
        table(
            [
                ("box-counting dimension", f"{values[0]:.4f}", f"+- {values[1]:.4f}"),
                ("uncertainty exponent", f"{values[2]:.4f}", f"+- {values[3]:.4f}"),
                ("scales", f"{result.scale[0]:.3g} to {result.scale[-1]:.3g}", "in units of u"),
                ("between them", f"{result.local_dimensions().min():.3f}", "least local dimension"),
                ("", f"{result.local_dimensions().max():.3f}", "greatest"),
            ]
        )
        outputs.say_written(written)
