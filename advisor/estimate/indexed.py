"""The scratch of graphs whose attention looks only at cells that an indexer chose.

Holds what each kind of such graph keeps at once, in elements per token; never a byte of anything
else. Every indexed layer has a tensor for its choice, and all of them are allocated from the start.

Source: llama.cpp `src/models/{deepseek32,deepseek4,glm5-next,minimax-m3,qwen4exp}.cpp` (October
2026), and what its allocator holds at the peak.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from advisor.estimate.setup import Setup
    from catalog.cache import LayerCache
    from catalog.model import Hyperparameters


class IndexerGraph(StrEnum):
    """How the choice is made and used."""

    LIGHTNING = "lightning"
    """Beside latent attention: the choice becomes a mask (DeepSeek V3.2, GLM-5)."""

    COMPRESSED = "compressed"
    """Of a compressed stream (DeepSeek V4)."""

    POOLED = "pooled"
    """Of pools of cells, whose keys and values are gathered (Qwen 4)."""

    SHARED_POOLS = "shared-pools"
    """Of pools, whose masks are copied for every layer (GLM-5 Next)."""

    BLOCKS = "blocks"
    """Of blocks of cells, scored densely (MiniMax M3)."""


GRAPHS = {
    "deepseek32": IndexerGraph.LIGHTNING,
    "glm-dsa": IndexerGraph.LIGHTNING,
    "deepseek4": IndexerGraph.COMPRESSED,
    "qwen4exp": IndexerGraph.POOLED,
    "glm5-next": IndexerGraph.SHARED_POOLS,
    "minimax-m3": IndexerGraph.BLOCKS,
}

POOL_CELLS = 4
"""Cells of a pool, or of the compressed stream, where the file does not say."""

DEFAULT_CHOICE = 2048
"""Cells chosen where the catalog has no number of them (Qwen 4)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Indexer:
    """An indexer and the attention it serves. Widths are in elements per token."""

    graph: IndexerGraph
    heads: int
    """Heads of the indexer itself."""

    chosen: int
    """Cells chosen per token."""

    pool: int
    embedding: int
    residual_streams: int
    """Residual rows of a hyper-connection; 1 without it."""

    query: int
    absorbed: int
    """Query heads × latent rank; 0 without latent attention."""

    compared: int
    """Query heads × what latent attention compares with the cache."""


def indexer_of(architecture: str, hyper: Hyperparameters, *, heads: int) -> Indexer | None:
    """A model's indexer; ``None`` for most.

    Args:
        architecture: llama.cpp's name of it.
        hyper: The model's shape.
        heads: Its query heads.
    """
    graph = GRAPHS.get(architecture)
    if graph is None:
        return None
    rank = hyper.kv_lora_rank or 0
    return Indexer(
        graph=graph,
        heads=hyper.indexer_head_count or 0,
        chosen=hyper.indexer_top_k or DEFAULT_CHOICE,
        pool=hyper.indexer_kpool or POOL_CELLS,
        embedding=hyper.embedding_length,
        residual_streams=hyper.hc_mult or 1,
        query=heads * hyper.key_length,
        absorbed=heads * rank,
        compared=heads * (rank + hyper.rope_dimension_count) if rank else 0,
    )


def indexed_layers(
    indexer: Indexer, caches: Sequence[LayerCache], span: tuple[int, int] | None
) -> int:
    """How many layers have a choice, of all or from the first to before the last of a span.

    Behind a lightning indexer even those that use another layer's choice.
    """
    is_lightning = indexer.graph is IndexerGraph.LIGHTNING
    layers = [
        layer
        for cache in caches
        if cache.indexer_width or (is_lightning and cache.key_width)
        for layer in cache.layers
    ]
    return sum(span is None or span[0] <= layer < span[1] for layer in layers)


def choice_elements(indexer: Indexer, cells: int) -> int:
    """What one layer's choice takes throughout; half of it where it is kept in F16."""
    match indexer.graph:
        case IndexerGraph.LIGHTNING:
            return min(indexer.chosen, cells)
        case IndexerGraph.COMPRESSED:
            return min(indexer.chosen, cells // indexer.pool) // 2
        case IndexerGraph.POOLED | IndexerGraph.SHARED_POOLS:
            return min(indexer.chosen, cells) + indexer.pool - 1
        case IndexerGraph.BLOCKS:
            return 0


def input_elements(indexer: Indexer, cells: int) -> int:
    """What an indexer's own masks and positions take among a graph's inputs. F32 elements."""
    match indexer.graph:
        case IndexerGraph.LIGHTNING:
            return cells // 2
        case IndexerGraph.COMPRESSED:
            return cells // POOL_CELLS // 2
        case IndexerGraph.POOLED:
            return cells // POOL_CELLS
        case IndexerGraph.SHARED_POOLS:
            return choice_elements(indexer, cells) + cells // POOL_CELLS // 2
        case IndexerGraph.BLOCKS:
            return 0


def residual_elements(indexer: Indexer) -> int:
    """Residual rows of a hyper-connection, before and after a block."""
    streams = indexer.residual_streams
    return 2 * streams * indexer.embedding if streams > 1 else 0


def attention_elements(indexer: Indexer, setup: Setup, *, layers: int, latent: int) -> int:
    """What attention holds at once beside residual rows and choices.

    Args:
        indexer: The indexer.
        setup: Context and sequences.
        layers: Indexed layers on the device.
        latent: What latent attention holds without an indexer.
    """
    cells, embedding = setup.stream_cells, indexer.embedding
    match indexer.graph:
        case IndexerGraph.LIGHTNING:
            return max(latent, _masked_elements(indexer, cells))
        case IndexerGraph.COMPRESSED:
            return 2 * indexer.query + 2 * embedding
        case IndexerGraph.POOLED:
            # Keys and values of the chosen pools are gathered and transposed, half of them twice.
            return 3 * indexer.query + 5 * cells // 2 + 4 * embedding
        case IndexerGraph.SHARED_POOLS:
            masks = layers * cells // 2
            return 2 * indexer.absorbed + masks + choice_elements(indexer, cells) + 2 * embedding
        case IndexerGraph.BLOCKS:
            if setup.sequences > 1 and setup.unified:
                return 0  # it then looks at everything
            return 2 * indexer.heads * cells + 3 * cells // 2 + 4 * embedding


def _masked_elements(indexer: Indexer, cells: int) -> int:
    """Attention over a long context: the mask of the choice no longer fits where the query was."""
    positions = indexer.compared - indexer.absorbed
    if cells // 2 <= positions:
        return 0
    return 2 * indexer.compared + indexer.absorbed + 2 * indexer.embedding + cells // 2


def cut_elements(indexer: Indexer, setup: Setup, *, layers: int) -> int:
    """What a device holds that has not all blocks: copies of every view of what others made.

    A hyper-connection of four streams is read in 16 views, and each brings a copy of all four.
    The mask that blocks are scored with is made once, in F32, and viewed by every layer.

    Args:
        indexer: The indexer.
        setup: Context and sequences.
        layers: Indexed layers on the device.
    """
    if indexer.graph is IndexerGraph.SHARED_POOLS:
        return (indexer.residual_streams**3 + 3) * indexer.embedding
    if indexer.graph is IndexerGraph.BLOCKS:
        attention = attention_elements(indexer, setup, layers=layers, latent=0)
        return attention + layers * setup.stream_cells if attention else 0
    return 0
