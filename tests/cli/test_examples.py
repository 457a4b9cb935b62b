"""Layer 6: every command's help ends with an example, and the example runs in an empty folder."""

from __future__ import annotations

import re
import shlex
import signal

import pytest

from lintrans import registry
from lintrans.sweeps import store

COMMANDS = [name for group in registry.groups() for name in group.commands]
ON_RESULT = ("show", "plot", "resume")


def example_of(text):
    """Words of the command line that ends a help; None if the help ends otherwise."""
    found = re.search(r"\n  Example:\n((?:    .*\n)+)\Z", text)
    return found and shlex.split(found.group(1).replace("\\\n", " "))


@pytest.fixture
def example(run):
    def call(command):
        code, out, err = run(*([command] if command else []), "--help")
        assert (code, err) == (0, "")
        return example_of(out)

    return call


@pytest.mark.parametrize("command", COMMANDS)
def test_help_ends_with_an_example_of_the_command(example, command):
    assert example(command)[:2] == ["lintrans", command]


def test_a_help_without_an_example_is_noticed():
    assert example_of("Usage: lintrans reduce\n\n  Reduce.\n") is None
    assert example_of("\n  Example:\n    lintrans reduce\n\nOptions:\n  --help\n") is None


@pytest.fixture
def on_a_result(run, folder, example, monkeypatch):
    """Leave the file that an example reads: the one that the example of phase-diagram writes."""

    def make(command):
        if command not in ON_RESULT:
            return
        words = [*example("phase-diagram")[1:], "--quiet"]
        if command == "resume":
            with monkeypatch.context() as m:
                m.setattr(store, "_assemble", lambda *_: signal.raise_signal(signal.SIGINT))
                assert run(*words)[0] == 130
            assert (folder / "phase_diagram.h5.sweep").exists()
        else:
            assert run(*words)[0] == 0

    return make


@pytest.mark.parametrize("command", [*COMMANDS, ""], ids=[*COMMANDS, "lintrans"])
def test_the_example_runs_and_writes_what_it_names(run, folder, example, on_a_result, command):
    on_a_result(command)
    words = example(command)
    code, out, _ = run(*words[1:])
    assert code == 0 and out
    if "--output" in words:
        assert (folder / words[words.index("--output") + 1]).exists()
    assert not (folder / "phase_diagram.h5.sweep").exists()


def test_the_default_output_is_the_one_named_in_the_example(answer, example, folder):
    for command in ("bifurcation", "escapes"):
        words = example(command)
        place = words.index("--output")
        assert answer(*words[1:place])["output"] == words[place + 1]


# The word "example"


def test_example_is_the_table_of_the_package(answer, folder):
    rows = ["--target", "progression", "--context", "0:64", "--query", "64", "--mu", "1"]
    assert answer("reduce", "example", *rows)["mu"] == pytest.approx(1)
    got = answer("orbit", "example", *rows, "--n-steps", "2", "--output", "o.h5")
    assert store.load(got["output"]).settings["problem"]["data"] == "diabetes.csv"


@pytest.mark.parametrize("command", ["reduce", "minibatch"])
def test_a_file_called_example_is_neither_shadowed_nor_taken(refused, folder, command):
    (folder / "example").write_text("x,y\n1,2\n2,1\n3,4\n4,5\n")
    refused(command, "example", "--target", "y", needles=["'example'", "./example"])


def test_a_file_called_example_is_read_by_its_path(answer, folder):
    (folder / "example").write_text("x,y\n1,2\n2,1\n3,4\n")
    rows = ["--target", "y", "--context", "0:2", "--query", "2", "--mu", "1"]
    got = answer("reduce", "./example", *rows)
    assert got["unit_step_size"] == pytest.approx(1 / (2 * 3 * 4))  # mean(y x) = 2, x_q = 3, y_q = 4


# The list of commands


def joined(text):
    """Lines as one, also where a line ends at a hyphen."""
    return " ".join(text.split()).replace("- ", "-")


def test_the_list_of_commands_shows_whole_sentences(run, monkeypatch):
    monkeypatch.setenv("COLUMNS", "60")
    out = run("--help")[1]
    assert "..." not in out.partition("COMMAND [ARGS]...")[2]
    for command in COMMANDS:
        entry = re.search(rf"\n  {command} +(.*(?:\n {{8,}}.*)*)", out).group(1)
        assert entry.endswith(".")
        assert joined(entry) in joined(run(command, "--help")[1])


TRAINED = "P = diag(0, w)", "K = diag(W, 0)"


@pytest.mark.parametrize("command", [c for c in COMMANDS if c not in (*ON_RESULT, "derive", "sandbox")])
def test_help_says_which_weights_are_trained(run, command):
    out = " ".join(run(command, "--help")[1].split())
    assert all(part in out for part in TRAINED)


@pytest.mark.parametrize("command", ["reduce", "thresholds", "verify", "minibatch", "escapes"])
def test_tables_of_learning_rates_say_which_weights_are_trained(run, folder, example, command):
    lines = [line for line in run(*example(command)[1:])[1].splitlines() if all(p in line for p in TRAINED)]
    assert len(lines) == 1 and lines[0].startswith("trained")
