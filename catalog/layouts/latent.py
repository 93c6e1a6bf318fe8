"""Layouts with multi-head latent attention (DeepSeek V2 and V3, GLM 5, Mistral Small 4).

Keys and values are kept as one compressed vector per token; the matrices that expand it are split
into a key half and a value half, as in GGUF files since April 2025.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

from catalog.layouts.experts import (
    ROUTER_BIAS,
    dense_then_sparse,
)
from catalog.layouts.layers import (
    Layers,
    every,
    same,
    stated,
)
from catalog.layouts.parts import (
    Groups,
    inside,
    norms,
    tables,
)
from catalog.tensors import Role

if TYPE_CHECKING:
    from catalog.model import Hyperparameters


def latent_attention(hp: Hyperparameters, layers: Layers) -> Groups:
    """Compressed queries (where they are), the compressed key/value, and what expands them."""
    heads, width, rank = same(hp.head_count), hp.embedding_length, stated(hp, "kv_lora_rank")
    key, value = stated(hp, "key_length_mla"), stated(hp, "value_length_mla")
    rotated = hp.rope_dimension_count
    yield from _queries(hp, layers, heads * key)
    yield inside("attn_kv_a_norm.weight", Role.NORM, layers, rank)
    yield inside("attn_kv_a_mqa.weight", Role.ATTENTION, layers, width, rank + rotated)
    yield inside("attn_k_b.weight", Role.ATTENTION, layers, key - rotated, rank, heads)
    yield inside("attn_v_b.weight", Role.ATTENTION, layers, rank, value, heads)
    yield inside("attn_output.weight", Role.ATTENTION, layers, heads * value, width)


def _queries(hp: Hyperparameters, layers: Layers, queries: int) -> Groups:
    width, rank = hp.embedding_length, hp.q_lora_rank
    if rank is None:
        yield inside("attn_q.weight", Role.ATTENTION, layers, width, queries)
        return
    yield inside("attn_q_a_norm.weight", Role.NORM, layers, rank)
    yield inside("attn_q_a.weight", Role.ATTENTION, layers, width, rank)
    yield inside("attn_q_b.weight", Role.ATTENTION, layers, rank, queries)


def lightning_indexer(hp: Hyperparameters, layers: Layers) -> Groups:
    """DeepSeek's sparse attention: small heads that pick the tokens the large ones read."""
    heads, length = stated(hp, "indexer_head_count"), stated(hp, "indexer_key_length")
    width, rank = hp.embedding_length, stated(hp, "q_lora_rank")
    yield inside("indexer.k_norm.weight", Role.NORM, layers, length)
    yield inside("indexer.k_norm.bias", Role.NORM, layers, length)
    yield inside("indexer.proj.weight", Role.ATTENTION, layers, width, heads)
    yield inside("indexer.attn_k.weight", Role.ATTENTION, layers, width, length)
    yield inside("indexer.attn_q_b.weight", Role.ATTENTION, layers, rank, heads * length)


def _deepseek2(hp: Hyperparameters) -> Groups:
    yield from tables(hp)
    yield from norms(hp, "attn_norm", "ffn_norm")
    yield from latent_attention(hp, every(hp))
    yield from dense_then_sparse(hp, bias=router_bias(hp))


def router_bias(hp: Hyperparameters) -> str | None:
    """DeepSeek V3's router corrects its scores; V2's, which V2-Lite and Mistral have, does not."""
    return ROUTER_BIAS if hp.router_has_bias else None


def _deepseek32(hp: Hyperparameters) -> Groups:
    """Layers may share the indexer of an earlier one."""
    yield from _deepseek2(hp)
    yield from lightning_indexer(
        hp, every(hp) if hp.indexer_full_layers is None else hp.indexer_full_layers
    )


LAYOUTS: Mapping[str, Callable[[Hyperparameters], Groups]] = {
    "deepseek2": _deepseek2,
    "deepseek32": _deepseek32,
    "glm-dsa": _deepseek32,
    "mistral4": _deepseek2,
}
