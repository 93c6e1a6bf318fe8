"""GGUF files of catalog models: true headers before data that takes no room.

Written with `tools/gguf_bytes.py`, which knows nothing of the program's parser; which tensors there
are is what llama.cpp loads, as `catalog.tables` says and other tests prove.
"""

from __future__ import annotations

import importlib.util
from functools import cache
from pathlib import Path

from catalog.names import find_model
from catalog.quants import find_quant, ggml_type
from catalog.tables import tensor_table

PROJECT = Path(__file__).parents[1]


@cache
def _bytes():
    spec = importlib.util.spec_from_file_location("gguf_bytes", PROJECT / "tools/gguf_bytes.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def header_of(name, quant, *, title=None, retype=None):
    """The header of a Llama-shaped catalog model in a quant, padded, and the size of its data.

    Args:
        name: A model of the catalog whose architecture is `llama`.
        quant: The file type.
        title: The header's `general.name`; the model's own repository's unless given.
        retype: Names of tensors and the ggml types that they have instead.
    """
    build, model, file_type = _bytes(), find_model(name), find_quant(quant)
    hyper = model.hyperparameters
    keys = [
        build.key("general.architecture", "str", "llama"),
        build.key("general.name", "str", title or model.repository.partition("/")[2]),
        build.key("llama.block_count", "u32", hyper.block_count),
        build.key("llama.context_length", "u32", model.context_tokens),
        build.key("llama.embedding_length", "u32", hyper.embedding_length),
        build.key("llama.feed_forward_length", "u32", hyper.feed_forward_length),
        build.key("llama.attention.head_count", "u32", hyper.head_count),
        build.key("llama.attention.head_count_kv", "u32", hyper.head_count_kv),
        build.key("llama.rope.dimension_count", "u32", hyper.rope_dimension_count),
        build.key("llama.vocab_size", "u32", hyper.vocab_size),
        build.key("general.file_type", "u32", file_type.number),
    ]
    lines, offset = [], 0
    for group in tensor_table(model, file_type).groups:
        type_ = ggml_type((retype or {}).get(group.name, group.type.name))
        for layer in group.layers or (None,):
            full = group.name if layer is None else f"blk.{layer}.{group.name}"
            lines.append(build.tensor(full, group.shape, type_.number, offset))
            offset += type_.bytes_for(group.elements_each)
            offset += -offset % build.ALIGNMENT
    return build.padded(build.header(keys, lines)), offset


def write(path, name, quant, *, cut=0, **how):
    """A sparse file of a catalog model, of which the last `cut` bytes are missing."""
    head, length = header_of(name, quant, **how)
    with path.open("wb") as file:
        file.write(head)
        file.truncate(len(head) + length - cut)
    return path
