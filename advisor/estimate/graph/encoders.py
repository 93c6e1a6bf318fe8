"""Graphs of encoders, which keep no cache: a micro-batch looks at itself, and embeddings come out.

Source: llama.cpp `src/models/{bert,gemma-embedding}.cpp` and `src/llama-graph.cpp`
(`build_attn_inp_no_cache`, `build_pooling`), October 2026.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from advisor.estimate.graph.blocks import feed_forward
from advisor.estimate.graph.draft import F16_BYTES, F32_BYTES
from advisor.estimate.graph.folding import of_layer
from advisor.estimate.graph.sketch import INPUT, OUTPUT

if TYPE_CHECKING:
    from collections.abc import Sequence

    from advisor.estimate.graph.draft import Draft


def draw(d: Draft, layers: Sequence[int]) -> None:
    """Draw the graph of some layers. Every token has an output."""
    d.outputs = d.tokens
    d.last_layer = layers[-1]
    if d.architecture == "gemma-embedding":
        _draw_gemma(d, layers)
    else:
        _draw_bert(d, layers)


def _attended(d: Draft, layer: int, y: int, mask: int) -> int:
    hyper, sketch = d.hyper, d.sketch
    is_fused, turned = d.architecture == "nomic-bert", d.architecture != "bert"
    heads, kv_heads = of_layer(hyper.head_count, layer), of_layer(hyper.head_count_kv, layer)
    widths = (heads * hyper.key_length, kv_heads * hyper.key_length, kv_heads * hyper.value_length)
    if is_fused:
        whole = d.product(y, sum(widths), layer)
        q, k, v = (sketch.view(whole) for _ in range(3))
    else:
        q, k, v = (sketch.view(d.product(y, width, layer)) for width in widths)
    if turned:
        q = sketch.node(F32_BYTES * d.tokens * widths[0], (q, d.positions), reuses=True)
        k = sketch.node(F32_BYTES * d.tokens * widths[1], (k, d.positions), reuses=True)
    for one in (q, k, v):
        sketch.draw(one)
    out = F32_BYTES * d.tokens * heads * hyper.value_length
    if d.setup.flash_attention:
        k = sketch.node(F16_BYTES * d.tokens * widths[1], (k,))
        v = sketch.node(F16_BYTES * d.tokens * widths[2], (v,))
        found = sketch.view(sketch.node(out, (q, k, v, mask)))
    else:
        scores = sketch.node(F32_BYTES * d.tokens * heads * d.tokens, (k, q))
        scores = d.same(scores, mask)
        v = sketch.node(F32_BYTES * d.tokens * widths[2], (v,))
        found = d.copied(sketch.view(sketch.node(out, (v, scores))))
    sketch.draw(found)
    return d.product(found, d.embedding, layer)


def _pooled(d: Draft, x: int) -> None:
    """One row for each sequence."""
    sketch = d.sketch
    sketch.keep(x)
    sketch.draw(x)
    means = sketch.leaf(F32_BYTES * d.tokens * d.setup.sequences)
    turned = d.copied(sketch.view(x))
    found = sketch.node(F32_BYTES * d.setup.sequences * d.embedding, (turned, means))
    sketch.keep(found)
    sketch.draw(found)


def _draw_bert(d: Draft, layers: Sequence[int]) -> None:
    hyper, sketch = d.hyper, d.sketch
    x = d.embed()
    if hyper.token_type_count:
        x = d.same(x)
    if hyper.position_count:
        size = F32_BYTES * d.tokens * d.embedding
        x = d.sum(sketch.node(size, (d.positions,), INPUT), x)
    x = d.layer_norm(x, layers[0])
    mask = d.new_mask(d.tokens * d.tokens)
    is_nomic = d.architecture == "nomic-bert"
    for layer in layers:
        y = _attended(d, layer, x, mask)
        y, x = d.cropped(layer, y, x)
        x = d.layer_norm(d.sum(y, x), layer)
        kind = "gated" if is_nomic else "plain"
        y = feed_forward(d, x, of_layer(hyper.feed_forward_length, layer), layer, kind=kind)
        x = d.layer_norm(d.sum(y, x), layer)
    _pooled(d, x)


def _draw_gemma(d: Draft, layers: Sequence[int]) -> None:
    hyper = d.hyper
    x = d.same(d.embed())
    full, window = (d.new_mask(d.tokens * d.tokens) for _ in range(2))
    for layer in layers:
        mask = window if d.is_windowed(layer) else full
        y = _attended(d, layer, d.norm(x, layer), mask)
        y, x = d.cropped(layer, y, x)
        x = d.sum(y, x)
        y = feed_forward(d, d.norm(x, layer), of_layer(hyper.feed_forward_length, layer), layer)
        x = d.sum(y, x)
    _pooled(d, d.norm(x, OUTPUT))
