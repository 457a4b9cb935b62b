"""Layer 6: what the command line refuses, in one line and with nothing written, and how it fails."""

from __future__ import annotations

import os
import signal

import h5py
import pytest
from commands import (
    DATA,
    ON_DATA,
    SINGLE,
    SWEEPS,
    WRITING,
    check_refusal,
    contents,
    no_proc,
    on_data,
    sweeping,
    without_mu,
    writing,
)

import lintrans as lt
from lintrans import plotting
from lintrans.cli import main
from lintrans.sweeps import store
from lintrans.two_factor import phase

pytestmark = pytest.mark.usefixtures("folder")


# Bad data

HEADER = "a,b,y"
ROWS = ["1,2,3", "4,5,6", "7,8,1", "2,1,5"]
TARGET, CONTEXT, QUERY = ["--target", "y"], ["--context", "0:3"], ["--query", "3"]
GOOD_CSV = [*TARGET, *CONTEXT, *QUERY]
BAD_CONTEXT = {text: [*TARGET, "--context", text, *QUERY] for text in ("3:0", "3")}
BAD_DATA = {
    "missing column": ([HEADER, *ROWS], ["--target", "z", *CONTEXT, *QUERY], ["target", "'z'", "y"]),
    "missing feature": ([HEADER, *ROWS], [*GOOD_CSV, "--features", "a,q"], ["features", "'q'"]),
    "text in a number column": ([HEADER, "1,two,3", *ROWS[1:]], GOOD_CSV, ["'b'", "'two'", "row 0"]),
    "NaN": ([HEADER, ROWS[0], "nan,5,6", *ROWS[2:]], GOOD_CSV, ["'a'", "'nan'", "row 1"]),
    "infinity": ([HEADER, *ROWS[:3], "inf,1,5"], GOOD_CSV, ["'a'", "'inf'", "row 3"]),
    "empty file": ([], GOOD_CSV, ["empty file"]),
    "one row": ([HEADER, ROWS[0]], GOOD_CSV, ["2 data rows", "1"]),
    "query inside the context": ([HEADER, *ROWS], [*TARGET, *CONTEXT, "--query", "2"], ["query", "row 2"]),
    "query beyond the rows": ([HEADER, *ROWS], [*TARGET, *CONTEXT, "--query", "9"], ["query", "9"]),
    "query negative": ([HEADER, *ROWS], [*TARGET, *CONTEXT, "--query", "-1"], ["query", "-1"]),
    "context reversed": ([HEADER, *ROWS], BAD_CONTEXT["3:0"], ["context", "3:0"]),
    "context malformed": ([HEADER, *ROWS], BAD_CONTEXT["3"], ["--context", "'3'"]),
    "no target": ([HEADER, *ROWS], [*CONTEXT, *QUERY], ["--target"]),
    "no query": ([HEADER, *ROWS], [*TARGET, *CONTEXT], ["--query"]),
    "no context": ([HEADER, *ROWS], [*TARGET, *QUERY], ["--context"]),
    "zero label": ([HEADER, *ROWS[:3], "2,1,0"], GOOD_CSV, ["query label"]),
    "zero moment": ([HEADER, "0,0,3", "0,0,6", "0,0,1", "2,1,5"], GOOD_CSV, ["context moment"]),
    "constant column": ([HEADER, "1,2,3", "1,5,6", "1,8,1", "2,1,5"], [*GOOD_CSV, "--standardize"], ["'a'"]),
}  # fmt: skip


@pytest.fixture
def csv_file(tmp_path):
    def write(lines):
        file = tmp_path / "given.csv"
        file.write_text("".join(line + "\n" for line in lines))
        return file

    return write


@on_data
@pytest.mark.parametrize("case", BAD_DATA)
def test_bad_data_is_refused(refused, csv_file, command, case):
    lines, words, needles = BAD_DATA[case]
    refused(command, csv_file(lines), *words, *ON_DATA[command], needles=needles)


@on_data
def test_the_same_data_without_a_fault_is_taken(run, csv_file, command):
    quiet = [] if command in ("reduce", "thresholds") else ["--quiet"]
    figure = ["--json"] if command in SWEEPS else []  # draws nothing
    code, _, err = run(command, csv_file([HEADER, *ROWS]), *GOOD_CSV, *ON_DATA[command], *quiet, *figure)
    assert (code, err) == (0, "")


@on_data
def test_missing_or_unreadable_data_is_refused(refused, tmp_path, command):
    for name in ("none.csv", "none.npz"):
        words = GOOD_CSV if name.endswith("csv") else []
        refused(command, tmp_path / name, *words, *ON_DATA[command], needles=[name])
    (tmp_path / "junk.npz").write_bytes(b"PK\x03\x04junk")
    refused(command, tmp_path / "junk.npz", *ON_DATA[command], needles=["junk.npz", "NPZ"])
    refused(command, tmp_path / "none.npz", "--target", "y", *ON_DATA[command], needles=["--target", "'y'"])


@pytest.mark.parametrize("command", ["reduce", "thresholds", "verify"])
def test_missing_DATA_is_refused(refused, command):
    refused(command, *ON_DATA[command], needles=["DATA"])


@pytest.mark.parametrize("command", ["orbit", *SWEEPS])
def test_without_DATA_what_describes_it_is_refused(refused, command):
    words = [*ON_DATA[command], "--start", "0.4,0.4"]
    for option in (["--target", "y"], ["--query", "0"], ["--center"], ["--context", "0:4"]):
        refused(command, *words, *option, needles=[option[0]])
    refused(command, *without_mu(words), "--step-size", "0.1", needles=["--step-size", "0.1", "DATA"])


@pytest.mark.parametrize("missing", [["--mu", "1"], ["--start", "1,1"], []])
def test_orbit_without_data_needs_mu_and_start(refused, missing):
    refused("orbit", *missing, needles=["--mu", "--start"])


# Bad numbers


@pytest.mark.parametrize("command", SINGLE)
@pytest.mark.parametrize("option", ["--step-size", "--mu"])
@pytest.mark.parametrize("value", ["inf", "-inf", "0", "-1", "nan", "abc", "1e999", ""])
def test_a_bad_step_size_is_refused(refused, command, option, value):
    shown = {"1e999": "inf"}.get(value, value)
    refused(command, *DATA, *without_mu(SINGLE[command]), option, value, needles=[option, shown])
    refused(command, *DATA, *without_mu(SINGLE[command]), f"{option}={value}", needles=[option, shown])


@on_data
def test_mu_and_step_size_exclude_each_other(refused, command):
    if command == "thresholds":
        return
    refused(
        command, *DATA, *ON_DATA[command], "--step-size", "1e-5", needles=["--mu", "--step-size", "1e-05"][:2]
    )


@pytest.mark.parametrize("command", SINGLE)
def test_one_of_mu_and_step_size_is_needed(refused, command):
    refused(command, *DATA, needles=["--mu", "--step-size", "None"])


BAD_RANGES = {
    "2:1:5": ["increasing", "2:1:5", "1:2:5"],
    "1:1:5": ["different ends", "1 for one value"],
    "1:2:0": ["count", "got 0"],
    "1:2:1": ["count", "got 1"],
    "1:2:-3": ["count", "got -3"],
    "1:2:1000000000000": ["count", "1000000000000"],
    "1:2:10.5": ["count", "'10.5'"],
    "1:2:many": ["count", "'many'"],
    "1:2": ["start:stop:count", "'1:2'"],
    "1:2:3:4": ["start:stop:count", "'1:2:3:4'"],
    "::": ["start", "''"],
    "a:2:5": ["start", "'a'"],
    "0.1:inf:5": ["stop", "inf"],
    "nan:2:5": ["start", "nan"],
    "0:2:5": ["positive", "got 0"],
    "-1:2:5": ["positive", "got -1"],
    "0": ["positive", "got 0"],
    "-0.5": ["positive", "got -0.5"],
    "inf": ["finite", "inf"],
    "one": ["number", "'one'"],
}


@sweeping
@pytest.mark.parametrize("text", BAD_RANGES)
def test_a_bad_range_is_refused(refused, command, text):
    words = without_mu(SWEEPS[command])
    refused(command, *words, "--mu", text, needles=["--mu", *BAD_RANGES[text]])
    refused(command, *DATA, *words, "--step-size", text, needles=["--step-size", *BAD_RANGES[text]])


@pytest.mark.parametrize("option", ["--scales", "--imbalances"])
@pytest.mark.parametrize("text", [text for text in BAD_RANGES if not {"positive"} & set(BAD_RANGES[text])])
def test_a_bad_second_axis_is_refused(refused, option, text):
    refused("phase-diagram", *SWEEPS["phase-diagram"], option, text, needles=[option, *BAD_RANGES[text]])


def test_two_second_axes_are_refused(refused):
    words = [*SWEEPS["phase-diagram"], "--scales", "0:1:2", "--imbalances", "0:1:2"]
    refused("phase-diagram", *words, needles=["scales", "imbalances"])


def test_grids_that_do_not_fit_in_memory_are_refused_before_any_work(refused):
    refused("phase-diagram", "--mu", "1:2:9999999", "--scales", "0:1:9999999", needles=["GiB"])
    refused("bifurcation", "--mu", "1:2:1000000", "--n-samples", "1000000", needles=["GiB"])
    refused("orbit", "--mu", "1", "--start", "1,1", "--n-steps", "1000000000", needles=["GiB"])


COUNTS = [
    ("orbit", "--n-steps", "-1"), ("orbit", "--n-steps", 10**12),
    ("verify", "--n-steps", 0), ("verify", "--n-steps", 10**12),
    ("phase-diagram", "--n-steps", 0), ("phase-diagram", "--n-steps", 10**12),
    ("phase-diagram", "--n-transient", 0), ("phase-diagram", "--n-transient", 10**12),
    ("phase-diagram", "--max-period", 0), ("phase-diagram", "--max-period", 10**12),
    ("lyapunov", "--n-steps", 0), ("lyapunov", "--n-steps", 10**12),
    ("lyapunov", "--n-transient", 0), ("lyapunov", "--n-transient", 10**12),
    ("bifurcation", "--n-samples", 0), ("bifurcation", "--n-samples", 10**12),
    ("bifurcation", "--n-transient", -1), ("bifurcation", "--n-transient", 10**12),
]  # fmt: skip


@pytest.mark.parametrize(("command", "option", "value"), COUNTS)
def test_a_count_out_of_range_is_refused(refused, command, option, value):
    words = [*DATA, *ON_DATA[command], "--output", "x.h5", option, value]
    refused(command, *words, needles=[option[2:].replace("-", "_"), value])


def test_a_basin_is_of_all_starts_and_takes_no_weights(refused):
    for option in ("--value", "--scale", "--seed"):
        refused("basin", *DATA, *ON_DATA["basin"], option, "1", needles=["No such option", option])


@pytest.mark.parametrize("command", [name for name in ON_DATA if name != "basin"])
@pytest.mark.parametrize(
    ("option", "value"),
    [("--value", "nan"), ("--value", "inf"), ("--scale", "inf"), ("--seed", "-1"),
     ("--seed", "x"), ("--value", "x")],
)  # fmt: skip
def test_bad_weights_are_refused(refused, command, option, value):
    refused(command, *DATA, *ON_DATA[command], option, value, needles=[option[2:], value])


@pytest.mark.parametrize("command", ["orbit", *SWEEPS])
@pytest.mark.parametrize("start", ["1", "1,2,3", "a,1", "1,nan", "inf,1", ","])
def test_a_bad_start_is_refused(refused, command, start):
    shown = start if start.count(",") != 1 else next(x for x in start.split(",") if x != "1")
    refused(command, *ON_DATA[command], "--start", start, needles=["--start", shown])


@pytest.mark.parametrize("tol", ["0", "-1", "nan", "x"])
def test_a_bad_tolerance_is_refused(refused, tol):
    refused("verify", *WRITING["verify"], "--tol", tol, needles=["tol", tol])


# Words that mean nothing


@pytest.mark.parametrize("command", [*ON_DATA, "landmarks", "show", "plot"])
def test_unknown_words_are_refused(refused, command):
    refused(command, "--nonsense", needles=["--nonsense", f"see lintrans {command} --help"])


def test_unknown_commands_and_missing_words_are_refused(refused):
    refused("nonsense", needles=["'nonsense'", "see lintrans --help"])
    refused("--nonsense", needles=["--nonsense", "see lintrans --help"])
    refused("show", needles=["FILE", "see lintrans show --help"])
    refused("reduce", *DATA, "--mu", needles=["--mu", "--help"])
    refused("landmarks", "more", needles=["more"])


def test_unknown_regime_is_refused(refused, answer):
    answer("lyapunov", *SWEEPS["lyapunov"], "--output", "l.h5")
    refused("show", "l.h5", "--regime", "nonsense", needles=["regime", "'nonsense'", "catapult"])
    refused("show", "l.h5", "--regime", "chaotic", needles=["--regime", "l.h5", "lyapunov_exponents"])


def test_unknown_variable_is_refused(refused, answer):
    answer("lyapunov", *SWEEPS["lyapunov"], "--output", "l.h5")
    answer("bifurcation", *SWEEPS["bifurcation"], "--output", "b.h5")
    refused("plot", "b.h5", "--variable", "nonsense", needles=["variable", "'nonsense'", "uv, a, loss"])
    refused("plot", "l.h5", "--variable", "uv", needles=["variable", "'uv'", "lyapunov_exponents"])


# Where results go


@writing
@pytest.mark.parametrize("option", ["--output", "--figure"])
def test_bad_places_are_refused(refused, folder, command, option):
    ending = {"--output": "h5", "--figure": "png"}[option]
    (folder / "sub").mkdir()
    (folder / "file").write_text("a file")
    for place in (f"none/x.{ending}", f"file/x.{ending}", "sub", f"{'x' * 300}.{ending}"):
        refused(command, *WRITING[command], option, place, needles=[place[:20]])


@writing
@pytest.mark.parametrize("figure", ["x.jpg", "x", "x.PNG", "png"])
def test_other_endings_of_figures_are_refused(refused, command, figure):
    refused(command, *WRITING[command], "--figure", figure, needles=[figure, ".png, .pdf, .svg"])


@writing
def test_result_and_figure_cannot_be_one_file(refused, folder, command):
    (folder / "sub").mkdir()
    for place in ("x.png", "sub/../x.png"):
        refused(command, *WRITING[command], "--output", "x.png", "--figure", place, needles=["x.png"])
    if command in SWEEPS:
        refused(command, *SWEEPS[command], "--output", "x.png", needles=["x.png"])


def test_a_device_is_never_replaced(refused, folder):
    os.mkfifo(folder / "pipe.h5")
    refused("lyapunov", *WRITING["lyapunov"], "--output", "pipe.h5", "--force", needles=["pipe.h5"])
    assert (folder / "pipe.h5").is_fifo()


@writing
def test_a_read_only_folder_is_refused_before_any_work(refused, monkeypatch, command):
    monkeypatch.setattr(os, "access", lambda path, mode: not mode & os.W_OK)  # pretended: root may
    monkeypatch.setattr(store, "run", lambda *a, **k: pytest.fail("work was done"))
    for option, place in (("--output", "x.h5"), ("--figure", "x.png")):
        refused(command, *WRITING[command], option, place, needles=["writable", "another folder"])


@no_proc
@writing
def test_a_folder_that_not_even_root_can_write_is_refused(refused, command):
    refused(command, *WRITING[command], "--output", "/proc/x.h5", needles=["writable", "/proc"])


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write in any folder")
@writing
def test_a_folder_without_write_permission_is_refused(refused, folder, command):
    (folder / "locked").mkdir(mode=0o555)
    refused(command, *WRITING[command], "--output", "locked/x.h5", needles=["writable", "locked"])


@writing
def test_existing_files_are_kept_unless_forced(run, refused, folder, command):
    figure = ["--figure", "f.svg"]
    (folder / "x.h5").write_bytes(b"precious")
    refused(command, *WRITING[command], "--output", "x.h5", *figure, needles=["x.h5", "--force"])
    (folder / "x.h5").rename("y.h5")
    (folder / "f.svg").write_bytes(b"drawn by hand")
    refused(command, *WRITING[command], "--output", "x.h5", *figure, needles=["f.svg", "--force"])
    assert run(command, *WRITING[command], "--output", "y.h5", *figure, "--force")[::2] == (0, "")
    assert lt.load("y.h5").kind and (folder / "f.svg").read_bytes().startswith(b"<?xml")
    assert sorted(contents(folder)) == ["f.svg", "y.h5"]


def test_a_dangling_link_counts_as_existing(refused, folder):
    (folder / "x.h5").symlink_to("nowhere")
    refused("lyapunov", *WRITING["lyapunov"], "--output", "x.h5", needles=["x.h5", "--force"])


# Files that are not results


def damaged(folder):
    """Files that are no result, by what is wrong with them."""
    lt.save(lt.orbit(1.1, 0.4, 0.4, n_steps=500), folder / "good.h5")
    good = (folder / "good.h5").read_bytes()
    middle = len(good) // 2
    kinds = {
        "empty": b"",
        "text": b"mu,u,v\n1,2,3\n",
        "truncated": good[:middle],
        "cut by one byte": good[:-1],
        "only its first bytes are right": good[:48] + bytes(0xFF ^ byte for byte in good[48:]),
        "zeros": bytes(len(good)),
    }
    with h5py.File(folder / "foreign.h5", "w") as file:
        file["data"] = [1, 2, 3]
    kinds["foreign"] = (folder / "foreign.h5").read_bytes()
    return kinds


@pytest.mark.parametrize("command", ["show", "plot"])
def test_files_that_are_no_results_are_refused(refused, folder, tmp_path, command):
    for what, content in damaged(tmp_path).items():
        (folder / "bad.h5").write_bytes(content)
        complaint = refused(command, "bad.h5", needles=["bad.h5"])
        assert len(complaint) < 300, what
    refused(command, "none.h5", needles=["none.h5", "no such file"])
    refused(command, ".", needles=["no such file"])
    refused(command, "x" * 300, needles=["xxx"])


def test_plot_refuses_bad_places(refused, folder, tmp_path):
    lt.save(lt.orbit(1.1, 0.4, 0.4, n_steps=5), folder / "o.h5")
    refused("plot", "o.h5", "--output", "o.jpg", needles=["o.jpg", ".png, .pdf, .svg"])
    refused("plot", "o.h5", "--output", "none/o.png", needles=["none/o.png"])
    (folder / "o.png").write_bytes(b"mine")
    refused("plot", "o.h5", needles=["o.png", "--force"])
    (folder / "o.h5").rename("result.png")
    refused("plot", "result.png", "--force", needles=["result.png"])


def test_plot_replaces_a_figure_with_force(run, folder):
    lt.save(lt.orbit(1.1, 0.4, 0.4, n_steps=5), folder / "o.h5")
    (folder / "o.png").write_bytes(b"old")
    assert run("plot", "o.h5", "--force") == (0, "figure o.png\n", "")
    assert (folder / "o.png").read_bytes().startswith(b"\x89PNG")


# Failures


def interrupted(*_, **__):
    signal.raise_signal(signal.SIGINT)


def broken(*_, **__):
    raise RuntimeError("the house\nis on fire")


@sweeping
def test_ctrl_c_in_a_sweep_leaves_nothing(run, monkeypatch, folder, command):
    monkeypatch.setattr(store, "run", interrupted)
    code, out, err = run(command, *SWEEPS[command], "--output", "x.h5")
    assert (code, out, err.count("\n")) == (130, "", 1) and err.startswith("lintrans: stopped")
    assert contents(folder) == {}


@writing
@pytest.mark.parametrize(
    "room", [(store, "_dataset"), (plotting.Figure, "savefig")], ids=["result", "figure"]
)
@pytest.mark.parametrize(
    ("trouble", "expected"), [(interrupted, 130), (broken, 1)], ids=["ctrl-c", "failure"]
)
def test_trouble_in_writing_leaves_old_files_and_no_unfinished_one(
    run, monkeypatch, folder, command, room, trouble, expected
):
    monkeypatch.setattr(*room, trouble)
    (folder / "f.png").write_bytes(b"old figure")
    if room[0] is store:
        (folder / "x.h5").write_bytes(b"old result")
    before = contents(folder)
    code, out, err = run(command, *WRITING[command], "--output", "x.h5", "--figure", "f.png", "--force")
    assert (code, out, err.count("\n")) == (expected, "", 1)
    after = contents(folder)
    after.pop("x.h5.sweep", None)  # what was computed is kept, for lintrans resume
    if room[0] is not store:  # the result was finished before the figure was begun
        assert after.pop("x.h5").startswith(b"\x89HDF")
    assert after == before


def test_an_internal_failure_is_one_line_and_exit_1(run, monkeypatch, folder):
    monkeypatch.setattr(phase, "measure", broken)
    code, out, err = run("phase-diagram", *SWEEPS["phase-diagram"])
    assert (code, out) == (1, "")
    assert err == ("lintrans: RuntimeError: the house is on fire; run again with --debug for the traceback\n")
    assert contents(folder) == {}


@pytest.mark.parametrize("where", [0, 1, 99])
def test_debug_lets_the_error_through(monkeypatch, where):
    monkeypatch.setattr(phase, "measure", broken)
    words = ["phase-diagram", *SWEEPS["phase-diagram"]]
    words.insert(where, "--debug")
    with pytest.raises(RuntimeError, match="on fire"):
        main(words)


def test_these_checks_notice_a_traceback_a_second_line_and_a_missing_remedy():
    for code, out, err in (
        (1, "", "lintrans: mu must be positive, got 0; pass another\n"),
        (2, "mu", "lintrans: mu must be positive, got 0; pass another\n"),
        (2, "", "Warning: overflow\nlintrans: mu must be positive, got 0; pass another\n"),
        (2, "", "lintrans: mu must be positive, got 0;\n"),
        (2, "", "lintrans: mu must be positive, got -1; pass another\n"),
    ):
        with pytest.raises(AssertionError):
            check_refusal(code, out, err, ["got 0"])
