"""Headers to read: of catalog models, as llama.cpp's converters write them, and from samples.

The keys stand here a second time on purpose: with them llama.cpp loaded a file of each model.
"""

from __future__ import annotations

import json
from pathlib import Path

from catalog.gguf.header import Header, SkippedArray, TensorInfo

HERE = Path(__file__).parent

KEYS = {
    "embedding_length": "embedding_length",
    "feed_forward_length": "feed_forward_length",
    "head_count": "attention.head_count",
    "head_count_kv": "attention.head_count_kv",
    "key_length": "attention.key_length",
    "value_length": "attention.value_length",
    "rope_dimension_count": "rope.dimension_count",
    "key_length_swa": "attention.key_length_swa",
    "value_length_swa": "attention.value_length_swa",
    "sliding_window": "attention.sliding_window",
    "shared_kv_layers": "attention.shared_kv_layers",
    "embedding_length_per_layer_input": "embedding_length_per_layer_input",
    "expert_count": "expert_count",
    "expert_used_count": "expert_used_count",
    "expert_shared_count": "expert_shared_count",
    "expert_feed_forward_length": "expert_feed_forward_length",
    "expert_shared_feed_forward_length": "expert_shared_feed_forward_length",
    "leading_dense_block_count": "leading_dense_block_count",
    "interleave_moe_layer_step": "interleave_moe_layer_step",
    "moe_latent_size": "moe_latent_size",
    "hash_layer_count": "hash_layer_count",
    "q_lora_rank": "attention.q_lora_rank",
    "kv_lora_rank": "attention.kv_lora_rank",
    "key_length_mla": "attention.key_length_mla",
    "value_length_mla": "attention.value_length_mla",
    "indexer_head_count": "attention.indexer.head_count",
    "indexer_key_length": "attention.indexer.key_length",
    "indexer_top_k": "attention.indexer.top_k",
    "indexer_kpool": "attention.indexer.kpool",
    "compress_ratios": "attention.compress_ratios",
    "output_lora_rank": "attention.output_lora_rank",
    "output_group_count": "attention.output_group_count",
    "hc_mult": "hyper_connection.count",
    "hc_low_rank": "hyper_connection.low_rank",
    "full_attention_interval": "full_attention_interval",
    "ssm_conv_kernel": "ssm.conv_kernel",
    "ssm_inner_size": "ssm.inner_size",
    "ssm_state_size": "ssm.state_size",
    "ssm_time_step_rank": "ssm.time_step_rank",
    "ssm_group_count": "ssm.group_count",
    "shortconv_l_cache": "shortconv.l_cache",
    "kda_head_dim": "kda.head_dim",
    "ple_layers": "ple.layers",
    "ple_ngram_size": "ple.ngram_size",
    "ple_conv_kernel": "ple.conv_kernel",
    "ple_embedding_length": "embedding_length_per_layer_input",
}
"""Fields of the catalog, by the key that their converter writes."""

ALWAYS_INDEXED = {"minimax-m3": 16, "qwen4exp": 2048}
"""What these two write for `indexer.top_k`, which their rows leave out."""


def written(model, *, predicting=0):
    """The metadata of a catalog model's file.

    With a prediction block, which counts as a layer, every list has one figure more.
    """
    shape, prefix = model.hyperparameters, model.architecture
    keys = {"block_count": shape.block_count + predicting}
    keys["context_length"] = model.gguf_context_tokens or model.context_tokens
    if predicting:
        keys["nextn_predict_layers"] = predicting
    for field, key in KEYS.items():
        value = getattr(shape, field)
        if isinstance(value, tuple) and len(value) == shape.block_count:
            value = (*value, *(max(value),) * predicting)
        if value is not None:
            keys[key] = value
    if (pattern := listed_pattern(shape)) and prefix != "llama4":
        keys["attention.sliding_window_pattern"] = pattern
    if prefix in ALWAYS_INDEXED:
        keys["attention.indexer.top_k"] = ALWAYS_INDEXED[prefix]
    if shape.indexer_full_layers is not None:
        own = [layer in shape.indexer_full_layers for layer in range(shape.block_count)]
        keys["attention.indexer.types"] = tuple(own)
    return {
        "general.architecture": prefix,
        "general.name": model.repository.partition("/")[2].replace("-", " "),
        "general.file_type": 15,
        "tokenizer.ggml.tokens": SkippedArray(element_type=8, count=shape.vocab_size),
        **{f"{prefix}.{key}": value for key, value in keys.items()},
    }


def listed_pattern(shape):
    """Which layers slide, as a list; nothing where none does."""
    period = shape.sliding_window_pattern
    if not shape.sliding_window or period is None or isinstance(period, tuple):
        return period
    last = 0 if shape.sliding_window_pattern_dense_first else period - 1
    return tuple(layer % period != last for layer in range(shape.block_count))


def expanded(table):
    """The tensors of a table one by one, as a header lists them."""
    found, offset = [], 0
    for group in table.groups:
        for layer in (None,) if group.layers is None else group.layers:
            name = group.name if layer is None else f"blk.{layer}.{group.name}"
            found.append(tensor(name, group.shape, group.type.number, offset))
            offset += -(-group.bytes_each // 32) * 32
    return tuple(found)


def tensor(name, shape, type_id=1, offset=0):
    """One line of a header's list; half precision unless said otherwise."""
    return TensorInfo(name=name, shape=tuple(shape), type_id=type_id, offset=offset)


def header(metadata, tensors):
    """A header with these keys and tensors."""
    return Header(
        version=3,
        metadata=metadata,
        tensors=tuple(tensors),
        alignment=32,
        tensors_offset=0,
        data_offset=0,
    )


def sample_headers(name):
    """The headers of a file of samples, by label: metadata, and shapes of tensors if it has any."""
    rows = json.loads((HERE / name).read_text(encoding="utf-8"))["headers"]
    found = {}
    for label, row in rows.items():
        shapes = row.pop("tensors", {})
        metadata = {k: tuple(v) if isinstance(v, list) else v for k, v in row.items()}
        found[label] = header(metadata, [tensor(*one) for one in shapes.items()])
    return found
