"""Writes a GGUF file that has everything of a model but the weights.

The header and the list of tensors are a real file's; the data is a hole in the file, which takes no
room on the disk. llama.cpp loads it without allocating, and would find only zeros.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from catalog.tensor_list import ALIGNMENT_BYTES
from tests.conformance.header import header_keys

if TYPE_CHECKING:
    from collections.abc import Iterator

    from gguf import GGUFWriter

    from catalog.model import Model
    from catalog.tensors import TensorGroup, TensorTable

LONG_LISTS = frozenset({"ple.layer_multipliers", "ple.head_offsets", "ple.head_vocab_sizes"})
"""Lists whose numbers have 64 bits."""


def write_skeleton(path: Path, model: Model, table: TensorTable, *, file_type: int) -> None:
    """Write the file.

    Args:
        path: Where to.
        model: A model of the catalog.
        table: Its tensors with their types.
        file_type: llama.cpp's number of the quant, `general.file_type`.
    """
    from gguf import GGUFWriter

    writer = GGUFWriter(path, model.architecture)
    writer.add_file_type(file_type)
    _add_keys(writer, model)
    for group in table.groups:
        _add_tensors(writer, group)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_ti_data_to_file()
    writer.close()
    with path.open("r+b") as file:
        begin = _aligned(file.seek(0, 2))
        sizes = (_aligned(group.bytes_each) * group.count for group in table.groups)
        file.truncate(begin + sum(sizes))


def _aligned(size: int) -> int:
    return -(-size // ALIGNMENT_BYTES) * ALIGNMENT_BYTES


def _add_keys(writer: GGUFWriter, model: Model) -> None:
    from gguf import GGUFValueType as Kind

    kinds = {str: Kind.STRING, bool: Kind.BOOL, int: Kind.UINT32, float: Kind.FLOAT32}
    for key, value in header_keys(model).items():
        if not isinstance(value, tuple):
            writer.add_key_value(key, value, kinds[type(value)])
        elif value:
            is_long = key.partition(".")[2] in LONG_LISTS
            kind = Kind.UINT64 if is_long else kinds[type(value[0])]
            writer.add_key_value(key, value, Kind.ARRAY, sub_type=kind)


def _add_tensors(writer: GGUFWriter, group: TensorGroup) -> None:
    import numpy as np

    assert group.type is not None
    type_ = group.type.number  # a plain number: the package does not name every type
    shape = tuple(reversed(group.shape))
    for name in _names(group):
        writer.add_tensor_info(name, shape, np.dtype(np.float32), group.bytes_each, type_)


def _names(group: TensorGroup) -> Iterator[str]:
    if group.layers is None:
        return iter((group.name,))
    return (f"blk.{layer}.{group.name}" for layer in group.layers)
