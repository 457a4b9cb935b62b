"""Commands about all starts: cycles, how they appear and vanish over mu, densities and the basin boundary."""

from __future__ import annotations

from collections import Counter
from typing import Annotated, Any

import typer

from lintrans.cli.commands.problem import Problem, Step, Variation, context
from lintrans.cli.kit import outputs, ranges
from lintrans.cli.kit.answers import emit_json, progress, say, table
from lintrans.cli.kit.options import Files, Json, NSteps, command_group, example, grouped
from lintrans.two_factor import defaults

app = command_group()
DIAGRAM = "0.5:2.02:77"
CERTIFIED_PERIOD = 6


@app.command(epilog=example("lintrans cycles --mu 1.7 --period 4"))
@grouped
def cycles(
    problem: Problem,
    step: Step,
    files: Files,
    period: Annotated[int, typer.Option(help="Longest period of the weights, at most 12.")] = 4,
    json: Json = False,
) -> None:
    """List all cycles (periodic orbits), stable or not.

    Apart from the minima, every cycle lies on the balanced slice u = v or on the invariant ellipse, a closed
    curve of starts (u, v) that training never leaves. A cycle is stable if training is attracted to it, a
    saddle if it is unstable in one direction, unstable if in both. Its prediction may repeat sooner than its
    weights do; this period is printed under "in uv".
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
                say(f"counts on the {place}: {'equal' if agrees else 'NOT equal'} to the theory")
        outputs.say_written(written)


@app.command("continue", epilog=example("lintrans continue --mu 0.9:1.4:26 --period 2"))
@grouped
def continue_(
    files: Files,
    mu: Annotated[
        str,
        typer.Option(help="Range of mu, start:stop:count; its spacing is the largest step in mu."),
    ] = DIAGRAM,
    period: Annotated[int, typer.Option(help="Longest period of the weights, at most 8.")] = 4,
    certify: Annotated[bool, typer.Option("--certify", help="Prove the bifurcations, to 30 digits.")] = False,
    json: Json = False,
) -> None:
    """Follow balanced cycles over mu and find their bifurcations.

    Balanced means that the two trained factors are equal, u = v. mu is the effective step size; lintrans
    reduce turns a learning rate into mu, for the trained weights P = diag(0, w) and K = diag(W, 0). Stable
    and unstable cycles are followed. A fold is where two cycles appear, a flip where one doubles its period,
    a pitchfork where a symmetric cycle splits into a pair. Proofs (--certify) use ball arithmetic, cover
    periods of the prediction up to 6, and need pip install 'lintrans[certify]'.
    """
    from lintrans.errors import InputError, require_extra
    from lintrans.two_factor.continuation import follow_cycles

    mus = ranges.parse_positive_range("--mu", mu)
    if mus.size == 1:
        raise InputError(f"--mu must be a range start:stop:count, got {mu}; write e.g. {DIAGRAM}")
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
        say(f"{result.branch.size} curves, with {result.node.size} cycles in total")
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


@app.command(epilog=example("lintrans density --mu 2 --n-orbits 100000"))
@grouped
def density(
    problem: Problem,
    step: Step,
    files: Files,
    on_ellipse: Annotated[
        bool,
        typer.Option("--on-ellipse", help="Measure on the invariant ellipse, not on the balanced slice."),
    ] = False,
    n_orbits: Annotated[int, typer.Option(help="Number of orbits.")] = defaults.N_ORBITS,
    n_bins: Annotated[
        int, typer.Option(help="Number of bins of the residual, from -2 to 2.")
    ] = defaults.N_BINS,
    seed: Annotated[int, typer.Option(help="Random seed of the starts.")] = 0,
    json: Json = False,
) -> None:
    """Measure how often the residual takes each value.

    The residual is mu (u v - 1). Its long-run (invariant) density is measured on the balanced slice u = v, or
    on the invariant ellipse, a closed curve of starts (u, v) that training never leaves. Where a closed form
    is known, the misfit to it is printed.
    """
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


@app.command(epilog=example("lintrans dimension --mu 0.5 --weight-decay 0.4 --finest 9 --n-events 2000"))
@grouped
def dimension(
    problem: Problem,
    step: Step,
    variation: Variation,
    files: Files,
    half_width: Annotated[
        float | None,
        typer.Option(
            help="Half the side of the square of starts, in u.  [default: 5.657]", show_default=False
        ),
    ] = None,
    coarsest: Annotated[
        int, typer.Option(help="Coarsest scale: the side divided by 2 to this power.")
    ] = defaults.COARSEST,
    finest: Annotated[
        int, typer.Option(help="Finest scale: the side divided by 2 to this power.")
    ] = defaults.FINEST,
    n_events: Annotated[
        int, typer.Option(help="Number of boundary hits to collect at every scale.")
    ] = defaults.N_EVENTS,
    n_steps: NSteps = defaults.DIMENSION_STEPS,
    seed: Annotated[int, typer.Option(help="Random seed of the probes.")] = 0,
    json: Json = False,
) -> None:
    """Measure the dimension of the boundary of bounded starts.

    The boundary separates starts that stay bounded from starts that diverge; a fractal has a dimension above
    1. Without options, the case for which arXiv 2509.25351 reports 1.249 is measured: label 0.5, step size 1,
    weight decay 0.2. In units of the label it is --mu 0.5 --weight-decay 0.4. Without weight decay the
    boundary is smooth.
    """
    from lintrans.two_factor.dimension import PUBLISHED, boundary_dimension

    mu, variant = PUBLISHED
    if problem.data is not None or step != Step() or variation != Variation():
        mu, variant = step.effective(problem), variation.resolve(problem)
    outputs.check(files)
    with progress("dimension", quiet=files.quiet or json, unit="scales") as report:
        result = boundary_dimension(
            mu,
            variant=variant,
            half_width=defaults.HALF_WIDTH if half_width is None else half_width,
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
                ("between scales", f"{result.local_dimensions().min():.3f}", "smallest local dimension"),
                ("", f"{result.local_dimensions().max():.3f}", "largest"),
            ]
        )
        outputs.say_written(written)
