"""What the parser reads in the names of public checkpoints, row by row."""

from __future__ import annotations

import csv
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lintrans.circuits.names import (
    STEPS,
    is_without_step,
    number,
    order,
    parse_revision,
    read_revision,
    steps_of,
    tokens_per_step,
    unread,
)
from lintrans.errors import InputError

TABLE = Path(__file__).parent / "data" / "checkpoint_names.csv"
PYTHIA, SMOL3 = 2_097_152, 2_359_296  # tokens of a step, as their authors say

# Repository, name, stage, step, tokens, label: typed by hand.
READ = [
    ("EleutherAI/pythia-1b", "step0", None, 0, 0, "step 0"),
    ("EleutherAI/pythia-1b", "step1", None, 1, PYTHIA, "step 1"),
    ("EleutherAI/pythia-1b", "step2", None, 2, 2 * PYTHIA, "step 2"),
    ("EleutherAI/pythia-1b", "step4", None, 4, 4 * PYTHIA, "step 4"),
    ("EleutherAI/pythia-1b", "step512", None, 512, 2**30, "step 512"),
    ("EleutherAI/pythia-1b", "step1000", None, 1000, 2_097_152_000, "step 1000"),
    ("EleutherAI/pythia-1b", "step116000", None, 116000, 243_269_632_000, "step 116000"),
    ("EleutherAI/pythia-1b", "step143000", None, 143000, 299_892_736_000, "step 143000"),
    ("EleutherAI/pythia-14m-seed1", "step0", None, 0, 0, "step 0"),
    ("EleutherAI/pythia-14m-seed1", "step4", None, 4, 4 * PYTHIA, "step 4"),
    ("EleutherAI/pythia-14m-seed1", "step102000", None, 102000, 213_909_504_000, "step 102000"),
    ("EleutherAI/pythia-14m-seed1", "step143000", None, 143000, 299_892_736_000, "step 143000"),
    ("allenai/OLMo-7B", "step1000-tokens4B", None, 1000, 4e9, "step 1000"),
    ("allenai/OLMo-7B", "step452000-tokens2000B", None, 452000, 2000e9, "step 452000"),
    ("allenai/OLMo-7B", "step556000-tokens2460B", None, 556000, 2460e9, "step 556000"),
    ("allenai/OLMo-1B-0724-hf", "step1000-tokens2B", None, 1000, 2e9, "step 1000"),
    ("allenai/OLMo-1B-0724-hf", "step126000-tokens264B", None, 126000, 264e9, "step 126000"),
    ("allenai/OLMo-1B-0724-hf", "step1454000-tokens3048B", None, 1454000, 3048e9, "step 1454000"),
    ("allenai/OLMoE-1B-7B-0924", "step5000-tokens20B", None, 5000, 20e9, "step 5000"),
    ("allenai/OLMoE-1B-7B-0924", "step1200000-tokens5033B", None, 1200000, 5033e9, "step 1200000"),
    ("allenai/OLMoE-1B-7B-0924", "step1220000-tokens5117B", None, 1220000, 5117e9, "step 1220000"),
    ("allenai/OLMoE-1B-7B-0924", "main", None, None, None, "main"),
    ("allenai/OLMoE-1B-7B-0924", "fp32", None, None, None, "fp32"),
    ("allenai/OLMo-2-1124-7B", "stage1-step101000-tokens424B", "stage1", 101000, 424e9, "stage1 step 101000"),
    ("allenai/OLMo-2-1124-7B", "stage1-step102000-tokens428B", "stage1", 102000, 428e9, "stage1 step 102000"),
    ("allenai/OLMo-2-1124-7B", "step150-tokens1B", None, 150, 1e9, "step 150"),
    ("allenai/OLMo-2-1124-7B", "step600-tokens3B", None, 600, 3e9, "step 600"),
    ("allenai/OLMo-2-1124-7B", "step700-tokens3B", None, 700, 3e9, "step 700"),
    (
        "allenai/OLMo-2-1124-7B",
        "stage2-ingredient1-step11931-tokens50B",
        "stage2-ingredient1",
        11931,
        50e9,
        "stage2-ingredient1 step 11931",
    ),
    (
        "allenai/OLMo-2-1124-13B",
        "stage2-ingredient2-step11931-tokens100B",
        "stage2-ingredient2",
        11931,
        100e9,
        "stage2-ingredient2 step 11931",
    ),
    ("allenai/OLMo-2-0425-1B", "stage1-step120000-tokens252B", "stage1", 120000, 252e9, "stage1 step 120000"),
    (
        "allenai/OLMo-2-0425-1B",
        "stage2-ingredient3-step12000-tokens26B",
        "stage2-ingredient3",
        12000,
        26e9,
        "stage2-ingredient3 step 12000",
    ),
    ("allenai/Olmo-3-1025-7B", "stage1-step0", "stage1", 0, None, "stage1 step 0"),
    ("allenai/Olmo-3-1025-7B", "stage1-step1000", "stage1", 1000, None, "stage1 step 1000"),
    ("allenai/Olmo-3-1025-7B", "stage1-step1413814", "stage1", 1413814, None, "stage1 step 1413814"),
    ("allenai/Olmo-3-1025-7B", "stage2-step47684", "stage2", 47684, None, "stage2 step 47684"),
    (
        "allenai/Olmo-3-1025-7B",
        "stage2-step47684-mix-round5-from-2T-ckpt",  # began at 2 T tokens: no count of its own
        "stage2-mix-round5-from-2T-ckpt",
        47684,
        None,
        "stage2-mix-round5-from-2T-ckpt step 47684",
    ),
    ("allenai/Olmo-3-1025-7B", "stage3-step1000", "stage3", 1000, None, "stage3 step 1000"),
    ("allenai/Olmo-3-1025-7B", "stage3-step11921", "stage3", 11921, None, "stage3 step 11921"),
    ("allenai/Olmo-3-7B-Instruct", "step_050", None, 50, None, "step 50"),
    ("allenai/Olmo-3-7B-Instruct", "step_400", None, 400, None, "step 400"),
    ("allenai/Olmo-3-7B-Think-SFT", "step43000", None, 43000, None, "step 43000"),
    (
        "HuggingFaceTB/SmolLM2-1.7B-intermediate-checkpoints",
        "step-125000",
        None,
        125000,
        262_144_000_000,
        "step 125000",
    ),
    # The card gives a rate for the 1.7B and "about" for the 360M: no table, no tokens.
    ("HuggingFaceTB/SmolLM2-360M-intermediate-checkpoints", "step-160000", None, 160000, None, "step 160000"),
    (
        "HuggingFaceTB/SmolLM3-3B-checkpoints",
        "stage1-step-3440000",
        "stage1",
        3440000,
        3440000 * SMOL3,
        "stage1 step 3440000",
    ),
    (
        "HuggingFaceTB/SmolLM3-3B-checkpoints",
        "stage2-step-4200000",
        "stage2",
        4200000,
        4200000 * SMOL3,
        "stage2 step 4200000",
    ),
    (
        "HuggingFaceTB/SmolLM3-3B-checkpoints",
        "stage3-step-4720000",
        "stage3",
        4720000,
        4720000 * SMOL3,
        "stage3 step 4720000",
    ),
    ("HuggingFaceFW/ablation-model-fineweb-edu", "step-001000-2BT", None, 1000, 2e9, "step 1000"),
    ("LLM360/Amber", "ckpt_000", None, None, None, "checkpoint 0"),
    ("LLM360/Amber", "ckpt_356", None, None, None, "checkpoint 356"),
    ("LLM360/Amber", "ckpt_358", None, None, None, "checkpoint 358"),
    ("LLM360/Amber", "main", None, None, None, "main"),
    ("swiss-ai/Apertus-8B-2509", "step50000-tokens210B", None, 50000, 210e9, "step 50000"),
    ("swiss-ai/Apertus-8B-2509", "step1670000-tokens7014B", None, 1670000, 7014e9, "step 1670000"),
    ("swiss-ai/Apertus-8B-2509", "step1678000-tokens7047B", None, 1678000, 7047e9, "step 1678000"),
    ("swiss-ai/Apertus-8B-2509", "step1700000-tokens7232B", None, 1700000, 7232e9, "step 1700000"),
    ("swiss-ai/Apertus-8B-2509", "step2627139-tokens15T", None, 2627139, 15e12, "step 2627139"),
    ("marin-community/marin-8b-base", "kestrel", None, None, 2.7e12, "kestrel"),
    ("marin-community/marin-8b-base", "ocelot", None, None, 3.78e12, "ocelot"),
    ("marin-community/marin-8b-base", "jellyfish", None, None, 4.78e12, "jellyfish"),
    ("marin-community/marin-8b-base", "phoenix", None, None, 11.1e12, "phoenix"),
    ("marin-community/marin-8b-base", "starling", None, None, 12.4e12, "starling"),
    ("marin-community/marin-8b-base", "deeper-starling", None, None, 12.7e12, "deeper-starling"),
    ("marin-community/marin-8b-base", "main", None, None, None, "main"),
    ("FuxiTranyu-8B", "10B", None, None, 10e9, "10B tokens"),
    ("FuxiTranyu-8B", "21B", None, None, 21e9, "21B tokens"),
    ("FuxiTranyu-8B", "593B", None, None, 593e9, "593B tokens"),
    ("togethercomputer/RedPajama-INCITE-7B-Base", "240b_tokens", None, None, 240e9, "240B tokens"),
    ("togethercomputer/RedPajama-INCITE-7B-Base", "1t_tokens", None, None, 1e12, "1T tokens"),
    ("bigscience/bloom-560m-intermediate", "global_step1000", None, 1000, None, "step 1000"),
    ("bigscience/bloom-560m-intermediate", "global_step10000", None, 10000, None, "step 10000"),
    ("bigscience/bloom-560m-intermediate", "global_step100000", None, 100000, None, "step 100000"),
    ("stanford-crfm/alias-gpt2-small-x21", "checkpoint-10", None, 10, None, "step 10"),
    ("stanford-crfm/alias-gpt2-small-x21", "checkpoint-400000", None, 400000, None, "step 400000"),
    ("google/multiberts-seed_0-step_20k", "main", None, 20000, None, "step 20000"),
    ("TinyLlama/TinyLlama-1.1B-intermediate-step-1431k-3T", "main", None, 1431000, 3e12, "step 1431000"),
    ("m-a-p/neo_scalinglaw_250M", "hf_ckpt/16.78B", None, None, 16_780_000_000, "16.78B tokens"),
    ("m-a-p/neo_scalinglaw_250M", "hf_ckpt/33.55B", None, None, 33_550_000_000, "33.55B tokens"),
    ("BAAI/Aquila-135M-Intermediate", "", None, None, None, "unnamed"),
    ("(local)", "checkpoint-500", None, 500, None, "step 500"),
    (
        "bs-modeling-metadata/checkpoints_all_06_12_html_special_tokens_0.5",
        "checkpoint-4000step",
        None,
        4000,
        None,
        "step 4000",
    ),
    ("arkilpatel/olmo2-1b-traj-s1-252b", "step-XXXX/", None, None, None, "step-XXXX"),
]

# Further names of the same kinds, without what is known of a repository.
MORE = [
    ("iter-0000500-ckpt", None, 500, None, "step 500"),
    ("iteration_20", None, 20, None, "step 20"),
    ("step-50K-105b", None, 50000, 105e9, "step 50000"),
    ("tokens2B-step5", None, 5, 2e9, "step 5"),
    ("step=100", None, 100, None, "step 100"),
    ("20k-steps", None, 20000, None, "step 20000"),
    ("ckpt_16.78B", None, None, 16.78e9, "16.78B tokens"),
    ("checkpoint-2BT", None, None, 2e9, "2B tokens"),
    ("1.5T", None, None, 1.5e12, "1.5T tokens"),
    ("350M", None, None, 350e6, "350M tokens"),
    ("step-0100/", None, 100, None, "step 100"),
    ("./step100", None, 100, None, "step 100"),
    ("seed0\\checkpoint-10", "seed0", 10, None, "seed0 step 10"),
    ("stage1/step100", "stage1", 100, None, "stage1 step 100"),
    ("seed3/stage2-step7", "seed3/stage2", 7, None, "seed3/stage2 step 7"),
    ("checkpoints/step100/hf", None, 100, None, "step 100"),
    ("STEP512", None, 512, None, "step 512"),
]

UNREADABLE = [
    "kestrel", "7B-chat", "model-7B", "v1.0", "step", "step-XXXX", "step1000.5", "special_tokens_0.5", "2025",
    "e775da2", "0ce7e27fe58b215df4b4a0123456789abcdef012", "refs/pr/3", "steps", "stepping1", "misstep10",
    "step" + "9" * 400, "9" * 400 + "B", "checkpoints", "", " ", "/", "epoch-3", "10", "-1", "naïve",
]  # fmt: skip


def test_all_names_of_the_table_are_read_here():
    with TABLE.open(newline="") as stream:
        names = [(row["repository"], row["name"]) for row in csv.DictReader(stream)]
    assert len(names) == 82
    assert [row[:2] for row in READ] == names


@pytest.mark.parametrize(("repository", "name", "stage", "step", "tokens", "label"), READ)
def test_public_names(repository, name, stage, step, tokens, label):
    assert read_revision(repository, name) == (name, stage, step, tokens, label)


@pytest.mark.parametrize(("name", "stage", "step", "tokens", "label"), MORE)
def test_more_names(name, stage, step, tokens, label):
    assert parse_revision(name) == (name, stage, step, tokens, label)


@pytest.mark.parametrize("name", UNREADABLE)
def test_what_cannot_be_read_has_no_step(name):
    found = parse_revision(name, tokens_per_step=1000)
    assert found[1:4] == (None, None, None)
    assert found.label
    assert unread([found]) == [found]


def test_tokens_are_never_computed_without_a_rate():
    assert parse_revision("step512").tokens is None
    assert parse_revision("step512", tokens_per_step=2).tokens == 1024
    assert parse_revision("step1000-tokens4B", tokens_per_step=2).tokens == 4e9  # what the name says stays
    assert parse_revision("main", tokens_per_step=2).tokens is None
    for other in ("allenai/OLMo-7B", "EleutherAI/pythia-1.4b-v0", "me/pythia-1b", "LLM360/Amber"):
        assert tokens_per_step(other) is None
        assert read_revision(other, "step512").tokens is None


def test_a_size_in_the_name_of_a_repository_is_no_number_of_tokens():
    for repository in ("EleutherAI/pythia-1b", "FuxiTranyu-8B", "a/step-model-7B", "a/checkpoints-2T"):
        assert read_revision(repository, "main")[1:4] == (None, None, None)


def test_names_without_a_step_are_not_unread():
    found = [parse_revision(name) for name in ("main", "final", "fp32", "MAIN", "hf_ckpt/main")]
    assert all(map(is_without_step, found))
    assert unread(found) == []
    assert not is_without_step(parse_revision("kestrel"))
    assert not is_without_step(parse_revision("maintenance"))


def test_numbered_checkpoints_have_a_number_and_no_step():
    found = parse_revision("ckpt_356", tokens_per_step=10)
    assert (found.step, found.tokens, number(found)) == (None, None, 356)
    assert unread([found]) == []
    assert number(parse_revision("checkpoint-356")) is None  # this is a step


def names_in_order(*names, repository="me/model"):
    return [one.name for one in order(read_revision(repository, name) for name in names)]


def test_order_by_step_and_not_by_letters():
    assert names_in_order("step10", "step9", "main", "step1000", "step0") == [
        "step0", "step9", "step10", "step1000", "main",
    ]  # fmt: skip


def test_order_by_stage_then_step():
    steps = ["stage1-step0", "stage1-step1413814", "stage2-step1000", "stage2-step47684", "stage10-step1"]
    assert names_in_order(*reversed(steps), "main", "fp32") == [*steps, "fp32", "main"]


def test_a_missing_prefix_stands_with_the_first_stage():
    expected = [
        "step150-tokens1B", "stage1-step200-tokens1B", "step600-tokens3B", "stage1-step101000-tokens424B",
        "stage2-ingredient1-step100-tokens1B", "stage2-ingredient2-step100-tokens1B",
    ]  # fmt: skip
    assert names_in_order(*sorted(expected)) == expected


def test_order_by_tokens_and_by_number():
    assert names_in_order("593B", "10B", "1.2T", "21B") == ["10B", "21B", "593B", "1.2T"]
    assert names_in_order("ckpt_10", "main", "ckpt_9", "ckpt_000") == [
        "ckpt_000",
        "ckpt_9",
        "ckpt_10",
        "main",
    ]
    marin = ["kestrel", "ocelot", "jellyfish", "phoenix", "starling", "deeper-starling"]
    assert names_in_order("main", *reversed(marin), repository="marin-community/marin-8b-base") == [
        *marin, "main",
    ]  # fmt: skip


def test_nothing_is_dropped_and_unread_names_keep_their_order():
    names = ["zebra", "main", "step1", "ant", "step0"]
    assert names_in_order(*names) == ["step0", "step1", "zebra", "ant", "main"]


def test_labels_differ():
    found = order(map(parse_revision, ("step1000", "step-1000", "step2")))
    assert [one.label for one in found] == ["step 2", "step1000", "step-1000"]
    with pytest.raises(InputError, match="names of checkpoints must differ, got 'step1' twice"):
        order([parse_revision("step1")] * 2)


def test_known_steps_of_pythia():
    steps = steps_of("EleutherAI/pythia-160m-seed3")
    assert steps == STEPS["EleutherAI/pythia-"]
    assert len(steps) == 154
    assert steps[:13] == (0, 1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1000, 2000)
    assert steps[-1] == 143000
    assert steps_of("EleutherAI/pythia-1b-v0") is None
    assert steps_of("allenai/OLMo-7B") is None


@given(
    st.integers(0, 10**12),
    st.sampled_from(["step{}", "step-{}", "global_step{}", "checkpoint-{}", "iter_{}"]),
)
def test_every_step_is_read_back(step, pattern):
    found = parse_revision(pattern.format(step))
    assert (found.stage, found.step, found.tokens) == (None, step, None)


@given(st.text(max_size=30))
def test_any_text_has_a_reading(text):
    found = parse_revision(text)
    assert found.name == text
    assert found.label
    order([found, parse_revision("step1" if text != "step1" else "step2")])


@pytest.mark.parametrize("name", [None, 3, b"step1"])
def test_names_must_be_text(name):
    with pytest.raises(InputError, match="name must be the text of a checkpoint's name"):
        parse_revision(name)


@pytest.mark.parametrize("rate", [0, -1, 2.5, "2"])
def test_rates_must_be_whole(rate):
    with pytest.raises(InputError, match="tokens_per_step must"):
        parse_revision("step1", tokens_per_step=rate)
