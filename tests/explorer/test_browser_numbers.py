"""The numbers of the explorer in a real browser are those of Python, and so is what leaves the page."""

from __future__ import annotations

import csv
import shlex
from pathlib import Path

import numpy as np
import pytest
from driver import SESSION
from make_golden import read
from node import copy_modules

import lintrans as lt
from lintrans.explorer import explorer_page
from lintrans.minibatch import Batches, Population, escape_times
from lintrans.pages import Page

HERE = Path(__file__).parent


# True to Python


def golden_page(folder):
    return Page("golden", folder / "tests/explorer/golden_page.js", data=read())


def test_the_map_is_python_to_the_bit_in_the_browser(open_page):
    found = open_page(golden_page(HERE.parents[1])).evaluate(SESSION)
    assert [x["maxUlp"] for x in found] == [0, 0, 0, 0]
    assert sum(x["n"] for x in found) > 10**5


def test_a_wrong_sign_is_seen_in_the_browser(open_page, tmp_path):
    folder = copy_modules(tmp_path / "copy")
    (folder / "tests/explorer/golden_page.js").write_text((HERE / "golden_page.js").read_text())
    path = folder / "lintrans/explorer/modules/kernels/map.js"
    path.write_text(path.read_text().replace("return a - r * a;", "return a + r * a;"))
    assert open_page(golden_page(folder)).evaluate(SESSION)[0]["maxUlp"] > 10**6


@pytest.mark.parametrize("mu", [0.3, 0.9, 1.1, 1.25, 1.29, 1.4, 1.452, 1.6, 1.9, 2.0, 2.1])
def test_verdicts_are_those_of_python(explore, mu):
    page = explore(explorer_page(mu=mu, start=(0.4, 0.3)))
    verdict = lt.regime(mu, 0.4, 0.3)
    assert page.ask("page.verdict.label") == verdict.regime.label
    assert page.ask("page.verdict.period") == verdict.period
    if verdict.regime.label != "divergent":
        found, error = page.ask("[page.verdict.evidence.along, page.verdict.evidence.alongError]")
        assert (
            abs(found - float(verdict.evidence.along))
            <= 4 * np.hypot(error, verdict.evidence.along_error) + 1e-9
        )


@pytest.mark.parametrize(
    ("variant", "options"),
    [
        ({}, {}),
        (
            {"decay": 0.2, "momentum": 0.3, "schedule": [0.2, 0.5, 0.8]},
            {"momentum": 0.3, "schedule": [0.2, 0.5, 0.8]},
        ),
    ],
    ids=["plain", "varied"],
)
def test_full_gradient_descent_lies_over_the_orbit(explore, prompt, variant, options):
    weights = lt.initial_weights(prompt.d, value=0.1, scale=0.1, seed=0)
    page = explore(explorer_page(prompt, step_size=9e-5), fragment="steps=50")
    page.set(**variant)
    decay = variant.get("decay", 0) / lt.two_factor.Mode.of(prompt).unit_step_size
    trained = lt.train(prompt, weights, step_size=9e-5, n_steps=50, weight_decay=decay, **options)
    in_page = np.array(page.ask("Array.from(page.part('trained').found.prediction)"))
    # sums of 64 products in another order, then 50 steps near a cycle
    np.testing.assert_allclose(in_page * prompt.query_label, trained.predictions, rtol=1e-9)
    np.testing.assert_allclose(page.ask("Array.from(page.run.prediction)"), in_page, rtol=1e-8)


# What leaves the page is what the command computes


def table(path):
    """Columns of a CSV file, and the command in its comments."""
    lines = path.read_text().splitlines()
    command = next(line for line in lines if line.startswith("# command: ")).removeprefix("# command: ")
    rows = list(csv.DictReader(line for line in lines if not line.startswith("#")))
    return {name: np.array([row[name] for row in rows]) for name in rows[0]}, shlex.split(command)[1:]


def numbers(column):
    return column.astype(np.float64)


@pytest.fixture
def computed(run, folder):
    """What the command of a table computes, read from its result file."""

    def call(command):
        assert run(*command, "--output", "x.h5", "--figure", "x.png", "--quiet")[0] == 0
        return lt.load("x.h5")

    return call


def test_the_orbit_diagram_is_that_of_the_command(explore, computed):
    page = explore(fragment="window=0.9,1.25&heights=0.5,1.4", size=(500, 700), accept_downloads=True)
    columns, command = table(page.export("diagram", "CSV"))
    result = computed(command)
    assert columns["mu"].size == result.uv.size
    np.testing.assert_array_equal(numbers(columns["mu"])[:: result.sample.size], result.mu)
    settled = np.ptp(result.uv, axis=1) < 1e-9  # elsewhere a cycle may be in another phase
    np.testing.assert_allclose(
        numbers(columns["uv"]).reshape(result.uv.shape)[settled], result.uv[settled], atol=1e-9
    )
    ends = np.sort(numbers(columns["uv"]).reshape(result.uv.shape), axis=1)[:, [0, -1]]
    np.testing.assert_allclose(ends, np.sort(result.uv, axis=1)[:, [0, -1]], atol=1e-4)  # slow near mu = 1


def test_the_plane_is_that_of_the_command(explore, computed):
    page = explore(explorer_page(mu=0.9), fragment="show=regime", size=(400, 700), accept_downloads=True)
    columns, command = table(page.export("plane", "CSV"))
    result = computed(command)
    labels = np.array([r.name.lower() for r in lt.two_factor.Regime])[result.regime.T.ravel()]
    assert np.mean(labels != columns["regime"]) < 2e-3  # rounding, on the edges between regimes only


def test_exponents_are_those_of_the_command(explore, computed):
    page = explore(fragment="window=0.7,1.3", size=(400, 700), accept_downloads=True)
    columns, command = table(page.export("exponents", "CSV"))
    result = computed(command)
    np.testing.assert_allclose(numbers(columns["along"]), result.along, atol=1e-6)  # none is chaotic here


def test_the_run_is_that_of_the_command(explore, answer):
    page = explore(explorer_page(mu=1.2, start=(0.4, 0.3)), fragment="steps=20", accept_downloads=True)
    columns, command = table(page.export("loss", "CSV"))
    np.testing.assert_allclose(numbers(columns["loss"]), answer(*command)["loss"], rtol=1e-11)


def test_mini_batches_are_those_of_python(explore):
    page = explore(
        explorer_page(mu=0.9, start=(1.2, 0.8)), fragment="batch=4&steps=40&noise=0.5", accept_downloads=True
    )
    columns, command = table(page.export("survival", "CSV"))
    prompts = Population.sampled(200, spread=0.3, noise=0.5, seed=0)
    found = escape_times(prompts, 0.9, 1.2, 0.8, batches=Batches(4, n_steps=40), n_trajectories=200)
    assert command[0] == "-c"
    np.testing.assert_allclose(numbers(columns["inside"]), found.survival("left")[1], atol=1e-12)
    np.testing.assert_allclose(numbers(columns["inside_low"]), found.survival("left")[2], atol=1e-9)


def test_pictures_can_be_saved(explore):
    page = explore(accept_downloads=True)
    assert page.export("loss", "PNG").read_bytes().startswith(b"\x89PNG")
    svg = page.export("loss", "SVG").read_text()
    assert svg.startswith("<svg") and "<path" in svg and "gradient descent step" in svg
    assert "<image" in page.export("plane", "SVG").read_text()


@pytest.mark.parametrize(
    "state",
    [
        "",
        "decay=0.3&momentum=0.2&schedule=0.5,1,0.7&u=-0.3",
        "from=start&heights=0.5,1.2",
        "batch=4&noise=0.2",
    ],
)
def test_every_command_of_every_panel_runs(explore, run, folder, state):
    page = explore(explorer_page(mu=0.9), fragment=f"{state}&steps=20&window=0.8,1.2", size=(400, 700))
    names = page.ask("[...page.parts.keys()].filter((name) => page.part(name).command)")
    assert len(names) > 8
    for name in names:
        command = page.ask(f"page.part({name!r}).command()")
        for line in filter(None, (command or "").split("; lintrans ") if command else []):
            words = shlex.split(line)
            if words[0] == "python":
                assert name == "survival"
                continue
            words = words[1:] if words[0] == "lintrans" else words
            code, _, err = run(*smaller(words), "--quiet", *files(words[0]))
            assert code == 0, (name, err)


def smaller(words):
    """The same command with fewer steps and orbits: it is to be understood, not to be computed."""
    fewer = {"bifurcation": ["--n-transient", "16"], "lyapunov": ["--n-transient", "256", "--n-steps", "256"]}
    if words[0] == "density":
        words = [*words[:-2], "--n-orbits", "1000"] if words[-2] == "--n-orbits" else words
    return [*words, *fewer.get(words[0], [])]


def files(command):
    if command == "orbit":
        return []
    return ["--output", "x.h5", "--force", *(["--figure", "x.png"] if command != "density" else [])]
