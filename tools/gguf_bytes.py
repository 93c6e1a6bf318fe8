"""Builds GGUF files byte by byte, right ones and wrong ones, without the program's own parser.

Holds the format's pieces as functions that return bytes; which files are made of them is
`build_gguf_samples`. All numbers are little-endian.

Source: ggml's docs/gguf.md; llama.cpp's ggml/include/gguf.h, October 2026.
"""

from __future__ import annotations

import struct
from collections.abc import Sequence

FORMS = {
    "u8": (0, "<B"),
    "i8": (1, "<b"),
    "u16": (2, "<H"),
    "i16": (3, "<h"),
    "u32": (4, "<I"),
    "i32": (5, "<i"),
    "f32": (6, "<f"),
    "bool": (7, "<?"),
    "str": (8, ""),
    "u64": (10, "<Q"),
    "i64": (11, "<q"),
    "f64": (12, "<d"),
}
"""Number and form of each value type but arrays."""

ARRAY = 9
ALIGNMENT = 32


def u32(value: int) -> bytes:
    """An unsigned number of 4 bytes."""
    return struct.pack("<I", value)


def u64(value: int) -> bytes:
    """An unsigned number of 8 bytes."""
    return struct.pack("<Q", value)


def string(text: str | bytes) -> bytes:
    """A length and so many bytes."""
    raw = text if isinstance(text, bytes) else text.encode()
    return u64(len(raw)) + raw


def value(kind: str, one: object) -> bytes:
    """One value without its type."""
    form = FORMS[kind][1]
    return struct.pack(form, one) if form else string(one)  # type: ignore[arg-type]


def key(name: str | bytes, kind: str, one: object) -> bytes:
    """A key with one value."""
    return string(name) + u32(FORMS[kind][0]) + value(kind, one)


def array(kind: str, values: Sequence[object]) -> bytes:
    """An array without the type that says it is one."""
    return u32(FORMS[kind][0]) + u64(len(values)) + b"".join(value(kind, one) for one in values)


def nested(*arrays: bytes) -> bytes:
    """An array of arrays, alike."""
    return u32(ARRAY) + u64(len(arrays)) + b"".join(arrays)


def array_key(name: str, content: bytes) -> bytes:
    """A key with an array."""
    return string(name) + u32(ARRAY) + content


def tensor(name: str, shape: Sequence[int], type_id: int, offset: int) -> bytes:
    """A line of the list of tensors."""
    sizes = b"".join(u64(size) for size in shape)
    return string(name) + u32(len(shape)) + sizes + u32(type_id) + u64(offset)


def padded(raw: bytes, alignment: int = ALIGNMENT) -> bytes:
    """The bytes, and zeros up to the alignment."""
    return raw + bytes(-len(raw) % alignment)


def header(
    keys: Sequence[bytes],
    tensors: Sequence[bytes] = (),
    *,
    version: int = 3,
    magic: bytes = b"GGUF",
) -> bytes:
    """Everything before the data, not padded."""
    counts = u64(len(tensors)) + u64(len(keys))
    return magic + u32(version) + counts + b"".join(keys) + b"".join(tensors)


def data(length: int) -> bytes:
    """So many bytes that are not all the same."""
    return bytes(place % 251 for place in range(length))
