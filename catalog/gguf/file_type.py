"""Which quantization a file holds: what its header calls it, if its tensors are of that.

Holds the comparison of `general.file_type` with the storage types that are there. Where the two
disagree, or the header says nothing, the types win; a mixture that no file type explains has a
label and no name.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from catalog.errors import CatalogError
from catalog.native import has_native_experts
from catalog.quant import Quant
from catalog.quants import load_quants
from catalog.row_types import type_for_row
from catalog.tensors import Role

if TYPE_CHECKING:
    from catalog.gguf.header import Value
    from catalog.tensors import TensorGroup, TensorTable

GUESSED = 1024
"""What llama.cpp says of a file whose type is not stated (`LLAMA_FTYPE_GUESSED`)."""

LEAST_SHARE = 0.3
"""Of the weights in the layers that must be of the file type's own type. 0 to 1.

Of all models of the catalog in all file types the least is 0.33 (bge-m3 in IQ3_XXS); the rest is
what llama-quantize mixes in.
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class FileType:
    """What the weights of a file are stored as."""

    quant: Quant
    """The file type; for a mixture that none explains one that is made up for it: its name is
    `mostly q4_K`, its base type what most weights have, its bits those of this file."""

    is_known: bool
    """False where the quant is made up."""

    bits_per_weight: float
    """Of all tensors together."""


def file_type_of(table: TensorTable, stated: Value | None, architecture: str) -> FileType | None:
    """The quantization of a file.

    Args:
        table: Its tensors, each with its type.
        stated: The header's `general.file_type`.
        architecture: llama.cpp's name of it; some have experts in one type whatever the file type.

    Returns:
        ``None`` for a table without elements.
    """
    matrices = [group for group in table.groups if _is_matrix(group)] or list(table.groups)
    if not table.elements:
        return None
    chosen = [group for group in matrices if not _is_native(group, architecture)]
    known = _stated(stated, matrices, chosen) or _only(chosen)
    bits = table.bytes * 8 / table.elements
    quant = known or _made_up(_main(matrices), bits)
    return FileType(quant=quant, is_known=known is not None, bits_per_weight=bits)


def _is_matrix(group: TensorGroup) -> bool:
    """Whether it is a matrix in a layer, which is what a file type is named for."""
    in_layer = group.layers is not None and len(group.shape) > 1
    return in_layer and group.role not in {Role.MTP, Role.VISION}


def _is_native(group: TensorGroup, architecture: str) -> bool:
    """Whether it keeps its maker's type in files of every type."""
    return group.role is Role.ROUTED_EXPERT and has_native_experts(architecture)


def _main(groups: Sequence[TensorGroup]) -> str:
    """The storage type of most weights."""
    weights: Counter[str] = Counter()
    for group in groups:
        weights["" if group.type is None else group.type.name] += group.elements
    return weights.most_common(1)[0][0]


def _made_up(main: str, bits: float) -> Quant:
    """A name for a mixture that no file type explains."""
    return Quant(
        name=f"mostly {main}",
        number=GUESSED,
        base_type=main,
        nominal_bits=round(bits, 4),
        needs_imatrix=False,
        is_common=False,
        note="a mixture of its maker's own",
        source="the list of tensors in the file's header",
        checked="",
    )


def _stated(stated: Value | None, *choices: Sequence[TensorGroup]) -> Quant | None:
    """The file type that the header states, if enough of one of these are of its type."""
    if not isinstance(stated, int):
        return None
    quant = next((one for one in load_quants() if one.number == stated & ~GUESSED), None)
    if quant is None:
        return None
    for groups in choices:
        own = sum(group.elements for group in groups if _is_of(group, quant))
        if own and own >= LEAST_SHARE * sum(group.elements for group in groups):
            return quant
    return None


def _is_of(group: TensorGroup, quant: Quant) -> bool:
    """Whether a tensor has the file type's own type, or the one its short rows force on it."""
    if group.type is None or group.type.name == quant.base_type:
        return group.type is not None
    try:
        return group.type == type_for_row(quant.base_type, group.shape[0])
    except CatalogError:
        return False  # nothing stands in for it


def _only(groups: Sequence[TensorGroup]) -> Quant | None:
    """The file type of one storage type alone; norms and routers may be single precision."""
    types = {group.type.name for group in groups if group.type is not None}
    main = types - {"f32"} or types
    simple = [quant for quant in load_quants() if {quant.base_type} == main]
    return simple[0] if len(simple) == 1 else None
