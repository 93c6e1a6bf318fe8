"""The first 24 bytes of a GGUF file: what it is, its version, and how much its header lists.

Holds the refusal of what is no GGUF file, or one of a version or byte order that is not read, and
the bounds that counts must meet before they are believed.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from catalog.gguf.errors import DamagedHeaderError, NotGgufError, UnsupportedError
from catalog.gguf.wire import take_u32, take_u64

if TYPE_CHECKING:
    from catalog.gguf.wire import Window

MAGIC = b"GGUF"
VERSIONS = (2, 3)
MAX_KEYS = 100_000
MAX_TENSORS = 1_000_000


class Preamble(NamedTuple):
    """What a file says of its header."""

    version: int
    tensor_count: int
    key_count: int


def take_preamble(window: Window) -> tuple[Preamble, int]:
    """Magic, version and counts, and the position after them.

    Raises:
        ShortWindowError: The window ends before.
        NotGgufError: The file is another thing.
        UnsupportedError: It is of a version or byte order that is not read.
        DamagedHeaderError: It counts more than any header has.
    """
    _check_magic(window)
    version, after_version = take_u32(window, len(MAGIC))
    _check_version(version)
    tensor_count, after_tensors = take_u64(window, after_version)
    key_count, end = take_u64(window, after_tensors)
    _check_count(tensor_count, MAX_TENSORS, "tensors", after_version)
    _check_count(key_count, MAX_KEYS, "keys", after_tensors)
    return Preamble(version, tensor_count, key_count), end


def _check_magic(window: Window) -> None:
    start = bytes(window.buffer[:4])
    if start != MAGIC[: len(start)]:
        raise NotGgufError(
            f"it starts with {_in_words(start)}, not `GGUF`",
            offset=0,
            hint="download the model's GGUF file, or name another",
        )
    window.require(4)


def _in_words(start: bytes) -> str:
    text = start.decode("latin-1")
    if text.isascii() and text.isprintable():
        return f"`{text}`"
    return f"the bytes {start.hex(' ')}"


def _check_version(version: int) -> None:
    if version in VERSIONS:
        return
    if version and version & 0xFFFF == 0:
        raise UnsupportedError(
            "its numbers are in big-endian byte order, where little-endian is expected",
            offset=4,
            hint="`gguf-convert-endian` of the PyPI package `gguf` rewrites it",
        )
    if version == 1:
        raise UnsupportedError(
            "it is of GGUF version 1 of August 2023, which llama.cpp no longer reads, where 2 or "
            "3 is expected",
            offset=4,
            hint="download a newer file of the model",
        )
    raise UnsupportedError(f"it is of GGUF version {version}, where 2 or 3 is expected", offset=4)


def _check_count(count: int, most: int, what: str, position: int) -> None:
    if count > most:
        raise DamagedHeaderError(
            f"at byte {position} it counts {count:,} {what}, where at most {most:,} are expected",
            offset=position,
        )
