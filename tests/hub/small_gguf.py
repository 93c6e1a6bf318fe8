"""GGUF files for the tests of the Hub: a real header, and data that takes no room."""

from __future__ import annotations

import struct
from dataclasses import dataclass
from functools import cache
from typing import NamedTuple

from tests.hub.fake_files import Content, virtual

F16, Q8_0, Q4_K = 1, 8, 12
BLOCKS = {F16: (1, 2), Q8_0: (32, 34), Q4_K: (256, 144)}
"""Weights and bytes of one block of each type, as in ggml's ggml-common.h."""

VOCABULARY = 100_000
"""Tokens, of seven letters each: together with their kinds a header of 1.9 MB."""


@dataclass(frozen=True)
class Sample:
    """A file, and what is in it."""

    content: Content
    header_bytes: int
    """Up to the end of the list of tensors."""

    list_bytes: int
    data_offset: int

    @property
    def size_bytes(self):
        return self.content.size_bytes


class Typed(NamedTuple):
    """A value of another type than a string or `uint32`."""

    type_id: int
    form: str
    value: int


def split_keys(number, count, tensor_count):
    """What `llama-gguf-split` adds after all other keys, in its types."""
    return [
        ("split.no", Typed(2, "<H", number)),
        ("split.count", Typed(2, "<H", count)),
        ("split.tensors.count", Typed(5, "<i", tensor_count)),
    ]


def text(value):
    data = value.encode()
    return struct.pack("<Q", len(data)) + data


def key(name, value):
    if isinstance(value, Typed):
        return text(name) + struct.pack("<I", value.type_id) + struct.pack(value.form, value.value)
    if isinstance(value, str):
        return text(name) + struct.pack("<I", 8) + text(value)
    return text(name) + struct.pack("<II", 4, value)


@cache
def vocabulary(count):
    tokens = b"".join(text(f"t{number:06}") for number in range(count))
    kinds = struct.pack(f"<{count}i", *[1] * count)
    return (text("tokenizer.ggml.tokens") + struct.pack("<IIQ", 9, 8, count) + tokens) + (
        text("tokenizer.ggml.token_type") + struct.pack("<IIQ", 9, 5, count) + kinds
    )


def tensors(layers, type_id):
    """Names, shapes and types of a small model of so many layers."""
    yield "token_embd.weight", (512, 1024), type_id
    for layer in range(layers):
        for role in ("attn_q", "attn_k", "attn_v", "attn_output", "ffn_up", "ffn_gate"):
            yield f"blk.{layer}.{role}.weight", (512, 512), type_id
        yield f"blk.{layer}.ffn_down.weight", (512, 512), Q8_0
    yield "output_norm.weight", (512,), F16


def sample(
    type_id=Q4_K,
    *,
    layers=32,
    tokens=VOCABULARY,
    tokenizer="gpt2",
    keys=(),
    late_keys=(),
    listed=None,
):
    """A llama's file of one type; `keys` go before the vocabulary, `late_keys` after it."""
    listed = list(tensors(layers, type_id)) if listed is None else listed
    early = [
        key("general.architecture", "llama"),
        key("general.file_type", type_id),
        key("llama.block_count", layers),
        key("llama.embedding_length", 512),
        *(key(*pair) for pair in keys),
    ]
    late = [key(*pair) for pair in late_keys]
    words = [key("tokenizer.ggml.model", tokenizer), vocabulary(tokens)] if tokens else []
    count = len(early) + len(late) + (3 if tokens else 0)
    head = b"GGUF" + struct.pack("<IQQ", 3, len(listed), count)
    head += b"".join(early + words + late)
    lines, offset = [], 0
    for name, shape, kind in listed:
        lines.append(text(name) + struct.pack("<I", len(shape)))
        lines.append(struct.pack(f"<{len(shape)}QIQ", *shape, kind, offset))
        weights = 1
        for size in shape:
            weights *= size
        block_weights, block_bytes = BLOCKS[kind]
        offset += up(weights // block_weights * block_bytes)
    listing = b"".join(lines)
    head += listing
    data_offset = up(len(head))
    return Sample(
        content=virtual(data_offset + offset, head.ljust(data_offset, b"\0")),
        header_bytes=len(head),
        list_bytes=len(listing),
        data_offset=data_offset,
    )


def up(position):
    """The next multiple of the usual alignment."""
    return (position + 31) // 32 * 32
