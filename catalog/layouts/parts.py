"""The parts that tensor layouts are put together from: tables, norms, attention, feed-forward.

Every function takes hyperparameters and the layers that have the part, and yields the groups of
tensors that llama.cpp creates for it, under llama.cpp's names. Shapes are in ggml's order, the
length of a row first, so a matrix that maps `a` values to `b` is `(a, b)`. Nothing here knows an
architecture; which parts one has is said in the modules beside this one.

Source: llama.cpp, October 2026, `src/models/*.cpp` (`load_arch_tensors`) and `src/llama-arch.cpp`.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, TypeAlias

from catalog.layouts.layers import (
    Layers,
    by_heads,
    by_value,
    every,
    lengths,
)
from catalog.tensors import Role, TensorGroup

if TYPE_CHECKING:
    from catalog.model import Hyperparameters

Groups: TypeAlias = Iterator[TensorGroup]


def outside(name: str, role: Role, *shape: int) -> TensorGroup:
    """One tensor that belongs to no layer."""
    return TensorGroup(name=name, role=role, shape=shape, layers=None)


def inside(name: str, role: Role, layers: Layers, *shape: int) -> TensorGroup:
    """The tensors of this name in these layers."""
    return TensorGroup(name=name, role=role, shape=shape, layers=layers)


# Outside the layers.


def tables(hp: Hyperparameters, *, norm: str = "output_norm") -> Groups:
    """The token table, the final norm, and the head unless it is the token table again."""
    width, rows = hp.embedding_length, hp.vocab_size
    yield outside("token_embd.weight", Role.TOKEN_EMBEDDING, width, rows)
    yield outside(f"{norm}.weight", Role.OUTPUT, width)
    if not hp.tied_embeddings:
        yield outside("output.weight", Role.OUTPUT, width, rows)


# Norms.


def norms(hp: Hyperparameters, *names: str, layers: Layers | None = None) -> Groups:
    """Norms over the residual width."""
    some = every(hp) if layers is None else layers
    for name in names:
        yield inside(f"{name}.weight", Role.NORM, some, hp.embedding_length)


def biased_norms(hp: Hyperparameters, *names: str) -> Groups:
    """Norms over the residual width that also shift it."""
    yield from norms(hp, *names)
    for name in names:
        yield inside(f"{name}.bias", Role.NORM, every(hp), hp.embedding_length)


def head_norms(hp: Hyperparameters, layers: Layers | None = None) -> Groups:
    """Norms of queries and keys, one weight per position in a head."""
    some = every(hp) if layers is None else layers
    yield inside("attn_q_norm.weight", Role.NORM, some, hp.key_length)
    yield inside("attn_k_norm.weight", Role.NORM, some, hp.key_length)


def whole_norms(hp: Hyperparameters) -> Groups:
    """Norms of queries and keys across all their heads."""
    for heads, kv_heads, some in by_heads(hp, every(hp)):
        yield inside("attn_q_norm.weight", Role.NORM, some, hp.key_length * heads)
        yield inside("attn_k_norm.weight", Role.NORM, some, hp.key_length * kv_heads)


# Attention.


def attention(
    hp: Hyperparameters,
    layers: Layers | None = None,
    *,
    query_gate: bool = False,
    bias: bool = False,
    output_bias: bool = False,
) -> Groups:
    """Query, key, value and output matrices, with biases where the model has them.

    Args:
        hp: The shape. Layers without query heads have no attention and yield nothing.
        layers: The layers that attend; all by default.
        query_gate: True when the query matrix also yields a gate of its own width.
        bias: True when query, key and value have biases whatever the shape says.
        output_bias: True when the output matrix has a bias.
    """
    for heads, kv_heads, some in by_heads(hp, every(hp) if layers is None else layers):
        if not heads:
            continue
        widths = {
            "attn_q": heads * hp.key_length * (2 if query_gate else 1),
            "attn_k": kv_heads * hp.key_length,
            "attn_v": kv_heads * hp.value_length,
        }
        for name, width in widths.items():
            yield inside(f"{name}.weight", Role.ATTENTION, some, hp.embedding_length, width)
            if bias or hp.qkv_bias:
                yield inside(f"{name}.bias", Role.ATTENTION, some, width)
        yield from attention_output(hp, heads, some, bias=output_bias)


def fused_attention(
    hp: Hyperparameters, layers: Layers | None = None, *, output_bias: bool = False
) -> Groups:
    """Query, key and value in one matrix, and the output matrix."""
    for heads, kv_heads, some in by_heads(hp, every(hp) if layers is None else layers):
        width = heads * hp.key_length + kv_heads * (hp.key_length + hp.value_length)
        yield inside("attn_qkv.weight", Role.ATTENTION, some, hp.embedding_length, width)
        if hp.qkv_bias:
            yield inside("attn_qkv.bias", Role.ATTENTION, some, width)
        yield from attention_output(hp, heads, some, bias=output_bias)


def attention_output(
    hp: Hyperparameters, heads: int, layers: Layers, *, bias: bool = False
) -> Groups:
    """The matrix from the heads' values back to the residual width."""
    width = hp.embedding_length
    yield inside("attn_output.weight", Role.ATTENTION, layers, heads * hp.value_length, width)
    if bias:
        yield inside("attn_output.bias", Role.ATTENTION, layers, width)


def head_gates(hp: Hyperparameters, *, per_value: bool, layers: Layers | None = None) -> Groups:
    """A matrix that gates attention's output, by head or by each of its values."""
    for heads, some in by_value(hp.head_count, every(hp) if layers is None else layers):
        width = heads * (hp.key_length if per_value else 1)
        yield inside("attn_gate.weight", Role.ATTENTION, some, hp.embedding_length, width)


# Feed-forward.


def gated_feed_forward(hp: Hyperparameters, layers: Layers | None = None) -> Groups:
    """Gate, up and down matrices; nothing for layers of length 0."""
    for length, some in _lengths(hp, layers):
        yield inside("ffn_gate.weight", Role.FEED_FORWARD, some, hp.embedding_length, length)
        yield inside("ffn_up.weight", Role.FEED_FORWARD, some, hp.embedding_length, length)
        yield inside("ffn_down.weight", Role.FEED_FORWARD, some, length, hp.embedding_length)


def fused_feed_forward(hp: Hyperparameters) -> Groups:
    """Gate and up in one matrix, and the down matrix."""
    for length, some in _lengths(hp, None):
        yield inside("ffn_up.weight", Role.FEED_FORWARD, some, hp.embedding_length, 2 * length)
        yield inside("ffn_down.weight", Role.FEED_FORWARD, some, length, hp.embedding_length)


def plain_feed_forward(
    hp: Hyperparameters, layers: Layers | None = None, *, bias: bool = False
) -> Groups:
    """Up and down matrices, without a gate."""
    for length, some in _lengths(hp, layers):
        yield inside("ffn_up.weight", Role.FEED_FORWARD, some, hp.embedding_length, length)
        yield inside("ffn_down.weight", Role.FEED_FORWARD, some, length, hp.embedding_length)
        if bias:
            yield inside("ffn_up.bias", Role.FEED_FORWARD, some, length)
            yield inside("ffn_down.bias", Role.FEED_FORWARD, some, hp.embedding_length)


def _lengths(hp: Hyperparameters, layers: Layers | None) -> Iterator[tuple[int, Layers]]:
    for length, some in by_value(lengths(hp), every(hp) if layers is None else layers):
        if length:
            yield length, some
