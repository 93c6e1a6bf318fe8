"""Arrays among a header's values: short ones of numbers are kept, all others passed over.

Holds the walk over an array, which goes on where it stopped when more bytes arrive. Like `wire`
it gets windows and positions, and reads nothing.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from catalog.gguf.errors import DamagedHeaderError
from catalog.gguf.header import SkippedArray
from catalog.gguf.wire import (
    ARRAY,
    STRING,
    TYPE_COUNT,
    ShortWindowError,
    number_bytes,
    skip_strings,
    take_numbers,
    take_u32,
    take_u64,
)

if TYPE_CHECKING:
    from catalog.gguf.header import Value
    from catalog.gguf.wire import Window

MAX_KEPT_NUMBERS = 4096
"""Arrays of more numbers are vocabularies (scores, token types), not figures per layer."""

MAX_DEPTH = 4
"""Arrays within arrays. llama.cpp reads none, and no file is known to have any."""

MAX_INNER_ARRAYS = 100_000
"""Over all arrays of one value, so that crafted ones cannot keep the program busy."""

_MIN_ELEMENT_BYTES = {STRING: 8, ARRAY: 12}


class ArrayWalk:
    """One array while it is being read; made when the position is at its element type."""

    __slots__ = ("_count", "_element_type", "_inner", "_kept", "_levels", "position")

    def __init__(self, window: Window, position: int) -> None:
        element_type, count, self.position = _take_beginning(window, position)
        self._element_type, self._count = element_type, count
        self._levels = [(element_type, count)]
        """Element type and how many are left, of the array and of those around it."""

        self._inner = 0
        self._kept: tuple[bool | int | float, ...] | None = None

    @property
    def least_bytes(self) -> int:
        """How far the file must reach for what is left, in bytes from its beginning."""
        return self.position + sum(
            left * (number_bytes(type_id) or _MIN_ELEMENT_BYTES[type_id])
            for type_id, left in self._levels
        )

    def advance(self, window: Window) -> Value:
        """Go on to the end of the array.

        Raises:
            ShortWindowError: The window ends before; call it again with a later one.
            DamagedHeaderError: An element claims what cannot be.
        """
        while self._levels:
            type_id, left = self._levels.pop()
            if type_id == STRING:
                self._pass_strings(window, left)
            elif type_id == ARRAY:
                self._pass_arrays(window, left)
            else:
                self._pass_numbers(window, type_id, left)
        window.require(self.position)
        if self._kept is not None:
            return self._kept
        return SkippedArray(element_type=self._element_type, count=self._count)

    def _pass_strings(self, window: Window, left: int) -> None:
        left, self.position = skip_strings(window, self.position, left)
        if left:
            self._levels.append((STRING, left))
            raise ShortWindowError(self.position + 8)

    def _pass_numbers(self, window: Window, type_id: int, left: int) -> None:
        if self._inner == 0 and left <= MAX_KEPT_NUMBERS:
            self._levels.append((type_id, left))
            self._kept, self.position = take_numbers(window, self.position, type_id, left)
            self._levels.pop()
        else:
            self.position += left * (number_bytes(type_id) or 0)

    def _pass_arrays(self, window: Window, left: int) -> None:
        if not left:
            return
        self._levels.append((ARRAY, left))
        if len(self._levels) == MAX_DEPTH or self._inner == MAX_INNER_ARRAYS:
            raise DamagedHeaderError(
                f"at byte {self.position:,} an array lies within others, where at most "
                f"{MAX_DEPTH} levels and {MAX_INNER_ARRAYS:,} inner arrays are expected",
                offset=self.position,
            )
        type_id, count, self.position = _take_beginning(window, self.position)
        self._inner += 1
        self._levels[-1] = (ARRAY, left - 1)
        self._levels.append((type_id, count))


def _take_beginning(window: Window, position: int) -> tuple[int, int, int]:
    """Element type, count, and the position of the first element."""
    type_id, after_type = take_u32(window, position)
    if type_id >= TYPE_COUNT:
        raise unknown_type(type_id, position)
    count, begin = take_u64(window, after_type)
    return type_id, count, begin


def unknown_type(type_id: int, position: int) -> DamagedHeaderError:
    """The refusal of a value type that GGUF does not have."""
    return DamagedHeaderError(
        f"at byte {position:,} a value has type {type_id}, where 0 to {TYPE_COUNT - 1} are "
        "expected",
        offset=position,
    )
