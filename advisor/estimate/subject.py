"""One model in one quant, with everything an estimate needs to know of it.

It comes from the catalog or from a GGUF header; the estimator does not know which.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache, lru_cache
from typing import TYPE_CHECKING

from advisor.estimate.graph_shape import ENCODERS, HEAD_ON_HOST, GraphShape, graph_shape
from advisor.estimate.weights import TiedHead, Weights, weigh
from catalog.caches import layer_caches
from catalog.errors import UnknownArchitectureError
from catalog.sums import sums_of, weight_sums

if TYPE_CHECKING:
    from catalog.cache import LayerCache
    from catalog.model import Model
    from catalog.model_file import ModelFile
    from catalog.quant import Quant
    from catalog.sums import WeightSums
    from catalog.tensors import TensorTable


WITHOUT_HEAD = ENCODERS - {"gemma-embedding"}
"""Encoders that have no head, so that no device gets a copy of their token embedding."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Subject:
    """A model in a quant."""

    model: Model
    quant: Quant
    weights: Weights
    caches: tuple[LayerCache, ...] | None
    """``None`` for an architecture whose cache is not understood; `refusal` then says so."""

    refusal: str | None
    shape: GraphShape

    file: ModelFile | None = None
    """The very file; ``None`` where none was looked at."""

    @property
    def table(self) -> TensorTable:
        """Every tensor with its type."""
        return self.weights.table()

    @property
    def is_mixture(self) -> bool:
        """True for a mixture of experts."""
        return bool(self.model.hyperparameters.expert_used_count)

    @property
    def has_short_convolutions(self) -> bool:
        """True when what looks recurrent is a convolution over a few tokens (LFM2)."""
        return self.model.hyperparameters.shortconv_l_cache is not None


@cache
def caches_of(model: Model) -> tuple[tuple[LayerCache, ...] | None, str | None]:
    """What the layers keep; or ``None``, and why that is not understood."""
    try:
        return layer_caches(model), None
    except UnknownArchitectureError as error:
        return None, str(error)


@cache
def shape_of(model: Model) -> GraphShape:
    """The widths of the model's graph."""
    return graph_shape(model.architecture, model.hyperparameters)


def table_of(model: Model, quant: Quant) -> TensorTable:
    """Every tensor of a model in a quant, with its type; most estimates do without."""
    from catalog.tables import tensor_table

    return tensor_table(model, quant)


@lru_cache(maxsize=256)
def subject_of(model: Model, quant: Quant) -> Subject:
    """A catalog model in a quant: the same one for many requests, with all that was summed up.

    Raises:
        CatalogError: llama-quantize refuses this model in this file type.
    """
    return _subject(model, quant, weight_sums(model, quant), lambda: table_of(model, quant), None)


def subject_of_file(model: Model, quant: Quant, table: TensorTable, file: ModelFile) -> Subject:
    """The model that a file holds.

    Args:
        model: What its header says of the model.
        quant: What it is called, and the type of most of its weights.
        table: Its tensors.
        file: Where it is.
    """
    return _subject(model, quant, sums_of(table), lambda: table, file)


def _tied_head(architecture: str) -> TiedHead:
    if architecture in WITHOUT_HEAD:
        return TiedHead.NONE
    return TiedHead.ON_HOST if architecture in HEAD_ON_HOST else TiedHead.COPIED


def _subject(
    model: Model,
    quant: Quant,
    sums: WeightSums,
    table: Callable[[], TensorTable],
    file: ModelFile | None,
) -> Subject:
    hyper = model.hyperparameters
    caches, refusal = caches_of(model)
    return Subject(
        model=model,
        quant=quant,
        weights=weigh(
            sums,
            table,
            block_count=hyper.block_count,
            expert_read_share=(hyper.expert_used_count or 1) / (hyper.expert_count or 1),
            tied_head=_tied_head(model.architecture),
            unused_blocks=(hyper.nextn_predict_layers or 0) if file is not None else 0,
        ),
        caches=caches,
        refusal=refusal,
        shape=shape_of(model),
        file=file,
    )
