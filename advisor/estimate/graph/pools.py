"""Graphs of GLM-5 Next: delta attention, and latent attention over pools that an indexer chose.

Source: llama.cpp `src/models/glm5-next.cpp` and `src/llama-memory-hybrid-idx.cpp` (October 2026).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from advisor.estimate.graph.delta import kimi_delta
from advisor.estimate.graph.draft import F16_BYTES, F32_BYTES, INDEX_BYTES, POSITION_BYTES
from advisor.estimate.graph.folding import of_layer
from advisor.estimate.graph.hyper import mean, mixed_after, mixed_before, spread
from advisor.estimate.graph.latent import latent_looked_at
from advisor.estimate.graph.shared_experts import fed
from advisor.estimate.graph.sketch import ANYWHERE, OUTPUT
from advisor.estimate.kv_cache import row_bytes

if TYPE_CHECKING:
    from collections.abc import Sequence

    from advisor.estimate.graph.draft import Draft

LEAST_POOLS = 64
"""Pools are counted up to a multiple of this, one of them always unused."""


class Pools:
    """What all layers that choose pools share."""

    def __init__(self, d: Draft) -> None:
        setup, leaf, draw = d.setup, d.sketch.leaf, d.sketch.draw
        self.size = d.hyper.indexer_kpool or 1
        self.new = setup.stream_cells // self.size * setup.sequences
        self.count = max(LEAST_POOLS, -(-(self.new + 1) // LEAST_POOLS) * LEAST_POOLS)
        self.picked = min(self.count, (d.hyper.indexer_top_k or 0) // self.size)
        self.chosen = self.size * self.picked + self.size - 1
        """Cells that each token looks at: those of pools, and the last ones that make none yet."""

        self.cells = leaf(POSITION_BYTES * self.count)
        self.indices = leaf(POSITION_BYTES * self.size * self.count)
        self.mask = leaf(F16_BYTES * self.count * d.tokens)
        self.tail = leaf(POSITION_BYTES * (self.size - 1) * d.tokens)
        self.chosen_mask = leaf(F32_BYTES * self.chosen * d.tokens)
        for one in (self.cells, self.indices, self.mask, self.tail, self.chosen_mask):
            draw(one)
        self.keys = leaf(INDEX_BYTES * d.tokens)
        self.new_indices = leaf(POSITION_BYTES * self.size * self.new)
        self.new_places = leaf(INDEX_BYTES * self.new)


def draw(d: Draft, layers: Sequence[int]) -> None:
    """Draw the graph of some layers."""
    sketch = d.sketch
    x = d.embed()
    pools = Pools(d)
    x = spread(d, x)
    for layer in layers:
        mixed = mixed_before(d, layer, x)
        y = d.norm(mixed.row, layer)
        sketch.draw(y)
        y = _attended(d, layer, y, pools) if layer in d.cache_of else kimi_delta(d, layer, y)
        x = mixed_after(d, y, x, mixed)
        mixed = mixed_before(d, layer, x)
        x = mixed_after(d, fed(d, layer, d.norm(mixed.row, layer)), x, mixed)
    x = sketch.view(d.pick(sketch.view(x)))
    d.rows = d.outputs
    d.finish(d.norm(mean(d, x), OUTPUT))


def _attended(d: Draft, layer: int, y: int, pools: Pools) -> int:
    hyper, sketch = d.hyper, d.sketch
    heads, rank = of_layer(hyper.head_count, layer), hyper.kv_lora_rank or 0
    low = d.norm(d.product(y, hyper.q_lora_rank or 0, layer), layer)
    queries = sketch.view(d.product(low, heads * (hyper.key_length_mla or 0), layer))
    latent = sketch.view(d.norm(d.product(y, rank, layer), layer))
    absorbed = sketch.view(d.product(sketch.view(queries), heads * rank, layer))
    mask = _mask(d, layer, pools, _chosen(d, layer, y, low, pools))
    for one in (absorbed, latent):
        sketch.draw(one)
    sketch.draw(sketch.node(0, (sketch.view(latent), d.indices(layer, of_values=False)), layer))
    found = latent_looked_at(d, layer, absorbed, sketch.view(mask))
    return d.product(found, d.embedding, layer)


def _chosen(d: Draft, layer: int, y: int, low: int, pools: Pools) -> int:
    """The cells of the pools that each token chose, the best ones first."""
    hyper, sketch = d.hyper, d.sketch
    heads, length = hyper.indexer_head_count or 0, hyper.indexer_key_length or 0
    queries = sketch.view(d.product(low, heads * length, layer))
    key = d.layer_norm(d.product(y, length, layer), layer)
    gate = d.product(y, length, layer)
    zeros = d.same(sketch.leaf(F32_BYTES * length * d.tokens, ANYWHERE))
    packed = d.made(3 * length, d.made(2 * length, key, gate), zeros)
    packed = sketch.view(sketch.view(packed))
    sketch.draw(sketch.node(0, (packed, pools.keys), layer))
    pooled = _pooled(d, layer, length, pools)
    weights = d.same(d.product(y, heads, layer))
    score = d.made(pools.count, queries, sketch.view(pooled), weights, pools.mask)
    best = d.made(pools.picked, score)
    scores = d.made(pools.picked, sketch.view(score), best)
    ranks = d.made(pools.picked, sketch.view(scores))
    best = d.made(pools.picked, sketch.view(d.copied(best)), ranks)
    best = d.copied(d.copied(sketch.view(best)))
    found = sketch.view(d.made(pools.size * pools.picked, pools.indices, sketch.view(best)))
    return d.made(pools.chosen, found, pools.tail)


def _pooled(d: Draft, layer: int, length: int, pools: Pools) -> int:
    """The keys of all pools, when those of the new ones are made and stored."""
    sketch, setup = d.sketch, d.setup
    size = F32_BYTES * length * pools.size * pools.new
    kept = setup.streams * setup.stream_cells * row_bytes(setup.kv_type_k, 3 * length)
    rows = sketch.node(2 * size, (sketch.cached(layer, kept), sketch.view(pools.new_indices)))
    rows = sketch.view(rows)
    keys, gates = sketch.view(rows), sketch.view(rows)
    logits = sketch.node(size, (gates,), layer, reuses=True)
    shares = d.same(sketch.view(d.copied(sketch.view(logits))))
    weighed = sketch.node(size, (sketch.view(shares), d.copied(keys, size)), reuses=True)
    made = sketch.view(sketch.node(F32_BYTES * length * pools.new, (weighed,)))
    sketch.draw(sketch.node(0, (made, pools.new_places), layer))
    return sketch.node(F32_BYTES * length * pools.count, (sketch.cached(layer, kept), pools.cells))


def _mask(d: Draft, layer: int, pools: Pools, chosen: int) -> int:
    """The usual mask, open only for the cells that were chosen."""
    sketch, usual = d.sketch, d.mask(layer)
    is_half = d.setup.flash_attention
    each = F16_BYTES if is_half else F32_BYTES
    seed = sketch.node(F32_BYTES, (sketch.view(chosen),))
    start = sketch.node(each, (seed,)) if is_half else seed
    closed = sketch.node(each * d.tokens * (d.setup.stream_cells + pools.chosen), (d.same(start),))
    zeros = d.made(pools.chosen, d.same(seed))
    looked_at = sketch.view(pools.chosen_mask)
    live = d.same(looked_at)
    rest = sketch.node(F32_BYTES * pools.chosen, (looked_at,))  # reads nothing in truth
    places = d.same(d.same(d.same(d.made(pools.chosen, chosen), rest), live), rest)
    places = d.copied(places)
    opened = sketch.written(sketch.view(closed), sketch.view(zeros), sketch.view(places))
    opened = sketch.view(opened)
    return sketch.node(sketch.size[usual], (opened, sketch.view(usual)), reuses=True)
