"""Commands about the plane: their answers are those of the library, and their fields are an interface."""

from __future__ import annotations

import json

import numpy as np
import pytest
from commands import check_refusal

import lintrans as lt
from lintrans.cli import main
from lintrans.two_factor import boundary_dimension, find_cycles


@pytest.fixture
def answer(capsys):
    def run(*words):
        assert main([*words, "--json"]) == 0
        return json.loads(capsys.readouterr().out)

    return run


def test_cycles_are_a_list_with_points_multipliers_and_stability(answer):
    listed = answer("cycles", "--mu", "1.1", "--period", "2")
    assert isinstance(listed, list)
    assert {"points", "multipliers", "stable", "period", "place", "type"} <= set(listed[0])
    stable = [cycle for cycle in listed if cycle["stable"]]
    assert [len(cycle["points"]) for cycle in stable] == [2, 2]
    for cycle in stable:
        assert cycle["multipliers"] == pytest.approx([9 - 2 * 2.1**2, 3 - 2 * 1.1], abs=1e-12)
        (u, v), (next_u, next_v) = cycle["points"]
        assert u == v and next_u == next_v
        assert u - 1.1 * v * (u * v - 1) == pytest.approx(next_u, abs=1e-14)
    found = find_cycles(1.1, 2)
    assert [cycle["points"] for cycle in listed] == [cycle.points.tolist() for cycle in found]


def test_cycles_say_whether_their_numbers_are_those_of_theory(capsys):
    assert main(["cycles", "--mu", "2", "--period", "5"]) == 0
    out = capsys.readouterr().out
    assert "counts on the slice: equal to the theory" in out and "NOT" not in out
    assert main(["cycles", "--mu", "1.5", "--period", "5"]) == 0
    out = capsys.readouterr().out
    assert "counts on the ellipse: equal to the theory" in out and "on the slice" not in out


def test_cycles_at_the_learning_rate_of_a_prompt(answer):
    data = [str(lt.example_data()), "--target", "progression", "--context", "0:64", "--query", "64"]
    listed = answer("cycles", *data, "--mu", "1.1", "--period", "1")
    assert [cycle["points"] for cycle in listed if cycle["place"] == "slice"] == [
        [[0.0, 0.0]], [[1.0, 1.0]], [[-1.0, -1.0]],
    ]  # fmt: skip


def test_continuation_lists_events_and_proves_them(answer):
    found = answer("continue", "--mu", "0.9:1.28:39", "--period", "4", "--certify")
    events = [(event["kind"], event["period"], event["name"]) for event in found["events"]]
    assert events == [
        ("flip", 1, "doubling_1_pair_1"),
        ("superstable", 2, "superstable_2_pair_1"),
        ("flip", 2, "doubling_2_pair_1"),
        ("superstable", 4, "superstable_4_pair_1"),
    ]
    for event in found["events"]:
        assert float(event["value"]) == pytest.approx(event["mu"], abs=1e-14)
        assert len(event["value"]) >= 30
    assert found["n_branches"] == len(found["branches"])


@pytest.mark.parametrize(
    ("text", "needles"), [("1.1", ["range", "1.1"]), ("1:1:5", ["different ends", "1:1:5"])]
)
def test_continuation_needs_a_range(capsys, text, needles):
    code = main(["continue", "--mu", text])
    captured = capsys.readouterr()
    check_refusal(code, captured.out, captured.err, ["--mu", *needles])


def test_dimension_and_its_error(answer):
    found = answer("dimension", "--finest", "9", "--n-events", "1000")
    assert {"dimension", "standard_error", "uncertainty_exponent", "scale", "local_dimensions"} <= set(found)
    assert found["mu"] == 0.5
    same = boundary_dimension(finest=9, n_events=1000)
    assert (found["dimension"], found["standard_error"]) == (same.dimension, same.standard_error)
    smooth = answer("dimension", "--mu", "0.5", "--finest", "9", "--n-events", "1000")
    assert abs(smooth["dimension"] - 1) < 5 * smooth["standard_error"]
    assert found["dimension"] > smooth["dimension"] + 0.1


def test_results_of_the_plane_are_read_back_and_drawn_again(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    assert main(["continue", "--mu", "0.9:1.3:41", "--output", "c.h5", "--figure", "c.png", "--quiet"]) == 0
    assert capsys.readouterr().out == ""
    assert lt.load("c.h5").events()[0].mu == pytest.approx(1.0)
    assert main(["plot", "c.h5", "--variable", "a", "--output", "a.svg"]) == 0
    assert main(["show", "c.h5"]) == 0
    out = capsys.readouterr().out
    assert "cycle_branches" in out and "flip 3" in out
    assert np.all(lt.load("c.h5").mu <= 1.3)
