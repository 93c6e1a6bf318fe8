"""Layouts of transformers without experts, recurrence or latent attention.

One short function an architecture: which parts it has, in the order llama.cpp creates them.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

from catalog.layouts.layers import (
    attending_layers,
    by_heads,
    every,
    feeding_layers,
    lengths,
    same,
)
from catalog.layouts.parts import (
    Groups,
    attention,
    biased_norms,
    fused_attention,
    fused_feed_forward,
    gated_feed_forward,
    head_gates,
    head_norms,
    inside,
    norms,
    outside,
    plain_feed_forward,
    tables,
    whole_norms,
)
from catalog.tensors import Role

if TYPE_CHECKING:
    from catalog.model import Hyperparameters


def plain(hp: Hyperparameters) -> Groups:
    """Llama's own layout, which most models share: two norms, attention, gated feed-forward."""
    yield from tables(hp)
    yield from norms(hp, "attn_norm", "ffn_norm")
    yield from attention(hp)
    if hp.qk_norm:
        yield from head_norms(hp)
    yield from gated_feed_forward(hp)


def _apertus(hp: Hyperparameters) -> Groups:
    yield from tables(hp)
    yield from norms(hp, "attn_norm", "ffn_norm")
    yield from attention(hp)
    yield from head_norms(hp)
    yield from plain_feed_forward(hp)


def _arcee(hp: Hyperparameters) -> Groups:
    yield from tables(hp)
    yield from norms(hp, "attn_norm", "ffn_norm")
    yield from attention(hp)
    yield from plain_feed_forward(hp)


def _bitnet(hp: Hyperparameters) -> Groups:
    yield from plain(hp)
    yield from norms(hp, "attn_sub_norm")
    yield inside("ffn_sub_norm.weight", Role.NORM, every(hp), same(lengths(hp)))


def _cohere(hp: Hyperparameters) -> Groups:
    """One norm: attention and feed-forward read the same input."""
    yield from tables(hp)
    yield from norms(hp, "attn_norm")
    yield from attention(hp)
    if hp.qk_norm:
        yield from _norms_of_each_head(hp)
    yield from gated_feed_forward(hp)


def _norms_of_each_head(hp: Hyperparameters) -> Groups:
    for heads, kv_heads, some in by_heads(hp, every(hp)):
        yield inside("attn_q_norm.weight", Role.NORM, some, hp.key_length, heads)
        yield inside("attn_k_norm.weight", Role.NORM, some, hp.key_length, kv_heads)


def _deci(hp: Hyperparameters) -> Groups:
    """Some layers have no attention, some no feed-forward, each without the norm before it."""
    attending, feeding = attending_layers(hp), feeding_layers(hp)
    yield from tables(hp)
    yield from norms(hp, "attn_norm", layers=attending)
    yield from norms(hp, "ffn_norm", layers=feeding)
    yield from attention(hp, attending)
    yield from gated_feed_forward(hp, feeding)


def _exaone4(hp: Hyperparameters) -> Groups:
    """Norms after attention and after feed-forward, none before."""
    yield from tables(hp)
    yield from norms(hp, "post_attention_norm", "post_ffw_norm")
    yield from attention(hp)
    yield from head_norms(hp)
    yield from gated_feed_forward(hp)


def _glm4(hp: Hyperparameters) -> Groups:
    yield from tables(hp)
    yield from norms(hp, "attn_norm", "post_attention_norm", "ffn_norm", "post_ffw_norm")
    yield from attention(hp)
    yield from fused_feed_forward(hp)


def _muse_glimmer(hp: Hyperparameters) -> Groups:
    yield from tables(hp)
    yield from norms(hp, "attn_norm", "post_attention_norm", "ffn_norm", "post_ffw_norm")
    yield from attention(hp)
    yield from head_norms(hp)
    yield from head_gates(hp, per_value=True)
    yield from gated_feed_forward(hp)


def _olmo2(hp: Hyperparameters) -> Groups:
    yield from tables(hp)
    yield from norms(hp, "post_attention_norm", "post_ffw_norm")
    yield from attention(hp)
    yield from whole_norms(hp)
    yield from gated_feed_forward(hp)


def _phi3(hp: Hyperparameters) -> Groups:
    yield from tables(hp)
    yield from norms(hp, "attn_norm", "ffn_norm")
    yield from fused_attention(hp)
    yield from fused_feed_forward(hp)


def _seed_oss(hp: Hyperparameters) -> Groups:
    """The norm before feed-forward goes by the name of one after attention."""
    yield from tables(hp)
    yield from norms(hp, "attn_norm", "post_attention_norm")
    yield from attention(hp)
    yield from gated_feed_forward(hp)


def _starcoder2(hp: Hyperparameters) -> Groups:
    yield from tables(hp)
    yield outside("output_norm.bias", Role.OUTPUT, hp.embedding_length)
    yield from biased_norms(hp, "attn_norm", "ffn_norm")
    yield from attention(hp, bias=True, output_bias=True)
    yield from plain_feed_forward(hp, bias=True)


LAYOUTS: Mapping[str, Callable[[Hyperparameters], Groups]] = {
    "apertus": _apertus,
    "arcee": _arcee,
    "bitnet": _bitnet,
    "cohere2": _cohere,
    "command-r": _cohere,
    "deci": _deci,
    "ernie4_5": plain,
    "exaone": plain,
    "exaone4": _exaone4,
    "glm4": _glm4,
    "hunyuan-dense": plain,
    "internlm2": plain,
    "minicpm": plain,
    "mistral3": plain,
    "muse-glimmer": _muse_glimmer,
    "olmo2": _olmo2,
    "phi3": _phi3,
    "qwen2": plain,
    "qwen2vl": plain,
    "qwen3": plain,
    "qwen3vl": plain,
    "seed_oss": _seed_oss,
    "smollm3": plain,
    "starcoder2": _starcoder2,
}
