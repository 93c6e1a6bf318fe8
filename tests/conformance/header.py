"""The keys of a GGUF header that a model's shape amounts to.

Holds what llama.cpp's loaders read to know a graph's shape; never a tensor or a file. The keys that
one figure states are those of `catalog.gguf.keys`, written the other way round, so that the library
checks that table too. Figures that change no size (a norm's epsilon) are the same for all.

Source: llama.cpp `src/llama-arch.cpp` (`LLM_KV_NAMES`) and `src/models/*.cpp`, October 2026.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from catalog.gguf.keys import SCALARS

if TYPE_CHECKING:
    from catalog.model import Hyperparameters, Model

Value = int | float | bool | str | tuple[int, ...] | tuple[float, ...] | tuple[bool, ...]
Keys = Iterator[tuple[str, Value]]

WITHOUT_WINDOW_LIST = frozenset({"llama4"})
"""Its chunks are the loader's own rule; a list would be read as something else."""

POOLED = frozenset({"bert", "gemma-embedding", "nomic-bert"})
SECTIONED = frozenset({"qwen2vl", "qwen3vl", "qwen3vlmoe", "qwen35", "qwen35moe", "qwen4exp"})
"""Architectures whose positions have several parts (text, and a picture's rows and columns)."""

NGRAM_HEADS = 8
"""Tables of n-grams for each length of them in Qwen 3.8 Flash."""


def header_keys(model: Model) -> dict[str, Value]:
    """Every key of a model's header, its tokenizer's but for the size of its vocabulary.

    Args:
        model: A model of the catalog.
    """
    own = dict(_own_keys(model))
    return {
        "tokenizer.ggml.model": "none",
        **{f"{model.architecture}.{key}": value for key, value in own.items()},
        **dict(_shared_keys(model)),
    }


def _shared_keys(model: Model) -> Keys:
    hyper = model.hyperparameters
    if hyper.token_type_count:
        yield "tokenizer.ggml.token_type_count", hyper.token_type_count
    if model.architecture == "apertus":
        for name in ("alpha_n", "alpha_p", "beta", "eps"):
            yield f"xielu.{name}", (1.0,) * hyper.block_count


def _own_keys(model: Model) -> Keys:
    """Keys that begin with the architecture's name; a later one of the same name holds."""
    hyper = model.hyperparameters
    yield from _widths(model)
    yield from _stated(hyper)
    yield from _windows(model.architecture, hyper)
    yield from _experts(hyper)
    yield from _without_size()
    if model.architecture in POOLED:
        yield "pooling_type", 1
        yield "attention.causal", False
    if model.architecture in SECTIONED:
        yield "rope.dimension_sections", (16, 24, 24, 0)
    special = SPECIAL.get(model.architecture)
    if special is not None:
        yield from special(hyper)


def _widths(model: Model) -> Keys:
    hyper = model.hyperparameters
    figures = {
        "vocab_size": hyper.vocab_size,
        "context_length": hyper.position_count or model.gguf_context_tokens or model.context_tokens,
        "embedding_length": hyper.embedding_length,
        "block_count": hyper.block_count,
        "feed_forward_length": hyper.feed_forward_length,
        "attention.head_count": hyper.head_count,
        "attention.head_count_kv": hyper.head_count_kv,
        "attention.key_length": hyper.key_length,
        "attention.value_length": hyper.value_length,
        "rope.dimension_count": hyper.rope_dimension_count,
    }
    return ((key, value) for key, value in figures.items() if value is not None)


def _stated(hyper: Hyperparameters) -> Keys:
    for field, key in SCALARS.items():
        value = getattr(hyper, field, None)
        if value is not None:
            yield key, value
    if hyper.full_attention_interval is not None:
        yield "full_attention_interval", hyper.full_attention_interval


def _windows(architecture: str, hyper: Hyperparameters) -> Keys:
    """The window, and which layers slide, one flag each."""
    window, pattern = hyper.sliding_window, hyper.sliding_window_pattern
    if window is not None:
        yield "attention.sliding_window", window
    if not window or pattern is None or architecture in WITHOUT_WINDOW_LIST:
        return
    if isinstance(pattern, int):
        unmoved = 0 if hyper.sliding_window_pattern_dense_first else pattern - 1
        pattern = tuple(layer % pattern != unmoved for layer in range(hyper.block_count))
    yield "attention.sliding_window_pattern", pattern


def _experts(hyper: Hyperparameters) -> Keys:
    figures = {
        "expert_used_count": hyper.expert_used_count,
        "expert_feed_forward_length": hyper.expert_feed_forward_length,
    }
    yield from ((key, value) for key, value in figures.items() if value is not None)
    if hyper.expert_used_count:
        yield "expert_weights_scale", 1.0
        yield "expert_weights_norm", True
        yield "expert_gating_func", 2


def _without_size() -> Keys:
    yield "attention.layer_norm_rms_epsilon", 1e-5
    yield "attention.layer_norm_epsilon", 1e-5
    yield "logit_scale", 1.0


def _phi3(_hyper: Hyperparameters) -> Keys:
    yield "rope.scaling.original_context_length", 4096


def _ernie(_hyper: Hyperparameters) -> Keys:
    yield "interleave_moe_layer_step", 1


def _streams(_hyper: Hyperparameters) -> Keys:
    yield "hyper_connection.sinkhorn_iterations", 20
    yield "hyper_connection.epsilon", 1e-5


def _deepseek4(hyper: Hyperparameters) -> Keys:
    yield from _streams(hyper)
    yield "attention.hyper_connection_epsilon", 1e-5
    yield "attention.compress_rope_freq_base", 10_000.0
    yield "attention.compress_ratios", hyper.compress_ratios or ()
    yield "swiglu_clamp_exp", (10.0,) * hyper.block_count
    yield "expert_gating_func", 4


def _glm_dsa(hyper: Hyperparameters) -> Keys:
    full = hyper.indexer_full_layers
    if full is not None:
        flags = tuple(layer in full for layer in range(hyper.block_count))
        yield "attention.indexer.types", flags


def _minimax_m3(_hyper: Hyperparameters) -> Keys:
    yield "attention.indexer.top_k", 16
    yield "attention.indexer.block_size", 128
    yield "attention.indexer.local_blocks", 1


def _qwen4exp(hyper: Hyperparameters) -> Keys:
    """Its tables of n-grams, all in one tensor, and an indexer that picks 2,048 cells."""
    interval = hyper.full_attention_interval or 1
    tables = NGRAM_HEADS * ((hyper.ple_ngram_size or 2) - 1)
    rows = (hyper.ple_table_rows or 0) // tables
    yield "attention.indexer.top_k", 2048
    ratios = (4 if (layer + 1) % interval == 0 else 0 for layer in range(hyper.block_count))
    yield "attention.compress_ratios", tuple(ratios)
    yield "embedding_length_per_layer_input", hyper.ple_embedding_length or 0
    yield "ple.layers", hyper.ple_layers or ()
    yield "ple.ngram_size", hyper.ple_ngram_size or 0
    yield "ple.conv_kernel", hyper.ple_conv_kernel or 0
    yield "ple.heads_per_ngram", NGRAM_HEADS
    yield "ple.eos_token_id", 1
    yield "ple.layer_multipliers", tuple(range(3, 3 + (hyper.ple_ngram_size or 2)))
    yield "ple.head_offsets", tuple(table * rows for table in range(tables))
    yield "ple.head_vocab_sizes", (rows,) * tables


SPECIAL = {
    "deepseek4": _deepseek4,
    "ernie4_5-moe": _ernie,
    "glm-dsa": _glm_dsa,
    "glm5-next": _streams,
    "minimax-m3": _minimax_m3,
    "phi3": _phi3,
    "phimoe": _phi3,
    "qwen4exp": _qwen4exp,
}
"""Keys that one architecture's loader asks for besides."""
