"""What Python writes into the page of the explorer is what the package computes."""

from __future__ import annotations

import importlib.metadata
import json
import re
from pathlib import Path

import numpy as np
import pytest

import lintrans as lt
from lintrans.errors import InputError, NoNormalFormError
from lintrans.explorer import explorer_page
from lintrans.explorer.page import MAX_PROMPT_NUMBERS, MU_LIMITS, START_LIMITS
from lintrans.minibatch import Population
from lintrans.plotting.mu_axis import COLORS
from lintrans.two_factor import Mode

FIELDS = Path(lt.__file__).parent / "explorer/modules/fields.js"
MAX_BYTES = 1_500_000
ROWS = {"target": "progression", "context": slice(0, 64), "query": 64, "standardize": True, "center": True}


@pytest.fixture(scope="module")
def prompt():
    return lt.Prompt.from_csv(lt.example_data(), **ROWS)


def random_prompt(n, d):
    rng = np.random.default_rng(0)
    context, labels = rng.standard_normal((n, d)), rng.standard_normal(n)
    return lt.Prompt.from_arrays(context, labels, rng.standard_normal(d), 1.0)


# Without a prompt


def test_in_normal_form_it_knows_landmarks_colours_and_a_start():
    data = explorer_page(mu=1.25, start=(0.5, -0.25)).data
    assert set(data) == {"version", "landmarks", "palette", "normals", "start"}
    assert data["version"] == importlib.metadata.version("lintrans")
    assert data["landmarks"] == [
        {"name": name, "mu": mark.mu, "meaning": mark.meaning} for name, mark in lt.landmarks().items()
    ]
    assert data["palette"] == {regime.label: color for regime, color in COLORS.items()}
    assert data["start"] == {"mu": 1.25, "u": 0.5, "v": -0.25}


def test_its_population_is_the_one_of_python():
    spread, noise = 0.3, 0.1
    first, second = explorer_page().data["normals"]
    theirs = Population.sampled(200, spread=spread, noise=noise, seed=0)
    np.testing.assert_array_equal(np.exp(spread * first), theirs.moments)
    np.testing.assert_array_equal(np.exp(spread * first) + noise * second, theirs.labels)


@pytest.mark.parametrize("given", [{"step_size": 0.1}, {"value": 0.1}, {"key_query": [[1.0]]}])
def test_what_needs_a_prompt_is_refused_without_one(given):
    with pytest.raises(InputError, match=f"{next(iter(given))} needs a prompt"):
        explorer_page(**given)


@pytest.mark.parametrize(
    "given", [{"mu": 0.0}, {"mu": np.nan}, {"start": (np.inf, 1.0)}, {"start": (1.0, "x")}]
)
def test_bad_numbers_are_refused(prompt, given):
    for about in (None, prompt):
        with pytest.raises(InputError, match=r"mu must|start . must"):
            explorer_page(about, **given)


def test_its_limits_are_those_of_the_controls():
    text = FIELDS.read_text()
    for name, limits in (("MU_LIMITS", MU_LIMITS), ("START_LIMITS", START_LIMITS)):
        written = re.search(rf"^export const {name} = (.*);$", text, re.MULTILINE)[1]
        assert tuple(json.loads(written)) == limits


LOW, HIGH = MU_LIMITS
BEYOND = [
    ({"mu": 4.01}, "mu must lie between 1e-06 and 4 on a page, got 4.01"),
    ({"mu": LOW / 2}, "mu must lie between 1e-06 and 4 on a page, got 5e-07"),
    ({"start": (100.5, 0)}, "start u must lie between -100 and 100 on a page, got 100.5"),
    ({"start": (0, -101)}, "start v must lie between -100 and 100 on a page, got -101"),
]


@pytest.mark.parametrize(("given", "words"), BEYOND)
def test_what_the_page_cannot_show_is_refused(prompt, given, words):
    for about in (None, prompt):
        with pytest.raises(InputError, match=f"^{words}; pass a value in range$"):
            explorer_page(about, **given)


def test_the_ends_of_what_it_can_show_are_taken():
    for mu in MU_LIMITS:
        assert explorer_page(mu=mu, start=(-100, 100)).data["start"] == {"mu": mu, "u": -100, "v": 100}


# About a prompt


def test_a_learning_rate_or_a_start_of_weights_beyond_is_refused_with_the_remedy(prompt):
    unit = Mode.of(prompt).unit_step_size
    with pytest.raises(InputError, match=f"pass a step_size from {LOW * unit:.3g} to {HIGH * unit:.3g}$"):
        explorer_page(prompt, step_size=5 * unit)
    weight = 101 * Mode.of(prompt).weight_unit
    with pytest.raises(InputError, match=r"start u must lie .* got 101; scale the data"):
        explorer_page(prompt, value=weight)
    assert explorer_page(prompt, value=weight, start=(1, 1)).data["start"]["u"] == 1


def test_about_a_prompt_it_has_its_numbers(prompt):
    data = explorer_page(prompt, mu=1.1, target="progression", options={"data": "example"}).data
    told = data["prompt"]
    np.testing.assert_array_equal(told["contextInputs"], prompt.context)
    np.testing.assert_array_equal(told["contextLabels"], prompt.labels)
    np.testing.assert_array_equal(told["query"], prompt.query)
    assert (told["queryLabel"], told["n"], told["d"]) == (prompt.query_label, 64, 10)
    assert (told["target"], told["dataName"], told["tooLarge"]) == ("progression", "diabetes.csv", None)
    assert set(told) == {
        *("contextInputs", "contextLabels", "query", "queryLabel"),
        *("n", "d", "target", "dataName", "tooLarge"),
    }
    assert set(data) == {
        *("version", "landmarks", "palette", "normals", "start"),
        *("prompt", "mode", "stepSize", "options"),
    }
    assert data["options"] == {"data": "example"}


def test_its_weights_are_those_that_training_starts_from(prompt):
    data = explorer_page(prompt, mu=1.1).data
    drawn = lt.initial_weights(prompt.d, value=0.1, scale=0.1, seed=0)
    mode, given = Mode.of(prompt), data["mode"]
    u, v = mode.project(drawn.value, drawn.key_query)
    assert (data["start"]["u"], data["start"]["v"]) == (u, v)
    assert given["weightUnit"] * u == pytest.approx(drawn.value, rel=4e-16)  # a quotient and a product
    moved = given["labelSign"] * given["weightUnit"] * v
    whole = given["frozen"] + moved * np.outer(given["contextDirection"], given["queryDirection"])
    np.testing.assert_allclose(whole, drawn.key_query, atol=4e-16)  # two roundings of numbers below 1


def test_a_learning_rate_and_its_mu_are_one(prompt):
    unit = Mode.of(prompt).unit_step_size
    by_mu, by_rate = explorer_page(prompt, mu=1.1).data, explorer_page(prompt, step_size=1.1 * unit).data
    assert by_mu["stepSize"] == by_rate["stepSize"] == 1.1 * unit
    assert by_mu["start"]["mu"] == 1.1 == pytest.approx(by_rate["start"]["mu"], rel=4e-16)


def test_other_weights_and_another_start_are_taken(prompt):
    given = np.full((10, 10), 0.25)
    begun = explorer_page(prompt, mu=1.1, value=0.7, key_query=given).data
    assert (begun["start"]["u"], begun["start"]["v"]) == Mode.of(prompt).project(0.7, given)
    placed = explorer_page(prompt, mu=1.1, value=0.7, key_query=given, start=(0.3, 0.2)).data
    assert placed["start"] == {"mu": 1.1, "u": 0.3, "v": 0.2}
    np.testing.assert_array_equal(placed["mode"]["frozen"], begun["mode"]["frozen"])


def test_both_step_sizes_and_a_prompt_without_a_normal_form_are_refused(prompt):
    with pytest.raises(InputError, match="step_size and mu must not both be given"):
        explorer_page(prompt, mu=1.0, step_size=1e-5)
    with pytest.raises(NoNormalFormError, match="query label"):
        explorer_page(lt.Prompt.from_arrays([[1.0]], [1.0], [1.0], 0.0))
    with pytest.raises(InputError, match=r"shape \(10, 10\)"):
        explorer_page(prompt, key_query=[[1.0]])


def test_a_large_prompt_leaves_its_numbers_out_and_says_so():
    data = explorer_page(random_prompt(30_000, 3)).data
    assert "120009 numbers" in data["prompt"]["tooLarge"]
    numbers = {**data["prompt"], **data["mode"]}
    left_out = {name for name, x in numbers.items() if x is None}
    assert set(numbers) - left_out == {"target", "dataName", "n", "d", "tooLarge", "unitStepSize"}
    assert data["prompt"]["n"] == 30_000


# The file


def test_the_page_is_small(prompt):
    assert explorer_page().size < MAX_BYTES // 3
    assert explorer_page(prompt).size < MAX_BYTES // 3


def test_the_largest_prompt_it_takes_fits():
    largest = random_prompt((MAX_PROMPT_NUMBERS - 9) // 4, 3)
    page = explorer_page(largest)
    assert page.data["prompt"]["tooLarge"] is None
    assert MAX_BYTES / 2 < page.size < MAX_BYTES


def test_workers_serve_nothing_that_no_panel_asks_for():
    modules = FIELDS.parent
    served = re.search(r"^serve\(\{ (.*) \}\);$", (modules / "kernels/worker.js").read_text(), re.MULTILINE)[
        1
    ]
    texts = "".join(path.read_text() for path in (modules / "panels").glob("*.js"))
    assert set(served.split(", ")) <= set(re.findall(r'\bkind: "(\w+)"', texts))
