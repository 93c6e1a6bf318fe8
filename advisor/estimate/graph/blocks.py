"""What most graphs are made of: attention over a cache, and a feed-forward part.

Holds the order in which llama.cpp draws them, which decides where the allocator finds room; never
which architecture has what.

Source: llama.cpp `src/llama-graph.cpp` (`build_attn`, `build_attn_mha`, `build_ffn`) and
`src/llama-kv-cache.cpp` (`cpy_k`, `cpy_v`), October 2026.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from advisor.estimate.graph.draft import F32_BYTES
from advisor.estimate.kv_cache import cells, row_bytes

if TYPE_CHECKING:
    from advisor.estimate.graph.draft import Draft
    from catalog.cache import LayerCache


class Heads(NamedTuple):
    """A layer's heads."""

    queries: int
    """How many of them; keys and values may have fewer."""

    key_length: int
    value_length: int


class Projected(NamedTuple):
    """What attention is made of."""

    q: int
    """Queries, rotated by their positions."""

    k: int | None
    """Keys to be stored; ``None`` where another layer's are looked at."""

    v: int | None
    is_fused: bool = False
    """True where the values are a strided part of something larger."""


def attention(  # noqa: PLR0913  (two of them are for few architectures)
    d: Draft,
    layer: int,
    heads: Heads,
    made: Projected,
    *,
    lender: int | None = None,
    mask: int | None = None,
) -> int:
    """What attention hands on, before the output projection.

    Args:
        d: The graph.
        layer: Whose attention it is.
        heads: Its heads.
        made: Queries, keys and values.
        lender: The layer whose cache is looked at; its own unless said.
        mask: The usual one of that cache unless said.
    """
    q, k, v, is_fused = made
    sketch, type_k, type_v = d.sketch, d.setup.kv_type_k, d.setup.kv_type_v
    owner = layer if lender is None else lender
    turn_k = d.rotation(owner, heads.key_length, type_k)
    turn_v = d.rotation(owner, heads.value_length, type_v, smallest=True)
    if turn_k is not None:
        q = d.copied_through(q, turn_k)
        k = None if k is None else d.copied_through(k, turn_k)
    if turn_v is not None and v is not None:
        v = d.copied_through(_apart(d, owner, v) if is_fused else v, turn_v)
        is_fused = False
    sketch.draw(q)
    for stored in (k, v) if d.has_windows else (v, k):
        if stored is not None:
            sketch.draw(stored)
    if k is not None:
        sketch.draw(sketch.node(0, (k, d.indices(owner, of_values=False)), layer))
    if v is not None:
        sketch.draw(_stored_value(d, owner, v, is_fused=is_fused))
    found = _looked_at(d, owner, heads, q, d.mask(owner) if mask is None else mask)
    return found if turn_v is None else d.copied_through(found, turn_v)


def _apart(d: Draft, layer: int, v: int) -> int:
    """Values, no longer as a part of something larger."""
    return d.copied(v, F32_BYTES * d.tokens * d.cache_of[layer].value_width)


def _stored_value(d: Draft, layer: int, v: int, *, is_fused: bool) -> int:
    """Values on their way into the cache, which lies transposed without flash attention."""
    if not d.setup.flash_attention:
        if is_fused:
            v = _apart(d, layer, v)
        if d.cache_of[layer].value_width < d.widest_value:
            v = d.copied(v, F32_BYTES * d.tokens * d.widest_value)
    return d.sketch.node(0, (v, d.indices(layer, of_values=True)), layer)


def _looked_at(d: Draft, owner: int, heads: Heads, q: int, mask: int) -> int:
    """Attention over a layer's keys and values, flash or with all scores.

    Flash attention makes an F32 cache F16 before.
    """
    sketch, setup, cache = d.sketch, d.setup, d.cache_of[owner]
    count = cells(cache, setup)
    rows = setup.streams * count
    keys = sketch.cached(owner, rows * row_bytes(setup.kv_type_k, cache.key_width))
    values = sketch.cached(owner, _values_bytes(d, cache, count))
    out = F32_BYTES * d.tokens * heads.queries * heads.value_length
    if setup.flash_attention:
        if setup.kv_type_k == "f32":
            keys = d.copied(keys, sketch.size[keys] // 2)
        if setup.kv_type_v == "f32":
            values = d.copied(values, sketch.size[values] // 2)
        found = sketch.view(sketch.node(out, (q, keys, values, mask)))
    else:
        scores = sketch.node(F32_BYTES * d.tokens * heads.queries * count, (keys, q))
        found = d.copied(sketch.node(out, (values, d.same(scores, mask))))
    sketch.draw(found)
    return found


def _values_bytes(d: Draft, cache: LayerCache, count: int) -> int:
    """What a copy of a layer's values takes, of so many cells.

    Without flash attention every sequence's lie as far apart as the widest layer's, and so in a
    copy.
    """
    row = row_bytes(d.setup.kv_type_v, cache.value_width)
    apart = row if d.setup.flash_attention else row_bytes(d.setup.kv_type_v, d.widest_value)
    return count * (row + (d.setup.streams - 1) * apart)


def feed_forward(d: Draft, x: int, width: int, home: int, *, kind: str = "gated") -> int:
    """Up and down again: `gated` with a gate beside it, `fused` in one matrix, or `plain`."""
    if kind == "gated":
        up = d.product(x, width, home)
        inner = d.made(width, d.product(x, width, home), up)
    elif kind == "fused":
        inner = d.made(width, d.product(x, 2 * width, home))
    else:
        inner = d.same(d.product(x, width, home))
    return d.product(inner, d.embedding, home)
