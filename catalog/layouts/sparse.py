"""Layouts of transformers with experts and ordinary attention."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

from catalog.layouts.dense import plain
from catalog.layouts.experts import (
    ROUTER_BIAS,
    dense_then_sparse,
    experts,
    mixture,
    router,
)
from catalog.layouts.layers import (
    every,
    same,
    sparse_layers,
    stated,
)
from catalog.layouts.parts import (
    Groups,
    attention,
    biased_norms,
    fused_attention,
    gated_feed_forward,
    head_gates,
    head_norms,
    inside,
    norms,
    outside,
    tables,
    whole_norms,
)
from catalog.tensors import Role

if TYPE_CHECKING:
    from catalog.model import Hyperparameters


def plain_sparse(
    hp: Hyperparameters, *, bias: str | None = None, second_norm: str = "ffn_norm"
) -> Groups:
    """Llama's layout with experts for feed-forward (Mixtral), in all but the leading layers.

    Args:
        hp: The shape.
        bias: The name of what corrects the router's scores, where something does.
        second_norm: The name of the norm before feed-forward.
    """
    yield from tables(hp)
    yield from norms(hp, "attn_norm", second_norm)
    yield from attention(hp)
    if hp.qk_norm:
        yield from head_norms(hp)
    yield from dense_then_sparse(hp, bias=bias)


def _corrected(hp: Hyperparameters) -> Groups:
    return plain_sparse(hp, bias=ROUTER_BIAS)


def _llama(hp: Hyperparameters) -> Groups:
    """Llama and Mixtral go by one name."""
    return plain_sparse(hp) if hp.expert_count else plain(hp)


def _llama4(hp: Hyperparameters) -> Groups:
    """Every n-th layer has experts, and one more that every token passes."""
    step = stated(hp, "interleave_moe_layer_step")
    sparse = tuple(layer for layer in every(hp) if (layer + 1) % step == 0)
    dense = tuple(layer for layer in every(hp) if (layer + 1) % step)
    yield from tables(hp)
    yield from norms(hp, "attn_norm", "ffn_norm")
    yield from attention(hp)
    if dense:
        yield from gated_feed_forward(hp, dense)
    yield from mixture(hp, sparse)


def _afmoe(hp: Hyperparameters) -> Groups:
    yield from tables(hp)
    yield from norms(hp, "attn_norm", "post_attention_norm", "ffn_norm", "post_ffw_norm")
    yield from attention(hp)
    yield from head_norms(hp)
    yield from head_gates(hp, per_value=True)
    yield from dense_then_sparse(hp, bias=ROUTER_BIAS)


def _bailingmoe2(hp: Hyperparameters) -> Groups:
    yield from tables(hp)
    yield from norms(hp, "attn_norm", "ffn_norm")
    yield from fused_attention(hp)
    yield from head_norms(hp)
    yield from dense_then_sparse(hp, bias=ROUTER_BIAS)


def _cohere2moe(hp: Hyperparameters) -> Groups:
    """One norm: attention and experts read the same input."""
    yield from tables(hp)
    yield from norms(hp, "attn_norm")
    yield from attention(hp)
    yield from dense_then_sparse(hp)


def _glm4moe(hp: Hyperparameters) -> Groups:
    """The norm before feed-forward goes by the name of one after attention."""
    return plain_sparse(hp, bias=ROUTER_BIAS, second_norm="post_attention_norm")


def _gpt_oss(hp: Hyperparameters) -> Groups:
    """Biases everywhere, a sink per head, and experts with biases of their own."""
    count, length = stated(hp, "expert_count"), stated(hp, "expert_feed_forward_length")
    layers, width = every(hp), hp.embedding_length
    yield from tables(hp)
    yield from norms(hp, "attn_norm", "post_attention_norm")
    yield from attention(hp, bias=True, output_bias=True)
    yield inside("attn_sinks.weight", Role.ATTENTION, layers, same(hp.head_count))
    yield from router(hp, layers, bias="ffn_gate_inp.bias")
    yield from experts(hp, layers)
    yield inside("ffn_gate_exps.bias", Role.ROUTED_EXPERT, layers, length, count)
    yield inside("ffn_up_exps.bias", Role.ROUTED_EXPERT, layers, length, count)
    yield inside("ffn_down_exps.bias", Role.ROUTED_EXPERT, layers, width, count)


def _hy_v3(hp: Hyperparameters) -> Groups:
    """Its router bias is named without the usual ending."""
    yield from tables(hp)
    yield from norms(hp, "attn_norm", "ffn_norm")
    yield from attention(hp)
    yield from head_norms(hp)
    yield from dense_then_sparse(hp, bias="exp_probs_b")


def _laguna(hp: Hyperparameters) -> Groups:
    """Heads differ between layers; a gate per head."""
    yield from tables(hp)
    yield from norms(hp, "attn_norm", "ffn_norm")
    yield from attention(hp)
    yield from head_norms(hp)
    yield from head_gates(hp, per_value=False)
    yield from dense_then_sparse(hp, bias=ROUTER_BIAS)


def _mimo2(hp: Hyperparameters) -> Groups:
    """Values are shorter than keys, and only the sliding layers have attention sinks."""
    pattern = hp.sliding_window_pattern
    sliding = tuple(layer for layer in every(hp) if isinstance(pattern, tuple) and pattern[layer])
    yield from tables(hp)
    yield from norms(hp, "attn_norm", "ffn_norm")
    yield from attention(hp)
    yield inside("attn_sinks.weight", Role.ATTENTION, sliding, same(hp.head_count))
    yield from dense_then_sparse(hp, bias=ROUTER_BIAS)


def _minimax_m2(hp: Hyperparameters) -> Groups:
    yield from tables(hp)
    yield from norms(hp, "attn_norm", "ffn_norm")
    yield from attention(hp)
    yield from whole_norms(hp)
    yield from mixture(hp, every(hp), bias=ROUTER_BIAS)


def _minimax_m3(hp: Hyperparameters) -> Groups:
    """The layers with experts choose what to attend to with an indexer."""
    yield from _corrected(hp)
    yield from query_key_indexer(hp, sparse_layers(hp))


def query_key_indexer(hp: Hyperparameters, layers: tuple[int, ...]) -> Groups:
    """A small attention of one key head that picks the tokens the large one reads."""
    width, length = hp.embedding_length, stated(hp, "indexer_key_length")
    queries = stated(hp, "indexer_head_count") * length
    yield inside("indexer.q_proj.weight", Role.ATTENTION, layers, width, queries)
    yield inside("indexer.k_proj.weight", Role.ATTENTION, layers, width, length)
    yield inside("indexer.q_norm.weight", Role.NORM, layers, length)
    yield inside("indexer.k_norm.weight", Role.NORM, layers, length)


def _olmoe(hp: Hyperparameters) -> Groups:
    yield from tables(hp)
    yield from norms(hp, "attn_norm", "ffn_norm")
    yield from attention(hp)
    yield from whole_norms(hp)
    yield from mixture(hp, every(hp))


def _phimoe(hp: Hyperparameters) -> Groups:
    """Biases on norms, attention and the head."""
    yield from tables(hp)
    yield outside("output_norm.bias", Role.OUTPUT, hp.embedding_length)
    yield outside("output.bias", Role.OUTPUT, hp.vocab_size)
    yield from biased_norms(hp, "attn_norm", "ffn_norm")
    yield from attention(hp, bias=True, output_bias=True)
    yield from mixture(hp, every(hp))


def _step35(hp: Hyperparameters) -> Groups:
    """Heads differ between layers; a gate per head."""
    yield from tables(hp)
    yield from norms(hp, "attn_norm", "ffn_norm")
    yield from attention(hp)
    yield from head_norms(hp)
    yield from head_gates(hp, per_value=False)
    yield from dense_then_sparse(hp, bias=ROUTER_BIAS)


LAYOUTS: Mapping[str, Callable[[Hyperparameters], Groups]] = {
    "afmoe": _afmoe,
    "bailingmoe2": _bailingmoe2,
    "cohere2moe": _cohere2moe,
    "ernie4_5-moe": _corrected,
    "glm4moe": _glm4moe,
    "gpt-oss": _gpt_oss,
    "granite": _llama,
    "granitemoe": _llama,
    "hunyuan-moe": plain_sparse,
    "hy_v3": _hy_v3,
    "laguna": _laguna,
    "llama": _llama,
    "llama4": _llama4,
    "mellum": plain_sparse,
    "mimo2": _mimo2,
    "minimax-m2": _minimax_m2,
    "minimax-m3": _minimax_m3,
    "olmoe": _olmoe,
    "phimoe": _phimoe,
    "qwen3moe": plain_sparse,
    "qwen3vlmoe": plain_sparse,
    "step35": _step35,
}
