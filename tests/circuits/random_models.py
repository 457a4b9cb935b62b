"""Tiny random models of every family, in memory and in folders; nothing is downloaded."""

from __future__ import annotations

import numpy as np
import pytest

torch = pytest.importorskip("torch")
tf = pytest.importorskip("transformers")

tf.utils.logging.disable_progress_bar()  # of saving, which would stand among what a command prints
V, T = 300, 64
BASE = {
    "hidden_size": 32,
    "intermediate_size": 48,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "vocab_size": V,
    "max_position_embeddings": T,
    "pad_token_id": None,
    "bos_token_id": None,
    "eos_token_id": None,
}
IDS = {"pad_token_id": None, "bos_token_id": None, "eos_token_id": None}
SHARED = {**BASE, "num_key_value_heads": 2}  # query heads share keys and values by two
WIDE = 0.3  # initial weights large enough for attention that is far from uniform
WINDOW = 16
CONFIGS = {
    "gpt_neox": lambda: tf.GPTNeoXConfig(**BASE),
    "gpt2": lambda: tf.GPT2Config(
        n_embd=32, n_layer=2, n_head=4, vocab_size=V, n_positions=T, n_inner=48, **IDS
    ),
    "llama": lambda: tf.LlamaConfig(**SHARED),
    "mistral": lambda: tf.MistralConfig(**SHARED, sliding_window=None),
    "smollm3": lambda: tf.SmolLM3Config(**SHARED),
    "olmo": lambda: tf.OlmoConfig(**BASE),
    "olmo2": lambda: tf.Olmo2Config(**BASE),
    "olmo3": lambda: tf.Olmo3Config(**BASE, sliding_window=4096),
    "olmoe": lambda: tf.OlmoeConfig(**BASE, num_experts=4, num_experts_per_tok=2),
    "qwen2": lambda: tf.Qwen2Config(**SHARED),
    "qwen3": lambda: tf.Qwen3Config(**SHARED, head_dim=16),
}
WINDOWED = {
    "mistral": (lambda: tf.MistralConfig(**SHARED, sliding_window=WINDOW), (WINDOW, WINDOW)),
    "qwen2": (
        lambda: tf.Qwen2Config(**SHARED, use_sliding_window=True, sliding_window=WINDOW, max_window_layers=1),
        (0, WINDOW),
    ),
    "olmo3": (
        lambda: tf.Olmo3Config(
            **BASE, sliding_window=WINDOW, layer_types=["sliding_attention", "full_attention"]
        ),
        (WINDOW, 0),
    ),
}


def model(config, seed=0, *, attention="eager"):
    """A random model, from a family's name or a configuration."""
    config = CONFIGS[config]() if isinstance(config, str) else config
    torch.manual_seed(seed)
    found = tf.AutoModelForCausalLM.from_config(config, attn_implementation=attention)
    with torch.no_grad():
        for weight in found.parameters():
            if weight.ndim > 1:
                weight.normal_(std=WIDE)
    return found.eval()


def saved(folder, config="gpt_neox", seed=0, **options):
    """Folder of a random model."""
    model(config, seed).save_pretrained(folder, **options)
    return folder


def steps(folder, numbers, config="gpt_neox"):
    """Folder of step folders, each with another random model."""
    for seed, number in enumerate(numbers):
        saved(folder / f"step{number}", config, seed)
    return folder


def sequences(n=5, length=40, seed=0):
    return np.random.default_rng(seed).integers(0, V, (n, length))
