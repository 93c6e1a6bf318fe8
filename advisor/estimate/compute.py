"""The scratch memory of llama.cpp's graph: what one micro-batch needs besides weights and cache.

A graph's buffer is the peak of what is alive at once, so it is the largest of a few peaks (one
layer's activations, attention without flash attention, the logits) and not their sum. The
formulas are for llama.cpp since mid-2026 (F16 masks under flash attention, capped logits rows).

Source: formulas from llama.cpp's graph builders (October 2026) as compared with the buffers its
`llama-fit-params` and server print; the residuals are in `docs/accuracy.md`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from advisor.estimate.kv_cache import cells

if TYPE_CHECKING:
    from advisor.estimate.setup import Setup
    from catalog.cache import LayerCache
    from catalog.model import Hyperparameters

F32_BYTES = 4
F16_BYTES = 2

HOST_INPUT_COPIES = 2
"""Copies of the micro-batch's embeddings that the scheduler keeps on the host beside a GPU."""

FULLEST_ERROR = 0.15
"""Largest relative error seen outside the mixtures of experts; the interval's width."""

MIXTURE_ERROR = 0.20
"""The same for mixtures of experts and latent attention, whose graphs vary more."""


def largest(value: int | tuple[int, ...] | None) -> int:
    """The largest layer's value of a key that may be kept per layer; zero without the key."""
    if value is None:
        return 0
    return value if isinstance(value, int) else max(value, default=0)


@dataclass(frozen=True, slots=True, kw_only=True)
class GraphShape:
    """The widths that decide the scratch memory. All in elements."""

    embedding: int
    query: int
    """Query heads × head length."""

    key: int
    heads: int
    vocabulary: int
    activation: int
    """Elements of scratch per token that the widest block holds at once."""

    is_mixture: bool


def graph_shape(hyper: Hyperparameters) -> GraphShape:
    """The widths of a model's graph.

    A dense block holds about three feed-forward rows, two residual rows and a query; a mixture
    holds them for each expert used; latent attention holds its expanded heads.
    """
    heads = largest(hyper.head_count)
    query = heads * max(hyper.key_length, hyper.key_length_swa or 0)
    width = hyper.embedding_length
    dense = 3 * largest(hyper.feed_forward_length) + 2 * width + query
    activation = dense
    used = hyper.expert_used_count or 0
    if used:
        expert = used * (hyper.expert_feed_forward_length or 0)
        mixture = max(3 * expert + 2 * width + query, (2 * used + 3) * width + query)
        leading = dense if hyper.leading_dense_block_count else 0
        activation = max(mixture, leading)
    if hyper.kv_lora_rank:
        latent = heads * (hyper.kv_lora_rank + hyper.rope_dimension_count)
        expanded = heads * (hyper.key_length_mla or hyper.key_length)
        activation = max(activation, 2 * latent + expanded + 3 * width)
    return GraphShape(
        embedding=width,
        query=query,
        key=largest(hyper.head_count_kv) * hyper.key_length,
        heads=heads,
        vocabulary=hyper.vocab_size,
        activation=activation,
        is_mixture=bool(used or hyper.kv_lora_rank),
    )


def mask_bytes(caches: Sequence[LayerCache], setup: Setup) -> int:
    """Bytes of the attention masks: one per distinct length of cache."""
    lengths = {cells(cache, setup) for cache in caches if cache.key_width}
    element = F16_BYTES if setup.flash_attention else F32_BYTES
    return setup.ubatch_tokens * element * sum(lengths)


def device_bytes(
    shape: GraphShape, caches: Sequence[LayerCache], setup: Setup, *, with_output: bool
) -> int:
    """Scratch of a GPU that holds whole blocks.

    ``max(4 × U × activation + masks, 4 × rows × (vocabulary + embedding))`` with flash attention;
    without it the scores of all heads over the whole cache come in.

    Args:
        shape: The graph's widths.
        caches: What the layers keep, which decides the masks.
        setup: Micro-batch, context and rows of logits.
        with_output: True for the device that holds the output layer.
    """
    batch = setup.ubatch_tokens
    logits = 0
    if with_output:
        logits = F32_BYTES * setup.output_rows * (shape.vocabulary + shape.embedding)
    if not any(cache.key_width for cache in caches) or setup.flash_attention:
        block = F32_BYTES * batch * shape.activation + mask_bytes(caches, setup)
        return max(block, logits)
    longest = setup.stream_cells
    widths = 2 * (shape.embedding + shape.query + shape.key)
    scores = F32_BYTES * batch * (shape.heads * longest + longest + widths)
    block = F32_BYTES * batch * shape.activation + mask_bytes(caches, setup)
    return max(scores, block, logits)


def host_bytes(shape: GraphShape, caches: Sequence[LayerCache], setup: Setup) -> int:
    """Scratch of the host beside a GPU that holds every layer: inputs and masks."""
    inputs = F32_BYTES * setup.ubatch_tokens * shape.embedding * HOST_INPUT_COPIES
    return inputs + mask_bytes(caches, setup)


def host_alone_bytes(
    shape: GraphShape, caches: Sequence[LayerCache], setup: Setup, *, with_output: bool
) -> int:
    """Scratch of the host when it computes blocks itself, with or without the output layer."""
    inputs = F32_BYTES * setup.ubatch_tokens * shape.embedding
    return device_bytes(shape, caches, setup, with_output=with_output) + inputs


def output_buffer_bytes(shape: GraphShape, setup: Setup) -> int:
    """The buffer that logits are handed over in: one row per sequence, on the host."""
    return max(setup.sequences, 1) * shape.vocabulary * F32_BYTES


def relative_error(shape: GraphShape) -> float:
    """Half the width of the scratch's interval, as a share of it. 0 to 1."""
    return MIXTURE_ERROR if shape.is_mixture else FULLEST_ERROR
