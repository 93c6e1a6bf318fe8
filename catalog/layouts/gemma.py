"""Layouts of the Gemma family, with its per-layer embeddings and shared key/value layers."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING

from catalog.layouts.layers import (
    Layers,
    by_value,
    every,
    stated,
)
from catalog.layouts.parts import (
    Groups,
    attention,
    gated_feed_forward,
    head_norms,
    inside,
    norms,
    outside,
    tables,
)
from catalog.tensors import Role, TensorGroup

if TYPE_CHECKING:
    from catalog.model import Hyperparameters

GEMMA3N_OWNING_LAYERS = 20
"""llama.cpp gives the first 20 layers a cache, whatever the header says."""

_NORMS = ("attn_norm", "post_attention_norm", "ffn_norm", "post_ffw_norm")


def _gemma2(hp: Hyperparameters) -> Groups:
    yield from tables(hp)
    yield from norms(hp, *_NORMS)
    yield from attention(hp)
    if hp.qk_norm:
        yield from head_norms(hp)
    yield from gated_feed_forward(hp)


def _gemma3n(hp: Hyperparameters) -> Groups:
    """Alternating updates of four residual streams, and a table of embeddings per layer."""
    yield from tables(hp)
    yield from _stream_tables(hp)
    yield from norms(hp, *_NORMS)
    yield from _with_unused_keys(hp, GEMMA3N_OWNING_LAYERS, every(hp))
    yield from gated_feed_forward(hp)
    yield from _per_layer_embeddings(hp)
    yield from _alternating_updates(hp)


def _stream_tables(hp: Hyperparameters) -> Groups:
    """What spreads the residual over the streams and gathers it again, outside the layers."""
    width, streams = hp.embedding_length, stated(hp, "altup_num_inputs")
    yield outside("altup_proj.weight", Role.OUTPUT, width, width, streams - 1)
    yield outside("altup_unembd_proj.weight", Role.OUTPUT, width, width, streams - 1)


def _alternating_updates(hp: Hyperparameters) -> Groups:
    width, streams, rank = (
        hp.embedding_length,
        stated(hp, "altup_num_inputs"),
        stated(hp, "laurel_rank"),
    )
    shapes = {
        "altup_correct_coef": (streams, streams),
        "altup_correct_scale": (width,),
        "altup_predict_coef": (streams, streams * streams),
        "altup_router": (width, streams),
        "laurel_l": (width, rank),
        "laurel_r": (rank, width),
    }
    for name, shape in shapes.items():
        yield inside(f"{name}.weight", Role.FEED_FORWARD, every(hp), *shape)
    yield from norms(hp, "altup_router_norm", "laurel_post_norm")


def _per_layer_embeddings(hp: Hyperparameters) -> Groups:
    """A table with a row per token and layer, and what mixes its rows into the residual."""
    width, length = hp.embedding_length, hp.embedding_length_per_layer_input
    if not length:
        return
    rows, joint = hp.vocab_size_per_layer_input or hp.vocab_size, length * hp.block_count
    yield outside("per_layer_token_embd.weight", Role.LOOKUP_TABLE, joint, rows)
    yield outside("per_layer_model_proj.weight", Role.FEED_FORWARD, width, joint)
    yield outside("per_layer_proj_norm.weight", Role.NORM, length)
    yield inside("inp_gate.weight", Role.FEED_FORWARD, every(hp), width, length)
    yield inside("proj.weight", Role.FEED_FORWARD, every(hp), length, width)
    yield from norms(hp, "post_norm")


def _gemma4(hp: Hyperparameters) -> Groups:
    """Full and sliding layers differ in head length, and the last ones may share a cache."""
    yield from tables(hp)
    yield from norms(hp, *_NORMS)
    yield inside("layer_output_scale.weight", Role.NORM, every(hp), 1)
    owning = hp.block_count - (hp.shared_kv_layers or 0)
    pattern = hp.sliding_window_pattern
    sliding = pattern if isinstance(pattern, tuple) else (False,) * hp.block_count
    for slides, some in by_value(sliding, every(hp)):
        yield from _gemma4_attention(hp, owning, some, slides=bool(slides))
    yield from gated_feed_forward(hp)
    yield from _per_layer_embeddings(hp)
    if hp.expert_count:
        yield from _gemma4_experts(hp, hp.expert_count)


def _of_kind(hp: Hyperparameters, *, slides: bool) -> Hyperparameters:
    """The shape as the sliding, or the full, layers have it."""
    if not slides:
        return hp
    return replace(
        hp,
        key_length=hp.key_length_swa or hp.key_length,
        value_length=hp.value_length_swa or hp.value_length,
    )


def _gemma4_attention(hp: Hyperparameters, owning: int, layers: Layers, *, slides: bool) -> Groups:
    """In some models the full layers have no value weights: keys, before their norm, serve."""
    has_values = slides or not hp.full_layers_share_k_and_v_weights
    for group in _with_unused_keys(_of_kind(hp, slides=slides), owning, layers):
        if has_values or group.name != "attn_v.weight":
            yield group


def _with_unused_keys(hp: Hyperparameters, owning: int, layers: Layers) -> Groups:
    """Attention of these layers; those from `owning` on read the cache of an earlier one.

    Their key and value weights are in the file, and loaded, and never read.
    """
    yield from _attention_with_norms(hp, tuple(layer for layer in layers if layer < owning))
    for group in _attention_with_norms(hp, tuple(layer for layer in layers if layer >= owning)):
        yield replace(group, role=Role.UNUSED) if _is_key_or_value(group) else group


def _attention_with_norms(hp: Hyperparameters, layers: Layers) -> Groups:
    if layers:
        yield from attention(hp, layers)
        yield from head_norms(hp, layers)


def _is_key_or_value(group: TensorGroup) -> bool:
    return group.name in {"attn_k.weight", "attn_v.weight", "attn_k_norm.weight"}


def _gemma4_experts(hp: Hyperparameters, count: int) -> Groups:
    """Experts beside the dense feed-forward: gate and up in one tensor.

    The scale is one figure an expert, read in one piece, so it counts with the router.
    """
    width, length, layers = hp.embedding_length, stated(hp, "expert_feed_forward_length"), every(hp)
    yield inside("ffn_gate_inp.weight", Role.ROUTER, layers, width, count)
    yield inside("ffn_gate_inp.scale", Role.ROUTER, layers, width)
    yield from norms(hp, "pre_ffw_norm_2", "post_ffw_norm_1", "post_ffw_norm_2")
    yield inside("ffn_gate_up_exps.weight", Role.ROUTED_EXPERT, layers, width, 2 * length, count)
    yield inside("ffn_down_exps.weight", Role.ROUTED_EXPERT, layers, length, width, count)
    yield inside("ffn_down_exps.scale", Role.ROUTER, layers, count)


LAYOUTS: Mapping[str, Callable[[Hyperparameters], Groups]] = {
    "gemma-embedding": _gemma2,
    "gemma2": _gemma2,
    "gemma3": _gemma2,
    "gemma3n": _gemma3n,
    "gemma4": _gemma4,
}
