"""Families of models: their heads, outputs and losses are those of transformers; what is refused, and how."""

from __future__ import annotations

import json
import pickle
import shutil

import numpy as np
import pytest

pytestmark = pytest.mark.circuits
torch = pytest.importorskip("torch")
tf = pytest.importorskip("transformers")

import random_models as rm  # noqa: E402

from lintrans.circuits import memory  # noqa: E402
from lintrans.circuits.families import FAMILIES, Loaded, adapt, load, read_config, shape_of, text_ids  # noqa: E402
from lintrans.circuits.rows import fitting_batch, losses_at, run  # noqa: E402
from lintrans.errors import InputError  # noqa: E402

ALL = np.tile(np.arange(1, 40), (5, 1))  # positions whose loss is taken
# The same float32 operations in another batch are rounded in another order: a few ulp of numbers near 1.
NEAR = {"rtol": 2e-5, "atol": 2e-6}


def refusal(call):
    with pytest.raises(InputError) as found:
        call()
    line = str(found.value)
    assert "\n" not in line and line.rpartition(";")[2].strip(), line
    return line


def test_every_family_is_tested():
    assert set(rm.CONFIGS) == set(FAMILIES)


@pytest.mark.parametrize("family", FAMILIES)
def test_rows_outputs_and_losses_of_a_family(family, tmp_path):
    loaded = load(rm.saved(tmp_path, family))
    tokens = rm.sequences()
    projected = {}
    for layer, attention in enumerate(loaded.attentions):
        attention.register_forward_hook(
            lambda module, given, found, layer=layer: projected.__setitem__(layer, found[0])
        )
    with torch.inference_mode():
        known = loaded.model(torch.from_numpy(tokens), output_attentions=True)
        found = run(loaded, tokens, batch=5, loss_at=ALL)
        shape = loaded.shape
        assert (shape.family, shape.n_layers, shape.n_heads) == (family, 2, 4)
        assert found.rows.shape == (2, 5, 4, 40) and found.rows.dtype == np.float32
        for layer in range(2):
            wanted = known.attentions[layer][:, :, -1].numpy()
            np.testing.assert_array_equal(found.rows[layer], wanted)
            # Outputs of all heads through the output projection are the output of attention.
            heads = torch.from_numpy(found.outputs[layer]).reshape(5, 1, -1)
            np.testing.assert_allclose(
                loaded.outputs[layer](heads)[:, 0].numpy(), projected[layer][:, -1].numpy(), **NEAR
            )
    wanted = torch.nn.functional.cross_entropy(
        known.logits[:, :-1].transpose(1, 2), torch.from_numpy(tokens[:, 1:]), reduction="none"
    )
    np.testing.assert_allclose(found.losses, wanted.numpy(), **NEAR)
    assert found.rows.std() > 0.02  # attention far from uniform, so that a wrong head or row is seen


@pytest.mark.parametrize("family", ["gpt_neox", "olmoe", "qwen2"])
def test_batches_do_not_matter(family):
    loaded, tokens = adapt(rm.model(family)), rm.sequences()
    whole, apart = (run(loaded, tokens, batch=size, loss_at=ALL) for size in (5, 2))
    for name in ("rows", "outputs", "losses"):
        np.testing.assert_allclose(getattr(whole, name), getattr(apart, name), **NEAR)
    np.testing.assert_allclose(losses_at(loaded, tokens, ALL, batch=3), whole.losses, **NEAR)


def test_grouped_query_heads_are_counted_one_by_one():
    loaded = adapt(rm.model("llama"))
    assert (loaded.shape.n_heads, loaded.shape.n_kv_heads) == (4, 2)
    rows = run(loaded, rm.sequences()).rows
    assert all((rows[:, :, i] != rows[:, :, j]).any() for i in range(4) for j in range(i))


def test_the_width_of_a_head_can_differ_from_the_hidden_size_over_heads():
    loaded = adapt(rm.model("qwen3"))
    assert loaded.shape.d_head == 16 and run(loaded, rm.sequences()).outputs.shape[-1] == 16


@pytest.mark.parametrize("family", rm.WINDOWED)
def test_sliding_windows_are_flagged_by_layer(family, tmp_path):
    config, windows = rm.WINDOWED[family]
    loaded = load(rm.saved(tmp_path, config()))
    assert loaded.shape.windows == windows
    assert loaded.shape.windowed(40) == [layer for layer, size in enumerate(windows) if size]
    assert loaded.shape.windowed(rm.WINDOW) == []
    seen = (run(loaded, rm.sequences()).rows > 0).any(axis=(1, 2)).sum(axis=-1)  # keys by layer
    assert seen.tolist() == [size or 40 for size in windows]


def test_parallel_residual_is_told():
    assert adapt(rm.model("gpt_neox")).shape.parallel
    config = tf.GPTNeoXConfig(**rm.BASE, use_parallel_residual=False)
    assert not adapt(rm.model(config)).shape.parallel and not adapt(rm.model("llama")).shape.parallel


def test_full_attention_can_be_reduced_layer_by_layer():
    loaded, tokens = adapt(rm.model("gpt_neox")), rm.sequences()
    with torch.inference_mode():
        known = loaded.model(torch.from_numpy(tokens), output_attentions=True).attentions
    places = []

    def reduce(attention, part):
        places.append(part)
        return attention[..., 0].sum(axis=-1, keepdims=True)

    found = run(loaded, tokens, batch=5, reduce=reduce).reduced
    assert places == [slice(0, 5)] * 2
    np.testing.assert_allclose(found[..., 0], [one[..., 0].sum(dim=-1).numpy() for one in known], **NEAR)


def test_no_hook_is_left_behind():
    loaded = adapt(rm.model("gpt_neox"))

    def failing(attention, part):
        raise RuntimeError("planted")

    run(loaded, rm.sequences())
    with pytest.raises(RuntimeError, match="planted"):
        run(loaded, rm.sequences(), reduce=failing)
    assert not any(one._forward_hooks or one._forward_pre_hooks for one in loaded.model.modules())


def test_other_formats_of_weights(tmp_path):
    whole = run(load(rm.saved(tmp_path / "whole")), rm.sequences()).rows
    sharded = rm.saved(tmp_path / "sharded", max_shard_size="20KB")
    assert len(list(sharded.glob("*.safetensors"))) > 2
    np.testing.assert_array_equal(run(load(sharded), rm.sequences()).rows, whole)
    pickled = tmp_path / "bin"
    pickled.mkdir()
    shutil.copy(tmp_path / "whole" / "config.json", pickled)
    torch.save(rm.model("gpt_neox").state_dict(), pickled / "pytorch_model.bin")
    np.testing.assert_array_equal(run(load(pickled), rm.sequences()).rows, whole)


def test_half_precision_is_read_as_float32(tmp_path):
    rm.model("llama").half().save_pretrained(tmp_path)
    loaded = load(tmp_path)
    assert {weight.dtype for weight in loaded.model.parameters()} == {torch.float32}


def test_sdpa_is_an_error():
    model = rm.model("gpt_neox", attention="sdpa")
    assert "sdpa" in refusal(lambda: adapt(model)) and "eager" in refusal(lambda: adapt(model))
    assert adapt(rm.model("gpt_neox")).shape.n_heads == 4  # the same model, eager, is none


def test_eager_attention_is_asked_for_whatever_the_configuration_says(tmp_path):
    rm.model("gpt_neox", attention="sdpa").save_pretrained(tmp_path)
    assert run(load(tmp_path), rm.sequences()).rows.sum() == pytest.approx(2 * 5 * 4, rel=1e-5)


def test_bidirectional_models_are_refused(tmp_path):
    tf.BertConfig(hidden_size=32, num_hidden_layers=1, num_attention_heads=2).save_pretrained(tmp_path)
    line = refusal(lambda: load(tmp_path))
    assert "bert" in line and "bidirectional" in line
    assert "bidirectional" in refusal(lambda: shape_of(tf.T5Config()))
    # A family that is causal as a rule, but not with this configuration.
    config = tf.LlamaConfig(**rm.SHARED, is_causal=False)
    assert "bidirectional" in refusal(lambda: adapt(rm.model(config)))


def test_unknown_families_are_refused(tmp_path):
    tf.MambaConfig(vocab_size=50, hidden_size=8, num_hidden_layers=1).save_pretrained(tmp_path)
    line = refusal(lambda: load(tmp_path))
    assert "mamba" in line and "gpt_neox" in line and "bidirectional" not in line


def test_what_is_no_checkpoint_is_refused(tmp_path):
    assert "readable" in refusal(lambda: load(tmp_path, name="step5")) and "step5" in refusal(
        lambda: load(tmp_path, name="step5")
    )
    (tmp_path / "config.json").write_text("{}")
    assert "readable" in refusal(lambda: load(tmp_path))
    assert "model must be one of transformers" in refusal(lambda: adapt(torch.nn.Linear(2, 2)))


def test_missing_weights_are_not_filled_in(tmp_path):
    """Transformers would make random ones, with a warning."""
    state = rm.model("gpt_neox").state_dict()
    name = "gpt_neox.layers.1.attention.dense.weight"
    del state[name]
    rm.CONFIGS["gpt_neox"]().save_pretrained(tmp_path)
    torch.save(state, tmp_path / "pytorch_model.bin")
    assert name in refusal(lambda: load(tmp_path))


def test_weights_of_another_shape_are_refused(tmp_path):
    rm.saved(tmp_path)
    config = json.loads((tmp_path / "config.json").read_text())
    (tmp_path / "config.json").write_text(json.dumps(config | {"intermediate_size": 64}))
    line = refusal(lambda: load(tmp_path))
    assert "shapes of the configuration" in line and "mlp.dense" in line


def test_a_damaged_file_is_refused(tmp_path):
    file = rm.saved(tmp_path) / "model.safetensors"
    file.write_bytes(file.read_bytes()[:-100])
    assert "readable" in refusal(lambda: load(tmp_path))


def test_no_code_of_a_checkpoint_is_run(tmp_path):
    class Planted:
        def __reduce__(self):
            return (tmp_path / "trace").write_text, ("run",)

    rm.CONFIGS["gpt_neox"]().save_pretrained(tmp_path)
    (tmp_path / "pytorch_model.bin").write_bytes(pickle.dumps({"weight": Planted()}))
    assert "readable" in refusal(lambda: load(tmp_path))
    assert not (tmp_path / "trace").exists()


def test_weights_that_are_nan_are_refused(tmp_path):
    model = rm.model("gpt_neox")
    with torch.no_grad():
        model.gpt_neox.layers[1].attention.query_key_value.weight[0, 0] = float("nan")
    model.save_pretrained(tmp_path)
    assert "layer 1" in (line := refusal(lambda: load(tmp_path))) and "NaN" in line


def test_a_wrong_vocabulary_and_long_sequences_are_refused():
    loaded = adapt(rm.model("gpt_neox"))
    line = refusal(lambda: run(loaded, np.full((1, 30), rm.V)))
    assert "vocabulary of the model, 300" in line and "got 300" in line
    assert "at most 64" in refusal(lambda: run(loaded, np.zeros((1, 65), dtype=np.int64)))
    assert "loss_at" in refusal(lambda: run(loaded, rm.sequences(), loss_at=np.zeros((5, 1), dtype=np.int64)))
    assert "batch" in refusal(lambda: run(loaded, rm.sequences(), batch=0))


def test_too_little_memory_is_one_line(tmp_path, monkeypatch):
    folder, tokens = rm.saved(tmp_path), rm.sequences()
    loaded = load(folder)
    monkeypatch.setattr(memory, "available_bytes", lambda: 1000)
    assert "0.0 GB" in refusal(lambda: load(folder))

    def hidden(self, tokens):
        raise RuntimeError("[enforce fail] DefaultCPUAllocator: can't allocate memory: you tried to allocate")

    monkeypatch.setattr(Loaded, "hidden", hidden)
    assert "smaller batch" in refusal(lambda: run(loaded, tokens, batch=2))


def test_other_errors_of_a_pass_are_not_taken_for_memory(monkeypatch):
    loaded = adapt(rm.model("gpt_neox"))

    def hidden(self, tokens):
        raise RuntimeError("shapes cannot be multiplied")

    monkeypatch.setattr(Loaded, "hidden", hidden)
    with pytest.raises(RuntimeError, match="multiplied"):
        run(loaded, rm.sequences())


def test_a_device_that_is_not_there_is_refused():
    assert "device" in refusal(lambda: adapt(rm.model("gpt_neox"), device="cuda:99"))
    assert "device" in refusal(lambda: adapt(rm.model("gpt_neox"), device="abacus"))


def test_a_batch_takes_a_quarter_of_free_memory():
    shape = shape_of(rm.CONFIGS["gpt_neox"]())
    per_sequence = 4 * (4 * 4 * 64**2 + 16 * 64 * 32)
    assert fitting_batch(shape, 64, free=4 * 5 * per_sequence) == 5
    assert fitting_batch(shape, 64, free=10) == 1
    assert fitting_batch(shape, 64, free=2**40) == 16


def test_text_goes_through_the_tokenizer_of_the_checkpoint(tmp_path):
    tokenizers = pytest.importorskip("tokenizers")
    words = {"the": 0, "cat": 1, "sat": 2, "<unk>": 3}
    made = tokenizers.Tokenizer(tokenizers.models.WordLevel(words, unk_token="<unk>"))
    made.pre_tokenizer = tokenizers.pre_tokenizers.Whitespace()
    folder = rm.saved(tmp_path / "model")
    text = tmp_path / "text.txt"
    text.write_text("the cat sat the dog")
    assert "tokenizer" in refusal(lambda: text_ids(text, folder))
    tf.PreTrainedTokenizerFast(tokenizer_object=made, unk_token="<unk>").save_pretrained(folder)
    assert text_ids(text, folder) == [0, 1, 2, 0, 3]
    assert "text must be a readable" in refusal(lambda: text_ids(tmp_path / "none.txt", folder))


def test_the_configuration_alone_gives_the_shape(tmp_path):
    folder = rm.saved(tmp_path, "llama")
    (folder / "model.safetensors").unlink()
    assert shape_of(read_config(folder)) == adapt(rm.model("llama")).shape
