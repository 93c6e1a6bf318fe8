"""Tokens that become one cell of a compressed stream, and the unfinished cells beside it.

Holds one compressor and what all layers that have such a one share; never attention.

Source: llama.cpp `src/models/deepseek4.cpp`, `src/llama-graph.cpp` (`build_inp_dsv4`) and
`src/llama-kv-cache-dsv4.cpp` (`dsv4_build_reserve_comp_plan`), October 2026.
"""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING

from advisor.estimate.graph.draft import F32_BYTES, INDEX_BYTES, POSITION_BYTES

if TYPE_CHECKING:
    from advisor.estimate.graph.draft import Draft


class Plan:
    """What all compressors of one kind read: which tokens are kept, and which cells they fill."""

    def __init__(
        self, d: Draft, ratio: int, length: int, turn: int | None, *, is_overlapping: bool
    ) -> None:
        """A plan.

        Args:
            d: The graph.
            ratio: Tokens that become one cell.
            length: Elements of a cell.
            turn: What cells are rotated with; ``None`` for nothing.
            is_overlapping: True where a cell is made of the tokens before its own as well.
        """
        self._leaf = d.sketch.leaf
        self._tokens = d.tokens
        windows = 2 if is_overlapping else 1
        self.is_overlapping = is_overlapping
        self.length = length
        self.turn = turn
        self.state_rows = windows * ratio * d.setup.sequences
        """Tokens that are kept because their cells are not finished."""

        self.kept = min(d.tokens, self.state_rows)
        self.blocks = d.tokens // ratio + d.setup.sequences
        """Cells that a micro-batch fills at most."""

        self.read = windows * ratio * self.blocks

    @cached_property
    def positions(self) -> int:
        """Each token's place in its cell."""
        return self._leaf(POSITION_BYTES * self._tokens)

    @cached_property
    def read_rows(self) -> int:
        """Which tokens each new cell is made of."""
        return self._leaf(POSITION_BYTES * self.read)

    @cached_property
    def cell_positions(self) -> int:
        """Each new cell's place."""
        return self._leaf(POSITION_BYTES * self.blocks)

    @cached_property
    def cell_indices(self) -> int:
        """Where new cells go."""
        return self._leaf(INDEX_BYTES * self.blocks)

    @cached_property
    def kept_rows(self) -> int:
        """Which tokens are kept."""
        return self._leaf(POSITION_BYTES * self.kept)

    @cached_property
    def kept_indices(self) -> int:
        """Where they are kept."""
        return self._leaf(POSITION_BYTES * self.kept)


def compress(d: Draft, layer: int, y: int, plan: Plan) -> None:
    """Fill a layer's new cells, and keep the tokens of those that are not finished.

    Args:
        d: The graph.
        layer: Whose cells they are.
        y: The layer's row.
        plan: Which tokens make which cells.
    """
    sketch, length = d.sketch, plan.length
    width = 2 * length if plan.is_overlapping else length
    values = d.product(y, width, layer)
    scores = d.product(y, width, layer)
    rows = sketch.node(F32_BYTES * d.tokens * width, (plan.positions,), layer)
    scores = d.sum(scores, rows)
    gather = _overlapping if plan.is_overlapping else _whole
    looked_at = gather(d, layer, values, plan)
    weights = d.same(gather(d, layer, scores, plan))
    weighed = d.same(looked_at, weights)
    size = F32_BYTES * plan.blocks * length
    made = sketch.node(size, (sketch.node(size, (weighed,)),))
    made = sketch.node(size, (d.norm(made, layer), plan.cell_positions), reuses=True)
    if plan.turn is not None:
        made = d.copied_by(plan.turn, made)
    sketch.draw(sketch.node(0, (sketch.view(made), plan.cell_indices), layer))
    for one in (values, scores):
        kept = sketch.node(F32_BYTES * plan.kept * width, (one, plan.kept_rows))
        sketch.draw(sketch.node(0, (kept, plan.kept_indices), layer))


def _behind_kept(d: Draft, layer: int, made: int, plan: Plan, width: int) -> int:
    """The micro-batch's tokens behind those that were kept."""
    kept = d.sketch.cached(layer, F32_BYTES * plan.state_rows * width)
    rows = plan.state_rows + d.tokens
    return d.sketch.node(F32_BYTES * rows * width, (kept, made))


def _whole(d: Draft, layer: int, made: int, plan: Plan) -> int:
    """The tokens of each new cell."""
    sketch, length = d.sketch, plan.length
    found = _behind_kept(d, layer, made, plan, length)
    found = sketch.node(F32_BYTES * plan.read * length, (found, plan.read_rows))
    return d.copied(sketch.view(found))


def _overlapping(d: Draft, layer: int, made: int, plan: Plan) -> int:
    """The tokens of each new cell and of the one before it; none before the first."""
    sketch, row = d.sketch, F32_BYTES * 2 * plan.length
    found = _behind_kept(d, layer, made, plan, 2 * plan.length)
    nothing = sketch.node(row, (sketch.view(found, row),))
    found = sketch.node(sketch.size[found] + row, (found, sketch.view(nothing)))
    found = sketch.node(row * plan.read, (found, plan.read_rows))
    half = row * plan.read // 4
    parts = [sketch.view(d.copied(sketch.view(found, 2 * half), half)) for _ in range(2)]
    both = sketch.node(2 * half, tuple(parts))
    return d.copied(sketch.view(both))
