"""The scratch memory of llama.cpp's graph: what one micro-batch needs besides weights and cache.

A graph's buffer is the peak of what is alive at once, so it is the largest of a few peaks (one
block's activations, attention without flash attention, the logits) and not their sum. The
formulas are for llama.cpp since mid-2026 (F16 masks under flash attention, capped logits rows).

Source: llama.cpp's graph builders and allocator (October 2026), compared with the buffers that its
`llama-fit-params` and server print; the errors are in `docs/accuracy.md`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from advisor.estimate.graph_shape import GraphKind, largest
from advisor.estimate.kv_cache import cells

if TYPE_CHECKING:
    from advisor.estimate.graph_shape import GraphShape
    from advisor.estimate.setup import Setup
    from catalog.cache import LayerCache

F32_BYTES = 4
F16_BYTES = 2
POSITION_BYTES = 4
INDEX_BYTES = 8

PIPELINE_COPIES = 4
"""Inputs that llama.cpp's scheduler keeps for batches on their way through several GPUs."""

HOST_INPUT_COPIES = 2
"""Copies of the micro-batch's embeddings that the scheduler keeps on the host beside a GPU."""


def mask_bytes(shape: GraphShape, caches: Sequence[LayerCache], setup: Setup) -> int:
    """Bytes of the attention masks: one per kind of cache, two where an indexer reads it too.

    An encoder has no cache and looks at its own micro-batch.
    """
    element = F16_BYTES if setup.flash_attention else F32_BYTES
    if shape.kind is GraphKind.ENCODER:
        return setup.ubatch_tokens * element * setup.ubatch_tokens
    lengths = {
        (cache.window, cache.window_tokens, cache.tokens_per_cell): cells(cache, setup)
        for cache in caches
        if cache.key_width
    }
    copies = 2 if shape.indexed_layers else 1
    return copies * setup.ubatch_tokens * element * sum(lengths.values())


def index_bytes(caches: Sequence[LayerCache], setup: Setup) -> int:
    """Positions, and the cells that keys and values are written to.

    Without flash attention V is stored transposed, so that each of its elements has an index.
    """
    kinds = {(cache.window, cache.window_tokens) for cache in caches if cache.key_width}
    widest = max((cache.value_width for cache in caches), default=0)
    per_value = 1 if setup.flash_attention else max(widest, 1)
    per_token = POSITION_BYTES + len(kinds) * INDEX_BYTES * (1 + per_value)
    return setup.ubatch_tokens * per_token


def block_elements(shape: GraphShape, setup: Setup, *, is_cut: bool) -> int:
    """Elements per token that the widest block holds at once.

    ``max(feed-forward + 2 × embedding + gap, latent, recurrent)``, and what one layer's choice of
    cells or the per-layer embeddings take throughout.

    Args:
        shape: The graph's widths.
        setup: Cache types, sequences and micro-batch.
        is_cut: True when other blocks are on another device.
    """
    feed_forward = shape.cut_feed_forward if is_cut else shape.feed_forward
    gap = 0 if is_cut else attention_gap(shape, setup)
    feeding = feed_forward + 2 * shape.embedding + gap
    recurrent = shape.recurrent
    if recurrent:
        recurrent += shape.state_per_sequence * setup.sequences // setup.ubatch_tokens
    chosen = shape.indexed_layers * min(shape.indexed_cells, setup.stream_cells)
    if shape.indexed_layers:
        chosen += setup.stream_cells
    return max(feeding, shape.latent, recurrent) + chosen + shape.lookup + shape.streams


def score_elements(shape: GraphShape, caches: Sequence[LayerCache], setup: Setup) -> int:
    """Scores per token of the layer that has most: heads times the cells it looks at."""
    heads = shape.heads
    if shape.kind is GraphKind.ENCODER:
        return largest(heads) * setup.ubatch_tokens
    return max(
        cells(cache, setup)
        * (heads if isinstance(heads, int) else max(heads[layer] for layer in cache.layers))
        for cache in caches
        if cache.key_width
    )


def _attends(shape: GraphShape, caches: Sequence[LayerCache]) -> bool:
    return shape.kind is GraphKind.ENCODER or any(cache.key_width for cache in caches)


def attention_gap(shape: GraphShape, setup: Setup) -> int:
    """Elements per token that attention's output leaves behind and nothing else fills.

    A quantized cache rotates what it stores, which fills a gap as wide as the residual row and
    doubles a narrower one.
    """
    if not shape.leaves_gap:
        return 0
    if setup.kv_type_k in {"f32", "f16", "bf16"} or shape.latent:
        return shape.attention
    if shape.attention == shape.embedding:
        return 0
    return shape.attention if shape.attention > shape.embedding else 2 * shape.attention


def device_bytes(
    shape: GraphShape,
    caches: Sequence[LayerCache],
    setup: Setup,
    *,
    with_output: bool,
    is_cut: bool = False,
) -> int:
    """Scratch of a device that computes whole blocks.

    ``max(4 × U × block + inputs, 4 × U × scores + inputs, 4 × rows × (vocabulary + embedding))``,
    the scores of all heads over the whole cache without flash attention only.

    Args:
        shape: The graph's widths.
        caches: What the layers keep, which decides the masks.
        setup: Micro-batch, context and rows of logits.
        with_output: True for the device that holds the output layer.
        is_cut: True when other blocks are on another device.
    """
    batch = F32_BYTES * setup.ubatch_tokens
    inputs = mask_bytes(shape, caches, setup) + index_bytes(caches, setup)
    peak = batch * block_elements(shape, setup, is_cut=is_cut) + inputs
    if not setup.flash_attention and _attends(shape, caches):
        rows = 2 * (shape.embedding + shape.attention)
        peak = max(peak, batch * (score_elements(shape, caches, setup) + rows) + inputs)
    if not with_output:
        return peak
    return max(peak, F32_BYTES * setup.output_rows * (shape.vocabulary + shape.embedding))


def host_bytes(shape: GraphShape, caches: Sequence[LayerCache], setup: Setup) -> int:
    """Scratch of the host beside a GPU that holds every layer: embeddings, masks, indices."""
    batch = F32_BYTES * setup.ubatch_tokens
    inputs = mask_bytes(shape, caches, setup) + index_bytes(caches, setup)
    return batch * (HOST_INPUT_COPIES * shape.embedding + shape.lookup) + inputs


def pipeline_bytes(
    shape: GraphShape, caches: Sequence[LayerCache], setup: Setup, *, copies_embeddings: int
) -> int:
    """What each of several GPUs holds besides, so that batches can follow each other closely.

    Masks three times more, and embeddings `PIPELINE_COPIES` times: on the first GPU those that come
    from the host, on a later one also those that come from the GPU before it.

    Source:
        llama.cpp `GGML_SCHED_MAX_COPIES` (October 2026), and what its scheduler reserves.
    """
    embeddings = F32_BYTES * setup.ubatch_tokens * shape.embedding
    masks = mask_bytes(shape, caches, setup) + index_bytes(caches, setup)
    return PIPELINE_COPIES * copies_embeddings * embeddings + (PIPELINE_COPIES - 1) * masks


def host_pipeline_bytes(shape: GraphShape, caches: Sequence[LayerCache], setup: Setup) -> int:
    """What the host holds besides, beside several GPUs: its inputs three times more."""
    embeddings = F32_BYTES * setup.ubatch_tokens * shape.embedding
    inputs = embeddings + mask_bytes(shape, caches, setup) + index_bytes(caches, setup)
    return (PIPELINE_COPIES - 1) * inputs


def host_alone_bytes(
    shape: GraphShape, caches: Sequence[LayerCache], setup: Setup, *, with_output: bool
) -> int:
    """Scratch of the host when it computes blocks itself, with or without the output layer."""
    inputs = F32_BYTES * setup.ubatch_tokens * shape.embedding
    return device_bytes(shape, caches, setup, with_output=with_output) + inputs


def output_buffer_bytes(shape: GraphShape, setup: Setup) -> int:
    """The buffer that logits or embeddings are handed over in: a row per sequence, on the host."""
    width = shape.vocabulary or shape.embedding
    return max(setup.sequences, 1) * width * F32_BYTES


ERRORS = {
    GraphKind.DENSE: 0.02,
    GraphKind.MIXTURE: 0.05,
    GraphKind.LATENT: 0.12,
    GraphKind.RECURRENT: 0.04,
    GraphKind.LOOKUP: 0.1,
    GraphKind.INDEXED: 0.3,
    GraphKind.ENCODER: 0.16,
}
"""Half the width of the scratch's 80 % interval, as a share of it, for each kind of graph.

At least four of five buffers of `tests/measured/llama_cpp_memory.csv` are inside. Dense graphs and
mixtures come out exact far more often; theirs are wider because another backend's kernels ask for
a little more or less. `docs/accuracy.md` has the share that is inside.
"""


def relative_error(shape: GraphShape) -> float:
    """Half the width of the scratch's interval, as a share of it. 0 to 1."""
    return ERRORS[shape.kind]
