"""Write the golden files: run by hand when numbers change on purpose, and say so in CHANGELOG.

python tests/golden/make.py
"""

from __future__ import annotations

import platform
from importlib.metadata import version
from pathlib import Path

import numpy as np

import lintrans as lt

FOLDER = Path(__file__).parent
DIABETES = f"{lt.example_data()} --target progression --center --standardize"
PROMPT = f"{DIABETES} --context 0:64 --query 64"
ONE_MODE = f"{DIABETES} --features bmi --n-prompts 30 --context-length 8"
MANY_MODES = f"{DIABETES} --features bmi,bp,s5 --n-prompts 30 --context-length 32"
SHORT = "--n-transient 256 --n-steps 512 --max-period 16"
FEW = "--n-steps 60 --n-trajectories 64"
STEPS = "--n-transient 256 --n-steps 512"
MAP = "--step-sizes 6e-5:2.7e-4:5 --batch-sizes 2,8 --batch-size 8"
COMMANDS = {  # name of the golden file: the command that writes it
    "phase_line": f"phase-diagram {PROMPT} --step-size 1e-6:1.6e-4:25 {SHORT}",
    "phase_plane": f"phase-diagram --mu 0.05:2.15:15 --imbalances=-3:3:5 {SHORT}",
    "phase_verdicts": "phase-diagram --mu 0.05:2.15:40 --start 1,0.9 --scales 0.3:1.4:30 --verdicts-only "
    + SHORT,
    "phase_refined": f"phase-diagram --mu 0.05:2.15:65 --scales 0.1:2:65 --refine-from 16 {SHORT}",
    "bifurcation": "bifurcation --mu 0.8:2.02:20 --n-transient 200 --n-samples 24",
    "bifurcation_varied": f"bifurcation {PROMPT} --step-size 1e-5:1.4e-4:8 --n-transient 60 --n-samples 8 "
    "--weight-decay 50 --momentum 0.2 --schedule 0.1:1:5,1",
    "lyapunov": f"lyapunov --mu 0.3:2.1:20 --start 0.5,0.4 {STEPS}",
    "lyapunov_along": f"lyapunov --mu 0.3:2.1:20 --along-only {STEPS}",
    "basin": "basin --mu 0.9 --u=-2.5:2.5:24 --v=-2.5:2.5:20",
    "basin_modes": f"basin {PROMPT} --step-size 1.1e-4 --a=-2:2:16 --b=-1:1:12",
    "basin_varied": "basin --mu 0.5 --weight-decay 0.4 --u=-4:4:20 --v=-4:4:20",
    "orbit": f"orbit {PROMPT} --step-size 9e-5 --n-steps 80",
    "orbit_varied": "orbit --mu 1.4 --start 0.6,0.5 --momentum 0.3 --n-steps 40",
    "exponents": "exponents --mu 1.9 --start 0.4,0.3 --n-windows 32",
    "verification": f"verify {PROMPT} --step-size 1.1e-4 --n-steps 128",
    "cycles": "cycles --mu 1.7 --period 4",
    "branches": "continue --mu 0.9:1.5:13 --period 2",
    "dimension": "dimension --finest 7 --n-events 200",
    "density": "density --mu 1.9 --n-orbits 2000 --n-bins 20",
    "density_ellipse": "density --mu 1.3 --on-ellipse --n-orbits 2000 --n-bins 20",
    "risk_map": f"minibatch {ONE_MODE} {FEW} --step-sizes 5e-5:6e-4:5 --batch-sizes 1,4 --batch-size 4 "
    "--sampling epochs",
    "risk_map_trained": f"minibatch {MANY_MODES} {FEW} {MAP} --schedule 0.1:1:9,1",
    "risk_map_by_mode": f"minibatch {MANY_MODES} {FEW} {MAP} --by-mode",
    "escapes": f"escapes {ONE_MODE} {FEW} --step-size 2.5e-4 --batch-size 2",
    "escapes_trained": f"escapes {MANY_MODES} {FEW} --step-size 1.2e-4 --batch-size 2 "
    "--sampling without-replacement",
    "sandbox_runs": "sandbox train --seeds 1:3 --epochs 3 --snapshots 2 --d 3 --n-train 256",
    "sandbox_study": "sandbox study --seeds 0:2 --epochs 1 --widths 4,8",
}
EXACT = [*COMMANDS, "batch_verification", "sandbox_measures"]  # the last are of no single command


def write(name: str, path: Path) -> None:
    """Compute one golden file again."""
    if name in COMMANDS:
        figure = path.with_suffix(".svg")
        _run([*COMMANDS[name].split(), "--output", str(path), "--figure", str(figure), "--quiet"])
        figure.unlink()
    else:
        made = {"batch_verification": batches, "phase_diagram": compute, "sandbox_measures": measures}
        lt.save(made[name](), path)


def environment() -> dict[str, str]:
    """What last digits depend on, beside this package."""
    packages = {name: version(name) for name in ("numpy", "numba", "scipy", "llvmlite")}
    return packages | {"machine": platform.machine(), "libc": " ".join(platform.libc_ver())}


def compute():
    """A small phase diagram that meets every regime but the saddle."""
    mus = np.linspace(0.05, 2.15, 43)
    return lt.phase_diagram(
        mus,
        start=(1.0, 0.9),
        scales=[0.3, 0.9, 1.4],
        unit_step_size=0.01,
        n_transient=1024,
        n_steps=2048,
        max_period=16,
    )


def batches():
    """Verification of prompts that share no mode."""
    from lintrans.minibatch import Batches
    from lintrans.verification import verify_batches

    rng = np.random.default_rng(3)
    prompts = [
        lt.Prompt.from_arrays(rng.normal(size=(40, 2)), rng.normal(size=40), rng.normal(size=2), rng.normal())
        for _ in range(4)
    ]
    batches = Batches(2, n_steps=40)
    return verify_batches(prompts, step_size=0.05, value=0.5, key_query=np.eye(2), batches=batches)


def measures():
    """Measures of a short run of the sandbox."""
    from lintrans.sandbox import Training, measure_run, train

    runs = train(seeds=[1], training=Training(n_epochs=2), n_snapshots=2)
    return measure_run(runs, 1, curvature=False)


def _run(words: list[str]) -> None:
    from lintrans.cli import main

    if main(words) != 0:
        raise RuntimeError(f"failed: lintrans {' '.join(words)}")


if __name__ == "__main__":
    import json

    for name in [*EXACT, "phase_diagram"]:
        path = FOLDER / f"{name}.h5"
        path.unlink(missing_ok=True)
        write(name, path)
        print(f"{path.name}: {path.stat().st_size} bytes")
    (FOLDER / "environment.json").write_text(json.dumps(environment(), indent=2) + "\n")
