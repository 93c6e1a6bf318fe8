"""In what a repository's files differ from today's recipe: whose converter, which year's rules.

Holds the traits of files, read from `file_traits.csv`, and the table of tensors that such a file
has. Mixes that somebody chose tensor by tensor are no traits (`catalog.mixes`), nor are labels that
mean a type of the token table (`catalog.variants`).
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cache
from typing import TYPE_CHECKING, NamedTuple

from catalog.load import csv_rows
from catalog.row_types import type_for_row
from catalog.tensors import TensorTable

if TYPE_CHECKING:
    from collections.abc import Mapping

    from catalog.model import Model
    from catalog.quant import Quant

_UNQUANTIZED = frozenset({"F32", "F16", "BF16", "MXFP4_MOE"})
"""File types whose fused QKV and token table no rule of any year treated apart."""

_FUSED_QKV = {
    "Q3_K_M": "q4_K",
    "Q3_K_L": "q4_K",
    "IQ3_M": "q4_K",
    "Q4_K_M": "q5_K",
    "Q5_K_M": "q6_K",
}
"""What a fused QKV got before llama.cpp counted it as a V; elsewhere the file type's base.

Source: `llama_tensor_get_type` in llama.cpp's src/llama-quant.cpp before ggml-org/llama.cpp#19770.
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class FileTraits:
    """What the files of one model in one repository have of their own."""

    head_is_repeated: bool = False
    """The tied head is in the file a second time, as a tensor of its own."""

    fused_qkv_is_plain: bool = False
    """Made before llama.cpp counted a fused QKV as a V (March 2026)."""

    tied_head_is_plain: bool = False
    """Made before llama.cpp gave a tied token table the type of a head (March 2024)."""

    holds_prediction_block: bool = False
    """The block that predicts the token after next is in the file."""


STOCK = FileTraits()


class _Row(NamedTuple):
    trait: str
    publisher: str
    begins_with: str
    contains: str
    architectures: tuple[str, ...]
    released_from: str
    released_before: str
    holds: bool

    def fits(self, model: Model, repository: str) -> bool:
        publisher, _, name = repository.partition("/")
        return (
            self.publisher in {publisher, "*"}
            and name.startswith(self.begins_with)
            and self.contains in name
            and (not self.architectures or model.architecture in self.architectures)
            and is_between(model.release_date, self.released_from, self.released_before)
        )


def is_between(date: str, first: str, end: str) -> bool:
    """True for an ISO date from `first` on and before `end`; an empty one is no bound."""
    return first <= date and (not end or date < end)


@cache
def _rows() -> tuple[_Row, ...]:
    return tuple(
        _Row(
            trait=row["trait"],
            publisher=row["publisher"],
            begins_with=row["begins_with"],
            contains=row["contains"],
            architectures=tuple(row["architectures"].split()),
            released_from=row["released_from"],
            released_before=row["released_before"],
            holds=row["holds"] == "yes",
        )
        for row in csv_rows("file_traits.csv")
    )


@cache
def traits_of(model: Model, repository: str) -> FileTraits:
    """What the files of a model have of their own in a repository: `owner/name`."""

    def holds(trait: str) -> bool:
        fitting = (row for row in _rows() if row.trait == trait and row.fits(model, repository))
        return next((row.holds for row in fitting), False)

    is_tied = model.hyperparameters.tied_embeddings
    return FileTraits(
        head_is_repeated=is_tied
        and (
            holds("writes_head_again")
            or (checkpoint_repeats_head(model) and holds("keeps_repeated_head"))
        ),
        fused_qkv_is_plain=holds("fused_qkv_is_plain"),
        tied_head_is_plain=is_tied and holds("tied_head_is_plain"),
        holds_prediction_block=bool(model.hyperparameters.nextn_predict_layers)
        and holds("holds_prediction_block"),
    )


def checkpoint_repeats_head(model: Model) -> bool:
    """True where the maker's own files hold a tied head twice, by the Hub's count of weights."""
    if model.params_hub_total is None:
        return False
    known = model.params_total + (model.params_vision or 0) + (model.params_mtp or 0)
    hyper = model.hyperparameters
    return model.params_hub_total - known == hyper.vocab_size * hyper.embedding_length


def file_table(
    model: Model, quant: Quant, traits: FileTraits, *, has_imatrix: bool = False
) -> TensorTable:
    """The tensors of a file with these traits.

    Args:
        model: A model of the catalog.
        quant: The file type.
        traits: What `traits_of` says of the repository.
        has_imatrix: As for `catalog.tables.tensor_table`.

    Raises:
        UnknownArchitectureError: The architecture's tensors, or its prediction block, are not
            known here.
        CatalogError: llama-quantize refuses this model in this file type.
    """
    table = _untyped_traits(model, quant, traits, has_imatrix=has_imatrix)
    if quant.name in _UNQUANTIZED:
        return table
    types = {}
    if traits.fused_qkv_is_plain:
        types["attn_qkv.weight"] = _FUSED_QKV.get(quant.name, quant.base_type)
    if traits.tied_head_is_plain:
        types["token_embd.weight"] = quant.base_type
    return retyped(table, types)


def _untyped_traits(
    model: Model, quant: Quant, traits: FileTraits, *, has_imatrix: bool
) -> TensorTable:
    """The table with all tensors of the file, typed as today."""
    from catalog.tables import tensor_table

    with_mtp = traits.holds_prediction_block
    if not traits.head_is_repeated:
        return tensor_table(model, quant, has_imatrix=has_imatrix, with_mtp=with_mtp)
    return tensor_table(_with_own_head(model), quant, has_imatrix=has_imatrix, with_mtp=with_mtp)


@cache
def _with_own_head(model: Model) -> Model:
    return replace(model, hyperparameters=replace(model.hyperparameters, tied_embeddings=False))


def retyped(table: TensorTable, types: Mapping[str, str]) -> TensorTable:
    """The table with other types for the tensors of these names."""
    if not types:
        return table
    return TensorTable(
        groups=tuple(
            replace(group, type=type_for_row(types[group.name], group.shape[0]))
            if group.name in types
            else group
            for group in table.groups
        )
    )
