"""The list of tensors in a header: one line a tensor, each checked before it is believed.

Holds the reading of lines; whether what they describe can lie in the file is `structure`.

Source: `gguf_init_from_reader` in llama.cpp's ggml/src/gguf.cpp, October 2026, whose limits these
are: 63 bytes a name, 4 dimensions, fewer than 2^63 elements.
"""

from __future__ import annotations

from functools import cache
from math import prod
from typing import TYPE_CHECKING

from catalog.gguf.errors import DamagedHeaderError
from catalog.gguf.header import TensorInfo
from catalog.gguf.legible import legible
from catalog.gguf.wire import take_u32, take_u64

if TYPE_CHECKING:
    from catalog.gguf.wire import Window

MIN_BYTES = 24
"""The least that a line takes: lengths, type and offset without name and dimensions."""

MAX_NAME_BYTES = 63
MAX_DIMENSIONS = 4


class TensorList:
    """The tensors listed so far, no name twice."""

    __slots__ = ("_names", "infos")

    def __init__(self) -> None:
        self.infos: list[TensorInfo] = []
        self._names: set[str] = set()

    def take(self, window: Window, position: int) -> int:
        """Take the next one; the position after it."""
        info, end = take_tensor_info(window, position)
        if info.name in self._names:
            raise DamagedHeaderError(
                f"at byte {position:,} tensor `{legible(info.name)}` is listed again",
                offset=position,
            )
        self._names.add(info.name)
        self.infos.append(info)
        return end


def take_tensor_info(window: Window, position: int) -> tuple[TensorInfo, int]:
    """One line of the list.

    Raises:
        ShortWindowError: The window ends before the line.
        DamagedHeaderError: The line says what cannot be.
    """
    name, after_name = _take_name(window, position)
    shape, after_shape = _take_shape(window, after_name, name)
    type_id, after_type = take_u32(window, after_shape)
    if type_id not in _known_types():
        raise DamagedHeaderError(
            f"at byte {after_shape:,} tensor `{legible(name)}` has type {type_id}, which is "
            "none of ggml's storage types known here",
            offset=after_shape,
        )
    offset, end = take_u64(window, after_type)
    return TensorInfo(name=name, shape=shape, type_id=type_id, offset=offset), end


def _take_name(window: Window, position: int) -> tuple[str, int]:
    length, begin = take_u64(window, position)
    if length > MAX_NAME_BYTES:
        raise DamagedHeaderError(
            f"at byte {position:,} a tensor's name claims {length:,} bytes, where at most "
            f"{MAX_NAME_BYTES} are expected",
            offset=position,
        )
    return window.between(begin, begin + length).decode("utf-8", "replace"), begin + length


def _take_shape(window: Window, position: int, name: str) -> tuple[tuple[int, ...], int]:
    count, after = take_u32(window, position)
    if count > MAX_DIMENSIONS:
        raise DamagedHeaderError(
            f"at byte {position:,} tensor `{legible(name)}` has {count:,} dimensions, where "
            f"at most {MAX_DIMENSIONS} are expected",
            offset=position,
        )
    shape = []
    for _ in range(count):
        size, after = take_u64(window, after)
        shape.append(size)
    if max(shape, default=0) >= 1 << 63 or prod(shape) >= 1 << 63:
        raise DamagedHeaderError(
            f"at byte {position:,} tensor `{legible(name)}` has the shape {tuple(shape)}, "
            "where fewer than 2^63 elements are expected",
            offset=position,
        )
    return tuple(shape), after


@cache
def _known_types() -> frozenset[int]:
    from catalog.quants import load_types

    return frozenset(type_.number for type_ in load_types())
