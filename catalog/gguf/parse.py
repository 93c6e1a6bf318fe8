"""Makes a `Header` from the bytes of a GGUF file, all at once or as they come; reads nothing.

`parse_header` takes the beginning of a file, `HeaderParser` takes it in pieces and keeps only what
is not understood yet. Both answer with the header, or with `NeedBytes`, which says how far the
bytes would have to reach to get further; anything that cannot be is a `GgufError` with the offset.
`architecture_keys` and `parse_tensor_list` read parts of a header. How a header is understood step
by step is `progress`.
"""

from __future__ import annotations

from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING

from catalog.gguf.progress import Progress
from catalog.gguf.tensor_infos import TensorList
from catalog.gguf.wire import ShortWindowError, Window

if TYPE_CHECKING:
    from collections.abc import Mapping

    from catalog.gguf.header import Header, TensorInfo, Value
    from catalog.gguf.wire import Buffer


@dataclass(frozen=True, slots=True, kw_only=True)
class NeedBytes:
    """The answer to bytes that end before the header does."""

    least_bytes: int
    """How far they must reach to get further. [bytes from the beginning of the file]"""


class HeaderParser:
    """Makes a header from bytes as they come, and keeps only those not understood yet.

    ::

        parser = HeaderParser(size_bytes=size)
        while isinstance(answer := parser.feed(read()), NeedBytes):
            ...
    """

    def __init__(self, *, size_bytes: int | None = None) -> None:
        self._progress = Progress(size_bytes)
        self._buffer = bytearray()
        self._begin = 0
        self._least_bytes = 0
        self._header: Header | None = None

    def feed(self, chunk: bytes | bytearray | memoryview) -> Header | NeedBytes:
        """Take the next bytes of the file; those after the header are passed over.

        Raises:
            GgufError: They cannot be those of a GGUF file.
        """
        if self._header is not None:
            return self._header
        self._buffer += chunk
        if self._begin + len(self._buffer) >= self._least_bytes:
            answer = self._progress.advance(Window(buffer=self._buffer, begin=self._begin))
            if not isinstance(answer, int):
                self._header = answer
                self._buffer.clear()
                return answer
            self._least_bytes = answer
        self._drop_what_is_understood()
        return NeedBytes(least_bytes=self._least_bytes)

    def _drop_what_is_understood(self) -> None:
        used = min(self._progress.position - self._begin, len(self._buffer))
        del self._buffer[:used]
        self._begin += used


def parse_header(buffer: Buffer, *, size_bytes: int | None = None) -> Header | NeedBytes:
    """The header of a file of which the beginning is in memory.

    Args:
        buffer: The file from its first byte on, as far as it is there; it is not copied.
        size_bytes: The whole file's length, where it is known: what reaches beyond it is refused
            instead of asked for.

    Raises:
        GgufError: It is not the beginning of a GGUF file, or a damaged one.
    """
    answer = Progress(size_bytes).advance(Window(buffer=buffer))
    return NeedBytes(least_bytes=answer) if isinstance(answer, int) else answer


def architecture_keys(buffer: Buffer) -> Mapping[str, Value]:
    """The keys that the beginning of a file holds, however far it reaches.

    llama.cpp's own writer puts all keys of the architecture before those of the vocabulary, in
    the first kilobytes; the format does not promise it.

    Raises:
        GgufError: It is not the beginning of a GGUF file, or a damaged one.
    """
    progress = Progress(None)
    progress.advance(Window(buffer=buffer))
    return MappingProxyType(progress.metadata)


def parse_tensor_list(
    buffer: Buffer, position: int, count: int
) -> tuple[tuple[TensorInfo, ...], int] | NeedBytes:
    """A list of tensors that begins somewhere in a stretch of a file.

    Args:
        buffer: The stretch.
        position: Where in it the list begins; positions in errors count alike. [bytes]
        count: How many tensors it lists.

    Returns:
        The tensors and the position after them; or how long the stretch must be to get further.

    Raises:
        DamagedHeaderError: There is no such list at this position.
    """
    window = Window(buffer=buffer)
    found = TensorList()
    try:
        for _ in range(count):
            position = found.take(window, position)
    except ShortWindowError as short:
        return NeedBytes(least_bytes=short.least_bytes)
    return tuple(found.infos), position
