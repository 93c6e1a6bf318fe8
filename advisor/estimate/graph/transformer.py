"""Graphs of transformers whose every layer attends and then feeds forward.

Holds how a layer is put together, and which architecture differs from the usual in what; never the
inside of attention or of experts (`blocks`).

Source: llama.cpp `src/models/*.cpp` (October 2026), a file for each architecture.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from advisor.estimate.graph.blocks import Heads, Projected, attention, feed_forward
from advisor.estimate.graph.draft import F32_BYTES
from advisor.estimate.graph.experts import experts, mixture_of, shared_width
from advisor.estimate.graph.folding import of_layer
from advisor.estimate.graph.sketch import OUTPUT
from advisor.estimate.graph.styles import STYLES, Style

if TYPE_CHECKING:
    from collections.abc import Sequence

    from advisor.estimate.graph.draft import Draft


def draw(d: Draft, layers: Sequence[int]) -> None:
    """Draw the graph of some layers."""
    style = STYLES[d.architecture]
    x = d.embed()
    if style.scales_input:
        x = d.same(x)
    if not d.predicts_further:
        style = replace(style, tail="cropped")
    if style.tail == "cropped":
        d.last_layer = layers[-1]
    one = _parallel_layer if style.is_parallel else _layer
    for layer in layers:
        x = one(d, style, layer, x)
    _finish(d, style, x)


def _finish(d: Draft, style: Style, x: int) -> None:
    norm = d.layer_norm if style.has_mean_norm else d.norm
    if style.tail != "kept":
        x = norm(x, OUTPUT)
    if style.tail != "cropped":
        x = d.handed_over(x)
    if style.tail == "kept":
        x = norm(x, OUTPUT)
    d.finish(x, style.head_home)


def _layer(d: Draft, style: Style, layer: int, x: int) -> int:
    norm = d.layer_norm if style.has_mean_norm else d.norm
    heads, _ = _heads(d, layer)
    y = x
    if heads:
        y = norm(x, layer) if style.has_first_norms else x
        y = _attending(d, style, layer, y)
    y, x = d.cropped(layer, y, x)
    width = of_layer(d.hyper.feed_forward_length, layer)
    if heads:
        x = d.sum(y, x)
    if not width and not _has_experts(d, layer):
        return x if heads else y
    y = norm(x, layer) if style.has_first_norms else x
    y = _feeding(d, style, layer, y)
    if style.has_last_norm:
        y = d.norm(y, layer)
    return d.sum(x, y) if style.adds_to_residual else d.sum(y, x)


def _parallel_layer(d: Draft, style: Style, layer: int, x: int) -> int:
    norm = d.layer_norm if style.has_mean_norm else d.norm
    y = norm(x, layer)
    attended = _attending(d, style, layer, y)
    attended, x, y = d.cropped(layer, attended, x, y)
    return d.sum(d.sum(_feeding(d, style, layer, y), x), attended)


def _heads(d: Draft, layer: int) -> tuple[int, int]:
    return of_layer(d.hyper.head_count, layer), of_layer(d.hyper.head_count_kv, layer)


def _lengths(d: Draft, layer: int) -> tuple[int, int]:
    hyper = d.hyper
    if hyper.key_length_swa and d.cache_of[layer].window_tokens is not None:
        return hyper.key_length_swa, hyper.value_length_swa or hyper.value_length
    return hyper.key_length, hyper.value_length


def _attending(d: Draft, style: Style, layer: int, y: int) -> int:
    heads, kv_heads = _heads(d, layer)
    if not kv_heads:
        return d.product(y, d.embedding, layer)
    sketch, lengths = d.sketch, _lengths(d, layer)
    widths = (heads * lengths[0], kv_heads * lengths[0], kv_heads * lengths[1])
    if style.is_fused:
        whole = d.product(y, sum(widths), layer)
        q, k, v = (sketch.view(whole) for _ in widths)
    else:
        q, k, v = (sketch.view(d.product(y, width, layer)) for width in widths)
    row = F32_BYTES * d.rows
    if style.is_unturned is None or not style.is_unturned(d, layer):
        q = sketch.node(row * widths[0], (q, d.positions), reuses=True)
        k = sketch.node(row * widths[1], (k, d.positions), reuses=True)
    elif style.is_scaled:
        q = sketch.node(row * widths[0], (q, d.scales), reuses=True)
    made = Projected(q, k, v, style.is_fused)
    found = attention(d, layer, Heads(heads, *lengths), made)
    return d.product(_gated(d, style, layer, y, found), d.embedding, layer)


def _gated(d: Draft, style: Style, layer: int, y: int, found: int) -> int:
    """What attention puts out, behind a norm or a gate where there is one."""
    sketch, heads = d.sketch, _heads(d, layer)[0]
    if style.has_inner_norm:
        return d.norm(found, layer)
    if style.gate == "each":
        return d.sum(found, d.same(d.product(y, heads * _lengths(d, layer)[1], layer)))
    if style.gate == "head":
        gate = d.same(d.product(y, heads, layer))
        return sketch.view(d.same(sketch.view(found), sketch.view(gate)))
    return found


def _has_experts(d: Draft, layer: int) -> bool:
    hyper = d.hyper
    step = hyper.interleave_moe_layer_step or 1
    return bool(
        hyper.expert_used_count
        and layer >= (hyper.leading_dense_block_count or 0)
        and (layer + 1) % step == 0
    )


def _feeding(d: Draft, style: Style, layer: int, y: int) -> int:
    hyper = d.hyper
    if not _has_experts(d, layer):
        width = of_layer(hyper.feed_forward_length, layer)
        if style.has_inner_norm:
            up = d.product(y, width, layer)
            inner = d.norm(d.made(width, d.product(y, width, layer), up), layer)
            return d.product(inner, d.embedding, layer)
        return feed_forward(d, y, width, layer, kind=style.feeding)
    mixture = replace(
        mixture_of(d),
        gating=style.gating,
        is_biased=style.is_biased and hyper.router_has_bias,
        has_expert_bias=style.has_expert_bias,
        is_normed=style.is_normed,
        weighs_first=style.weighs_first,
    )
    found = experts(d, y, layer, mixture)
    shared = shared_width(d)
    return d.sum(found, feed_forward(d, y, shared, layer)) if shared else found
