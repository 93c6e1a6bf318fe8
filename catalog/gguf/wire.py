"""The primitives of the GGUF format: bytes in, values out.

Every ``take_*`` function gets a window and a position, and returns the value and the position
after it. Positions count from the beginning of the *file*, so that an error says where it is even
when the beginning is not in memory any more. When the window ends too early a function raises
`ShortWindowError`, which says how far a window would have to reach. Nothing here reads a file, and
nothing knows what a value means.

Source: llama.cpp, ggml/include/gguf.h and ggml/src/gguf.cpp, October 2026.
"""

from __future__ import annotations

from dataclasses import dataclass
from struct import Struct
from struct import error as OutOfBoundsError  # noqa: N812  (its own name says nothing)
from typing import TYPE_CHECKING

from catalog.gguf.errors import DamagedHeaderError

if TYPE_CHECKING:
    from mmap import mmap

    Buffer = bytes | bytearray | memoryview | mmap

MAX_STRING_BYTES = 10_000_000
"""Longer strings are damage: the longest known, chat templates, have some 100 kB."""

STRING = 8
ARRAY = 9
UINT32 = 4
TYPE_COUNT = 13
"""Numbers of value types (`gguf_type`) that others ask about."""

_U32 = Struct("<I")
_U64 = Struct("<Q")
_NUMBERS = {
    0: Struct("<B"),
    1: Struct("<b"),
    2: Struct("<H"),
    3: Struct("<h"),
    UINT32: _U32,
    5: Struct("<i"),
    6: Struct("<f"),
    7: Struct("<?"),
    10: _U64,
    11: Struct("<q"),
    12: Struct("<d"),
}
"""The types that are numbers, all little-endian."""

Number = bool | int | float


class ShortWindowError(Exception):
    """The window ends before the value does."""

    def __init__(self, least_bytes: int) -> None:
        super().__init__(least_bytes)
        self.least_bytes = least_bytes
        """How far a window must reach to get further. [bytes from the beginning of the file]"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Window:
    """The stretch of a file that is in memory."""

    buffer: Buffer

    begin: int = 0
    """Where in the file it begins. [bytes]"""

    def require(self, least_bytes: int) -> None:
        """Make sure that it reaches so far.

        Raises:
            ShortWindowError: It does not.
        """
        if least_bytes > self.begin + len(self.buffer):
            raise ShortWindowError(least_bytes)

    def between(self, begin: int, end: int) -> bytes:
        """The bytes between two positions.

        Raises:
            ShortWindowError: The window does not reach so far.
        """
        self.require(end)
        return bytes(self.buffer[begin - self.begin : end - self.begin])


def take_u32(window: Window, position: int) -> tuple[int, int]:
    """An unsigned number of 4 bytes."""
    window.require(position + 4)
    (value,) = _U32.unpack_from(window.buffer, position - window.begin)
    return value, position + 4


def take_u64(window: Window, position: int) -> tuple[int, int]:
    """An unsigned number of 8 bytes."""
    window.require(position + 8)
    (value,) = _U64.unpack_from(window.buffer, position - window.begin)
    return value, position + 8


def take_string(window: Window, position: int) -> tuple[str, int]:
    """A length of 8 bytes and so many bytes of UTF-8; stray bytes are replaced.

    Raises:
        DamagedHeaderError: It claims to be longer than `MAX_STRING_BYTES`.
    """
    length, begin = take_u64(window, position)
    if length > MAX_STRING_BYTES:
        raise _too_long(length, position)
    end = begin + length
    return window.between(begin, end).decode("utf-8", "replace"), end


def number_bytes(type_id: int) -> int | None:
    """The size of a number type; ``None`` for strings, arrays and unknown types."""
    form = _NUMBERS.get(type_id)
    return None if form is None else form.size


def take_numbers(
    window: Window, position: int, type_id: int, count: int
) -> tuple[tuple[Number, ...], int]:
    """Several values of one number type."""
    form = _NUMBERS[type_id]
    end = position + form.size * count
    raw = window.between(position, end)
    return tuple(value for (value,) in form.iter_unpack(raw)), end


def skip_strings(window: Window, position: int, count: int) -> tuple[int, int]:
    """Pass over strings without making any, as far as the window reaches.

    Returns:
        How many are left, and the position after the last one passed, which may lie beyond the
        window: a string's length is known before its end.

    Raises:
        DamagedHeaderError: One claims to be longer than `MAX_STRING_BYTES`.
    """
    buffer, take, most = window.buffer, _U64.unpack_from, MAX_STRING_BYTES
    index = position - window.begin
    left = count
    try:
        for left in range(count, 0, -1):  # noqa: B007  (it is read after the loop)
            (length,) = take(buffer, index)
            if length > most:
                raise _too_long(length, window.begin + index)
            index += 8 + length
    except OutOfBoundsError:
        return left, window.begin + index
    return 0, window.begin + index


def _too_long(length: int, position: int) -> DamagedHeaderError:
    return DamagedHeaderError(
        f"at byte {position:,} a string claims {length:,} bytes, where at most "
        f"{MAX_STRING_BYTES:,} are expected",
        offset=position,
    )
