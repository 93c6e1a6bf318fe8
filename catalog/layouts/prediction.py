"""The block that predicts the token after next (MTP), which some files carry beside the layers.

It is one more layer of the architecture's own kind, with what joins a token's embedding to the
state before it. Decoding one token at a time never reads it. Only blocks whose weights a published
count confirms are here.

Source: llama.cpp, October 2026, the tensors from `n_layer` on in `src/models/*.cpp`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING

from catalog.layouts.connected import pooled_attention
from catalog.layouts.experts import ROUTER_BIAS, mixture
from catalog.layouts.hybrids import gated_attention, gated_mixture, ungated_mixture
from catalog.layouts.latent import latent_attention, router_bias
from catalog.layouts.parts import (
    Groups,
    attention,
    gated_feed_forward,
    head_norms,
    inside,
    norms,
)
from catalog.tensors import Role

if TYPE_CHECKING:
    from catalog.layouts.layers import (
        Layers,
    )
    from catalog.model import Hyperparameters


def prediction_layers(hp: Hyperparameters) -> Layers:
    """The numbers of the prediction blocks, which follow the model's own layers."""
    return tuple(range(hp.block_count, hp.block_count + (hp.nextn_predict_layers or 0)))


def _joint(hp: Hyperparameters, layers: Layers) -> Groups:
    """What joins embedding and state; and, in some files, copies of the token table and head."""
    width = hp.embedding_length
    yield inside("nextn.eh_proj.weight", Role.MTP, layers, 2 * width, width)
    yield from norms(hp, "nextn.enorm", "nextn.hnorm", "nextn.shared_head_norm", layers=layers)
    if hp.nextn_has_own_tables:
        yield inside("nextn.embed_tokens.weight", Role.MTP, layers, width, hp.vocab_size)
        yield inside("nextn.shared_head_head.weight", Role.MTP, layers, width, hp.vocab_size)


def _qwen35(hp: Hyperparameters, layers: Layers) -> Groups:
    yield from norms(hp, "attn_norm", "post_attention_norm", layers=layers)
    yield from gated_attention(hp, layers)
    yield from gated_feed_forward(hp, layers)


def _qwen35moe(hp: Hyperparameters, layers: Layers) -> Groups:
    yield from norms(hp, "attn_norm", "post_attention_norm", layers=layers)
    yield from gated_attention(hp, layers)
    yield from gated_mixture(hp, layers)


def _glm4moe(hp: Hyperparameters, layers: Layers) -> Groups:
    yield from norms(hp, "attn_norm", "post_attention_norm", layers=layers)
    yield from attention(hp, layers)
    if hp.qk_norm:
        yield from head_norms(hp, layers)
    yield from mixture(hp, layers, bias=ROUTER_BIAS)


def _deepseek2(hp: Hyperparameters, layers: Layers) -> Groups:
    yield from norms(hp, "attn_norm", "ffn_norm", layers=layers)
    yield from latent_attention(hp, layers)
    yield from mixture(hp, layers, bias=router_bias(hp))


def _glm5_next(hp: Hyperparameters, layers: Layers) -> Groups:
    yield from norms(hp, "attn_norm", "ffn_norm", layers=layers)
    yield from pooled_attention(hp, layers)
    yield from mixture(hp, layers, bias=ROUTER_BIAS)


def _nemotron(hp: Hyperparameters, layers: Layers) -> Groups:
    """Attention as the trunk's attending layers have it, and experts, in one layer."""
    kv_heads = hp.head_count_kv if isinstance(hp.head_count_kv, int) else max(hp.head_count_kv)
    yield from norms(hp, "attn_norm", "post_attention_norm", layers=layers)
    yield from attention(replace(hp, head_count_kv=kv_heads), layers)
    yield from ungated_mixture(hp, layers)


_BLOCKS: Mapping[str, Callable[[Hyperparameters, Layers], Groups]] = {
    "deepseek2": _deepseek2,
    "glm4moe": _glm4moe,
    "glm5-next": _glm5_next,
    "nemotron_h_moe": _nemotron,
    "qwen35": _qwen35,
    "qwen35moe": _qwen35moe,
    "qwen3next": _qwen35moe,
}


def prediction_block(architecture: str, hp: Hyperparameters) -> Groups:
    """The groups of the prediction block, all of role MTP; nothing where it is not known."""
    build = _BLOCKS.get(architecture)
    layers = prediction_layers(hp)
    if build is None or not layers:
        return
    for part in (build(hp, layers), _joint(hp, layers)):
        for group in part:
            yield replace(group, role=Role.MTP)
