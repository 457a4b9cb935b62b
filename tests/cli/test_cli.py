"""Layer 6: what every command answers, to a program and to a person, and as a process of its own."""

from __future__ import annotations

import io
import math
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from commands import (
    DATA,
    FEW,
    ON_DATA,
    SMALL,
    SWEEPS,
    WRITING,
    contents,
    one_object,
    sweeping,
    without_mu,
    writing,
)
from problems import LONGLEY

import lintrans as lt
from lintrans.cli.kit import answers
from lintrans.two_factor import BifurcationDiagram, critical_mu
from lintrans.two_factor.reduction import Mode
from lintrans.verification import full_batch as verification

pytestmark = pytest.mark.usefixtures("folder")


def the_prompt():
    return lt.Prompt.from_csv(
        lt.example_data(), target="progression", context=slice(0, 64), query=64, standardize=True, center=True
    )


def the_reduction(mu):
    prompt = the_prompt()
    weights = lt.initial_weights(prompt.d, value=0.1, scale=0.1, seed=0)
    eta = mu * Mode.of(prompt).unit_step_size
    return lt.reduce(prompt, step_size=eta, value=weights.value, key_query=weights.key_query)


# What a command answers


def test_reduce(answer):
    got = answer("reduce", *DATA, "--step-size", "7e-5")
    prompt = the_prompt()
    h = np.linalg.norm(prompt.context_moment) * np.linalg.norm(prompt.query)
    assert got["mu"] == pytest.approx(7e-5 * h * abs(prompt.query_label), rel=1e-14)
    assert (got["u"], got["v"]) == (the_reduction(1.0).u, the_reduction(1.0).v)
    assert got["regime"] == "catapult" and got["period"] is None
    assert got["critical_step_sizes"] == lt.critical_step_sizes(prompt)
    assert got["critical_step_sizes"]["stable"] == got["unit_step_size"]
    assert got["step_size"] == 7e-5


@pytest.mark.parametrize(
    ("mu", "regime", "period"), [(0.5, "monotone", None), (1.1, "periodic", 2), (2.5, "divergent", None)]
)
def test_reduce_tells_the_regime(answer, mu, regime, period):
    got = answer("reduce", *DATA, "--mu", mu)
    assert got["mu"] == pytest.approx(mu, rel=1e-15)
    assert (got["regime"], got["period"]) == (regime, period)


def test_reduce_takes_another_data_set_and_other_weights(answer):
    data = [LONGLEY, "--target", "TOTEMP", "--context", "0:14", "--query", "15", "--features", "GNP,YEAR"]
    weights = ["--value", "-0.3", "--scale", "2", "--seed", "7"]
    got = answer("reduce", *data, "--mu", "0.5", *weights)
    prompt = lt.Prompt.from_csv(
        LONGLEY, target="TOTEMP", context=slice(0, 14), query=15, features=["GNP", "YEAR"]
    )
    drawn = lt.initial_weights(2, value=-0.3, scale=2, seed=7)
    u, v = Mode.of(prompt).project(drawn.value, drawn.key_query)
    assert (got["u"], got["v"]) == (float(u), float(v))


def test_reduce_reads_npz(answer, tmp_path):
    file = tmp_path / "prompt.npz"
    np.savez(file, context=[[2.0]], labels=[3.0], query=[1.0], query_label=-1.5)
    assert answer("reduce", file, "--step-size", "0.1")["mu"] == pytest.approx(0.9)  # h |y_q| = 9


def test_thresholds(answer):
    got = answer("thresholds", *DATA)
    nf = the_reduction(1.0)
    assert got["critical_step_sizes"] == lt.critical_step_sizes(the_prompt())
    assert got["start"]["mu_bounded"] == float(critical_mu(nf.u, nf.v))
    unit = nf.mode.unit_step_size
    assert got["start"]["step_size_bounded"] == pytest.approx(got["start"]["mu_bounded"] * unit)


def test_landmarks(answer):
    got = answer("landmarks")
    assert list(got) == [
        "monotone", "stable", "period_4", "accumulation", "band_merging", "period_3", "crisis", "chebyshev",
    ]  # fmt: skip
    for name, mark in lt.landmarks().items():
        expected = {"mu": mark.mu, "exact": mark.exact, "meaning": mark.meaning}
        polynomial = mark.minimal_polynomial
        assert got[name] == {**expected, "minimal_polynomial": list(polynomial) if polynomial else None}
    closed = {
        "monotone": 2 * math.sqrt(2) - 2,
        "period_4": math.sqrt(5) - 1,
        "crisis": 1.5 * math.sqrt(3) - 1,
    }
    assert all(got[name]["mu"] == pytest.approx(mu, rel=1e-15) for name, mu in closed.items())


def test_orbit_without_data(answer):
    got = answer("orbit", "--mu", "1.5", "--start", "-0.4,0.4", "--n-steps", "5", "--output", "o.h5")
    expected = lt.orbit(1.5, -0.4, 0.4, n_steps=5)
    assert got["step"] == [0, 1, 2, 3, 4, 5]
    for name in ("u", "v", "loss"):
        assert got[name] == getattr(expected, name).tolist()
    assert lt.load(got["output"]).loss.tolist() == got["loss"]
    assert got["regime"] == str(lt.regime(1.5, -0.4, 0.4))


def test_orbit_starts_from_the_weights_or_from_the_start_given(answer):
    nf = the_reduction(1.1)
    got = answer("orbit", *DATA, "--mu", "1.1", "--n-steps", "4")
    assert (got["u"][0], got["v"][0]) == pytest.approx((nf.u, nf.v), rel=1e-15)
    got = answer("orbit", *DATA, "--mu", "1.1", "--n-steps", "4", "--start", "1,-2")
    assert (got["u"][0], got["v"][0]) == pytest.approx((1, -2), rel=1e-15)
    assert (got["regime"], got["period"]) == ("divergent", None)


def test_an_orbit_that_leaves_float64_is_null_and_without_warnings(answer):
    got = answer("orbit", "--mu", "2.5", "--start", "3,1", "--n-steps", "30", "--figure", "o.png")
    assert got["loss"][0] == pytest.approx(2) and got["loss"][-1] is None


def test_phase_diagram(answer):
    words = [*SMALL, "--mu", "0.5:2.1:5", "--start", "0.4,0.4"]
    got = answer("phase-diagram", *words)
    expected = lt.phase_diagram(np.linspace(0.5, 2.1, 5), start=(0.4, 0.4), n_transient=128, n_steps=128)
    assert got["counts"] == expected.count()
    assert got["boundaries"] == expected.boundaries()
    assert got["output"] == "phase_diagram.h5" and "figure" not in got
    assert_same(lt.load("phase_diagram.h5"), expected)


@pytest.mark.parametrize(("option", "values"), [("scales", "0.2:1:3"), ("imbalances", "-4:4:3")])
def test_phase_diagram_in_two_parameters(answer, option, values):
    got = answer("phase-diagram", *SMALL, "--mu", "0.5:1.5:2", f"--{option}", values)
    low, high, n = map(float, values.split(":"))
    expected = lt.phase_diagram(
        [0.5, 1.5], **{option: np.linspace(low, high, int(n))}, n_transient=128, n_steps=128
    )
    assert got["counts"] == expected.count() and got["boundaries"] == []
    assert_same(lt.load(got["output"]), expected)


def test_bifurcation(answer):
    got = answer("bifurcation", *FEW, "--mu", "0.5:1.1:2", "--output", "b.h5")
    assert got == {"n_mu": 2, "n_samples": 8, "output": "b.h5"}
    assert_same(lt.load("b.h5"), lt.bifurcation_diagram([0.5, 1.1], n_transient=128, n_samples=8))


def test_lyapunov(answer):
    got = answer("lyapunov", *SMALL, "--mu", "0.3:2.1:7")
    mu = np.linspace(0.3, 2.1, 7)
    assert got["mu"] == mu.tolist()
    along = np.array(got["along"], dtype=float)
    assert along[:2] == pytest.approx(np.log(np.abs(1 - 2 * mu[:2])), abs=1e-9)  # at a minimum
    assert along[-2] > 0 and got["along"][-1] is None and got["transverse"][-1] is None
    assert got["transverse"][:2] == pytest.approx([0, 0], abs=1e-9)  # along the curve of minima
    assert_same(lt.load(got["output"]), lt.lyapunov_exponents(mu, n_transient=128, n_steps=128))


@sweeping
def test_sweeps_on_a_prompt_carry_learning_rates_and_start_from_its_weights(answer, command):
    words = without_mu(SWEEPS[command])
    got = answer(command, *DATA, *words, "--step-size", "3e-5:9e-5:3", "--seed", "3")
    result = lt.load(got["output"])
    unit = Mode.of(the_prompt()).unit_step_size
    assert result.step_size == pytest.approx([3e-5, 6e-5, 9e-5], rel=1e-15)
    assert result.mu * unit == pytest.approx(result.step_size, rel=1e-15)
    drawn = lt.initial_weights(10, value=0.1, scale=0.1, seed=3)
    assert result.settings["start"] == [float(x) for x in Mode.of(the_prompt()).project(*drawn_pair(drawn))]
    assert result.settings["problem"]["data"] == "diabetes.csv"
    assert result.settings["problem"]["weights"] == {"value": 0.1, "scale": 0.1, "seed": 3}


def drawn_pair(weights):
    return weights.value, weights.key_query


def test_a_range_may_be_one_number(answer):
    assert answer("lyapunov", *SMALL, "--mu", "0.3")["mu"] == [0.3]


@pytest.mark.parametrize("mu", [0.5, 0.9, 1.1, 1.4, 2.5])
def test_verify(answer, mu):
    got = answer("verify", *DATA, "--mu", mu, "--n-steps", "512", "--output", "v.h5", "--force")
    assert got["max_commutation_error"] < 1e-13
    assert got["n_steps"] == 512 if mu < 2 else got["n_steps"] < 64  # training overflows
    assert got["regime_predicted"] == str(
        lt.regime(*(getattr(the_reduction(mu), x) for x in ("mu", "u", "v")))
    )
    assert got["regime_trained"] in (got["regime_predicted"], "unresolved") and got["agrees"] is True
    assert lt.load("v.h5").max_commutation_error == got["max_commutation_error"]


def test_verify_exits_with_1_when_training_and_map_disagree(run, monkeypatch):
    monkeypatch.setattr(verification, "ROUNDING", 0.0)
    code, out, err = run("verify", *DATA, "--mu", "0.5", "--n-steps", "64", "--json")
    assert (code, err) == (1, "") and one_object(out)["agrees"] is False


def test_show(answer):
    answer("phase-diagram", *SMALL, "--mu", "0.5:1.5:5", "--output", "p.h5")
    result = lt.load("p.h5")
    got = answer("show", "p.h5", "--regime", "monotone")
    assert got["kind"] == "phase_diagram" and got["axes"] == {"mu": 5, "start": 1}
    assert got["settings"] == result.settings and got["versions"] == result.versions
    assert got["counts"] == result.count()
    assert got["ranges"] == [[0.5, 0.75]]
    assert "ranges" not in answer("show", "p.h5")


def test_plot(answer, folder):
    answer("bifurcation", *FEW, "--mu", "0.5:1.1:4", "--output", "b.h5")
    assert answer("plot", "b.h5") == {"kind": "bifurcation_diagram", "figure": "b.png"}
    assert answer("plot", "b.h5", "--output", "a.svg", "--variable", "loss")["figure"] == "a.svg"
    assert (folder / "b.png").read_bytes().startswith(b"\x89PNG")
    assert (folder / "a.svg").read_bytes().startswith(b"<?xml")


def assert_same(result, expected):
    assert (result.kind, result.settings) == (expected.kind, expected.settings)
    for got, wanted in zip(result.variables(), expected.variables(), strict=True):
        assert got.name == wanted.name
        np.testing.assert_array_equal(got.values, wanted.values)


def test_these_comparisons_notice_a_swapped_axis_and_a_second_line():
    a = lt.bifurcation_diagram([0.5, 1.1], n_transient=128, n_samples=2)
    swapped = BifurcationDiagram(mu=a.mu, sample=a.sample, a=a.a.T, b=a.b, settings=a.settings)
    with pytest.raises(AssertionError):
        assert_same(swapped, a)
    with pytest.raises(AssertionError):
        one_object('{"a": 1}\n50 % done\n')
    with pytest.raises(pytest.fail.Exception):
        one_object('{"a": NaN}\n')


# What a person sees


def test_reduce_prints_eleven_lines(run):
    code, out, err = run("reduce", *DATA, "--step-size", "7e-5")
    lines = out.splitlines()
    assert (code, err, len(lines)) == (0, "", 11)
    assert lines.pop(0).startswith("trained  ")
    assert lines[0].split() == ["mu", "now", "0.948422", "learning", "rate", "7e-05"]
    assert lines[1].startswith("regime now    catapult")
    assert [line.split()[0] for line in lines[2:]] == list(lt.landmarks())
    rates = lt.critical_step_sizes(the_prompt())
    assert [line.split()[1] for line in lines[2:]] == [f"{eta:.4g}" for eta in rates.values()]


def test_other_answers_for_people(run):
    assert len(run("thresholds", *DATA)[1].splitlines()) == 10
    assert len(run("landmarks")[1].splitlines()) == 8
    lines = run("orbit", "--mu", "1.1", "--start", "0.4,0.4", "--n-steps", "12")[1].splitlines()
    assert lines[0].split() == ["step", "u", "v", "loss"] and len(lines) == 13
    assert lines[-2].split()[0] == "12" and lines[-1].split() == ["regime", "periodic,", "period", "2"]
    out = run("verify", *DATA, "--mu", "0.5", "--n-steps", "64")[1]
    assert "regime trained" in out and "max commutation error" in out
    assert run("--version")[1].startswith("lintrans 0.")


@sweeping
def test_sweeps_write_a_result_and_draw_it(run, folder, command):
    code, out, err = run(command, *SWEEPS[command])
    stem = command.replace("-", "_")
    assert (code, err) == (0, "") and out.endswith(f"wrote {stem}.h5 and {stem}.png\n")
    assert sorted(contents(folder)) == [f"{stem}.h5", f"{stem}.png"]
    assert run("show", f"{stem}.h5")[1].startswith(f"kind: {lt.load(f'{stem}.h5').kind}\n")
    assert run("plot", f"{stem}.h5", "--output", "again.png")[1] == "figure again.png\n"
    assert (folder / "again.png").read_bytes() == (folder / f"{stem}.png").read_bytes()


@writing
def test_quiet_says_nothing(run, command):
    assert run(command, *WRITING[command], "--output", "x.h5", "--quiet") == (0, "", "")


@pytest.mark.parametrize("words", [[], ["--help"]])
def test_help_names_every_command(run, words):
    code, out, err = run(*words)
    assert (code, err) == (0, "")
    commands = [*ON_DATA, "landmarks", "show", "plot"]
    assert [name for name in commands if f"\n  {name} " not in out] == []


@pytest.mark.parametrize("command", [*ON_DATA, "landmarks", "show", "plot"])
def test_every_command_has_help_and_json(run, command):
    out = run(command, "--help")[1]
    assert out.startswith(f"Usage: lintrans {command} ") and "--json" in out


def test_settings_from_elsewhere_cannot_send_control_characters_to_the_terminal(run):
    result = lt.orbit(1.0, 1.0, 1.0, n_steps=1)
    result.settings["note\x1b[2J"] = "\x1b]0;title\x07\nkind: nothing"
    lt.save(result, "o.h5")
    code, out, _ = run("show", "o.h5")
    assert code == 0 and "\x1b" not in out and len(out.splitlines()) == 4


def test_progress_is_on_standard_error(run, monkeypatch):
    monkeypatch.setattr(answers, "SECONDS_BETWEEN_LINES", 0.0)
    words = ["--mu", "0.1:2:20000", "--n-transient", "128", "--n-samples", "1", "--output", "b.h5"]
    code, out, err = run("bifurcation", *words)
    assert code == 0 and "cells" not in out
    assert re.match(r"bifurcation: \d+ of 20000 cells, \S+ steps/s, \d+ s left\n", err)
    assert run("bifurcation", *words, "--json", "--force")[2] == ""


def test_progress_is_a_bar_on_a_terminal(monkeypatch):
    class Terminal(io.StringIO):
        def isatty(self):
            return True

    stream = Terminal()
    monkeypatch.setattr(sys, "stderr", stream)
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("COLUMNS", "100")
    with answers.progress("phase diagram", quiet=False) as report:
        report(0, 4, {})
        report(1, 4, {"chaotic": 1})
        report(4, 4, {"monotone": 1, "chaotic": 2_100})
    shown = stream.getvalue()
    assert all(part in shown for part in ("phase diagram", "100%", "cells/s, chaotic 2.1k, monotone 1"))


def test_progress_says_when_it_compiles_and_counts_regimes(run, monkeypatch):
    monkeypatch.setattr(answers, "SECONDS_BETWEEN_LINES", 0.0)
    monkeypatch.setattr(answers, "SECONDS_UNTIL_WORD", 0.0)
    words = ["--mu", "0.1:2:200", "--scales", "0.5:1:50", "--n-transient", "128", "--output", "p.h5"]
    err = run("phase-diagram", *words)[2].splitlines()
    assert err[0] == "phase diagram: at work (the first run after installation compiles)"
    counts = dict(re.findall(r"(\w+) (\d+)(?:,|$)", err[-1].partition("left, ")[2]))
    done = int(re.search(r": (\d+) of 10000 cells", err[-1]).group(1))
    assert sum(map(int, counts.values())) == done and "monotone" in counts


# As a process of its own

PYTHON = [sys.executable, "-X", "utf8"]
HEAVY = {"numpy", "numba", "matplotlib", "sympy", "h5py", "mpmath", "llvmlite"}


def process(*words, **options):
    return subprocess.run(
        [*PYTHON, *words], capture_output=True, check=False, text=True, timeout=60, **options
    )


def imported(code):
    """Heavy packages that running ``code`` imports."""
    report = f"import sys\ntry:\n  {code}\nfinally:\n  print(*sys.modules, file=sys.stderr)"
    done = process("-c", report)
    assert done.returncode == 0, done.stderr
    return HEAVY & set(done.stderr.split())


def test_help_and_import_stay_light():
    assert imported("import lintrans") & (HEAVY - {"numpy"}) == set()
    assert imported("from lintrans.cli import main; main(['--help'])") == set()
    assert imported("import lintrans; lintrans.regime") >= {"numpy", "numba"}  # the check can fail


def test_exit_codes_reach_the_shell(tmp_path):
    script = str(Path(sys.executable).with_name("lintrans"))
    done = subprocess.run([script, "landmarks"], capture_output=True, check=False, text=True, timeout=60)
    assert (done.returncode, done.stderr, len(done.stdout.splitlines())) == (0, "", 8)
    run = "import sys; from lintrans.cli import main; sys.exit(main())"
    done = process("-c", run, "reduce", "--debug", "--mu", "1")
    assert done.returncode == 1 and "Traceback" in done.stderr and "InputError" in done.stderr
    done = process("-c", run, "reduce", "--mu", "1")
    assert done.returncode == 2 and "Traceback" not in done.stderr and done.stderr.count("\n") == 1


def test_a_reader_that_leaves_early_is_no_failure_worth_a_word():
    run = "from lintrans.cli import main; main(['landmarks'])"
    with subprocess.Popen([*PYTHON, "-c", run], stdout=subprocess.PIPE, stderr=subprocess.PIPE) as child:
        child.stdout.close()
        assert child.stderr.read() == b""
