"""Layouts with hyper-connections: several residual streams, mixed before and after each part.

DeepSeek V4, GLM 5.3 Flash and Qwen3.8 Flash Next; each also attends in a way of its own.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING

from catalog.errors import UnknownArchitectureError
from catalog.layouts.experts import (
    ROUTER_BIAS,
    dense_then_sparse,
    experts,
    router,
    shared_expert,
)
from catalog.layouts.hybrids import gated_attention, gated_mixture
from catalog.layouts.latent import latent_attention, lightning_indexer
from catalog.layouts.layers import (
    Layers,
    attending_layers,
    by_value,
    every,
    first,
    recurrent_layers,
    same,
    stated,
)
from catalog.layouts.parts import (
    Groups,
    inside,
    norms,
    outside,
    tables,
)
from catalog.layouts.recurrent import gated_delta_net, kimi_delta
from catalog.layouts.sparse import query_key_indexer
from catalog.tensors import Role

if TYPE_CHECKING:
    from catalog.model import Hyperparameters

INDEXED_RATIO = 4
"""DeepSeek V4 layers that compress by four also have an indexer, and overlapping windows."""


def _mixers(hp: Hyperparameters) -> Groups:
    """Before attention and before feed-forward: what mixes the streams into one and back."""
    streams, layers = stated(hp, "hc_mult"), every(hp)
    mixed = (2 + streams) * streams
    for part, role in (("attn", Role.ATTENTION), ("ffn", Role.FEED_FORWARD)):
        joint = streams * hp.embedding_length
        yield inside(f"hc_{part}_fn.weight", role, layers, joint, mixed)
        yield inside(f"hc_{part}_base.weight", role, layers, mixed)
        yield inside(f"hc_{part}_scale.weight", role, layers, 3)


# DeepSeek V4.


def _deepseek4(hp: Hyperparameters) -> Groups:
    layers, streams = every(hp), stated(hp, "hc_mult")
    hashed = first(hp.hash_layer_count or 0)
    yield from tables(hp)
    yield outside("output_hc_fn.weight", Role.OUTPUT, streams * hp.embedding_length, streams)
    yield outside("output_hc_base.weight", Role.OUTPUT, streams)
    yield outside("output_hc_scale.weight", Role.OUTPUT, 1)
    yield from norms(hp, "attn_norm", "ffn_norm")
    yield from _grouped_attention(hp, layers)
    yield from _mixers(hp)
    yield from _compressors(hp)
    yield from router(hp, layers)
    used = stated(hp, "expert_used_count")
    yield inside("ffn_gate_tid2eid.weight", Role.ROUTER, hashed, used, hp.vocab_size)
    rest = layers[len(hashed) :]
    yield inside(ROUTER_BIAS, Role.ROUTER, rest, stated(hp, "expert_count"))
    yield from experts(hp, layers)
    yield from shared_expert(hp, layers)


def _grouped_attention(hp: Hyperparameters, layers: Layers) -> Groups:
    """One key that is also the value; the output goes through groups of low rank."""
    width, heads, head = hp.embedding_length, same(hp.head_count), hp.key_length
    rank, groups = stated(hp, "output_lora_rank"), stated(hp, "output_group_count")
    queries = stated(hp, "q_lora_rank")
    yield inside("attn_sinks.weight", Role.ATTENTION, layers, heads)
    yield inside("attn_q_a.weight", Role.ATTENTION, layers, width, queries)
    yield inside("attn_q_a_norm.weight", Role.NORM, layers, queries)
    yield inside("attn_q_b.weight", Role.ATTENTION, layers, queries, heads * head)
    yield inside("attn_kv.weight", Role.ATTENTION, layers, width, head)
    yield inside("attn_kv_a_norm.weight", Role.NORM, layers, head)
    yield inside(
        "attn_output_a.weight", Role.ATTENTION, layers, heads * head // groups, rank, groups
    )
    yield inside("attn_output_b.weight", Role.ATTENTION, layers, groups * rank, width)


def compressing_layers(hp: Hyperparameters) -> Iterable[tuple[int, Layers]]:
    """By how many tokens become one cell: the layers that compress so.

    Raises:
        UnknownArchitectureError: The model does not state its ratios.
    """
    if hp.compress_ratios is None:
        msg = "`compress_ratios` is not stated, and this architecture cannot do without it"
        raise UnknownArchitectureError(msg)
    return [(ratio, some) for ratio, some in by_value(hp.compress_ratios, every(hp)) if ratio]


def _compressors(hp: Hyperparameters) -> Groups:
    """What turns so many tokens into one cell, in the layers that do; and their indexer's own."""
    for ratio, layers in compressing_layers(hp):
        yield from _compressor(hp, "attn_compressor", layers, ratio, hp.key_length)
        if ratio == INDEXED_RATIO:
            heads, length = stated(hp, "indexer_head_count"), stated(hp, "indexer_key_length")
            rank = stated(hp, "q_lora_rank")
            yield inside("indexer.proj.weight", Role.ATTENTION, layers, hp.embedding_length, heads)
            yield inside("indexer.attn_q_b.weight", Role.ATTENTION, layers, rank, heads * length)
            yield from _compressor(hp, "indexer_compressor", layers, ratio, length)


def _compressor(hp: Hyperparameters, name: str, layers: Layers, ratio: int, length: int) -> Groups:
    width = hp.embedding_length
    joint = 2 * length if ratio == INDEXED_RATIO else length
    yield inside(f"{name}_kv.weight", Role.ATTENTION, layers, width, joint)
    yield inside(f"{name}_gate.weight", Role.ATTENTION, layers, width, joint)
    yield inside(f"{name}_ape.weight", Role.ATTENTION, layers, joint, ratio)
    yield inside(f"{name}_norm.weight", Role.NORM, layers, length)


# GLM 5.3 Flash.


def _glm5_next(hp: Hyperparameters) -> Groups:
    """Kimi's delta attention, and latent attention with an indexer over pooled tokens."""
    attending = attending_layers(hp)
    yield from tables(hp)
    yield from norms(hp, "attn_norm", "ffn_norm")
    yield from _mixers(hp)
    yield from kimi_delta(hp, recurrent_layers(hp), decay_shape=(same(hp.head_count),))
    yield from pooled_attention(hp, attending)
    yield from dense_then_sparse(hp, bias=ROUTER_BIAS)


def pooled_attention(hp: Hyperparameters, layers: Layers) -> Groups:
    """Latent attention whose indexer scores pools of tokens."""
    length, pool = stated(hp, "indexer_key_length"), stated(hp, "indexer_kpool")
    yield from latent_attention(hp, layers)
    yield from lightning_indexer(hp, layers)
    gate = "indexer_compressor_gate.weight"
    yield inside(gate, Role.ATTENTION, layers, hp.embedding_length, length)
    yield inside("indexer_compressor_ape.weight", Role.ATTENTION, layers, length, pool)


# Qwen3.8 Flash Next.


def _qwen4exp(hp: Hyperparameters) -> Groups:
    """Gated delta nets, attention with an indexer, and a table of n-grams."""
    attending = attending_layers(hp)
    yield from _qwen4exp_tables(hp)
    yield from _low_rank_mixers(hp)
    yield from gated_attention(hp, attending)
    yield from query_key_indexer(hp, attending)
    yield from gated_delta_net(hp, recurrent_layers(hp), split_rates=True)
    yield from _ngram_layers(hp, hp.ple_layers or ())
    yield from gated_mixture(hp, every(hp))


def _qwen4exp_tables(hp: Hyperparameters) -> Groups:
    width, streams, rank = hp.embedding_length, stated(hp, "hc_mult"), stated(hp, "hc_low_rank")
    yield outside("token_embd.weight", Role.TOKEN_EMBEDDING, width, hp.vocab_size)
    yield outside("output_hc_norm.weight", Role.OUTPUT, width, streams)
    yield outside("output_hc_down.weight", Role.OUTPUT, streams * width, rank)
    yield outside("output_hc_up.weight", Role.OUTPUT, rank, streams * width)
    if not hp.tied_embeddings:
        yield outside("output.weight", Role.OUTPUT, width, hp.vocab_size)
    rows, length = stated(hp, "ple_table_rows"), stated(hp, "ple_embedding_length")
    yield outside("per_layer_token_embd.weight", Role.LOOKUP_TABLE, length, rows)


def _low_rank_mixers(hp: Hyperparameters) -> Groups:
    width, streams, rank = hp.embedding_length, stated(hp, "hc_mult"), stated(hp, "hc_low_rank")
    layers, joint = every(hp), streams * width
    for part, role in (("attn", Role.ATTENTION), ("ffn", Role.FEED_FORWARD)):
        yield inside(f"hc_{part}_norm.weight", Role.NORM, layers, width, streams)
        yield inside(f"hc_{part}_down.weight", role, layers, joint, rank)
        yield inside(f"hc_{part}_up.weight", role, layers, rank, joint)
        yield inside(f"hc_{part}_inject.weight", role, layers, joint, streams)


def _ngram_layers(hp: Hyperparameters, layers: Layers) -> Groups:
    """Where the rows of the n-gram table enter the residual."""
    width, streams = hp.embedding_length, stated(hp, "hc_mult")
    joint = streams * width
    yield inside("ple_key.weight", Role.FEED_FORWARD, layers, width, joint)
    yield inside("ple_value.weight", Role.FEED_FORWARD, layers, width, width)
    for name in ("key", "query", "conv"):
        yield inside(f"ple_norm_{name}.weight", Role.NORM, layers, width, streams)
    kernel = stated(hp, "ple_conv_kernel")
    yield inside("ple_conv1d.weight", Role.FEED_FORWARD, layers, kernel, joint)


LAYOUTS: Mapping[str, Callable[[Hyperparameters], Groups]] = {
    "deepseek4": _deepseek4,
    "glm5-next": _glm5_next,
    "qwen4exp": _qwen4exp,
}
