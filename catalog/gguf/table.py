"""From the list of tensors in a GGUF header to the tensor table that the rest works with.

Holds how single tensors become groups of equal ones, each with its role; what a name means is said
in `roles`. No tensor is ever left out, so that the table's bytes are the file's.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING

from catalog.errors import UnknownNameError
from catalog.gguf.errors import UnsupportedError
from catalog.gguf.roles import Place, Surroundings, place_of, role_of
from catalog.quants import ggml_type
from catalog.tensors import Role, TensorGroup, TensorTable

if TYPE_CHECKING:
    from catalog.gguf.header import TensorInfo
    from catalog.quant import GgmlType

_Key = tuple[str, Role, tuple[int, ...], int]


def table_of_header(
    tensors: Sequence[TensorInfo],
    architecture: str,
    *,
    block_count: int | None = None,
    owning_layers: int | None = None,
) -> TensorTable:
    """The tensors of a file, in groups of equal ones, in the file's order.

    Args:
        tensors: Those of the header; of a split file, those of all its parts.
        architecture: llama.cpp's name of it.
        block_count: Layers without prediction blocks; what lies behind them is MTP. Without it
            only layers that name their `nextn` tensors are.
        owning_layers: Layers from this on read the cache of an earlier one (Gemma 3n and 4), so
            that their keys and values are not used. ``None`` where all own one.

    Raises:
        UnsupportedError: A tensor has a storage type that ggml does not have, or no whole number
            of its blocks.
    """
    places = [place_of(tensor.name) for tensor in tensors]
    around = _surroundings(places, block_count=block_count, owning_layers=owning_layers)
    found: dict[_Key, list[int | None]] = {}
    for tensor, place in zip(tensors, places, strict=True):
        role = role_of(place, architecture, around.get(place.layer, Surroundings()))
        key = (place.name, role, tensor.shape, tensor.type_id)
        found.setdefault(key, []).append(place.layer)
    return TensorTable(groups=tuple(_group(key, layers) for key, layers in found.items()))


def _surroundings(
    places: Iterable[Place], *, block_count: int | None, owning_layers: int | None
) -> Mapping[int | None, Surroundings]:
    """What is in each layer, by its number."""
    names: dict[int, set[str]] = {}
    for place in places:
        if place.layer is not None:
            names.setdefault(place.layer, set()).add(place.name)
    return {
        layer: Surroundings(
            predicts=(block_count is not None and layer >= block_count)
            or any(name.startswith("nextn.") for name in some),
            has_state_space="ssm_conv1d.weight" in some,
            has_delta_attention="ssm_conv1d_q.weight" in some,
            reads_other_cache=owning_layers is not None and layer >= owning_layers,
        )
        for layer, some in names.items()
    }


def _group(key: _Key, layers: Sequence[int | None]) -> TensorGroup:
    name, role, shape, type_id = key
    numbers = tuple(sorted(layer for layer in layers if layer is not None))
    try:
        return TensorGroup(
            name=name, role=role, shape=shape, layers=numbers or None, type=_type(name, type_id)
        )
    except ValueError as error:
        msg = f"`{name}`: {error}"
        raise UnsupportedError(msg) from error


def _type(name: str, type_id: int) -> GgmlType:
    try:
        return ggml_type(type_id)
    except UnknownNameError as error:
        msg = f"`{name}` is stored as type {type_id}, which ggml does not have"
        raise UnsupportedError(msg, hint="a newer program wrote it, or an older one") from error
