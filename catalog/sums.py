"""What a model's tensors take together, by what they are for: all that most estimates need.

Holds the sums over a tensor table. For the models people run most, in the quants a scan considers,
they are kept in `sums.json` (written by `tools/build_sums.py`, compared with the tables by a test),
because adding 1,500 tables up would take half of a scan's time; others are added up when asked for.
"""

from __future__ import annotations

import json
from functools import cache
from typing import TYPE_CHECKING, NamedTuple

from catalog.errors import RowError
from catalog.load import FOLDER

if TYPE_CHECKING:
    from catalog.model import Model
    from catalog.quant import Quant
    from catalog.tensors import TensorTable

FILE = "sums.json"

WITH_MATRIX = "+imatrix"
"""After a quant's name: the row of files made with an importance matrix, where they differ."""


class WeightSums(NamedTuple):
    """Bytes of one model's tensors in one quant."""

    tensor_bytes: int
    """All of them."""

    embedding_bytes: int
    """The token embedding."""

    lookup_bytes: int
    """Tables of which a few rows are read per token, besides the embedding."""

    head_bytes: int
    """The output matrix; 0 where the token embedding serves as it."""

    outside_bytes: int
    """Other tensors outside the blocks: norms, rope factors."""

    blocks_bytes: int
    """The blocks, experts included, without what is not loaded."""

    expert_bytes: int
    """Of the blocks, the routed experts."""

    unread_bytes: int
    """Of the blocks, what is loaded and never read."""

    list_bytes: int
    """What the header's list of tensors takes in a GGUF file."""

    padding_bytes: int
    """What aligning each tensor takes in a GGUF file."""

    repacked_avx2_bytes: int
    """What a CPU with AVX2 keeps a second copy of; see `catalog.repacks`."""

    repacked_avx512_bytes: int
    """The same with AVX-512."""

    repacked_arm_bytes: int
    """The same for ARM with dot products."""


def weight_sums(model: Model, quant: Quant, *, has_imatrix: bool = False) -> WeightSums:
    """The sums of a catalog model in a file type.

    Args:
        model: A model of the catalog.
        quant: Its file type.
        has_imatrix: As for `catalog.tables.tensor_table`.

    Raises:
        UnknownArchitectureError: The architecture's tensors are not known here.
        CatalogError: llama-quantize refuses this model in this file type.
    """
    rows = _kept().get(model.name, {})
    kept = rows.get(quant.name + WITH_MATRIX) if has_imatrix else None
    kept = kept or rows.get(quant.name)
    return add_up(model, quant, has_imatrix=has_imatrix) if kept is None else WeightSums(*kept)


def add_up(model: Model, quant: Quant, *, has_imatrix: bool = False) -> WeightSums:
    """The same sums, from the tensors themselves; for the arguments see `weight_sums`."""
    from catalog.tables import tensor_table

    return sums_of(tensor_table(model, quant, has_imatrix=has_imatrix))


def sums_of(table: TensorTable) -> WeightSums:
    """The sums of any table, whether a recipe or a header made it."""
    from catalog.repacks import PROCESSORS, repacked_bytes
    from catalog.tensor_list import padding_bytes, tensor_list_bytes
    from catalog.tensors import Role

    sums = dict.fromkeys(WeightSums._fields, 0)
    sums["list_bytes"] = tensor_list_bytes(table)
    sums["padding_bytes"] = padding_bytes(table)
    for processor in PROCESSORS:
        sums[f"repacked_{processor}_bytes"] = repacked_bytes(table, processor)
    for group in table.groups:
        size = group.bytes
        sums["tensor_bytes"] += size
        if group.role is Role.TOKEN_EMBEDDING:
            sums["embedding_bytes"] += size
        elif group.role is Role.LOOKUP_TABLE:
            sums["lookup_bytes"] += size
        elif group.role in {Role.MTP, Role.VISION}:
            continue  # in some files; llama.cpp does not load them for decoding text
        elif group.layers is None:
            sums["head_bytes" if group.name == "output.weight" else "outside_bytes"] += size
        else:
            sums["blocks_bytes"] += size
            if group.role is Role.ROUTED_EXPERT:
                sums["expert_bytes"] += size
            elif group.role is Role.UNUSED:
                sums["unread_bytes"] += size
    return WeightSums(**sums)


@cache
def _kept() -> dict[str, dict[str, list[int]]]:
    try:
        text = (FOLDER / FILE).read_text(encoding="utf-8")
        kept: dict[str, dict[str, list[int]]] = json.loads(text)["sums"]
    except (OSError, ValueError, KeyError) as error:
        msg = f"`catalog/{FILE}` cannot be read: {error}"
        raise RowError(msg, "reinstall gguf-advisor; its data files are part of it") from error
    return kept
