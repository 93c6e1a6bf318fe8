"""What the header of a file says, joined with what only the catalog knows.

Holds which words come from where: shapes and counts are always the file's own; maker, licence and
published scores are the catalog's where it is sure that the file is one of its models.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING

from catalog.file_names import quant_label
from catalog.gguf.identity import catalog_model_for
from catalog.quants import known_quant

if TYPE_CHECKING:
    from catalog.gguf.file_type import FileType
    from catalog.gguf.header import Value
    from catalog.gguf.model import FileModel
    from catalog.model import Model
    from catalog.quant import Quant


def with_catalog(told: FileModel, metadata: Mapping[str, Value], file_name: str) -> Model:
    """The model of a file, with the catalog's words where it is one of its models."""
    known = catalog_model_for(told, metadata, file_name)
    if known is None:
        return told.model
    return replace(
        told.model,
        repository=known.repository,
        family=known.family,
        publisher=known.publisher,
        license=known.license,
        release_date=known.release_date,
        modality=known.modality,
        benchmarks=known.benchmarks,
        gguf_repositories=known.gguf_repositories,
        notes=(*told.model.notes, f"it is the catalog's `{known.name}`, whose words these are"),
    )


def named_quant(file_type: FileType, file_name: str) -> Quant:
    """The quant of a file, called as its name says where the name says more than the header.

    A publisher's own mix (`UD-Q4_K_XL`) keeps its label; where a name and the types in the file
    contradict each other, the types are right.
    """
    own = replace(file_type.quant, is_common=True)
    label = quant_label(file_name)
    if label is None or known_quant(label) is not None:
        return own
    if file_type.is_known and file_type.quant.base_type.upper() not in label:
        return own
    return replace(own, name=label, nominal_bits=file_type.bits_per_weight)
