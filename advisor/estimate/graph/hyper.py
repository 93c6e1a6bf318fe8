"""Hyper-connections: several residual rows, mixed before each part of a layer and after it.

Source: llama.cpp `src/models/{glm5-next,deepseek4}.cpp` and `ggml/src/ggml.c` (`ggml_dsv4_hc_*`),
October 2026. Where the host has some layers, llama.cpp finds the mixing after its last layer on a
GPU, and takes that operation apart for the whole graph.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from advisor.estimate.graph.draft import F32_BYTES
from advisor.estimate.graph.sketch import OUTPUT

if TYPE_CHECKING:
    from advisor.estimate.graph.draft import Draft


class Mixed(NamedTuple):
    """What goes into a part of a layer, and how its result is mixed in again."""

    row: int
    post: int
    comb: int


def _count(d: Draft) -> int:
    """How many residual rows there are."""
    return d.hyper.hc_mult or 1


def spread(d: Draft, x: int) -> int:
    """The first residual rows: all the same."""
    return d.made(_count(d) * d.embedding, d.sketch.view(x))


def mixed_before(d: Draft, layer: int, x: int) -> Mixed:
    """One row of the residual rows, for a part of a layer."""
    sketch, count = d.sketch, _count(d)
    normed = d.same(sketch.view(x))
    mixes = d.product(normed, (2 + count) * count, layer)
    pre, post = (d.same(d.made(count, sketch.view(mixes))) for _ in range(2))
    comb = sketch.node(F32_BYTES * d.rows * count * count, (mixes,), layer)
    return Mixed(d.made(d.embedding, x, pre), post, comb)


def mixed_after(d: Draft, made: int, x: int, mixed: Mixed) -> int:
    """The residual rows with what a part of a layer made."""
    sketch, count = d.sketch, _count(d)
    if not d.is_cut:
        return d.made(count * d.embedding, made, x, mixed.post, mixed.comb)
    row = sketch.size[made]
    one_row = sketch.size[x] - F32_BYTES * (count - 1) * d.embedding  # of every token
    one_weight = sketch.size[mixed.comb] - F32_BYTES * (count * count - 1)
    rows: int | None = None
    for place in range(1, count + 1):
        weighed = d.same(made, sketch.view(mixed.post))
        for _ in range(count):
            reads = sketch.view(x, one_row), sketch.view(mixed.comb, one_weight)
            other = sketch.node(row, reads, reuses=True)
            weighed = d.sum(weighed, other)
        weighed = sketch.view(weighed)
        rows = weighed if rows is None else sketch.node(row * place, (rows, weighed))
    assert rows is not None
    return rows


def mean(d: Draft, x: int) -> int:
    """One row of the residual rows that have an output."""
    sketch, row = d.sketch, F32_BYTES * d.rows * d.embedding
    found = sketch.view(x, row)
    for _ in range(1, _count(d)):
        found = sketch.node(row, (found, sketch.view(x, row)), reuses=True)
    return d.same(found)


def head(d: Draft, x: int) -> int:
    """One row of the residual rows that have an output, weighed."""
    sketch, count = d.sketch, _count(d)
    row = F32_BYTES * d.rows * d.embedding
    one_row = sketch.size[x] - F32_BYTES * (count - 1) * d.embedding  # of every token
    weights = d.same(d.product(d.same(sketch.view(x)), count, OUTPUT), home=OUTPUT)
    found: int | None = None
    for _ in range(count):
        weighed = sketch.node(row, (sketch.view(x, one_row), sketch.view(weights)))
        found = weighed if found is None else d.sum(found, weighed)
    assert found is not None
    return found
