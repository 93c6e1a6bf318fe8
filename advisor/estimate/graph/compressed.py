"""Graphs of DeepSeek V4: attention over a short window and a compressed stream beside it.

A layer that compresses by four has an indexer, which chooses among the cells of its stream; one
that compresses by more looks at all of them.

Source: llama.cpp `src/models/deepseek4.cpp` and `src/llama-kv-cache-dsv4.cpp` (October 2026).
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from advisor.estimate.graph.blocks import feed_forward
from advisor.estimate.graph.compressor import Plan, compress
from advisor.estimate.graph.draft import (
    F16_BYTES,
    F32_BYTES,
    INDEX_BYTES,
    POSITION_BYTES,
    turned_length,
)
from advisor.estimate.graph.experts import experts, mixture_of, shared_width
from advisor.estimate.graph.folding import of_layer
from advisor.estimate.graph.hyper import head, mixed_after, mixed_before, spread
from advisor.estimate.graph.sketch import ANYWHERE, OUTPUT, Matrix
from advisor.estimate.kv_cache import cells, row_bytes

if TYPE_CHECKING:
    from collections.abc import Sequence

    from advisor.estimate.graph.draft import Draft
    from catalog.cache import LayerCache

INDEXED_RATIO = 4
"""Layers that compress by so many have an indexer, and their cells overlap."""

PINNED_ROWS = 32
"""With fewer rows llama.cpp leaves the last operation of a layer on that layer's device.

It tries one row for each sequence, to see whether a device has all operations of its layers.
"""


class _Shared:
    """What all layers of one graph share."""

    def __init__(self, d: Draft, layers: Sequence[int]) -> None:
        self._d = d
        self.window = d.caches[0]
        self.stream_of = {
            layer: cache
            for cache in d.caches
            if cache.tokens_per_cell > 1
            for layer in cache.layers
        }
        """The compressed stream of each layer that has one."""

        self.choices_of = _choices(layers, [one for one in self.stream_of if self.chooses(one)])
        self.indices = d.sketch.leaf(INDEX_BYTES * d.tokens)
        self._plans: dict[tuple[int, bool], Plan] = {}
        self._masks: dict[tuple[int, bool], int] = {}
        self._turns: dict[int, int] = {}

    def chooses(self, layer: int) -> bool:
        """True for a layer with an indexer."""
        stream = self.stream_of.get(layer)
        return stream is not None and stream.indexer_width > 0

    def plan(self, stream: LayerCache, *, of_indexer: bool = False) -> Plan:
        """What compressors of a stream read, or those of its indexer's keys."""
        d, ratio = self._d, stream.tokens_per_cell
        key = (ratio, of_indexer)
        if key not in self._plans:
            length = stream.indexer_width if of_indexer else d.hyper.key_length
            turn = d.indexer_turn(length) if of_indexer else self.turn(stream)
            is_overlapping = ratio == INDEXED_RATIO
            self._plans[key] = Plan(d, ratio, length, turn, is_overlapping=is_overlapping)
        return self._plans[key]

    def mask(self, cache: LayerCache, *, of_indexer: bool = False) -> int:
        """The mask of a window or a stream; an indexer's is always F16."""
        d, key = self._d, (cache.tokens_per_cell, of_indexer)
        if key not in self._masks:
            count = d.tokens * cells(cache, d.setup)
            leaf = d.sketch.leaf(F16_BYTES * count) if of_indexer else d.new_mask(count)
            self._masks[key] = leaf
        return self._masks[key]

    def turn(self, cache: LayerCache) -> int | None:
        """What a quantized window or stream is rotated with; ``None`` for none."""
        d, key = self._d, cache.tokens_per_cell
        turn = turned_length(d.hyper.key_length, d.setup.kv_type_k)
        if turn is None:
            return None
        if key not in self._turns:
            self._turns[key] = d.sketch.leaf(F32_BYTES * turn * turn)
        return self._turns[key]


def _choices(drawn: Sequence[int], choosing: Sequence[int]) -> dict[int, int]:
    """How many layers' choices each layer brings that is drawn: those left out behind it as well.

    What opens a choice is there from the start, for every layer.
    """
    kept = sorted(layer for layer in drawn if layer in choosing)
    bounds = [*kept[1:], max(choosing, default=0) + 1]
    first = [0, *kept[1:]]
    return {
        layer: sum(start <= one < end for one in choosing)
        for layer, start, end in zip(kept, first, bounds, strict=False)
    }


def draw(d: Draft, layers: Sequence[int]) -> None:
    """Draw the graph of some layers."""
    sketch = d.sketch
    d.is_cut &= d.setup.sequences >= PINNED_ROWS
    x = d.embed()
    words = sketch.reads[x][0]
    shared = _Shared(d, layers)
    sketch.draw(shared.mask(shared.window))
    x = spread(d, x)
    for layer in layers:
        mixed = mixed_before(d, layer, x)
        y = _attended(d, layer, d.norm(mixed.row, layer), shared)
        x = mixed_after(d, y, x, mixed)
        mixed = mixed_before(d, layer, x)
        for one in (x, mixed.post, mixed.comb):
            sketch.draw(one)
        x = mixed_after(d, _fed(d, layer, d.norm(mixed.row, layer), words), x, mixed)
    x = sketch.view(d.pick(sketch.view(x)))
    d.rows = d.outputs
    d.finish(d.norm(head(d, x), OUTPUT))


def _fed(d: Draft, layer: int, y: int, words: int) -> int:
    """A mixture, whose experts the words themselves pick in the first layers."""
    is_hashed = layer < (d.hyper.hash_layer_count or 0)
    mixture = replace(mixture_of(d), is_biased=not is_hashed)
    if is_hashed:
        chosen = d.sketch.node(POSITION_BYTES * d.tokens * mixture.used, (words,), layer)
        mixture = replace(mixture, chosen=chosen)
    found = experts(d, y, layer, mixture)
    return d.sum(found, feed_forward(d, y, shared_width(d), layer))


def _attended(d: Draft, layer: int, y: int, shared: _Shared) -> int:
    hyper, sketch = d.hyper, d.sketch
    heads, length = of_layer(hyper.head_count, layer), hyper.key_length
    stream = shared.stream_of.get(layer)
    if stream is not None:
        compress(d, layer, y, shared.plan(stream))
        if stream.indexer_width:
            compress(d, layer, y, shared.plan(stream, of_indexer=True))
    low = d.norm(d.product(y, hyper.q_lora_rank or 0, layer), layer)
    q = d.turned(d.same(sketch.view(d.product(low, heads * length, layer))))
    k = d.turned(sketch.view(d.norm(d.product(y, length, layer), layer)))
    turn = shared.turn(shared.window)
    if turn is not None:
        q, k = d.copied_through(q, turn), d.copied_through(k, turn)
    sketch.draw(q)
    sketch.draw(k)
    sketch.draw(sketch.node(0, (sketch.view(k), shared.indices), layer))
    found = _looked_at(d, layer, q, _masked(d, layer, y, low, shared), shared)
    if turn is not None:
        found = d.copied_through(found, turn)
    return _projected(d, layer, d.turned(sketch.view(found)))


def _projected(d: Draft, layer: int, found: int) -> int:
    """What attention found, in groups of heads, and back to the embedding's width."""
    hyper, sketch = d.hyper, d.sketch
    groups, rank = hyper.output_group_count or 1, hyper.output_lora_rank or 0
    low = d.product(sketch.view(found), groups * rank, layer)
    whole = sketch.matrices[low]
    sketch.matrices[low] = Matrix(whole.columns // groups, rank, d.tokens)
    low = d.copied(sketch.view(low))
    return d.product(low, d.embedding, layer)


def _masked(d: Draft, layer: int, y: int, low: int, shared: _Shared) -> int:
    """The mask of the window, and behind it the one of the layer's stream."""
    stream, mask = shared.stream_of.get(layer), shared.mask(shared.window)
    if stream is None:
        return mask
    sketch, usual = d.sketch, shared.mask(stream)
    other = usual
    if stream.indexer_width:
        chosen = _chosen(d, layer, y, low, shared)
        each = F16_BYTES if d.setup.flash_attention else F32_BYTES
        size = each * sketch.size[chosen] // POSITION_BYTES
        zeros = [sketch.leaf(size, ANYWHERE) for _ in range(shared.choices_of[layer])]
        reads = d.same(*zeros), sketch.view(chosen)
        opened = sketch.written(sketch.view(d.same(usual)), *reads)
        other = sketch.node(sketch.size[usual], (sketch.view(opened), usual), reuses=True)
    return sketch.node(sketch.size[mask] + sketch.size[usual], (mask, other))


def _chosen(d: Draft, layer: int, y: int, low: int, shared: _Shared) -> int:
    """The cells of its stream that each token of a layer looks at."""
    hyper, sketch, stream = d.hyper, d.sketch, shared.stream_of[layer]
    heads, length = hyper.indexer_head_count or 0, stream.indexer_width
    query = d.turned(sketch.view(d.product(low, heads * length, layer)))
    query = d.copied_by(d.indexer_turn(length), query)
    weights = d.same(d.product(y, heads, layer))
    count = cells(stream, d.setup)
    kept = sketch.cached(layer, d.setup.sequences * count * row_bytes(d.setup.kv_type_k, length))
    mask = shared.mask(stream, of_indexer=True)
    score = d.made(count, sketch.view(query), kept, sketch.view(weights), mask)
    return d.copied(d.made(min(hyper.indexer_top_k or 0, count), score))


def _looked_at(d: Draft, layer: int, q: int, mask: int, shared: _Shared) -> int:
    """Attention over the window and the stream together; keys are values as well.

    Flash attention makes an F32 cache F16 before, once as keys and once as values.
    """
    sketch, setup = d.sketch, d.setup
    heads, length = of_layer(d.hyper.head_count, layer), d.hyper.key_length
    kept = [shared.window]
    if layer in shared.stream_of:
        kept.append(shared.stream_of[layer])
    counts = [cells(cache, setup) for cache in kept]
    row = setup.sequences * row_bytes(setup.kv_type_k, length)
    parts = tuple(sketch.cached(layer, count * row) for count in counts)
    keys = parts[0] if len(parts) == 1 else sketch.node(sum(counts) * row, parts)
    size = sum(counts) * row
    out = F32_BYTES * d.tokens * heads * length
    if setup.flash_attention:
        values = keys
        if setup.kv_type_k == "f32":
            keys, values = (sketch.node(size // 2, (sketch.view(keys),)) for _ in range(2))
        found = sketch.view(sketch.node(out, (q, keys, values, mask)))
    else:
        scores = sketch.node(F32_BYTES * d.tokens * heads * sum(counts), (keys, q))
        turned = sketch.node(size, (sketch.view(keys),))
        scores = d.same(scores, mask, home=layer)
        found = d.copied(sketch.view(sketch.node(out, (turned, scores))))
    sketch.draw(found)
    return found
