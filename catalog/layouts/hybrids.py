"""Layouts that mix layers with attention and layers with a recurrent state."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

from catalog.layouts.experts import (
    ROUTER_BIAS,
    dense_then_sparse,
    experts,
    mixture,
    router,
    shared_expert,
)
from catalog.layouts.latent import latent_attention
from catalog.layouts.layers import (
    Layers,
    attending_layers,
    every,
    feeding_layers,
    recurrent_layers,
    same,
)
from catalog.layouts.parts import (
    Groups,
    attention,
    gated_feed_forward,
    head_norms,
    inside,
    norms,
    plain_feed_forward,
    tables,
)
from catalog.layouts.recurrent import gated_delta_net, kimi_delta, mamba2, short_convolution
from catalog.tensors import Role

if TYPE_CHECKING:
    from catalog.model import Hyperparameters

# Qwen: gated delta nets, attention with an output gate in every fourth layer.


def _delta_trunk(hp: Hyperparameters, *, split_rates: bool) -> Groups:
    attending = attending_layers(hp)
    yield from tables(hp)
    yield from norms(hp, "attn_norm", "post_attention_norm")
    yield from gated_attention(hp, attending)
    yield from gated_delta_net(hp, recurrent_layers(hp), split_rates=split_rates)


def gated_attention(hp: Hyperparameters, layers: Layers) -> Groups:
    """Attention whose query matrix also yields a gate for its output."""
    yield from attention(hp, layers, query_gate=True)
    yield from head_norms(hp, layers)


def gated_mixture(hp: Hyperparameters, layers: Layers) -> Groups:
    """Experts, and a shared one with a gate of its own."""
    yield from mixture(hp, layers)
    yield inside("ffn_gate_inp_shexp.weight", Role.ROUTER, layers, hp.embedding_length)


def _qwen35(hp: Hyperparameters) -> Groups:
    yield from _delta_trunk(hp, split_rates=True)
    yield from gated_feed_forward(hp)


def _qwen35moe(hp: Hyperparameters) -> Groups:
    yield from _delta_trunk(hp, split_rates=True)
    yield from gated_mixture(hp, every(hp))


def _qwen3next(hp: Hyperparameters) -> Groups:
    yield from _delta_trunk(hp, split_rates=False)
    yield from gated_mixture(hp, every(hp))


# Mamba-2.


def _falcon_h1(hp: Hyperparameters) -> Groups:
    """Attention and a state side by side in every layer; one norm lacks the usual ending."""
    yield from tables(hp)
    yield from norms(hp, "attn_norm")
    yield inside("ffn_norm", Role.NORM, every(hp), hp.embedding_length)
    yield from attention(hp)
    yield from mamba2(hp, every(hp), norm=hp.ssm_has_norm, conv_bias=True)
    yield from gated_feed_forward(hp)


def _granite_hybrid(hp: Hyperparameters) -> Groups:
    yield from tables(hp)
    yield from norms(hp, "attn_norm", "ffn_norm")
    yield from attention(hp, attending_layers(hp))
    yield from mamba2(hp, recurrent_layers(hp))
    if hp.expert_count:
        yield from mixture(hp, every(hp))
    else:
        yield from gated_feed_forward(hp)


def _nemotron_h(hp: Hyperparameters) -> Groups:
    """Each layer is one part only: a state, attention, or feed-forward without a gate."""
    yield from tables(hp)
    yield from norms(hp, "attn_norm")
    yield from attention(hp, attending_layers(hp))
    yield from mamba2(hp, recurrent_layers(hp))
    feeding = feeding_layers(hp)
    if hp.expert_count:
        yield from ungated_mixture(hp, feeding)
    else:
        yield from plain_feed_forward(hp, feeding)


def ungated_mixture(hp: Hyperparameters, layers: Layers) -> Groups:
    """Nemotron's experts, which may work in a narrower space than the residual."""
    width, latent = hp.embedding_length, hp.moe_latent_size
    yield from router(hp, layers, bias=ROUTER_BIAS)
    if latent:
        yield inside("ffn_latent_down.weight", Role.FEED_FORWARD, layers, width, latent)
        yield inside("ffn_latent_up.weight", Role.FEED_FORWARD, layers, latent, width)
    yield from experts(hp, layers, gated=False, width=latent)
    yield from shared_expert(hp, layers, gated=False)


# Short convolutions.


def _lfm2_trunk(hp: Hyperparameters) -> Groups:
    """The final norm goes by the name of one after the token table."""
    attending = attending_layers(hp)
    yield from tables(hp, norm="token_embd_norm")
    yield from norms(hp, "attn_norm", "ffn_norm")
    yield from attention(hp, attending)
    yield from head_norms(hp, attending)
    yield from short_convolution(hp, recurrent_layers(hp))


def _lfm2(hp: Hyperparameters) -> Groups:
    yield from _lfm2_trunk(hp)
    yield from gated_feed_forward(hp)


def _lfm2moe(hp: Hyperparameters) -> Groups:
    yield from _lfm2_trunk(hp)
    yield from dense_then_sparse(hp, bias=ROUTER_BIAS)


# Kimi's delta attention.


def _kimi_linear(hp: Hyperparameters) -> Groups:
    yield from tables(hp)
    yield from norms(hp, "attn_norm", "ffn_norm")
    yield from latent_attention(hp, attending_layers(hp))
    yield from kimi_delta(hp, recurrent_layers(hp), decay_shape=(1, same(hp.head_count)))
    yield from dense_then_sparse(hp, bias=ROUTER_BIAS)


LAYOUTS: Mapping[str, Callable[[Hyperparameters], Groups]] = {
    "falcon-h1": _falcon_h1,
    "granitehybrid": _granite_hybrid,
    "kimi-linear": _kimi_linear,
    "lfm2": _lfm2,
    "lfm2moe": _lfm2moe,
    "nemotron_h": _nemotron_h,
    "nemotron_h_moe": _nemotron_h,
    "qwen35": _qwen35,
    "qwen35moe": _qwen35moe,
    "qwen3next": _qwen3next,
}
