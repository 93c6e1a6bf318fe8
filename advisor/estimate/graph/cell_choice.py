"""Cells that a layer of Qwen 4 chooses for each token, in whole blocks, and the mask that says so.

Source: llama.cpp `src/models/qwen4exp.cpp` (`build_qsa_top_k`, `build_attn_qsa`), October 2026.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from advisor.estimate.graph.draft import F32_BYTES, POSITION_BYTES
from advisor.estimate.graph.sketch import ANYWHERE
from advisor.estimate.kv_cache import row_bytes

if TYPE_CHECKING:
    from advisor.estimate.graph.draft import Draft

POOL_CELLS = 4
"""Cells of a block, which the file does not say."""

DEFAULT_CHOICE = 2048
"""Cells chosen, of which the catalog has no number."""

POSITIONS_EACH = 4
"""A block has as many as a token; see `MANY_POSITIONS`."""


class Choices:
    """What all layers that choose cells share."""

    def __init__(self, d: Draft) -> None:
        self._draft = d
        setup, leaf = d.setup, d.sketch.leaf
        self.cells = setup.stream_cells
        self.blocks = -(-self.cells // POOL_CELLS)
        self.chosen = min(self.cells, DEFAULT_CHOICE + POOL_CELLS - 1)
        members = POSITION_BYTES * POOL_CELLS * self.blocks * setup.streams
        self.block_of = leaf(POSITION_BYTES * self.cells * setup.streams)
        self.members = leaf(members)
        self.positions = leaf(members // POOL_CELLS * POSITIONS_EACH)
        self.bias = leaf(F32_BYTES * self.blocks * d.tokens)

    def zeros(self) -> int:
        """What opens the mask for the cells of one layer, and has a place from the start."""
        return self._draft.sketch.leaf(F32_BYTES * self.chosen * self._draft.tokens, ANYWHERE)

    def leave_out(self, layer: int) -> None:
        """Draw what a layer has from the start, and else nothing of it, for it is like others.

        Without flash attention every layer has a copy of the usual mask, for it views it anew.
        """
        d, sketch = self._draft, self._draft.sketch
        usual = () if d.setup.flash_attention else (sketch.view(d.mask(layer)),)
        filled = sketch.node(1, (self.zeros(), *usual), layer)
        sketch.draw(sketch.node(0, (filled,)))


def opened_mask(d: Draft, layer: int, y: int, choices: Choices) -> int:
    """The usual mask, open only for the cells that were chosen."""
    sketch, usual = d.sketch, d.mask(layer)
    chosen = _chosen(d, layer, y, choices)
    closed = d.same(usual)
    zeros = d.same(choices.zeros())
    opened = sketch.written(sketch.view(closed), zeros, sketch.view(chosen))
    return sketch.node(sketch.size[usual], (sketch.view(opened), usual), reuses=True)


def _chosen(d: Draft, layer: int, y: int, choices: Choices) -> int:
    """The cells of the best blocks."""
    hyper, sketch = d.hyper, d.sketch
    heads, length = hyper.indexer_head_count or 0, hyper.indexer_key_length or 0
    key = sketch.view(d.product(y, length, layer))
    sketch.draw(sketch.node(0, (key, d.indexer_indices), layer))
    pooled = _pooled(d, layer, length, choices)
    query = d.norm(sketch.view(d.product(y, heads * length, layer)), layer)
    score = d.made(heads * choices.blocks, pooled, sketch.view(d.turned(query)))
    score = d.same(sketch.view(score))
    of_head = F32_BYTES * d.tokens * choices.blocks
    summed = d.copied(sketch.view(score), of_head)
    for _ in range(1, heads):
        summed = d.sum(summed, sketch.view(score))
    summed = d.same(summed, choices.bias)
    by_block = d.copied(sketch.view(summed))
    by_cell = d.made(choices.cells, by_block, choices.block_of)
    by_cell = d.copied(sketch.view(by_cell))
    masked = d.same(by_cell, sketch.view(_whole_mask(d, layer)))
    return sketch.view(d.copied(d.made(choices.chosen, masked)))


def _whole_mask(d: Draft, layer: int) -> int:
    """The usual mask in F32, which flash attention has in F16."""
    usual = d.mask(layer)
    return d.copied(usual, 2 * d.sketch.size[usual]) if d.setup.flash_attention else usual


def _pooled(d: Draft, layer: int, length: int, choices: Choices) -> int:
    """The mean of each block's keys, normed and rotated."""
    sketch, setup = d.sketch, d.setup
    count = choices.blocks * setup.streams
    size = F32_BYTES * length * count
    kept = sketch.cached(layer, setup.streams * choices.cells * row_bytes(setup.kv_type_k, length))
    members = sketch.view(sketch.node(POOL_CELLS * size, (kept, choices.members)))
    total = d.copied(sketch.view(members), size)
    for _ in range(1, POOL_CELLS):
        total = d.sum(total, d.copied(sketch.view(members), size))
    normed = d.norm(sketch.view(d.same(total)), layer)
    return sketch.view(d.same(sketch.view(normed), choices.positions))
