"""What attention multiplies for one token, at a depth: every query head with all keys and values.

Holds the count alone, from a model's caches and heads; how long it takes is `speed`'s.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from advisor.estimate.kv_cache import seen_cells

if TYPE_CHECKING:
    from catalog.cache import LayerCache
    from catalog.model import Hyperparameters


def attention_flops(
    caches: Iterable[LayerCache],
    hyper: Hyperparameters,
    *,
    depth_tokens: int,
    first: int,
    last: int,
) -> int:
    """Products and sums of one token's attention, from layer ``first`` to before ``last``.

    Each query head multiplies with the keys and the values that its KV head keeps, however many
    share that head; an MLA latent is both::

        2 × query heads / KV heads × (K + V elements of a cell) × cells

    Args:
        caches: What the layers keep.
        hyper: The model's shape.
        depth_tokens: In the cache. [tokens]
        first: Layer number.
        last: Layer number.

    Returns:
        FLOPs. Cells that an indexer rules out count too: llama.cpp masks them.
    """
    return 2 * sum(
        seen_cells(kept, depth_tokens) * _query_elements(kept, hyper, first, last)
        for kept in caches
        if kept.key_width
    )


def _query_elements(kept: LayerCache, hyper: Hyperparameters, first: int, last: int) -> int:
    """Elements of one cell that the query heads of some layers multiply with, all together."""
    row = kept.key_width + (kept.value_width or kept.key_width)
    return sum(
        row * _of_layer(hyper.head_count, layer) // max(_of_layer(hyper.head_count_kv, layer), 1)
        for layer in kept.layers
        if first <= layer < last
    )


def _of_layer(heads: int | tuple[int, ...], layer: int) -> int:
    return heads[layer] if isinstance(heads, tuple) else heads
