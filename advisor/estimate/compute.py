"""The scratch memory of llama.cpp's graph: what one micro-batch needs besides weights and cache.

A graph's buffer is the peak of what is alive at once, so it is the largest of a few peaks (one
block's activations, attention without flash attention, the logits) and not their sum. A build's
era decides the type of its masks and how many rows of logits there are.

Source: llama.cpp's graph builders and allocator (October 2026), compared with the buffers that its
`llama-fit-params` and server print; the errors are in `docs/accuracy.md`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from advisor.estimate.graph_shape import GraphKind, largest
from advisor.estimate.kv_cache import cells, layer_bytes
from advisor.workload import Era
from catalog.cache import Window

if TYPE_CHECKING:
    from advisor.estimate.graph_shape import GraphShape
    from advisor.estimate.setup import Setup
    from catalog.cache import LayerCache

F32_BYTES = 4
F16_BYTES = 2
_PLAIN = frozenset({"f32", "f16", "bf16"})

POSITION_BYTES = 4
INDEX_BYTES = 8

PIPELINE_COPIES = 4
"""Inputs that llama.cpp's scheduler keeps for batches on their way through several GPUs."""

FEWER_INPUT_ROWS = {Era.CURRENT: 0, Era.BEFORE_JUNE_2026: 1}
"""Rows of the micro-batch's embeddings that older builds keep fewer of on the host beside a GPU.

Source: logs of llama.cpp until February 2026 have one row, those of March to May two.
"""


def mask_bytes(shape: GraphShape, caches: Sequence[LayerCache], setup: Setup) -> int:
    """Bytes of the attention masks: one per kind of cache.

    An encoder has no cache and looks at its own micro-batch. Builds before June 2026 hand masks
    over in F32, whatever attention reads.
    """
    is_half = setup.flash_attention and setup.era is Era.CURRENT
    return mask_elements(shape, caches, setup) * (F16_BYTES if is_half else F32_BYTES)


def mask_elements(shape: GraphShape, caches: Sequence[LayerCache], setup: Setup) -> int:
    """Elements of the attention masks."""
    if shape.kind is GraphKind.ENCODER:
        return shape.encoder_masks * setup.ubatch_tokens * setup.ubatch_tokens
    lengths = {
        (cache.window, cache.window_tokens, cache.tokens_per_cell): cells(cache, setup)
        for cache in caches
        if cache.key_width
    }
    return setup.ubatch_tokens * sum(lengths.values())


def input_bytes(shape: GraphShape, caches: Sequence[LayerCache], setup: Setup) -> int:
    """Bytes of masks and positions: on every device, and on the host."""
    return mask_bytes(shape, caches, setup) + index_bytes(caches, setup)


def index_bytes(caches: Sequence[LayerCache], setup: Setup) -> int:
    """Positions, and the cells that keys and values are written to.

    Without flash attention V is stored transposed, so that each of its elements has an index.
    """
    kinds = {(cache.window, cache.window_tokens) for cache in caches if cache.key_width}
    widest = max((cache.value_width for cache in caches), default=0)
    per_value = 1 if setup.flash_attention else max(widest, 1)
    per_token = POSITION_BYTES + len(kinds) * INDEX_BYTES * (1 + per_value)
    return setup.ubatch_tokens * per_token


def block_elements(
    shape: GraphShape,
    setup: Setup,
    *,
    is_cut: bool,
    has_windows: bool = False,
) -> int:
    """Elements per token that the widest block holds at once.

    ``max(feed-forward + 2 × embedding + gap, latent, recurrent)``, and what per-layer embeddings
    take throughout.

    Args:
        shape: The graph's widths.
        setup: Cache types, sequences and micro-batch.
        is_cut: True when other blocks are on another device.
        has_windows: True when some layers look back less far than others.
    """
    recurrent = shape.recurrent
    if recurrent:
        recurrent += shape.state_per_sequence * setup.sequences // setup.ubatch_tokens
        delta = shape.delta + shape.delta_state * setup.sequences // setup.ubatch_tokens
        recurrent = max(recurrent, delta)
    feeding = _feeding_elements(shape, setup, is_cut=is_cut, has_windows=has_windows)
    return max(feeding, shape.latent, recurrent) + shape.lookup + shape.streams


def _feeding_elements(shape: GraphShape, setup: Setup, *, is_cut: bool, has_windows: bool) -> int:
    """The feed-forward part, two residual rows, and the gap that attention left."""
    has_gap = not is_cut or shape.is_parallel
    gap = attention_gap(shape, setup, has_windows=has_windows) if has_gap else 0
    feed_forward = shape.cut_feed_forward if is_cut else shape.feed_forward
    if shape.is_parallel:
        feed_forward = shape.feed_forward
    gapless = 0 if is_cut else shape.gapless_feed_forward
    return max(feed_forward + gap, gapless) + 2 * shape.embedding


def borrowed_bytes(
    shape: GraphShape, caches: Sequence[LayerCache], setup: Setup, span: tuple[int, int]
) -> int:
    """Copies of the host's cache for a GPU's layers that look at it: one for each such layer.

    Args:
        shape: The graph's widths.
        caches: What the layers keep.
        setup: Context and cache types.
        span: The first block on this device and the one after its last.
    """
    first, end = span
    lenders = [lender for layer, lender in shape.borrowed if first <= layer < end]
    return sum(
        layer_bytes(cache, setup, widest_value=cache.value_width)
        for lender in lenders
        for cache in caches
        if lender < first and lender in cache.layers
    )


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


def _looked_at(
    shape: GraphShape, caches: Sequence[LayerCache], span: tuple[int, int] | None
) -> Sequence[LayerCache]:
    """The caches that the blocks of a device look at, their own and borrowed ones.

    An empty span, of a device with the output alone, stands for all.
    """
    if span is None or span[0] == span[1]:
        return caches
    blocks = set(range(*span))
    blocks.update(lender for layer, lender in shape.borrowed if layer in blocks)
    return [cache for cache in caches if not blocks.isdisjoint(cache.layers)]


def _attends(shape: GraphShape, caches: Sequence[LayerCache]) -> bool:
    return shape.kind is GraphKind.ENCODER or any(cache.key_width for cache in caches)


def attention_gap(shape: GraphShape, setup: Setup, *, has_windows: bool) -> int:
    """Elements per token that attention's output leaves behind and nothing else fills.

    A quantized cache rotates what it stores, which fills a gap as wide as the residual row and
    doubles a narrower one. Beside a feed-forward part that runs in parallel, the output itself
    lives on, and leaves a gap of its own where layers differ or the cache is quantized.
    """
    if not shape.leaves_gap:
        return 0
    is_plain = setup.kv_type_k in _PLAIN or shape.kind is GraphKind.ENCODER
    if shape.is_parallel:
        return shape.attention * (1 if is_plain and not has_windows else 2)
    if is_plain or shape.latent:
        return shape.attention
    if shape.attention == shape.embedding:
        return 0
    return shape.attention if shape.attention > shape.embedding else 2 * shape.attention


def device_bytes(  # noqa: PLR0913  (three say what the graph is, three which part of it)
    shape: GraphShape,
    caches: Sequence[LayerCache],
    setup: Setup,
    *,
    with_output: bool,
    is_cut: bool = False,
    span: tuple[int, int] | None = None,
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
        span: The first block on this device and the one after its last; ``None`` for all.
    """
    inputs = input_bytes(shape, caches, setup)
    has_windows = any(cache.window is not Window.FULL for cache in caches)
    block = block_elements(shape, setup, is_cut=is_cut, has_windows=has_windows)
    if with_output and _is_one_plain_block(shape, span) and _is_capped(setup):
        # The last block feeds forward the rows that have logits, and only attends for all.
        block = 2 * (shape.embedding + shape.attention) + shape.lookup
    if is_cut and span is not None:
        inputs += borrowed_bytes(shape, caches, setup, span)
        block -= shape.lookup - shape.lookup_each * (span[1] - span[0])
    opening = 0
    if setup.flash_attention and setup.era is Era.BEFORE_JUNE_2026:
        opening = _cast_bytes(shape, caches, setup) + inputs
        inputs -= mask_elements(shape, caches, setup) * (F32_BYTES - F16_BYTES)
    looked_at = _looked_at(shape, caches, span)
    if not setup.flash_attention and _attends(shape, looked_at):
        block = max(block, _scoring_elements(shape, looked_at, setup))
    peak = max(opening, F32_BYTES * setup.ubatch_tokens * block + inputs)
    has_logits = with_output and not shape.has_head_on_host
    return max(peak, logits_bytes(shape, setup, is_cut=is_cut)) if has_logits else peak


def _is_one_plain_block(shape: GraphShape, span: tuple[int, int] | None) -> bool:
    """True for a single block whose attention is neither latent nor recurrent."""
    is_plain = not shape.latent and not shape.recurrent
    return is_plain and span is not None and span[1] - span[0] == 1


def _is_capped(setup: Setup) -> bool:
    """True where not every token of a micro-batch has a row of logits."""
    return setup.output_rows < setup.ubatch_tokens


def _scoring_elements(shape: GraphShape, caches: Sequence[LayerCache], setup: Setup) -> int:
    """Attention's scores, what they were made of, and what lives throughout."""
    rows = max(2 * (shape.embedding + shape.attention), shape.latent)
    return score_elements(shape, caches, setup) + rows + shape.lookup + shape.streams


def logits_bytes(shape: GraphShape, setup: Setup, *, is_cut: bool = False) -> int:
    """The logits, the row each is made of, and what lies before a whole micro-batch of them."""
    size = F32_BYTES * setup.output_rows * (shape.vocabulary + shape.embedding)
    if _is_capped(setup):
        return size
    behind = shape.cut_behind if is_cut else shape.behind
    if setup.era is Era.CURRENT:
        behind += shape.kept_result
    return size + F32_BYTES * setup.ubatch_tokens * behind


def _cast_bytes(shape: GraphShape, caches: Sequence[LayerCache], setup: Setup) -> int:
    """What is there besides while the first layer's attention makes its F16 masks of the F32 ones.

    The masks themselves, two residual rows, and the query before and after its rotation. The F32
    masks then go, and the F16 ones stay.

    Source: logs of builds before June 2026 with long contexts, `docs/accuracy.md`.
    """
    rows = 2 * (shape.embedding + shape.query)
    masks = F16_BYTES * mask_elements(shape, caches, setup)
    return masks + F32_BYTES * setup.ubatch_tokens * rows


def host_bytes(shape: GraphShape, caches: Sequence[LayerCache], setup: Setup) -> int:
    """Scratch of the host beside a GPU that holds every layer: embeddings, masks, indices."""
    batch = F32_BYTES * setup.ubatch_tokens
    inputs = input_bytes(shape, caches, setup)
    rows = shape.input_rows - FEWER_INPUT_ROWS[setup.era]
    held = batch * (rows * shape.embedding + shape.lookup) + inputs
    if not shape.has_head_on_host:
        return held
    return max(held, batch * shape.embedding + logits_bytes(shape, setup))


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
    masks = input_bytes(shape, caches, setup)
    return PIPELINE_COPIES * copies_embeddings * embeddings + (PIPELINE_COPIES - 1) * masks


def host_pipeline_bytes(shape: GraphShape, caches: Sequence[LayerCache], setup: Setup) -> int:
    """What the host holds besides, beside several GPUs: its inputs three times more."""
    embeddings = F32_BYTES * setup.ubatch_tokens * shape.embedding
    inputs = embeddings + input_bytes(shape, caches, setup)
    return (PIPELINE_COPIES - 1) * inputs


def host_alone_bytes(
    shape: GraphShape,
    caches: Sequence[LayerCache],
    setup: Setup,
    *,
    with_output: bool,
    span: tuple[int, int] | None = None,
) -> int:
    """Scratch of the host when it computes blocks itself, with or without the output layer.

    Args:
        shape: The graph's widths.
        caches: What the layers keep.
        setup: Micro-batch, context and rows of logits.
        with_output: True when no GPU has the output layer.
        span: The first of its blocks and the one after its last; ``None`` for all.
    """
    rows = shape.input_rows - 1
    inputs = F32_BYTES * setup.ubatch_tokens * rows * shape.embedding
    alone = inputs + device_bytes(shape, caches, setup, with_output=with_output, span=span)
    return max(alone, inputs + logits_bytes(shape, setup)) if shape.has_head_on_host else alone


def output_buffer_bytes(shape: GraphShape, setup: Setup) -> int:
    """The buffer that results are handed over in: a row per sequence, on the host.

    A row is as wide as the vocabulary. An encoder's has its embedding besides, and room for logits
    that it never makes.

    Source:
        llama.cpp `src/llama-context.cpp` (`output_reserve`, October 2026).
    """
    embedding = shape.embedding if shape.kind is GraphKind.ENCODER else 0
    return max(setup.sequences, 1) * (shape.tokens + embedding) * F32_BYTES


ERRORS = {
    GraphKind.DENSE: 0.03,
    GraphKind.MIXTURE: 0.05,
    GraphKind.LATENT: 0.05,
    GraphKind.RECURRENT: 0.05,
    GraphKind.LOOKUP: 0.05,
    GraphKind.INDEXED: 0.12,
    GraphKind.ENCODER: 0.05,
}
"""Half the width of the scratch's 80 % interval, as a share of it, for each kind of graph.

Graphs that are drawn come out exact on the processor, as the sample and settings drawn at random
show. What is left is other backends and builds: four of five of the logged buffers of real GPUs
(`tests/measured/gpu_logs.csv`) are within 3 % for dense graphs, and 5 % for others. Indexed graphs
that are not drawn are wider: theirs hold four of five buffers that the library reserved for
settings drawn at random. `docs/accuracy.md` has the share that is inside.
"""


OUTSIDE_ERROR = 0.1
"""The least of it for an architecture that no model of the catalog has.

Of 27 such architectures in about the widths of published models, with flash attention and without,
half the buffers are within 1.2 %, four of five within 5 %, and the worst is 19 % off
(`tests/catalog/gguf/outside_scratch.csv`).
"""


def relative_error(shape: GraphShape) -> float:
    """Half the width of the scratch's interval, as a share of it. 0 to 1."""
    known = ERRORS[shape.kind]
    return known if shape.is_compared else max(known, OUTSIDE_ERROR)
