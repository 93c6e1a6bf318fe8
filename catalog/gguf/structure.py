"""Whether the data of a GGUF file can be what its header lists: every tensor's extent.

Holds the arithmetic of extents; it opens nothing. llama.cpp wants the tensors of a file one after
the other in the order of the list, each from a multiple of the alignment; a file that is not so is
refused by it, and here with the same expectation.

Source: the end of `gguf_init_from_reader` in llama.cpp's ggml/src/gguf.cpp (order, alignment, whole
blocks) and `llama_tensor_weight` in src/llama-model-loader.cpp (bounds), October 2026.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import prod
from typing import TYPE_CHECKING

from catalog.gguf.errors import DamagedDataError, TruncatedError, too_early
from catalog.gguf.header import SkippedArray
from catalog.gguf.legible import legible
from catalog.gguf.progress import aligned
from catalog.gguf.wire import ARRAY
from catalog.quants import ggml_type

if TYPE_CHECKING:
    from collections.abc import Mapping

    from catalog.gguf.file import GgufFile, Part
    from catalog.gguf.header import TensorInfo, Value


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """Something noteworthy about a file that is whole nevertheless."""

    sentence: str
    """Without a full stop."""


def check(file: GgufFile) -> tuple[Finding, ...]:
    """Make sure that every tensor of every part lies where the header says.

    Returns:
        What is odd and no contradiction, such as bytes after the last tensor.

    Raises:
        DamagedDataError: Tensors overlap, leave gaps, or are not whole blocks.
        TruncatedError: The file ends before its last tensor does.
    """
    found = [finding for part in file.parts for finding in _check_part(part)]
    return (*_unread_keys(file.metadata), *found)


def tensor_sizes(part: Part) -> list[int]:
    """What each tensor of a part takes in the file, without padding; in bytes, in their order.

    Raises:
        DamagedDataError: The rows of one are not whole blocks of its type.
    """
    try:
        return [tensor_bytes(info) for info in part.header.tensors]
    except DamagedDataError as error:
        raise error.of_file(part.path.name) from None


def tensor_bytes(info: TensorInfo) -> int:
    """What a tensor takes in the file, without padding.

    Raises:
        DamagedDataError: Its rows are not whole blocks of its type.
    """
    type_ = ggml_type(info.type_id)
    row = info.shape[0] if info.shape else 1
    if row % type_.block_weights:
        raise DamagedDataError(
            f"tensor `{legible(info.name)}` has rows of {row:,} weights, where multiples of "
            f"{type_.block_weights} are expected of {type_.name}"
        )
    return type_.bytes_for(prod(info.shape))


def _unread_keys(metadata: Mapping[str, Value]) -> list[Finding]:
    """Keys that the format allows and llama.cpp does not."""
    return [
        Finding(
            sentence=f"`{legible(key)}` is an array of arrays, for which llama.cpp refuses a file"
        )
        for key, value in metadata.items()
        if isinstance(value, SkippedArray) and value.element_type == ARRAY
    ]


def _check_part(part: Part) -> list[Finding]:
    """The extents of one part, in the order of its list."""
    header = part.header
    position = end = header.data_offset
    first_missing = None
    for info, size in zip(header.tensors, tensor_sizes(part), strict=True):
        _check_place(info, position - header.data_offset, part)
        end = position + size
        if end > part.size_bytes and first_missing is None:
            first_missing = info
        position = aligned(end, header.alignment)
    if first_missing is not None:
        raise _truncated(part, first_missing, end)
    return _after_the_last(part, position)


def _check_place(info: TensorInfo, expected: int, part: Part) -> None:
    if info.offset == expected:
        return
    if info.offset % part.header.alignment:
        what = f"is no multiple of the alignment of {part.header.alignment}"
    elif info.offset < expected:
        what = "lies within the tensor before"
    else:
        what = "leaves a gap"
    raise DamagedDataError(
        f"tensor `{legible(info.name)}` begins at byte {info.offset:,} of the data, "
        f"which {what}, where {expected:,} is expected",
        offset=part.header.data_offset + info.offset,
    ).of_file(part.path.name)


def _truncated(part: Part, first_missing: TensorInfo, end: int) -> TruncatedError:
    return TruncatedError(
        f"it ends at byte {part.size_bytes:,}, before the end of tensor "
        f"`{legible(first_missing.name)}`, {too_early(end - part.size_bytes)}",
        offset=part.size_bytes,
    ).of_file(part.path.name)


def _after_the_last(part: Part, end: int) -> list[Finding]:
    """Bytes that belong to no tensor; padding does."""
    extra = part.size_bytes - end
    if extra <= 0:
        return []
    sentence = f"`{part.path.name}` has {extra:,} bytes after its last tensor, which nothing reads"
    return [Finding(sentence=sentence)]
