"""How far a header is understood: a position, what was found before it, and the next step.

Every step takes one piece (the first 24 bytes, a key, an array, a tensor's line) and moves the
position only when the piece is whole, so that a short window costs no more than one piece again.
What reaches beyond the file, or beyond any header, is refused before it is believed.
"""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING

from catalog.gguf.arrays import ArrayWalk, unknown_type
from catalog.gguf.errors import DamagedHeaderError, TruncatedError, too_early
from catalog.gguf.header import Header
from catalog.gguf.legible import legible
from catalog.gguf.preamble import Preamble, take_preamble
from catalog.gguf.tensor_infos import MIN_BYTES as MIN_TENSOR_BYTES
from catalog.gguf.tensor_infos import TensorList
from catalog.gguf.wire import (
    ARRAY,
    STRING,
    UINT32,
    ShortWindowError,
    number_bytes,
    take_numbers,
    take_string,
    take_u32,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from catalog.gguf.header import Value
    from catalog.gguf.wire import Window

MAX_HEADER_BYTES = 256 << 20
"""The longest header known, of a vocabulary of 262,144 tokens, has 16 MB."""

DEFAULT_ALIGNMENT = 32
"""Source: `GGUF_DEFAULT_ALIGNMENT` in llama.cpp's ggml/include/gguf.h."""

_ALIGNMENT_KEY = "general.alignment"
_MIN_KEY_BYTES = 14
"""A length, a name of one letter, a type and a value of one byte."""


def aligned(position: int, alignment: int) -> int:
    """The next multiple of the alignment, which counts in bytes."""
    return position + -position % alignment


class Progress:
    """How far a header is understood: the position, and what was found before it."""

    def __init__(self, size_bytes: int | None) -> None:
        self.position = 0
        self.metadata: dict[str, Value] = {}
        self.tensors_offset: int | None = None
        self._size_bytes = size_bytes
        self._preamble: Preamble | None = None
        self._alignment = DEFAULT_ALIGNMENT
        self._array: tuple[str, ArrayWalk] | None = None
        self._tensors = TensorList()

    def advance(self, window: Window) -> Header | int:
        """Go on as far as the window reaches.

        Returns:
            The header; or how far the window would have to reach to get further. [bytes from the
            beginning of the file]

        Raises:
            GgufError: These cannot be the bytes of a GGUF file.
        """
        try:
            while (step := self._next_step()) is not None:
                step(window)
        except ShortWindowError as short:
            self._believe(short.least_bytes)
            return short.least_bytes
        return self._header()

    def _next_step(self) -> Callable[[Window], None] | None:
        if self._preamble is None:
            return self._take_preamble
        if self._array is not None:
            return self._walk_array
        if len(self.metadata) < self._preamble.key_count:
            return self._take_key
        if self.tensors_offset is None:
            self.tensors_offset = self.position
        listed = len(self._tensors.infos)
        return self._take_tensor if listed < self._preamble.tensor_count else None

    def _header(self) -> Header:
        return Header(
            version=self._preamble.version if self._preamble else 0,
            metadata=MappingProxyType(self.metadata),
            tensors=tuple(self._tensors.infos),
            alignment=self._alignment,
            tensors_offset=self.tensors_offset or 0,
            data_offset=aligned(self.position, self._alignment),
        )

    def _believe(self, least_bytes: int) -> None:
        """Accept that the header reaches so far.

        Raises:
            DamagedHeaderError: No header does.
            TruncatedError: The file does not.
        """
        if least_bytes > MAX_HEADER_BYTES:
            raise DamagedHeaderError(
                f"at byte {self.position:,}, {self._place()}, it claims to reach byte "
                f"{least_bytes:,}, where at most {MAX_HEADER_BYTES:,} are expected",
                offset=self.position,
            )
        if self._size_bytes is not None and least_bytes > self._size_bytes:
            raise TruncatedError(
                f"it ends at byte {self._size_bytes:,}, {self._place()}, at least "
                f"{too_early(least_bytes - self._size_bytes)}",
                offset=self._size_bytes,
            )

    def _place(self) -> str:
        if self._preamble is None:
            return "inside its first 24"
        if self._array is not None:
            return f"inside the value of `{legible(self._array[0])}`"
        if self.tensors_offset is None:
            done, all_of_them = len(self.metadata), self._preamble.key_count
            return f"inside the list of keys ({done:,} of {all_of_them:,} are whole)"
        done, all_of_them = len(self._tensors.infos), self._preamble.tensor_count
        return f"inside the list of tensors ({done:,} of {all_of_them:,} are whole)"

    def _take_preamble(self, window: Window) -> None:
        self._preamble, self.position = take_preamble(window)
        keys = self._preamble.key_count * _MIN_KEY_BYTES
        self._believe(self.position + keys + self._preamble.tensor_count * MIN_TENSOR_BYTES)

    def _take_key(self, window: Window) -> None:
        key, after_key = take_string(window, self.position)
        if not key or key in self.metadata:
            what = f"key `{legible(key)}` is there again" if key else "a key has no name"
            raise DamagedHeaderError(f"at byte {self.position:,} {what}", offset=self.position)
        type_id, begin = take_u32(window, after_key)
        if key == _ALIGNMENT_KEY and type_id != UINT32:
            raise DamagedHeaderError(
                f"at byte {after_key:,} `{key}` has value type {type_id}, where {UINT32} is "
                "expected",
                offset=after_key,
            )
        if type_id == ARRAY:
            walk = ArrayWalk(window, begin)
            self._array = key, walk
            self.position = walk.position
            self._believe(walk.least_bytes)
            return
        value, end = _take_scalar(window, begin, type_id, after_key)
        if key == _ALIGNMENT_KEY:
            self._alignment = _checked_alignment(value, begin)
        self.metadata[key] = value
        self.position = end

    def _walk_array(self, window: Window) -> None:
        if self._array is None:
            return
        key, walk = self._array
        try:
            value = walk.advance(window)
        except ShortWindowError:
            self.position = walk.position
            self._believe(walk.least_bytes)
            raise
        self.metadata[key], self.position = value, walk.position
        self._array = None

    def _take_tensor(self, window: Window) -> None:
        self.position = self._tensors.take(window, self.position)


def _take_scalar(
    window: Window, position: int, type_id: int, type_position: int
) -> tuple[bool | int | float | str, int]:
    if type_id == STRING:
        return take_string(window, position)
    if number_bytes(type_id) is None:
        raise unknown_type(type_id, type_position)
    (value,), end = take_numbers(window, position, type_id, 1)
    return value, end


def _checked_alignment(value: object, position: int) -> int:
    if not isinstance(value, int) or value < 1 or value & (value - 1):
        raise DamagedHeaderError(
            f"at byte {position:,} the alignment is {value}, where a power of two is expected",
            offset=position,
        )
    return value
