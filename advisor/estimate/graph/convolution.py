"""Graphs of LFM2, whose layers have short convolutions where they have no attention.

Source: llama.cpp `src/models/lfm2.cpp` (October 2026).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from advisor.estimate.graph.draft import F32_BYTES
from advisor.estimate.graph.recurrent import (
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
    draw_layers(d, layers, _layer)


def _layer(d: Draft, layer: int, x: int) -> int:
    y = d.norm(x, layer)
    y = attend(d, layer, y) if attends(d, layer) else _short(d, layer, y)
    y, x = d.cropped(layer, y, x)
    x = d.sum(x, y)
    y = d.norm(x, layer)
    return d.sum(x, feed(d, layer, y, gating="sigmoid", is_biased=True))


def _short(d: Draft, layer: int, y: int) -> int:
    sketch, width = d.sketch, d.embedding
    taps = (d.hyper.shortconv_l_cache or 1) - 1
    three = d.product(sketch.view(y), 3 * width, layer)
    b, c, x = (sketch.view(three) for _ in range(3))
    kept, rows = states_of(d, layer, taps * width)
    size = F32_BYTES * width * (d.tokens + taps * d.setup.sequences)
    bx = sketch.node(size, (sketch.view(rows), sketch.view(d.made(width, b, x))))
    store(d, layer, kept, bx)
    convolved = sketch.node(F32_BYTES * d.tokens * width, (bx,), layer)
    sketch.weights[convolved] = "shortconv.conv.weight"
    gated = sketch.node(sketch.size[convolved], (c, convolved), reuses=True)
    return sketch.view(d.product(gated, width, layer))
