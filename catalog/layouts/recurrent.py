"""The parts of layers that keep a state instead of a cache of keys and values.

Gated delta nets (Qwen3.5), Mamba-2 (Granite 4, Nemotron, Falcon-H1), short convolutions (LFM2)
and Kimi's delta attention. Which layers have them is said in `hybrids.py`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from catalog.layouts.layers import (
    Layers,
    same,
    stated,
)
from catalog.layouts.parts import (
    Groups,
    inside,
)
from catalog.tensors import Role

if TYPE_CHECKING:
    from catalog.model import Hyperparameters


def gated_delta_net(hp: Hyperparameters, layers: Layers, *, split_rates: bool) -> Groups:
    """Linear attention with a decaying state.

    Args:
        hp: The shape; `ssm_group_count` heads for keys, `ssm_time_step_rank` for values.
        layers: The layers that have it.
        split_rates: True when decay (alpha) and write rate (beta) have a matrix each.
    """
    width, state = hp.embedding_length, stated(hp, "ssm_state_size")
    heads, values = stated(hp, "ssm_time_step_rank"), stated(hp, "ssm_inner_size")
    channels = 2 * state * stated(hp, "ssm_group_count") + values
    yield inside("attn_qkv.weight", Role.RECURRENT, layers, width, channels)
    yield inside("attn_gate.weight", Role.RECURRENT, layers, width, values)
    yield inside(
        "ssm_conv1d.weight", Role.RECURRENT, layers, stated(hp, "ssm_conv_kernel"), channels
    )
    yield inside("ssm_dt.bias", Role.RECURRENT, layers, heads)
    yield inside("ssm_a", Role.RECURRENT, layers, heads)
    if split_rates:
        yield inside("ssm_beta.weight", Role.RECURRENT, layers, width, heads)
        yield inside("ssm_alpha.weight", Role.RECURRENT, layers, width, heads)
    else:
        yield inside("ssm_ba.weight", Role.RECURRENT, layers, width, 2 * heads)
    yield inside("ssm_norm.weight", Role.NORM, layers, state)
    yield inside("ssm_out.weight", Role.RECURRENT, layers, values, width)


def mamba2(
    hp: Hyperparameters, layers: Layers, *, norm: bool = True, conv_bias: bool = True
) -> Groups:
    """A Mamba-2 state space: one matrix in, a convolution, a state per head, one matrix out."""
    width, inner, groups = (
        hp.embedding_length,
        stated(hp, "ssm_inner_size"),
        stated(hp, "ssm_group_count"),
    )
    heads, channels = (
        stated(hp, "ssm_time_step_rank"),
        inner + 2 * groups * stated(hp, "ssm_state_size"),
    )
    yield inside("ssm_in.weight", Role.RECURRENT, layers, width, inner + channels + heads)
    yield inside(
        "ssm_conv1d.weight", Role.RECURRENT, layers, stated(hp, "ssm_conv_kernel"), channels
    )
    if conv_bias:
        yield inside("ssm_conv1d.bias", Role.RECURRENT, layers, channels)
    yield inside("ssm_dt.bias", Role.RECURRENT, layers, heads)
    yield inside("ssm_a", Role.RECURRENT, layers, 1, heads)
    yield inside("ssm_d", Role.RECURRENT, layers, 1, heads)
    if norm:
        yield inside("ssm_norm.weight", Role.NORM, layers, inner // groups, groups)
    yield inside("ssm_out.weight", Role.RECURRENT, layers, inner, width)


def short_convolution(hp: Hyperparameters, layers: Layers) -> Groups:
    """A gated convolution over the last few tokens."""
    width = hp.embedding_length
    taps = stated(hp, "shortconv_l_cache")
    yield inside("shortconv.conv.weight", Role.RECURRENT, layers, taps, width)
    yield inside("shortconv.in_proj.weight", Role.RECURRENT, layers, width, 3 * width)
    yield inside("shortconv.out_proj.weight", Role.RECURRENT, layers, width, width)


def kimi_delta(hp: Hyperparameters, layers: Layers, *, decay_shape: tuple[int, ...]) -> Groups:
    """Kimi's delta attention: a decay per channel, through low-rank matrices.

    `decay_shape` is what the converter gives `ssm_a`, which differs between architectures.
    """
    width, head, heads = hp.embedding_length, stated(hp, "kda_head_dim"), same(hp.head_count)
    inner = head * heads
    for name in ("q", "k", "v"):
        yield inside(
            f"ssm_conv1d_{name}.weight",
            Role.RECURRENT,
            layers,
            stated(hp, "ssm_conv_kernel"),
            1,
            inner,
        )
        yield inside(f"attn_{name}.weight", Role.RECURRENT, layers, width, inner)
    for name in ("f", "g"):
        yield inside(f"ssm_{name}_a.weight", Role.RECURRENT, layers, width, head)
        yield inside(f"ssm_{name}_b.weight", Role.RECURRENT, layers, head, inner)
    yield inside("ssm_beta.weight", Role.RECURRENT, layers, width, heads)
    yield inside("ssm_a", Role.RECURRENT, layers, *decay_shape)
    yield inside("ssm_dt.bias", Role.RECURRENT, layers, inner)
    yield inside("ssm_norm.weight", Role.NORM, layers, head)
    yield inside("attn_output.weight", Role.RECURRENT, layers, inner, width)
