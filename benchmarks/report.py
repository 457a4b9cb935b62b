"""Rows of results: from times to ratios, to results.json, to the table of docs/performance.md."""

import dataclasses
import datetime
import json
import os
import platform
import subprocess
from importlib.metadata import version
from pathlib import Path

import native
import peer_process
from harness import Spread, interleave, timed

RESULTS = Path(__file__).with_name("results.json")
PAGE = Path(__file__).parent.parent / "docs" / "performance.md"
BEGIN, END = "<!-- results: begin -->", "<!-- results: end -->"
HEADER = """\
| work | time | Git/s | compared with | ratio (lowest to highest) | target | reached |
|---|---|---|---|---|---|---|"""


@dataclasses.dataclass(frozen=True)
class Row:
    """One comparison: the time of the work, and the time of what it is held against over it."""

    work: str
    seconds: Spread
    git_per_s: float | None
    against: str
    ratio: Spread
    target: float | None
    reached: bool | None


def row(work, seconds, against, reference, *, target=None, n_steps=None):
    """Compare seconds with those of a reference, round by round."""
    times, ratio = Spread.of(seconds), Spread.of(reference / seconds)
    rate = None if n_steps is None else n_steps / times.median / 1e9
    reached = None if target is None else ratio.median >= target
    return Row(work, times, rate, against, ratio, target, reached)


def limit_row(work, seconds, peak_seconds, *, n_steps, n_multiply_adds, target=None):
    """Compare with the time the steps take if nothing but their multiply-adds counts."""
    limit = peak_seconds * n_steps * n_multiply_adds / native.n_peak()
    against = f"limit: multiply-adds of one core / {n_multiply_adds}"
    return row(work, seconds, against, limit, target=target, n_steps=n_steps)


def machine():
    """What the numbers were measured on, and with."""
    info = Path("/proc/cpuinfo").read_text().splitlines()
    model = next((line.split(":")[1].strip() for line in info if line.startswith("model name")), "unknown")
    compiler = subprocess.run(["gcc", "--version"], capture_output=True, text=True, check=True)
    seconds = Spread.of(interleave(21, peak=timed(native.peak))["peak"]).median
    requirements = peer_process.REQUIREMENTS.read_text().splitlines()
    return {
        "cpu": model,
        "cores": os.cpu_count(),
        "multiply_adds_per_second": native.n_peak() / seconds,
        "versions": {
            "python": platform.python_version(),
            **{name: version(name) for name in ("lintrans", "numba", "llvmlite", "numpy")},
            **dict(line.split("==") for line in requirements if line.startswith("pynamicalsys==")),
            "gcc": compiler.stdout.splitlines()[0].split()[-1],
        },
    }


def write(part, rows):
    """Put the rows of one part into results.json, and all of them into the page."""
    results = json.loads(RESULTS.read_text()) if RESULTS.exists() else {"parts": {}}
    results["machine"] = machine()
    results["parts"][part] = {
        "date": datetime.date.today().isoformat(),
        "rows": [dataclasses.asdict(row) for row in rows],
    }
    RESULTS.write_text(json.dumps(results, indent=1) + "\n")
    before, rest = PAGE.read_text().split(BEGIN)
    after = rest.split(END)[1]
    PAGE.write_text(f"{before}{BEGIN}\n\n{markdown(results)}\n\n{END}{after}")


def markdown(results):
    """Machine and tables."""
    machine = results["machine"]
    versions = ", ".join(f"{name} {number}" for name, number in machine["versions"].items())
    rate = f"{machine['multiply_adds_per_second'] / 1e9:.1f}"
    blocks = [f"{machine['cpu']}, {machine['cores']} cores, {rate} G multiply-adds/s on one; {versions}."]
    for name, part in results["parts"].items():
        lines = [line(_row_of(fields)) for fields in part["rows"]]
        blocks += [f"**{name.capitalize()}**, measured {part['date']}", "\n".join([HEADER, *lines])]
    return "\n\n".join(blocks)


def _row_of(fields):
    return Row(**fields | {key: Spread(**fields[key]) for key in ("seconds", "ratio")})


def line(row):
    """One row of the table."""
    median, low, high = (_number(value) for value in (row.ratio.median, row.ratio.low, row.ratio.high))
    cells = [
        row.work,
        _time(row.seconds.median),
        "" if row.git_per_s is None else _number(row.git_per_s),
        row.against,
        median if row.ratio.rounds == 1 else f"{median} ({low} to {high})",
        "" if row.target is None else _number(row.target),
        {True: "yes", False: "no", None: ""}[row.reached],
    ]
    return f"| {' | '.join(cells)} |"


def _number(value):
    """Three significant digits, whole numbers above a hundred."""
    return f"{value:.0f}" if value >= 100 else f"{value:#.3g}"


def _time(seconds):
    unit, factor = next(
        (u, f) for u, f in (("s", 1), ("ms", 1e3), ("us", 1e6), ("ns", 1e9)) if seconds * f >= 1
    )
    return f"{_number(seconds * factor)} {unit}"
