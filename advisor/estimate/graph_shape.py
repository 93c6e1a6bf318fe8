"""The widths of a model's graph that decide its scratch memory.

Holds how many elements per token the widest parts of a block keep at once; never a byte, a
micro-batch or a device. `compute` turns them into buffers.

Source: llama.cpp's graph builders (`src/models/*.cpp`, October 2026), compared with the buffers
that the library reserves for every architecture of the catalog; `docs/accuracy.md` has the errors.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from catalog.model import Hyperparameters

UNGATED = frozenset({"apertus", "arcee", "bert", "nemotron_h", "nemotron_h_moe", "starcoder2"})
"""Architectures whose feed-forward part is one matrix up and one down."""

WITHOUT_GAP = frozenset({"bitnet", "lfm2", "lfm2moe", "muse-glimmer", "phi3", "qwen35"})
"""Architectures whose attention leaves no gap that the feed-forward part cannot use.

Phi-3's query is a part of one larger product; the others keep something behind it.
"""

ENCODERS = frozenset({"bert", "gemma-embedding", "nomic-bert"})
"""Architectures that hand over embeddings and have no logits."""


class GraphKind(StrEnum):
    """What makes a graph's scratch easy or hard to predict; the error is stated for each."""

    DENSE = "dense"
    MIXTURE = "mixture"
    LATENT = "latent attention"
    RECURRENT = "recurrent"
    LOOKUP = "per-layer embeddings"
    INDEXED = "indexed attention"
    ENCODER = "encoder"


@dataclass(frozen=True, slots=True, kw_only=True)
class GraphShape:
    """Widths in elements per token, where nothing else is said."""

    kind: GraphKind
    embedding: int
    query: int
    """Query heads × length of a key."""

    attention: int
    """What attention hands on: query heads × length of a value."""

    leaves_gap: bool
    """True when the room of what attention hands on lies idle while a block feeds forward."""

    heads: int | tuple[int, ...]
    """Query heads, of each layer where they differ."""

    vocabulary: int
    """0 for a model without logits."""

    feed_forward: int
    """The feed-forward part's own rows: three of a gated one, those of every expert used."""

    cut_feed_forward: int
    """The same in a graph whose blocks lie on several devices."""

    latent: int
    """Query heads expanded for latent attention; 0 without it."""

    recurrent: int
    """A recurrent layer's rows; 0 without one."""

    state_per_sequence: int
    """State and convolution rows that a recurrent layer copies. [elements per sequence]"""

    lookup: int
    """Rows of per-layer embeddings, of all layers."""

    streams: int
    """Further residual rows beside the usual ones (Gemma 3n)."""

    indexed_layers: int
    """Layers whose choice of cells is kept; 0 without an indexer."""

    indexed_cells: int
    """Cells that an indexer chooses per token."""


def largest(value: int | tuple[int, ...] | None) -> int:
    """The largest layer's value of a key that may be kept per layer; zero without the key."""
    if value is None:
        return 0
    return value if isinstance(value, int) else max(value, default=0)


def graph_shape(architecture: str, hyper: Hyperparameters) -> GraphShape:
    """The widths of a model's graph.

    Args:
        architecture: llama.cpp's name of it.
        hyper: The model's shape.
    """
    is_gated = architecture not in UNGATED
    heads = largest(hyper.head_count)
    recurrent, state = _recurrent(architecture, hyper)
    return GraphShape(
        kind=_kind(architecture, hyper),
        embedding=hyper.embedding_length,
        query=heads * max(hyper.key_length, hyper.key_length_swa or 0),
        attention=heads * (hyper.value_length_mla or hyper.value_length),
        leaves_gap=architecture not in WITHOUT_GAP,
        heads=hyper.head_count,
        vocabulary=0 if architecture in ENCODERS else hyper.vocab_size,
        feed_forward=_feed_forward(hyper, is_gated=is_gated, is_cut=False),
        cut_feed_forward=_feed_forward(hyper, is_gated=is_gated, is_cut=True),
        latent=_latent(hyper, heads),
        recurrent=recurrent,
        state_per_sequence=state,
        lookup=hyper.block_count * (hyper.embedding_length_per_layer_input or 0),
        streams=2 * ((hyper.altup_num_inputs or 1) - 1) * hyper.embedding_length,
        indexed_layers=hyper.block_count if hyper.indexer_top_k else 0,
        indexed_cells=hyper.indexer_top_k or 0,
    )


def _kind(architecture: str, hyper: Hyperparameters) -> GraphKind:
    """The hardest part of a graph names it."""
    kinds = (
        (architecture in ENCODERS, GraphKind.ENCODER),
        (hyper.indexer_top_k or hyper.indexer_key_length, GraphKind.INDEXED),
        (hyper.embedding_length_per_layer_input, GraphKind.LOOKUP),
        (hyper.ssm_inner_size or hyper.shortconv_l_cache, GraphKind.RECURRENT),
        (hyper.kda_head_dim, GraphKind.RECURRENT),
        (hyper.kv_lora_rank, GraphKind.LATENT),
        (hyper.expert_used_count, GraphKind.MIXTURE),
    )
    return next((kind for is_so, kind in kinds if is_so), GraphKind.DENSE)


def _feed_forward(hyper: Hyperparameters, *, is_gated: bool, is_cut: bool) -> int:
    """Rows of the widest feed-forward part: up, gate and their product, of every expert used.

    What the experts put out goes where up and gate were, if it is no wider than the two. Where
    the layers lie on several devices, residual rows are held besides, fewer of them beside a
    shared expert.
    """
    rows = 3 if is_gated else 1
    dense = rows * largest(hyper.feed_forward_length)
    used = hyper.expert_used_count or 0
    if not used:
        return dense
    expert = hyper.expert_feed_forward_length or 0
    width = hyper.moe_latent_size or hyper.embedding_length
    room = 2 * expert if is_gated else 0
    has_shared = bool(hyper.expert_shared_count or hyper.expert_shared_feed_forward_length)
    fits = width < room or (width == room and (has_shared or not is_cut))
    mixture = used * (rows * expert + (0 if fits else width))
    if is_cut:
        mixture += (1 if has_shared else 3) * hyper.embedding_length
    has_dense = hyper.leading_dense_block_count or (hyper.interleave_moe_layer_step or 1) > 1
    return max(mixture, dense) if has_dense else mixture


def _latent(hyper: Hyperparameters, heads: int) -> int:
    """Queries as projected, as absorbed, and as compared with the cache, which all live at once."""
    rank = hyper.kv_lora_rank
    if not rank:
        return 0
    query = heads * (hyper.key_length_mla or hyper.key_length)
    compared = heads * (rank + hyper.rope_dimension_count)
    return query + heads * rank + compared + 2 * rank + 4 * hyper.embedding_length


def _recurrent(architecture: str, hyper: Hyperparameters) -> tuple[int, int]:
    """Rows per token of a recurrent layer, and what it copies per sequence.

    A gated delta net holds three rows of its convolution's width; Mamba 2 holds its whole input
    projection, two rows of its convolution and two of its inner width.
    """
    inner = hyper.ssm_inner_size
    if not inner:
        return 0, 0
    states = (hyper.ssm_group_count or 1) * (hyper.ssm_state_size or 0)
    convolved = inner + 2 * states
    tail = 2 * ((hyper.ssm_conv_kernel or 1) - 1) * convolved
    residual = 2 * hyper.embedding_length
    if architecture.startswith("qwen"):
        return 3 * convolved + residual, tail
    projected = 2 * inner + 2 * states + (hyper.ssm_time_step_rank or 0)
    rows = projected + 2 * convolved + 2 * inner + residual
    return rows, tail + inner * (hyper.ssm_state_size or 0)
