"""Graphs of MiniMax M3, whose attention looks at blocks of cells that an indexer scores.

It does where flash attention is on and no sequences share a cache; else at everything.

Source: llama.cpp `src/models/minimax-m3.cpp` (October 2026).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from advisor.estimate.graph.blocks import Heads, Projected, attention
from advisor.estimate.graph.draft import F16_BYTES, F32_BYTES, INDEX_BYTES, POSITION_BYTES
from advisor.estimate.graph.folding import of_layer
from advisor.estimate.graph.shared_experts import behind_attention
from advisor.estimate.graph.sketch import OUTPUT
from advisor.estimate.kv_cache import row_bytes

if TYPE_CHECKING:
    from collections.abc import Sequence

    from advisor.estimate.graph.draft import Draft

RESERVED_POSITIONS = 256
"""Positions that a graph is reserved for, whatever the context: those of an empty cache."""

BLOCK_CELLS = 128
CHOSEN_BLOCKS = 16
"""Blocks that each token looks at, where its header does not say so."""


class Blocks:
    """What all layers that choose blocks share."""

    def __init__(self, d: Draft) -> None:
        leaf, setup = d.sketch.leaf, d.setup
        self.cells = setup.stream_cells
        self.count = RESERVED_POSITIONS // BLOCK_CELLS
        self.tokens = d.tokens // setup.streams
        """Of one stream."""

        self.bias = leaf(F32_BYTES * self.count * d.tokens)
        self.mask = leaf(F32_BYTES * RESERVED_POSITIONS * d.tokens)
        self.slots = leaf(POSITION_BYTES * RESERVED_POSITIONS * setup.streams)
        self.block_of = leaf(POSITION_BYTES * self.cells * setup.streams)
        self.indices = leaf(INDEX_BYTES * d.tokens)
        self.whole: int | None = None
        """The usual mask, in F32."""


def draw(d: Draft, layers: Sequence[int]) -> None:
    """Draw the graph of some layers."""
    hyper, setup = d.hyper, d.setup
    chooses = setup.flash_attention and (setup.sequences == 1 or not setup.unified)
    blocks = Blocks(d) if chooses else None
    x = d.embed()
    d.last_layer = layers[-1]
    for layer in layers:
        is_dense = layer < (hyper.leading_dense_block_count or 0)
        y = _attended(d, layer, d.norm(x, layer), None if is_dense else blocks)
        x = behind_attention(d, layer, y, x)
    d.finish(d.norm(x, OUTPUT))


def _attended(d: Draft, layer: int, y: int, blocks: Blocks | None) -> int:
    hyper, view = d.hyper, d.sketch.view
    heads, kv_heads = of_layer(hyper.head_count, layer), of_layer(hyper.head_count_kv, layer)
    own = Heads(heads, hyper.key_length, hyper.value_length)
    q = d.turned(d.norm(view(d.product(y, heads * own.key_length, layer)), layer))
    k = d.turned(d.norm(view(d.product(y, kv_heads * own.key_length, layer)), layer))
    v = view(d.product(y, kv_heads * own.value_length, layer))
    if blocks is None:
        found = attention(d, layer, own, Projected(q, k, v))
    else:
        queries = _indexed(d, layer, y, blocks)
        found = _blockwise(d, layer, own, Projected(q, k, v), blocks, queries)
    return d.product(found, d.embedding, layer)


def _indexed(d: Draft, layer: int, y: int, blocks: Blocks) -> int:
    """The indexer's queries; its key goes into a cache of its own."""
    hyper, sketch = d.hyper, d.sketch
    heads, length = hyper.indexer_head_count or 0, hyper.indexer_key_length or 0
    queries = d.turned(d.norm(sketch.view(d.product(y, heads * length, layer)), layer))
    key = d.turned(d.norm(sketch.view(d.product(y, length, layer)), layer))
    sketch.draw(sketch.node(0, (sketch.view(key), blocks.indices), layer))
    return queries


def _blockwise(  # noqa: PLR0913, PLR0917  (what attention has, and what chooses for it)
    d: Draft, layer: int, own: Heads, made: Projected, blocks: Blocks, queries: int
) -> int:
    sketch, setup = d.sketch, d.setup
    q, k, v, _ = made
    assert k is not None
    assert v is not None
    turn_k = d.rotation(layer, own.key_length, setup.kv_type_k)
    turn_v = d.rotation(layer, own.value_length, setup.kv_type_v, smallest=True)
    if turn_k is not None:
        q, k = d.copied_through(q, turn_k), d.copied_through(k, turn_k)
    if turn_v is not None:
        v = d.copied_through(v, turn_v)
    for one in (q, k, v):
        sketch.draw(one)
    sketch.draw(sketch.node(0, (k, d.indices(layer, of_values=False)), layer))
    sketch.draw(sketch.node(0, (v, d.indices(layer, of_values=True)), layer))
    streams = [_stream(d, layer, own, q, blocks, queries) for _ in range(setup.streams)]
    found = streams[0]
    for count, one in enumerate(streams[1:], 2):
        found = sketch.node(sketch.size[one] * count, (found, one))
    return found if turn_v is None else d.copied_through(found, turn_v)


def _stream(  # noqa: PLR0913, PLR0917
    d: Draft, layer: int, own: Heads, q: int, blocks: Blocks, queries: int
) -> int:
    """Attention of one stream's tokens over the blocks that they chose."""
    sketch, setup, cache = d.sketch, d.setup, d.cache_of[layer]
    keys = sketch.cached(layer, blocks.cells * row_bytes(setup.kv_type_k, cache.key_width))
    values = sketch.cached(layer, blocks.cells * row_bytes(setup.kv_type_v, cache.value_width))
    mask = _mask(d, layer, blocks, _chosen(d, layer, blocks, queries))
    size = F32_BYTES * blocks.tokens * own.queries * own.value_length
    found = sketch.node(size, (sketch.view(q), keys, values, mask))
    return sketch.view(d.copied(sketch.view(found)))


def _chosen(d: Draft, layer: int, blocks: Blocks, queries: int) -> tuple[int, int]:
    """The blocks of each token and indexer head, and what scores are biased by."""
    hyper, sketch, row = d.hyper, d.sketch, F32_BYTES * blocks.tokens
    heads, length = hyper.indexer_head_count or 0, hyper.indexer_key_length or 0
    kept = sketch.cached(layer, blocks.cells * row_bytes(d.setup.kv_type_k, length))
    slots = sketch.view(blocks.slots, POSITION_BYTES * RESERVED_POSITIONS)
    gathered = sketch.node(F32_BYTES * length * RESERVED_POSITIONS, (kept, slots))
    scores = sketch.node(row * RESERVED_POSITIONS * heads, (gathered, sketch.view(queries)))
    masked = sketch.added_to(
        sketch.view(scores), sketch.view(blocks.mask, row * RESERVED_POSITIONS)
    )
    bias = sketch.view(blocks.bias, row * blocks.count)
    best = sketch.node(row * blocks.count * heads, (masked,))
    picked = min(hyper.indexer_top_k or CHOSEN_BLOCKS, blocks.count)
    return sketch.node(row * picked * heads, (d.same(best, bias),)), bias


def _mask(d: Draft, layer: int, blocks: Blocks, chosen: tuple[int, int]) -> int:
    """A mask for each indexer head that lets only the chosen blocks through."""
    sketch, heads = d.sketch, d.hyper.indexer_head_count or 0
    picked, bias = chosen
    count = blocks.tokens * blocks.count
    closed = d.copied(d.same(bias), F16_BYTES * count)
    closed = d.copied(closed, F16_BYTES * count * heads)
    opened = sketch.written(
        sketch.view(closed), sketch.view(d.same(d.copied(picked))), sketch.view(picked)
    )
    by_head = d.copied(sketch.view(opened))
    by_block = d.copied(sketch.view(by_head))
    cells = F32_BYTES * blocks.cells * blocks.tokens
    of_cells = sketch.view(blocks.block_of, POSITION_BYTES * blocks.cells)
    by_cell = sketch.node(cells * heads, (by_block, of_cells))
    by_cell = d.copied(sketch.view(by_cell))
    if blocks.whole is None:
        blocks.whole = sketch.node(cells * d.setup.streams, (d.mask(layer),))
    masked = sketch.added_to(sketch.view(by_cell), sketch.view(blocks.whole, cells))
    return sketch.node(sketch.size[by_cell] // 2, (sketch.view(masked),))
