"""Graphs with gated delta nets: Qwen 3.5, Qwen3 Next and Kimi Linear; Qwen 4 has them too.

Source: llama.cpp `src/models/{delta-net-base,qwen35,qwen35moe,qwen3next,kimi-linear}.cpp` (October
2026), with the fused operation, which every backend has that this program knows.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from advisor.estimate.graph.blocks import Heads, Projected, attention
from advisor.estimate.graph.draft import F32_BYTES
from advisor.estimate.graph.folding import of_layer
from advisor.estimate.graph.latent import latent_attention
from advisor.estimate.graph.recurrent import (
    CONVOLUTION,
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
    if d.architecture == "kimi-linear":
        draw_layers(d, layers, _kimi_layer)
    else:
        draw_layers(d, layers, _qwen_layer, keeps_rows=True)


def _qwen_layer(d: Draft, layer: int, x: int) -> int:
    y = d.norm(x, layer)
    d.sketch.draw(y)
    y = gated_attention(d, layer, y) if attends(d, layer) else delta_net(d, layer, y)
    x = d.sum(y, x)
    return d.sum(feed(d, layer, d.norm(x, layer)), x)


def gated_attention(d: Draft, layer: int, y: int, *, mask: int | None = None) -> int:
    """Attention whose output is gated, with its output projection.

    Args:
        d: The graph.
        layer: Whose attention it is.
        y: What it reads.
        mask: The usual one of the layer's cache unless said.
    """
    hyper, sketch = d.hyper, d.sketch
    heads, kv_heads = of_layer(hyper.head_count, layer), of_layer(hyper.head_count_kv, layer)
    width = heads * hyper.key_length
    both = d.product(y, 2 * width, layer)
    q = d.norm(sketch.view(both, F32_BYTES * d.tokens * width), layer)
    k = d.norm(sketch.view(d.product(y, kv_heads * hyper.key_length, layer)), layer)
    sketch.weights.update({q: "attn_q_norm.weight", k: "attn_k_norm.weight"})
    q, k = d.turned(q), d.turned(k)
    v = sketch.view(d.product(y, kv_heads * hyper.value_length, layer))
    own = Heads(heads, hyper.key_length, hyper.value_length)
    found = attention(d, layer, own, Projected(q, k, v), mask=mask)
    gate = d.same(d.made(width, sketch.view(both)))
    return d.product(d.sum(found, gate), d.embedding, layer)


def delta_net(d: Draft, layer: int, y: int) -> int:
    """A gated delta net, with its output projection."""
    hyper, sketch = d.hyper, d.sketch
    inner, size = hyper.ssm_inner_size or 0, hyper.ssm_state_size or 0
    heads, groups = hyper.ssm_time_step_rank or 0, hyper.ssm_group_count or 1
    taps, channels = (hyper.ssm_conv_kernel or 1) - 1, inner + 2 * groups * size
    mixed = sketch.view(d.product(y, channels, layer))
    z = d.product(y, inner, layer)
    if d.architecture == "qwen3next":
        rates = d.product(y, 2 * heads, layer)
        beta = sketch.view(d.same(d.made(heads, sketch.view(rates))))
        decay = d.same(d.made(heads, sketch.view(rates)), home=layer)
    else:
        beta = d.same(sketch.view(d.product(y, heads, layer)))
        decay = d.same(sketch.view(d.product(y, heads, layer)), home=layer)
    decay = sketch.view(decay)
    kept, rows = states_of(d, layer, taps * channels)
    seen = F32_BYTES * channels * (d.tokens + taps * d.setup.sequences)
    conv = sketch.node(seen, (sketch.view(rows), sketch.view(mixed)))
    if d.architecture == "qwen4exp":
        last = F32_BYTES * channels * taps * d.setup.sequences
        store(d, layer, kept, d.copied(sketch.view(conv), last))
    else:
        store(d, layer, kept, conv)
    states, state = states_of(d, layer, inner * inner // heads)
    convolved = sketch.node(F32_BYTES * d.tokens * channels, (conv,), layer)
    sketch.weights[convolved] = CONVOLUTION
    convolved = d.same(convolved)
    q, k = (d.made(groups * size, sketch.view(convolved)) for _ in range(2))
    if d.architecture == "qwen3next" and groups != heads:
        q, k = (sketch.view(d.made(heads * size, sketch.view(one))) for one in (q, k))
    found = sketch.node(
        F32_BYTES * inner * (d.tokens + inner // heads * d.setup.sequences),
        (q, k, sketch.view(convolved), decay, beta, sketch.view(state)),
    )
    store(d, layer, states, found)
    normed = sketch.node(F32_BYTES * d.tokens * inner, (sketch.view(found),), layer, reuses=True)
    sketch.weights[normed] = "ssm_norm.weight"
    gated = d.sum(normed, d.same(sketch.view(z)))
    return sketch.view(d.product(sketch.view(gated), d.embedding, layer))


def _kimi_layer(d: Draft, layer: int, x: int) -> int:
    y = d.norm(x, layer)
    d.sketch.draw(y)
    if attends(d, layer):
        y = latent_attention(d, layer, y, is_turned=False)
    else:
        y = kimi_delta(d, layer, y)
    y, x = d.cropped(layer, y, x)
    x = d.sum(y, x)
    return d.sum(feed(d, layer, d.norm(x, layer), gating="sigmoid", is_biased=True), x)


def kimi_delta(d: Draft, layer: int, y: int) -> int:
    """Kimi's delta attention, with its output projection."""
    hyper, sketch = d.hyper, d.sketch
    heads, size = of_layer(hyper.head_count, layer), hyper.kda_head_dim or 0
    inner, taps = heads * size, (hyper.ssm_conv_kernel or 1) - 1
    kept, rows = states_of(d, layer, 3 * taps * inner)
    seen = F32_BYTES * inner * (d.tokens + taps * d.setup.sequences)
    convolved = []
    for _ in range(3):
        made = sketch.view(sketch.view(d.product(y, inner, layer)))
        conv = sketch.node(seen, (sketch.view(rows), made))
        store(d, layer, kept, conv)
        one = sketch.node(F32_BYTES * d.tokens * inner, (conv,), layer)
        convolved.append(sketch.view(d.same(sketch.view(one))))
    decay = d.same(d.product(d.product(y, size, layer), inner, layer), home=layer)
    decay = sketch.view(d.same(sketch.view(decay), home=layer))
    beta = d.same(sketch.view(d.product(y, heads, layer)))
    states, state = states_of(d, layer, inner * size)
    q, k = (d.same(one) for one in convolved[:2])
    found = sketch.node(
        F32_BYTES * inner * (d.tokens + size * d.setup.sequences),
        (q, k, convolved[2], decay, beta, sketch.view(state)),
    )
    output = d.made(inner, sketch.view(found))
    store(d, layer, states, found)
    normed = d.norm(sketch.view(output), layer)
    gate = d.product(d.product(sketch.view(y), size, layer), inner, layer)
    gated = d.sum(normed, d.same(sketch.view(gate)))
    return d.product(d.copied(gated), d.embedding, layer)
