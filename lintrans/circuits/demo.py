"""The whole of the tracker without a network: train, audit, measure, fit, switch heads off, draw.

Two demonstrations train tiny models here. The full one trains two of the same sizes on English, one of them
with a repeated passage in half of the rows: induction forms in that one. The quick one trains models of three
families on random tokens that are repeated. What is finished lies in a folder, so that running it again goes
on where it was stopped.
"""

from __future__ import annotations

import contextlib
import gc
import json
import shutil
import string
import tempfile
import threading
import time
from collections.abc import Callable, Iterable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from lintrans.circuits.ablation import HOWS, Ablation, Head, ablation
from lintrans.circuits.audit import Audit
from lintrans.circuits.audit import audit as check
from lintrans.circuits.families import load as load_model
from lintrans.circuits.probes import Probe, repeated_probe
from lintrans.circuits.sources import FolderSource
from lintrans.circuits.tiny import Recipe, train
from lintrans.circuits.tracking import head_sweep
from lintrans.circuits.trackings import Tracking
from lintrans.counting.transitions import Transition, fit_transition
from lintrans.errors import InputError
from lintrans.sweeps.executors import Threads
from lintrans.sweeps.grid import Progress
from lintrans.sweeps.journal import journal_path
from lintrans.sweeps.store import load, resume, run_to_file, save

FloatArray = NDArray[np.float64]
Stage = Callable[[str, str], AbstractContextManager[Progress | None]]  # from a label and a unit

FORMED = 0.1  # mass of a head from which it has formed; a uniform one has 0.014 to 0.016
OF_LEADER = 0.5  # of the largest mass, in a head that is switched off with the leader
SHOWN = ("induction", "previous token", "first token")
LETTERS = tuple(string.ascii_letters.encode())
LETTER_LAGS, RANDOM_LAGS = (20, 27, 34), (9, 17, 26)
N_SEQUENCES = 48
N_DRAWS = 50
N_BOOTSTRAP = 400
N_PLANTED = 6  # checkpoints in the folder with the planted copy
PLANTED = "planted"
FULL_STEPS, QUICK_STEPS = 3000, 500
QUICK_KEPT = (0, 16, 32, 64, 128, 181, *range(200, QUICK_STEPS, 50), QUICK_STEPS)


class Arm(NamedTuple):
    """One training of a demonstration.

    Attributes
    ----------
    name : str
        Of its folder and files.
    title : str
        For tables and figures.
    recipe : Recipe
        How it is trained.
    """

    name: str
    title: str
    recipe: Recipe

    @property
    def probe(self) -> Probe:
        """Sequences that end with a passage twice, at three lags: of letters, or of all random tokens."""
        recipe = self.recipe
        given: dict[str, Any] = {"n": N_SEQUENCES, "bos": recipe.bos}
        if recipe.text == "english":
            length = 1 + 2 * max(LETTER_LAGS)
            return repeated_probe(recipe.vocabulary, length=length, lags=LETTER_LAGS, ids=LETTERS, **given)
        return repeated_probe(recipe.vocabulary, length=recipe.length, lags=RANDOM_LAGS, **given)


def full_arms(seed: int = 0, n_steps: int = FULL_STEPS) -> tuple[Arm, ...]:
    """Two GPT-NeoX of 199,104 parameters on English, with repeated passages and plain; they begin alike."""
    plain, repeated = (Recipe(repeated=share, n_steps=n_steps, seed=seed) for share in (0.0, 0.5))
    return Arm("repeated", "half of the rows repeat", repeated), Arm("plain", "plain text", plain)


def quick_arms(seed: int = 0) -> tuple[Arm, ...]:
    """GPT-NeoX of 58,880 parameters, OLMo and OLMoE of like sizes, on random tokens that are repeated."""
    sizes: dict[str, Any] = {
        "text": "random",
        "repeated": 1.0,
        "lags": (8, 31),
        "vocabulary": 65,
        "length": 64,
        "hidden": 64,
        "intermediate": 64,
        "n_heads": 4,
        "parallel": True,
        "warmup": 0,
        "init": 0.08,
        "batch": 32,
        "seed": seed,
    }
    titles = {"gpt_neox": "GPT-NeoX", "olmo": "OLMo", "olmoe": "OLMoE"}
    return tuple(
        Arm(family, title, Recipe(family=family, n_steps=QUICK_STEPS, kept=QUICK_KEPT, **sizes))
        for family, title in titles.items()
    )


@dataclass(frozen=True, eq=False)
class ArmFindings:
    """What was found of one training.

    Attributes
    ----------
    arm : Arm
    audit : Audit
    tracking : Tracking
    transitions : dict
        Fits to the largest mass of a head over log2 of steps, by kind.
    heads : tuple of (layer, head)
        Heads of induction at the last step.
    ablations : dict of Ablation
        What they are worth, by how they are switched off; empty if there are none.
    """

    arm: Arm
    audit: Audit
    tracking: Tracking
    transitions: dict[str, Transition]
    heads: tuple[Head, ...]
    ablations: dict[str, Ablation]

    def largest(self, kind: str) -> FloatArray:
        """Largest mass of a kind, over all heads: (revision,)."""
        return largest_mass(self.tracking, kind)

    def formed(self, kind: str) -> int | None:
        """First step that was kept with a head of this kind; None if there is none."""
        return formation_step(self.tracking, kind)

    def lines(self) -> list[tuple[str, ...]]:
        """Steps with the largest masses, as rows of a table."""
        masses = [self.largest(kind) for kind in SHOWN]
        rows: list[tuple[str, ...]] = [("step", *SHOWN, "in context")]
        for i, step in enumerate(self.tracking.step.tolist()):
            cells = (f"{mass[i]:.3f}" for mass in masses)
            rows.append((str(step), *cells, f"{self.tracking.in_context[i]:+.2f}"))
        return rows

    def answer(self) -> dict[str, Any]:
        """Numbers for JSON."""
        return {
            "parameters": self.tracking.settings.get("parameters"),
            "formed": {kind: self.formed(kind) for kind in SHOWN},
            "mass": {kind: float(self.largest(kind)[-1]) for kind in SHOWN},
            "steps": self.tracking.step,
            "masses": {kind: self.largest(kind) for kind in SHOWN},
            "in_context": self.tracking.in_context,
            "transitions": {kind: found.answer() for kind, found in self.transitions.items()},
            "induction_heads": [f"L{layer}H{head}" for layer, head in self.heads],
            "audit": {**self.audit.counts(), "exit_code": self.audit.exit_code},
            "ablation": {how: found.summary() for how, found in self.ablations.items()},
        }


@dataclass(frozen=True, eq=False)
class Demonstration:
    """What a demonstration found.

    Attributes
    ----------
    folder : Path
    arms : tuple of ArmFindings
        The one in which induction is expected first.
    planted : Audit
        Of a folder with a copy of a checkpoint under the name of another step.
    copies : tuple of (str, str)
        The names of both.
    written : dict
        Files by what they are.
    seconds : float
        Of this run.
    """

    folder: Path
    arms: tuple[ArmFindings, ...]
    planted: Audit
    copies: tuple[str, str]
    written: dict[str, str]
    seconds: float

    @property
    def copy_is_found(self) -> bool:
        """Whether the audit names the planted copy, and fails for it."""
        pairs = (set(one.revisions) for one in self.planted.findings if one.severity == "error")
        return self.planted.exit_code == 1 and any(set(self.copies) <= pair for pair in pairs)

    def answer(self) -> dict[str, Any]:
        """Numbers for JSON; those without an arm are of the first."""
        first = self.arms[0]
        return {
            "induction_step": first.formed("induction"),
            "induction_mass": float(first.largest("induction")[-1]),
            "seconds": self.seconds,
            "audit": {
                "planted": list(self.copies),
                "found": self.copy_is_found,
                "exit_code": self.planted.exit_code,
                "findings": [one._asdict() for one in self.planted.findings],
            },
            "ablation": first.answer()["ablation"],
            "arms": {one.arm.name: one.answer() for one in self.arms},
            **self.written,
        }

    def formed_lines(self) -> list[tuple[str, ...]]:
        """When heads of each kind form in each arm, as rows of a table."""
        rows: list[tuple[str, ...]] = [
            ("model", "kind", f"mass >= {FORMED}", "at the end", "midpoint", "width in doublings", "shape")
        ]
        for one in self.arms:
            for kind in SHOWN:
                step, fit = one.formed(kind), one.transitions.get(kind)
                mass = float(one.largest(kind)[-1])
                cells = ("never" if step is None else f"step {step}", f"{mass:.3f}")
                rows.append((one.arm.title, kind, *cells, *_shape(fit)))
        return rows

    def audit_line(self) -> str:
        """One sentence on the planted copy."""
        word = "found" if self.copy_is_found else "NOT FOUND"
        return f"audit: {self.copies[1]} planted as a copy of {self.copies[0]}: {word}"


def demonstrate(
    folder: str | Path,
    arms: Iterable[Arm] | None = None,
    *,
    stage: Stage | None = None,
    n_threads: int = 2,
) -> Demonstration:
    """Train models, and track their heads from the first step to the last.

    Parameters
    ----------
    folder
        For checkpoints, results and the figure; it is made if it does not exist. If it holds a part of the
        same demonstration, that is not done again.
    arms
        Trainings, the one in which induction is expected first; by default those of `quick_arms`.
    stage
        Called with a label and a unit before each stage; gives a context manager of the progress to report.
    n_threads
        Trainings at once; each takes one core.

    Raises
    ------
    InputError
        If the folder cannot be used, or holds something else.
    MissingExtraError
        If PyTorch or transformers are not installed.
    Interrupted
        After Ctrl-C, while heads are measured.
    """
    began = time.monotonic()
    chosen = quick_arms() if arms is None else tuple(arms)
    stage = stage or (lambda label, unit: contextlib.nullcontext())
    place = _made(Path(folder))
    with stage("training", "steps") as progress:
        _train_all(chosen, place, n_threads, progress)
    with stage("audit", "checkpoints") as progress:
        audits = [check(_source(arm, place), progress=progress) for arm in chosen]
        planted, copies = audit_planted(_source(chosen[0], place))
    found = []
    gc.freeze()  # a sweep collects garbage after each checkpoint: not among the modules of PyTorch again
    try:
        for arm, audited in zip(chosen, audits, strict=True):
            with stage(f"measuring {arm.title}", "checkpoints") as progress:
                tracking = _tracked(arm, place, progress)
            heads = induction_heads(tracking)
            with stage(f"ablation in {arm.title}", "sets") as progress:
                ablations = _ablations(arm, place, heads, progress)
            found.append(ArmFindings(arm, audited, tracking, transitions(tracking), heads, ablations))
    finally:
        gc.unfreeze()
    written = _draw(found, place)
    for arm in chosen:
        written[f"{arm.name}_output"] = str(_file(arm, place))
    return Demonstration(place, tuple(found), planted, copies, written, time.monotonic() - began)


def largest_mass(tracking: Tracking, kind: str) -> FloatArray:
    """Largest mass of a kind over all heads, at each checkpoint (revision,)."""
    return np.asarray(np.nanmax(tracking.mass_of(kind), axis=(1, 2)))


def formation_step(tracking: Tracking, kind: str, mass: float = FORMED) -> int | None:
    """First step that was kept at which a head reaches a mass; None if none does."""
    reached = np.flatnonzero(largest_mass(tracking, kind) >= mass)
    return int(tracking.step[reached[0]]) if reached.size else None


def transitions(tracking: Tracking, kinds: Iterable[str] = SHOWN) -> dict[str, Transition]:
    """Sigmoids fitted to the largest mass of each kind over log2 of steps; step 0 is left out."""
    known = tracking.step > 0
    x = np.log2(tracking.step[known])
    return {
        kind: fit_transition(x, largest_mass(tracking, kind)[known], n_bootstrap=N_BOOTSTRAP)
        for kind in kinds
    }


def induction_heads(tracking: Tracking) -> tuple[Head, ...]:
    """Heads of induction at the last checkpoint, the leader first.

    Their mass is at least 0.1, and half of that of the leader; a layer gives at most half of its heads, so
    that there are as many others to compare them with.
    """
    mass = tracking.mass_of("induction")[-1]
    least, n_heads = max(FORMED, OF_LEADER * float(np.nanmax(mass))), mass.shape[1]
    chosen: list[Head] = []
    for flat in np.argsort(-np.nan_to_num(mass, nan=-1.0).ravel(), kind="stable").tolist():
        layer, head = divmod(flat, n_heads)
        if mass[layer, head] >= least and sum(one[0] == layer for one in chosen) < n_heads // 2:
            chosen.append((layer, head))
    return tuple(chosen)


def audit_planted(source: FolderSource) -> tuple[Audit, tuple[str, str]]:
    """Audit the last checkpoints of a source with a copy of one under another name; returns both names."""
    last = source.revisions()[-N_PLANTED:]
    original, step = last[-2], last[-2].step
    if step is None:
        raise InputError(f"names must say steps, got {original.name}; name checkpoints step0, step1, ...")
    copy = f"step{step + 1}"
    with tempfile.TemporaryDirectory(prefix=f".{PLANTED}-", dir=source.path.parent) as place:
        for one in last:
            shutil.copytree(source.path / one.name, Path(place) / one.name)
        shutil.copytree(source.path / original.name, Path(place) / copy)
        return check(FolderSource(place)), (original.name, copy)


def _made(folder: Path) -> Path:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InputError(
            f"folder must be one that can be written, got {folder}: {error.strerror}; choose another"
        ) from None
    return folder


def _train_all(arms: Iterable[Arm], folder: Path, n_threads: int, progress: Progress | None) -> None:
    """Train all arms, as many at once as there are threads."""
    lock, arms = threading.Lock(), tuple(arms)
    done = dict.fromkeys((arm.name for arm in arms), 0)
    total = sum(arm.recipe.n_steps for arm in arms)

    def one(arm: Arm) -> None:
        def noted(steps: int, all_steps: int, found: Any) -> None:
            del all_steps
            with lock:
                done[arm.name] = steps
                if progress:
                    progress(sum(done.values()), total, found)

        train(arm.recipe, folder / arm.name, progress=noted)

    with contextlib.closing(Threads(n_threads).map(one, arms)) as work:
        for _ in work:
            pass


def _source(arm: Arm, folder: Path) -> FolderSource:
    names = [f"step{step}" for step in arm.recipe.kept]
    return FolderSource(folder / arm.name, names, tokens_per_step=arm.recipe.tokens_per_step)


def _file(arm: Arm, folder: Path) -> Path:
    return folder / f"{arm.name}.h5"


def _tracked(arm: Arm, folder: Path, progress: Progress | None) -> Tracking:
    """Tracking of an arm from its file; what is missing of it is measured."""
    path = _file(arm, folder)
    sweep = head_sweep(_source(arm, folder), probe=arm.probe, batch=N_SEQUENCES)
    if path.exists():
        known: Any = load(path)
        if known.settings == json.loads(json.dumps(sweep.settings())):
            return known  # type: ignore[no-any-return]
    one_thread = Threads(1)
    if journal_path(path).exists() and not path.exists():
        resume(path, executor=one_thread, progress=progress)
    else:
        run_to_file(sweep, path, force=True, executor=one_thread, progress=progress)
    found: Any = load(path)
    return found  # type: ignore[no-any-return]


def _ablations(
    arm: Arm, folder: Path, heads: tuple[Head, ...], progress: Progress | None
) -> dict[str, Ablation]:
    """Effects of switching heads off at the last step, each in a file."""
    if not heads:
        return {}
    loaded = load_model(folder / arm.name / f"step{arm.recipe.kept[-1]}", device="cpu")
    found = {}
    for how in HOWS:
        found[how] = ablation(
            loaded, heads, arm.probe, how=how, draws=N_DRAWS, batch=N_SEQUENCES, progress=progress
        )
        save(found[how], folder / f"{arm.name}-ablation-{how}.h5", force=True)
    return found


def _draw(found: list[ArmFindings], folder: Path) -> dict[str, str]:
    from lintrans.circuits.demo_figures import draw_arms
    from lintrans.plotting import save_figure

    return {"figure": str(save_figure(draw_arms(found), folder / "demo.png", force=True))}


def _shape(fit: Transition | None) -> tuple[str, str, str]:
    """Midpoint, width and verdict, as cells."""
    if fit is None or fit.verdict == "none":
        return "-", "-", "none"
    width = f"{fit.width.value:.2f} ({fit.width.low:.2f} to {fit.width.high:.2f})"
    return f"{2**fit.midpoint.value:.0f}", width, fit.verdict
