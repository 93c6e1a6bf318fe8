"""What the context costs: keys and values per token, and recurrent state per sequence.

One formula over a model's `LayerCache` groups and a `Setup`; never which device a layer is on.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from itertools import accumulate

from advisor.estimate.setup import Setup, round_up
from catalog.cache import LayerCache, Window
from catalog.quants import ggml_type

STATE_BYTES = 4
"""Recurrent and convolution states are F32, whatever the cache types are."""


def cells(cache: LayerCache, setup: Setup) -> int:
    """Cells one stream keeps in such a layer.

    A layer with a window keeps the window of every sequence that shares the stream, and one
    micro-batch more, rounded up; never more than the context. A compressed stream has a cell for
    several tokens.

    Returns:
        Cells of one stream. [tokens, or what a cell stands for]

    Source:
        llama.cpp `src/llama-kv-cache-iswa.cpp`, `src/llama-kv-cache-dsv4.cpp` (October 2026).
    """
    if cache.window is Window.FULL or cache.window_tokens is None or setup.keeps_whole_windows:
        return round_up(-(-setup.stream_cells // cache.tokens_per_cell))
    sharing = setup.sequences if setup.unified and not cache.is_per_sequence else 1
    window = round_up(cache.window_tokens * sharing + setup.ubatch_tokens)
    return min(setup.stream_cells, window)


def streams(cache: LayerCache, setup: Setup) -> int:
    """How many streams of such a layer there are: one that all share, or one a sequence."""
    return setup.sequences if cache.is_per_sequence else setup.streams


@cache
def row_bytes(type_name: str, width: int) -> int:
    """Bytes of one cell's row of so many elements; zero for an empty row."""
    return ggml_type(type_name).bytes_for(width) if width else 0


def layer_bytes(cache: LayerCache, setup: Setup, *, widest_value: int) -> int:
    """Bytes one such layer keeps when the context is full.

    ``streams × cells × (K row + indexer row + V row) + sequences × state``. Without flash
    attention V is stored transposed, every layer as wide as the widest.

    Args:
        cache: What the layer keeps.
        setup: Context, cache types and sequences.
        widest_value: Elements of the widest layer's V row. [elements]

    Source:
        llama.cpp `src/llama-kv-cache.cpp`, `src/llama-memory-recurrent.cpp` (October 2026).
    """
    state = setup.sequences * cache.state_elements * STATE_BYTES
    widened = cache.is_padded and not setup.flash_attention
    row = cell_bytes(cache, setup, value_width=widest_value if widened else cache.value_width)
    return streams(cache, setup) * cells(cache, setup) * row + state


def cache_bytes(caches: Sequence[LayerCache], setup: Setup) -> int:
    """Bytes of the whole model's cache."""
    widest = max((kept.value_width for kept in caches), default=0)
    return sum(len(kept.layers) * layer_bytes(kept, setup, widest_value=widest) for kept in caches)


def prefix_bytes(caches: Sequence[LayerCache], setup: Setup, block_count: int) -> tuple[int, ...]:
    """Bytes of the caches of the blocks before block ``i``, for ``i`` up to the block count."""
    widest = max((kept.value_width for kept in caches), default=0)
    layers = [0] * block_count
    for kept in caches:
        each = layer_bytes(kept, setup, widest_value=widest)
        for layer in kept.layers:
            layers[layer] += each
    return tuple(accumulate(layers, initial=0))


@dataclass(frozen=True, slots=True)
class CacheRead:
    """What one token reads of the cache of some layers."""

    cache_bytes: int
    """Keys and values (and an indexer's keys)."""

    state_bytes: int
    """Recurrent state, its size once."""

    state_layers: int
    """Layers with a state."""


def cache_read(
    caches: Sequence[LayerCache], setup: Setup, *, depth_tokens: int, first: int, last: int
) -> CacheRead:
    """What one token reads at a depth, over the layers from ``first`` to before ``last``.

    Full layers read every cell that is filled, windowed ones their window, recurrent ones their
    state.
    """
    read = state = state_layers = 0
    for kept in caches:
        count = bisect_left(kept.layers, last) - bisect_left(kept.layers, first)
        if seen := seen_cells(kept, depth_tokens):
            read += count * seen * cell_bytes(kept, setup, value_width=kept.value_width)
        if kept.state_elements:
            state += count * kept.state_elements * STATE_BYTES
            state_layers += count
    return CacheRead(read, state, state_layers)


def seen_cells(cache: LayerCache, depth_tokens: int) -> int:
    """Cells of such a layer that one token attends to at a depth."""
    filled = depth_tokens
    if cache.window is not Window.FULL and cache.window_tokens is not None:
        filled = min(filled, cache.window_tokens)
    return filled // cache.tokens_per_cell


def cell_bytes(cache: LayerCache, setup: Setup, *, value_width: int) -> int:
    """Bytes of one cell of such a layer: a K row, a V row, and an indexer's rows."""
    return (
        row_bytes(setup.kv_type_k, cache.key_width)
        + row_bytes(setup.kv_type_v, value_width)
        + row_bytes(setup.kv_type_k, cache.indexer_width)
        + row_bytes(setup.kv_type_v, cache.indexer_value_width)
    )
