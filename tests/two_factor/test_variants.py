"""Weight decay, momentum and schedules: the compiled map against full gradient descent of the transformer."""

from __future__ import annotations

import json

import numpy as np
import pytest
from problems import PROMPTS, check_refused, stopped_after

import lintrans as lt
from lintrans.cli import main
from lintrans.sweeps import store
from lintrans.two_factor import (
    BasinSweep,
    BifurcationSweep,
    boundary_dimension,
    kernels,
    normal_form,
    variants,
)
from lintrans.two_factor.reduction import Mode
from lintrans.two_factor.regimes import Regime
from lintrans.two_factor.variants import Variant

EPS = np.finfo(float).eps
PROMPT = PROMPTS["diabetes"]
WARM_UP = (0.1, 0.4, 0.7, 1.0, 1.3, 0.9)
VARIANTS = {
    "weight decay": Variant(weight_decay=0.3),
    "momentum": Variant(momentum=0.6),
    "schedule": Variant(schedule=WARM_UP),
    "all": Variant(0.2, 0.4, WARM_UP),
    "rest": Variant(0.1, 0.5, (1.0, 0.0, 1.0, 0.0, 0.5)),
}
every_variant = pytest.mark.parametrize("variant", VARIANTS.values(), ids=VARIANTS)


def trained(mu, variant, n_steps):
    """Full gradient descent of the transformer with the same options: its factors (u, v) at every step."""
    mode = Mode.of(PROMPT)
    weights = lt.initial_weights(PROMPT.d, value=0.15, scale=0.8, seed=3)
    run = lt.train(
        PROMPT,
        weights,
        step_size=mu * mode.unit_step_size,
        n_steps=n_steps,
        weight_decay=variant.weight_decay / mode.unit_step_size,
        momentum=variant.momentum,
        schedule=np.array(variant.schedule),
    )
    assert not run.overflowed
    return [np.array(x) for x in zip(*map(mode.project, run.value, run.key_query), strict=True)]


@every_variant
@pytest.mark.parametrize("mu", [0.4, 0.9])
def test_orbits_are_those_of_full_gradient_descent(variant, mu):
    """Forty steps of whole orbits, converging or nearly so: errors of rounding do not grow."""
    u, v = trained(mu, variant, 40)
    found = lt.orbit(mu, u[0], v[0], n_steps=40, variant=variant)
    assert found.u == pytest.approx(u, abs=2e-12)
    assert found.v == pytest.approx(v, abs=2e-12)
    plain = lt.orbit(mu, u[0], v[0], n_steps=40)
    assert np.abs(plain.u - u).max() > 1e-3  # the options matter


@pytest.mark.parametrize(
    ("name", "wrong"),
    [
        ("weight decay", {"weight_decay": 0.31}),
        ("momentum", {"momentum": 0.59}),
        ("schedule", {"schedule": (1.0, *WARM_UP)}),
    ],
)
def test_the_comparison_notices_wrong_options(name, wrong):
    variant = VARIANTS[name]
    u, v = trained(0.4, variant, 40)
    found = lt.orbit(0.4, u[0], v[0], n_steps=40, variant=variant._replace(**wrong))
    assert np.abs(found.u - u).max() > 1e-4


def reference(mu, u, v, variant, n_steps):
    """The formula in the head of `lintrans.two_factor.variants`, in factors and not in modes."""
    last_u, last_v = u, v
    for n in range(n_steps):
        s = mu * variant.schedule[min(n, len(variant.schedule) - 1)]
        new_u = u - s * (v * (u * v - 1) + variant.weight_decay * u) + variant.momentum * (u - last_u)
        new_v = v - s * (u * (u * v - 1) + variant.weight_decay * v) + variant.momentum * (v - last_v)
        last_u, last_v, u, v = u, v, new_u, new_v
    return u, v


@every_variant
def test_blocks_follow_the_formula(variant):
    """On and off the slice, with and without a transient, more orbits than a block."""
    rng = np.random.default_rng(0)
    mus, u, v = rng.uniform(0.2, 1.2, 300), *rng.uniform(-1.2, 1.2, (2, 300))
    v[::5] = u[::5]
    a, b = normal_form.to_modes(mus, u, v)
    all_a, all_b = kernels.orbits(mus, a, b, 7, 6, variants.for_kernels(variant))
    with np.errstate(all="ignore"):
        ends = [reference(*start, variant, 12) for start in zip(mus, u, v, strict=True)]
    found = np.array(normal_form.from_modes(mus, all_a[:, 5], all_b[:, 5])).T
    tame = np.abs(ends).max(axis=1) < 3
    assert tame.sum() > 200
    assert found[tame] == pytest.approx(np.array(ends)[tame], abs=1e-9)
    assert (all_b[::5] == 0).all()


@every_variant
def test_fates_are_those_of_orbits(variant):
    rng = np.random.default_rng(1)
    mus, u, v = rng.uniform(0.2, 1.5, 700), *rng.uniform(-4, 4, (2, 700))
    a, b = normal_form.to_modes(mus, u, v)
    kernel, ends = variants.for_kernels(variant), np.empty((700, 3))
    codes, steps = kernels.fates(mus, a, b, 640, 1e-6, False, ends, kernel)
    all_a, all_b = kernels.orbits(mus, a, b, 0, 20_001, kernel)
    with np.errstate(all="ignore"):
        far = ~(np.abs(normal_form.residual(mus[:, None], all_a, all_b)) <= kernels.ESCAPED)
    escaped = far[:, :640].any(axis=1)
    assert np.array_equal(codes == kernels.DIVERGED, escaped)
    assert np.array_equal(steps[escaped], far[escaped].argmax(axis=1))
    settled = codes == kernels.CONVERGED
    assert settled.sum() > 50 and escaped.sum() > 50
    # what has settled never moves away again: 19,000 steps later it is where it was
    assert not far[settled].any()
    moved = np.hypot(all_a[settled, -1] - ends[settled, 0], all_b[settled, -1] - ends[settled, 1])
    assert moved.max() < 2e-3  # |b| may be 1e-3 with weight decay, and decays


def test_a_variant_that_changes_nothing_is_the_plain_map():
    assert variants.checked(Variant()) is None
    assert variants.checked(Variant(0.0, 0.0, (1.0,))) is None
    assert variants.checked(Variant(0.0, 0.0, (1.0, 1.0))) is not None
    plain = lt.orbit(1.1, 0.4, 0.3, n_steps=50)
    same = lt.orbit(1.1, 0.4, 0.3, n_steps=50, variant=Variant(schedule=(1.0, 1.0)))
    assert same.a == pytest.approx(plain.a, abs=1e-12) and plain.settings["variant"] is None
    assert same.settings["variant"] == {"weight_decay": 0.0, "momentum": 0.0, "schedule": [1.0, 1.0]}


@pytest.mark.parametrize("momentum", [0.0, 0.5, 0.9])
def test_momentum_moves_the_edge_of_stability(momentum):
    """A minimum is stable while mu (u^2 + v^2) < 2 (1 + momentum): for balanced starts mu < 1 + momentum."""
    for mu, stable in ((0.98 * (1 + momentum), True), (1.02 * (1 + momentum), False)):
        found = lt.orbit(mu, 1.001, 1.001, n_steps=3000, variant=Variant(momentum=momentum, schedule=(1, 1)))
        assert (np.abs(found.u[-1] - 1) < 1e-6) == stable


def test_weight_decay_leaves_two_minima():
    decay = 0.4
    found = lt.basin_map(0.5, u=[-1.5, 1.5], v=[0.9, 1.1], variant=Variant(weight_decay=decay))
    assert found.branch.tolist() == [[-1, -1], [1, 1]]
    assert found.sharpness == pytest.approx(np.full((2, 2), 2 * (1 - decay)), abs=1e-5)
    gone = lt.basin_map(0.5, u=[-1.0, 1.0], v=[0.5, 1.1], variant=Variant(weight_decay=1.2))
    assert (gone.sharpness < 1e-5).all()  # the origin


def test_certified_starts_stay_bounded_under_a_schedule():
    """Claim schedules.certificate, in the kernels: largest mu 1.8, any smaller steps."""
    rng = np.random.default_rng(4)
    u, v = rng.uniform(-3, 3, (2, 2000))
    inside = normal_form.is_certified(u, v, 1.8)
    schedule = tuple(rng.uniform(0, 1, 5000))
    a, b = normal_form.to_modes(np.full(2000, 1.8), u, v)
    kernel = variants.for_kernels(Variant(schedule=schedule))
    codes, _ = kernels.fates(np.full(2000, 1.8), a, b, 5000, -1.0, False, np.empty((0, 3)), kernel)
    assert inside.sum() > 100
    assert not (codes[inside] == kernels.DIVERGED).any()
    assert (codes[~inside] == kernels.DIVERGED).any()


@pytest.mark.parametrize("command", ["basin", "bifurcation"])
def test_a_sweep_with_a_variant_is_resumed_as_it_was(tmp_path, command):
    variant = Variant(0.3, 0.2, (0.5, 1.0))
    sweep = (
        BasinSweep(0.5, u=np.linspace(-3, 3, 300), v=np.linspace(-3, 3, 300), variant=variant)
        if command == "basin"
        else BifurcationSweep(np.linspace(0.1, 1.5, 9000), n_transient=64, n_samples=4, variant=variant)
    )
    whole = store.run_to_file(sweep, tmp_path / "whole.h5")

    stopped_after(1, sweep, tmp_path / "part.h5")
    again = store.resume(tmp_path / "part.h5")
    assert again.read_bytes() == whole.read_bytes()
    assert lt.load(again).settings["variant"]["schedule"] == [0.5, 1.0]


def test_the_command_takes_weight_decay_in_units_of_the_data(capsys):
    data = [str(lt.example_data()), "--target", "progression", "--context", "0:64", "--query", "64"]
    words = ["orbit", *data, "--standardize", "--center", "--mu", "0.5", "--n-steps", "30", "--json"]
    prompt = lt.Prompt.from_csv(
        lt.example_data(), target="progression", context=slice(0, 64), query=64, standardize=True, center=True
    )
    unit = Mode.of(prompt).unit_step_size
    assert main([*words, "--weight-decay", str(0.25 / unit), "--momentum", "0.3"]) == 0
    answer = json.loads(capsys.readouterr().out)
    found = lt.orbit(0.5, answer["u"][0], answer["v"][0], n_steps=30, variant=Variant(0.25, 0.3))
    assert np.array(answer["u"]) == pytest.approx(found.u, abs=1e-12)
    assert answer["regime"] is None  # which is the plain map's


def test_regimes_of_a_variant_are_not_guessed():
    """Beyond the edge of stability orbits are bounded, and nothing says on what: unresolved."""
    found = lt.basin_map(1.2, u=[0.5, 3.0], v=[0.4, 0.6], variant=Variant(schedule=(1.0, 1.0)))
    assert found.regime.tolist() == [[Regime.UNRESOLVED] * 2, [Regime.DIVERGENT] * 2]


@pytest.mark.parametrize(
    ("variant", "needles"),
    [
        (Variant(weight_decay=-0.1), ("weight_decay", "negative", "-0.1")),
        (Variant(weight_decay=np.nan), ("weight_decay", "finite", "nan")),
        (Variant(momentum=1.0), ("momentum", "below 1", "1")),
        (Variant(momentum=-0.1), ("momentum", "-0.1")),
        (Variant(schedule=()), ("schedule", "0")),
        (Variant(schedule=(1.0, -0.5)), ("schedule", "at least 0", "-0.5")),
        (Variant(schedule=(1.0, np.inf)), ("schedule", "finite", "inf")),
    ],
)
def test_bad_variants_are_refused(variant, needles):
    for call in (
        lambda: lt.orbit(0.5, 1, 1, n_steps=3, variant=variant),
        lambda: lt.basin_map(0.5, u=[1.0], v=[1.0], variant=variant),
        lambda: lt.bifurcation_diagram([0.5], variant=variant),
        lambda: boundary_dimension(variant=variant),
    ):
        check_refused(call, needles)
