"""Graphs of Qwen 4 experimental: hyper-connections of low rank, delta nets, and chosen cells.

Source: llama.cpp `src/models/qwen4exp.cpp` (October 2026).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from advisor.estimate.graph.cell_choice import Choices, opened_mask
from advisor.estimate.graph.delta import delta_net, gated_attention
from advisor.estimate.graph.draft import F32_BYTES
from advisor.estimate.graph.hyper import spread
from advisor.estimate.graph.ngrams import ngram_rows, with_ngrams
from advisor.estimate.graph.recurrent import attends, feed
from advisor.estimate.graph.sketch import OUTPUT

if TYPE_CHECKING:
    from collections.abc import Sequence

    from advisor.estimate.graph.draft import Draft

NORM = "hc_attn_norm.weight"
"""What weighs the residual rows; the other ones of a layer are as large."""


class Mixed(NamedTuple):
    """What goes into a part of a layer, and what its result is weighted with."""

    row: int
    inject: int


def draw(d: Draft, layers: Sequence[int]) -> None:
    """Draw the graph of some layers."""
    x = d.embed()
    rows = ngram_rows(d) if d.hyper.ple_layers else None
    x = spread(d, x)
    choices = Choices(d)
    d.last_layer = layers[-1]
    drawn = -1
    for layer in layers:
        is_last = layer == layers[-1]
        for other in range(drawn + 1, d.hyper.block_count if is_last else layer):
            if other != layer and attends(d, other):
                choices.leave_out(other)
        x = _layer(d, layer, x, rows, choices)
        drawn = layer
    d.finish(_last_row(d, x))


def _layer(d: Draft, layer: int, x: int, rows: int | None, choices: Choices) -> int:
    if rows is not None and layer in (d.hyper.ple_layers or ()):
        x = with_ngrams(d, layer, x, rows)
    mixed = _mixed_before(d, layer, x)
    d.sketch.draw(mixed.row)
    if attends(d, layer):
        mask = opened_mask(d, layer, mixed.row, choices)
        y = gated_attention(d, layer, mixed.row, mask=mask)
    else:
        y = delta_net(d, layer, mixed.row)
    inject = mixed.inject
    if layer == d.last_layer:
        y, inject, x = d.cropped(layer, y, inject, d.sketch.view(x))
        x = d.sketch.view(x)
    x = _mixed_after(d, y, x, inject)
    mixed = _mixed_before(d, layer, x)
    return _mixed_after(d, feed(d, layer, mixed.row), x, mixed.inject)


def _gate(d: Draft, home: int, x: int) -> tuple[int, int]:
    """The residual rows, normed, and what weighs them, both as wide as all of them."""
    sketch, count = d.sketch, d.hyper.hc_mult or 1
    normed = d.norm(x, home)
    sketch.rows_each[normed] = count
    sketch.weights[normed] = NORM
    normed = sketch.view(normed)
    low = d.same(d.product(normed, d.hyper.hc_low_rank or 0, home))
    return normed, d.product(low, count * d.embedding, home)


def _mixed_before(d: Draft, layer: int, x: int) -> Mixed:
    """One row of the residual rows, for a part of a layer."""
    view = d.sketch.view
    normed, gate = _gate(d, layer, x)
    row = d.made(d.embedding, view(normed), view(gate))
    return Mixed(row, d.product(normed, d.hyper.hc_mult or 1, layer))


def _mixed_after(d: Draft, made: int, x: int, inject: int) -> int:
    """The residual rows with what a part of a layer made."""
    width = (d.hyper.hc_mult or 1) * d.embedding
    weights = d.same(inject)
    return d.made(width, made, x, weights)


def _last_row(d: Draft, x: int) -> int:
    """The mean of the residual rows, weighed, which is what the head reads."""
    sketch, row = d.sketch, F32_BYTES * d.rows * d.embedding
    normed, gate = _gate(d, OUTPUT, x)
    gate = d.same(gate)
    weighed = sketch.view(sketch.node(sketch.size[gate], (normed, gate), reuses=True))
    found = d.copied(sketch.view(weighed, row))
    for _ in range(1, d.hyper.hc_mult or 1):
        found = d.sum(found, sketch.view(weighed, row))
    return d.same(found)
