"""Graphs with Mamba 2: Falcon H1, Granite 4.0 and Nemotron H.

Source: llama.cpp `src/models/{mamba-base,falcon-h1,granite-hybrid,nemotron-h}.cpp` (October 2026).
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from advisor.estimate.graph.blocks import feed_forward
from advisor.estimate.graph.draft import F32_BYTES
from advisor.estimate.graph.experts import experts, mixture_of, shared_width
from advisor.estimate.graph.folding import of_layer
from advisor.estimate.graph.recurrent import (
    CONVOLUTION,
    attend,
    attends,
    draw_layers,
    feed,
    states_of,
    store,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

    from advisor.estimate.graph.draft import Draft


def draw(d: Draft, layers: Sequence[int]) -> None:
    """Draw the graph of some layers."""
    draw_layers(
        d,
        layers,
        LAYERS[d.architecture],
        keeps_rows=d.architecture.startswith("nemotron"),
    )


def _mamba(d: Draft, layer: int, y: int) -> int:
    hyper, sketch = d.hyper, d.sketch
    inner, size = hyper.ssm_inner_size or 0, hyper.ssm_state_size or 0
    heads, taps = hyper.ssm_time_step_rank or 0, (hyper.ssm_conv_kernel or 1) - 1
    channels = inner + 2 * (hyper.ssm_group_count or 1) * size
    kept, rows = states_of(d, layer, taps * channels)
    whole = d.product(y, inner + channels + heads, layer)
    z, xbc, dt = (sketch.view(sketch.view(whole)) for _ in range(3))
    seen = F32_BYTES * channels * (d.tokens + taps * d.setup.sequences)
    conv = sketch.node(seen, (sketch.view(rows), xbc))
    store(d, layer, kept, conv)
    convolved = sketch.node(F32_BYTES * d.tokens * channels, (conv,), layer)
    sketch.weights[convolved] = CONVOLUTION
    convolved = d.same(convolved, home=layer)
    x, b, c = (sketch.view(convolved) for _ in range(3))
    steps = d.same(d.made(heads, dt), home=layer)
    states = sketch.cached(layer, F32_BYTES * inner * size * d.setup.sequences)
    sketch.draw(sketch.node(0, (states,), layer))
    scan = sketch.node(
        F32_BYTES * inner * (d.tokens + size * d.setup.sequences),
        (states, x, steps, b, c, d.state_rows),
        layer,
    )
    sketch.in_one_row.add(scan)
    sketch.draw(scan)
    others = sketch.nothing((states, d.other_state_rows))
    sketch.draw(sketch.node(0, (others, states), layer))
    store(d, layer, states, scan)
    skipped = sketch.node(F32_BYTES * d.tokens * inner, (x,), layer)
    sketch.weights[skipped] = "ssm_d"
    found = d.sum(sketch.view(scan, sketch.size[skipped]), skipped)
    found = d.made(inner, d.made(inner, z), found)
    if hyper.ssm_has_norm:
        found = d.norm(sketch.view(found), layer)
    return d.product(sketch.view(found), d.embedding, layer)


def _granite_layer(d: Draft, layer: int, x: int) -> int:
    y = d.norm(x, layer)
    turned = bool(d.hyper.rope_dimension_count)
    y = attend(d, layer, y, turned=turned) if attends(d, layer) else _mamba(d, layer, y)
    y, x = d.cropped(layer, y, x)
    x = d.sum(y, x)
    return d.sum(feed(d, layer, d.norm(x, layer)), x)


def _falcon_layer(d: Draft, layer: int, x: int) -> int:
    attended = attend(d, layer, d.norm(x, layer))
    y = d.sum(attended, _mamba(d, layer, d.norm(x, layer)))
    x = d.sum(y, x)
    (x,) = d.cropped(layer, x)
    return d.sum(feed(d, layer, d.norm(x, layer)), x)


def _nemotron_layer(d: Draft, layer: int, x: int) -> int:
    y = d.norm(x, layer)
    if attends(d, layer):
        y = attend(d, layer, y, turned=False)
    elif of_layer(d.hyper.feed_forward_length, layer) or _pattern(d, layer) in {"E", "-"}:
        y = _nemotron_fed(d, layer, y)
    else:
        y = _mamba(d, layer, y)
    return d.sum(y, x)


def _pattern(d: Draft, layer: int) -> str:
    pattern = d.hyper.layer_pattern
    return pattern[layer] if pattern else ""


def _nemotron_fed(d: Draft, layer: int, y: int) -> int:
    hyper = d.hyper
    if not hyper.expert_used_count:
        return feed_forward(d, y, of_layer(hyper.feed_forward_length, layer), layer, kind="plain")
    latent = hyper.moe_latent_size
    inside = d.product(y, latent, layer) if latent else y
    mixture = replace(
        mixture_of(d),
        width=latent or d.embedding,
        gating="sigmoid",
        is_biased=hyper.router_has_bias,
        is_gated=False,
    )
    found = experts(d, inside, layer, mixture, logits=d.product(y, mixture.count, layer))
    if latent:
        found = d.product(found, d.embedding, layer)
    return d.sum(found, feed_forward(d, y, shared_width(d), layer, kind="plain"))


LAYERS = {
    "falcon-h1": _falcon_layer,
    "granitehybrid": _granite_layer,
    "nemotron_h": _nemotron_layer,
    "nemotron_h_moe": _nemotron_layer,
}
"""What draws a layer of each."""
