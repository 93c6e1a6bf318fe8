"""What each layer keeps, against what llama.cpp really reserves."""

from __future__ import annotations

import csv
from dataclasses import replace
from pathlib import Path

import pytest

from catalog.cache import Window
from catalog.caches import CACHES, layer_caches
from catalog.errors import UnknownArchitectureError
from catalog.layouts import LAYOUTS
from catalog.names import find_model
from catalog.shelf import load_models

HERE = Path(__file__).parent
MODELS = load_models()
BYTES_PER_32 = {"f16": 64, "q8_0": 34, "q4_0": 18}
"""Bytes of 32 elements."""


def rows(name):
    lines = (HERE / name).read_text(encoding="utf-8").splitlines()
    return list(csv.DictReader(line for line in lines if not line.startswith("#")))


def label(row):
    cache = "one cache" if row.get("kv_unified") == "yes" else "caches of their own"
    return (
        f"{row['model']} at {row['n_ctx']} with {row['n_seq']} sequences, {cache}, "
        f"ubatch {row['n_ubatch']}, K {row['type_k']}, fa {row['flash_attn']}"
    )


def rounded(cells):
    """Cells come in blocks of 256."""
    return -(-cells // 256) * 256


def cells_and_streams(group, row):
    """Cells of one stream, and how many streams there are."""
    sequences, unified = int(row["n_seq"]), row.get("kv_unified") == "yes"
    cells = rounded(int(row["n_ctx"])) if unified else rounded(int(row["n_ctx"]) // sequences)
    shared = unified and not group.is_per_sequence
    if group.window is not Window.FULL:
        seen = group.window_tokens * (sequences if shared else 1) + int(row["n_ubatch"])
        return rounded(min(cells, seen)), 1 if shared else sequences
    return rounded(-(-cells // group.tokens_per_cell)), 1 if shared else sequences


def context_bytes(model, row):
    """Cells × the bytes of a cell, and states of four bytes an element for each sequence.

    Without flash attention V is transposed, and as wide as the widest in every layer.
    """
    groups = layer_caches(model)
    widest = max((group.value_width for group in groups), default=0)
    keys, values = BYTES_PER_32[row["type_k"]], BYTES_PER_32[row["type_v"]]
    total = 0
    for group in groups:
        is_widened = row["flash_attn"] == "off" and group.is_padded
        value_width = widest if is_widened else group.value_width
        cells, streams = cells_and_streams(group, row)
        cell = keys * (group.key_width + group.indexer_width) // 32
        cell += values * (value_width + group.indexer_value_width) // 32
        states = 4 * int(row["n_seq"]) * group.state_elements
        total += len(group.layers) * (streams * cells * cell + states)
    return total


@pytest.mark.parametrize("row", rows("context_bytes.csv"), ids=label)
def test_the_context_takes_the_bytes_that_llama_cpp_reserves(row):
    assert context_bytes(find_model(row["model"]), row) == int(row["context_bytes"])


@pytest.mark.parametrize("row", rows("context_mib.csv"), ids=label)
def test_the_context_takes_the_mib_that_llama_cpp_prints(row):
    assert context_bytes(find_model(row["model"]), row) // 2**20 == int(row["context_mib"])


def test_a_row_of_every_architecture_is_compared():
    assert {row["architecture"] for row in rows("context_bytes.csv")} == set(CACHES)


def test_every_architecture_with_tensors_has_a_cache():
    assert set(CACHES) == set(LAYOUTS) == {model.architecture for model in MODELS}


@pytest.mark.parametrize("model", MODELS, ids=lambda model: model.name)
def test_layers_are_the_models_own_and_ascend(model):
    for group in layer_caches(model):
        assert list(group.layers) == sorted(set(group.layers))
        assert set(group.layers) <= set(range(model.hyperparameters.block_count))
        assert (group.window is Window.FULL) == (group.window_tokens is None)


@pytest.mark.parametrize(
    "model",
    [
        model
        for model in MODELS
        if model.hyperparameters.full_attention_layers is not None and layer_caches(model)
    ],
    ids=lambda model: model.name,
)
def test_the_layers_that_keep_everything_are_those_the_row_names(model):
    """Layers that read another's cache are in no group."""
    full = {
        layer
        for group in layer_caches(model)
        if group.window is Window.FULL
        for layer in group.layers
    }
    owning = {layer for group in layer_caches(model) for layer in group.layers}
    assert full == set(model.hyperparameters.full_attention_layers) & owning


def groups_of(name):
    return layer_caches(find_model(name))


def test_grouped_heads_share_keys():
    """Llama 3.1 8B: 8 heads of 128 in 32 layers."""
    (group,) = groups_of("llama-3.1-8b-instruct")
    assert (group.key_width, group.value_width, len(group.layers)) == (1_024, 1_024, 32)


def test_latent_attention_keeps_one_vector_and_no_values():
    """DeepSeek V3: 512 compressed values and 64 rotated ones."""
    (group,) = groups_of("deepseek-v3.1")
    assert (group.key_width, group.value_width) == (512 + 64, 0)


def test_llama_4_keeps_chunks_in_three_of_four_layers():
    full, chunked = groups_of("llama-4-scout-17b-16e-instruct")
    assert full.layers == (3, 7, 11, 15, 19, 23, 27, 31, 35, 39, 43, 47)
    assert (chunked.window, chunked.window_tokens) == (Window.CHUNKED, 8_192)


def test_layers_that_share_a_cache_keep_none():
    """Gemma 4 E4B: the last 18 of 42 layers; every sixth layer of the rest is full."""
    full, sliding = groups_of("gemma-4-e4b-it")
    assert full.layers == (5, 11, 17, 23)
    assert (full.key_width, sliding.key_width) == (2 * 512, 2 * 256)
    assert max(sliding.layers) == 22
    assert sliding.window_tokens == 512


def test_a_hybrid_keeps_a_state_where_it_does_not_attend():
    """Qwen3.5 4B: 3 taps × 8192 channels and a 128 × 4096 state in 24 of 32 layers."""
    attention, recurrent = groups_of("qwen3.5-4b")
    assert attention.layers == (3, 7, 11, 15, 19, 23, 27, 31)
    assert recurrent.state_elements == 3 * (4_096 + 2 * 16 * 128) + 128 * 4_096
    assert len(recurrent.layers) == 24


def test_falcon_h1_keeps_both_in_every_layer():
    (group,) = groups_of("falcon-h1-7b-instruct")
    assert group.key_width > 0
    assert group.state_elements > 0


def test_only_layers_with_an_indexer_keep_its_key():
    """GLM 5.2: 21 of 78 layers have one."""
    indexed, rest = groups_of("glm-5.2")
    assert (len(indexed.layers), indexed.indexer_width) == (21, 128)
    assert (len(rest.layers), rest.indexer_width) == (57, 0)


@pytest.mark.parametrize("name", ["bge-m3", "nomic-embed-text-v1.5", "embeddinggemma-300m"])
def test_an_encoder_keeps_nothing(name):
    assert groups_of(name) == ()


def test_a_header_without_a_pattern_slides_as_its_architecture_does():
    """Gemma 3: five sliding layers, then a full one."""
    model = find_model("gemma-3-1b-it")
    shape = replace(model.hyperparameters, sliding_window_pattern=None, full_attention_layers=None)
    assert layer_caches(replace(model, hyperparameters=shape)) == layer_caches(model)


def test_a_header_without_a_window_keeps_everything():
    model = find_model("olmo-3-7b-instruct")
    shape = replace(model.hyperparameters, sliding_window=None)
    (group,) = layer_caches(replace(model, hyperparameters=shape))
    assert (len(group.layers), group.window) == (32, Window.FULL)


def test_an_unknown_architecture_is_named():
    stranger = replace(find_model("qwen3-8b"), architecture="mamba9")
    with pytest.raises(UnknownArchitectureError, match="`mamba9`"):
        layer_caches(stranger)
