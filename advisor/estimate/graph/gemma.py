"""Graphs of Gemma 3n and Gemma 4, which look embeddings up for every layer.

Gemma 3n carries several residual rows, predicts and corrects them around each layer; Gemma 4's
larger models have experts beside a dense part.

Source: llama.cpp `src/models/{gemma3n,gemma4}.cpp` (October 2026).
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from advisor.estimate.graph.blocks import Heads, Projected, attention, feed_forward
from advisor.estimate.graph.draft import F32_BYTES, POSITION_BYTES
from advisor.estimate.graph.experts import experts, mixture_of
from advisor.estimate.graph.folding import of_layer
from advisor.estimate.graph.sketch import INPUT, OUTPUT

if TYPE_CHECKING:
    from collections.abc import Sequence

    from advisor.estimate.graph.draft import Draft


OPENING = 0
"""Home of what projects the first residual row for every layer: where the output is."""


def _attended(d: Draft, layer: int, y: int) -> int:
    hyper, sketch = d.hyper, d.sketch
    lender = d.lender(layer)
    is_full = d.cache_of[lender].window_tokens is None
    length = hyper.key_length if is_full else hyper.key_length_swa or hyper.key_length
    heads, kv_heads = of_layer(hyper.head_count, layer), of_layer(hyper.head_count_kv, layer)
    q = d.norm(sketch.view(d.product(y, heads * length, layer)), layer)
    sketch.weights[q] = "attn_q_norm.weight"
    q = d.turned(q)
    k = v = None
    if lender == layer:
        width = F32_BYTES * d.tokens * kv_heads * length
        raw = d.product(y, kv_heads * length, layer)
        has_own = not (is_full and hyper.full_layers_share_k_and_v_weights)
        other = d.product(y, kv_heads * length, layer) if has_own else raw
        k = d.norm(sketch.view(raw), layer)
        sketch.weights[k] = "attn_k_norm.weight"
        k = d.turned(k)
        v = sketch.node(width, (sketch.view(other),), reuses=True)
    own = Heads(heads, length, length)
    found = attention(d, layer, own, Projected(q, k, v), lender=lender)
    return d.product(found, d.embedding, layer)


def _looked_up(d: Draft, x: int) -> int:
    """The per-layer embeddings of all layers, one layer after another."""
    hyper, sketch = d.hyper, d.sketch
    width = hyper.block_count * (hyper.embedding_length_per_layer_input or 0)
    tokens = sketch.leaf(POSITION_BYTES * d.tokens)
    rows = sketch.node(F32_BYTES * d.tokens * width, (tokens,), INPUT)
    rows = d.same(sketch.view(rows))
    sketch.draw(rows)
    projected = d.same(d.product(x, width, OPENING))
    projected = d.norm(sketch.view(projected), OPENING)
    both = d.same(d.sum(projected, rows))
    return d.copied(sketch.view(both))


def draw(d: Draft, layers: Sequence[int]) -> None:
    """Draw the graph of some layers."""
    if d.architecture == "gemma3n":
        _draw_3n(d, layers)
    else:
        _draw_4(d, layers)


def _draw_4(d: Draft, layers: Sequence[int]) -> None:
    hyper, sketch = d.hyper, d.sketch
    x = d.same(d.embed())
    each = hyper.embedding_length_per_layer_input or 0
    looked_up = _looked_up(d, x) if each else None
    if not d.predicts_further:
        d.last_layer = layers[-1]
    for layer in layers:
        y = _attended(d, layer, d.norm(x, layer))
        y, x = d.cropped(layer, y, x)
        x = d.sum(d.norm(y, layer), x)
        x = d.sum(d.norm(_fed(d, layer, x), layer), x)
        if looked_up is not None:
            gate = d.same(d.product(x, each, layer))
            gate = d.same(gate, sketch.view(looked_up, sketch.size[gate]))
            x = d.sum(x, d.norm(d.product(gate, d.embedding, layer), layer))
        x = d.same(x, home=layer)
    x = d.norm(x, OUTPUT)
    d.finish(d.handed_over(x) if d.predicts_further else x)


def _fed(d: Draft, layer: int, x: int) -> int:
    hyper = d.hyper
    y = d.norm(x, layer)
    dense = feed_forward(d, y, of_layer(hyper.feed_forward_length, layer), layer)
    if not hyper.expert_used_count:
        return dense
    dense = d.norm(dense, layer)
    inside = d.norm(x, layer)
    routed = d.product(d.norm(x, layer), hyper.expert_count or 0, layer)
    found = experts(d, inside, layer, replace(mixture_of(d), is_fused=True), logits=routed)
    return d.sum(dense, d.norm(found, layer))


# Gemma 3n.


def _draw_3n(d: Draft, layers: Sequence[int]) -> None:
    hyper, sketch = d.hyper, d.sketch
    streams, width = hyper.altup_num_inputs or 1, d.embedding
    row = F32_BYTES * d.tokens * width
    x = d.same(d.embed())
    looked_up = _looked_up(d, x)
    sizes = _magnitude(d, x, 1)
    repeated = sketch.node((streams - 1) * row, (x,))
    added = sketch.node((streams - 1) * row, (repeated,), OUTPUT)
    other = _magnitude(d, added, streams - 1)
    added = d.same(d.same(added, sizes), other)
    x = sketch.node(streams * row, (x, added))
    for layer in layers:
        x = _layer_3n(d, layer, x, looked_up)
    _finish_3n(d, x)


def _magnitude(d: Draft, x: int, rows: int) -> int:
    """The length of each row."""
    sketch = d.sketch
    square = sketch.node(F32_BYTES * d.tokens * d.embedding * rows, (x,), reuses=True)
    return d.same(sketch.node(F32_BYTES * d.tokens * rows, (square,)))


def _routed(d: Draft, layer: int, x: int) -> int:
    streams = d.hyper.altup_num_inputs or 1
    inputs = d.norm(x, layer)
    return d.same(d.product(d.same(inputs), streams, layer))


def _layer_3n(d: Draft, layer: int, x: int, looked_up: int) -> int:
    hyper, sketch = d.hyper, d.sketch
    streams, width = hyper.altup_num_inputs or 1, d.embedding
    row = F32_BYTES * d.tokens * width
    coefficients = d.product(_routed(d, layer, sketch.view(x, row)), streams * streams, layer)
    turned = d.copied(sketch.view(x))
    predicted = sketch.node(streams * row, (turned, sketch.view(coefficients)))
    predicted = d.sum(d.copied(sketch.view(predicted)), x)
    active = sketch.view(predicted, row)
    y = d.norm(active, layer)
    beside = d.product(d.product(y, hyper.laurel_rank or 0, layer), width, layer)
    beside = d.sum(d.norm(beside, layer), y)
    y = _attended(d, layer, y)
    y = d.sum(d.norm(y, layer), active)
    both = d.same(d.sum(y, beside))
    y = d.norm(both, layer)
    y = d.norm(_fed_3n(d, layer, y), layer)
    activated = d.sum(y, both)
    corrected = _corrected(d, layer, predicted, activated)
    each = hyper.embedding_length_per_layer_input or 0
    first = sketch.node(row, (sketch.view(corrected, row),), layer, reuses=True)
    first = d.same(d.product(first, each, layer))
    first = d.same(first, sketch.view(looked_up, sketch.size[first]))
    first = d.norm(d.product(first, width, layer), layer)
    rest = sketch.view(corrected, (streams - 1) * row)
    rest = sketch.node((streams - 1) * row, (rest, first), reuses=True)
    return sketch.node(streams * row, (sketch.view(corrected, row), rest))


SPARSE_LAYERS = 10
"""First layers whose gate is made sparse, in every model of Gemma 3n."""


def _fed_3n(d: Draft, layer: int, y: int) -> int:
    width = of_layer(d.hyper.feed_forward_length, layer)
    up = d.product(y, width, layer)
    gate = d.product(y, width, layer)
    if layer < SPARSE_LAYERS:
        mean = d.made(1, gate)
        apart = d.same(d.same(gate, mean))
        spread = d.same(d.made(1, apart))
        gate = d.same(gate, d.same(mean, spread))
    gate = d.same(gate)
    return d.product(d.sum(up, gate), d.embedding, layer)


def _corrected(d: Draft, layer: int, predicted: int, activated: int) -> int:
    sketch = d.sketch
    streams = d.hyper.altup_num_inputs or 1
    row = F32_BYTES * d.tokens * d.embedding
    routed = _routed(d, layer, activated)
    change = d.same(activated, sketch.view(predicted, row))
    coefficients = d.same(d.product(routed, streams, layer))
    coefficients = d.copied(sketch.view(coefficients))
    change = d.same(sketch.node(streams * row, (change,)), coefficients)
    return d.sum(change, predicted)


def _finish_3n(d: Draft, x: int) -> None:
    sketch = d.sketch
    streams = d.hyper.altup_num_inputs or 1
    row = F32_BYTES * d.tokens * d.embedding
    sizes = _magnitude(d, sketch.view(x, row), 1)
    rest = sketch.node((streams - 1) * row, (sketch.view(x, (streams - 1) * row),), OUTPUT)
    other = _magnitude(d, rest, streams - 1)
    rest = d.same(d.same(rest, sizes), other)
    found = sketch.view(x, row)
    for _ in range(streams - 1):
        found = sketch.node(row, (found, sketch.view(rest, row)), reuses=True)
    found = d.pick(d.same(found))
    d.rows = d.outputs
    d.finish(d.norm(found, OUTPUT))
