"""How large a GGUF file is beyond its tensors: vocabulary, metadata, list of tensors, padding.

Holds the estimate of the header from files whose tensors are known to the byte, by vocabulary
(`vocabularies.csv`), and with it the size of a file nobody published. Sizes that were published are
in `catalog.published`; what a publisher's files have of their own, in `catalog.variants`.

A GGUF file is a header (metadata, among it the vocabulary; then name, shape, type and place of each
tensor), padded to 32 bytes, then the tensors, each padded to 32 bytes. What sees and hears is a
file of its own (`mmproj-…`), and so is a draft head (`mtp-…`): neither is counted here. Metadata
grows by some hundred bytes a year (`general.*`, `quantize.imatrix.*`) and by the chat template.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, NamedTuple

from catalog.load import csv_rows
from catalog.sums import weight_sums
from catalog.tensor_list import ALIGNMENT_BYTES

if TYPE_CHECKING:
    from catalog.model import Model
    from catalog.quant import Quant

TEMPLATE_BYTES = 20_480
"""How much a chat template and other metadata may add to what few files show: the longest of the 60
templates in llama.cpp's models/templates has 16,738 bytes."""

TOKEN_BYTES = (20.0, 39.0, 68.0)
"""Least, usual and most header bytes per token of a vocabulary of which no file is known. Known
vocabularies take 20.6 (WordPiece) over 23 (SentencePiece) to 64.6 (byte pairs, many merges)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ByteEstimate:
    """A size with its bounds."""

    bytes: int
    low: int
    """Four of five files lie within the bounds at least; docs/accuracy.md counts them."""

    high: int
    basis: str
    """A sentence without a full stop: which files it was taken from."""

    source: str


class _Vocabulary(NamedTuple):
    name: str
    bytes: int
    low: int
    high: int
    repositories: int
    source: str


def header_around(model: Model, list_and_padding_bytes: int) -> ByteEstimate:
    """What a file of the model holds besides its tensors.

    Args:
        model: A model of the catalog; its vocabulary is most of a header.
        list_and_padding_bytes: The list of tensors and all padding, which are exact.
    """
    exact = list_and_padding_bytes
    vocabulary = _vocabularies().get((model.architecture, model.hyperparameters.vocab_size))
    if vocabulary is None:
        return _by_formula(model.hyperparameters.vocab_size, exact)
    from_files = vocabulary.repositories > 0
    basis = (
        f"{vocabulary.repositories} repositories with files of the {vocabulary.name} vocabulary"
        if from_files
        else f"llama.cpp's own file of the {vocabulary.name} vocabulary, without a chat template"
    )
    spare = TEMPLATE_BYTES if vocabulary.repositories < 2 else TEMPLATE_BYTES // 2
    return ByteEstimate(
        bytes=_aligned(vocabulary.bytes + exact + (0 if from_files else spare // 2)),
        low=vocabulary.low - (spare if from_files else 0) + exact,
        high=_aligned(vocabulary.high + spare + exact),
        basis=basis,
        source=vocabulary.source,
    )


def file_bytes(
    model: Model, quant: Quant, *, has_imatrix: bool = False, repository: str | None = None
) -> ByteEstimate:
    """What a file of the model measures: its tensors, and the estimated header.

    Args:
        model: A model of the catalog.
        quant: Its file type.
        has_imatrix: As for `catalog.tables.tensor_table`; a known repository decides it itself.
        repository: Where the file is, `owner/name`: what is known of its publisher's files then
            counts. Without one the tensors are exactly what llama-quantize of today makes.

    Raises:
        UnknownArchitectureError: The architecture's tensors are not known here.
        CatalogError: llama-quantize refuses this model in this file type.
    """
    if repository is not None:
        from catalog.variants import size_in

        return size_in(repository, model, quant)
    sums = weight_sums(model, quant, has_imatrix=has_imatrix)
    header = header_around(model, sums.list_bytes + sums.padding_bytes)
    return with_tensors(header, sums.tensor_bytes, "tensors by llama-quantize's recipe")


def with_tensors(header: ByteEstimate, tensor_bytes: int, basis: str) -> ByteEstimate:
    """A file of this header and so many bytes of tensors, which `basis` explains."""
    return ByteEstimate(
        bytes=tensor_bytes + header.bytes,
        low=tensor_bytes + header.low,
        high=tensor_bytes + header.high,
        basis=f"{basis}; header from {header.basis}",
        source=header.source,
    )


def _by_formula(vocab_size: int, exact: int) -> ByteEstimate:
    least, usual, most = (int(vocab_size * each) for each in TOKEN_BYTES)
    return ByteEstimate(
        bytes=_aligned(usual + exact),
        low=least + exact,
        high=_aligned(most + exact),
        basis=f"no file of this vocabulary of {vocab_size} tokens is known; 20 to 68 bytes a token",
        source="the vocabularies that are known",
    )


def _aligned(size: int) -> int:
    return size + -size % ALIGNMENT_BYTES


@cache
def _vocabularies() -> dict[tuple[str, int], _Vocabulary]:
    found: dict[tuple[str, int], _Vocabulary] = {}
    for row in csv_rows("vocabularies.csv"):
        vocabulary = _Vocabulary(
            name=row["name"],
            bytes=int(row["bytes"]),
            low=int(row["bytes_low"]),
            high=int(row["bytes_high"]),
            repositories=int(row["repositories"]),
            source=row["source"],
        )
        for architecture in row["architectures"].split():
            for vocab_size in row["vocab_sizes"].split():
                found[architecture, int(vocab_size)] = vocabulary
    return found
