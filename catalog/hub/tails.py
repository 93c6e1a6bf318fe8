"""The header of a quant from that of another of the same repository, by its tail alone.

Quants of one repository carry the same vocabulary, some megabytes, and differ after it: in the list
of tensors. So the list lies nearly at the same place, and a stretch around that place holds it.
What was found is believed only when every tensor lies where the list says, from the beginning of
the data to the last byte of the file; a file that is otherwise is for the long way.

The keys are the file's own, all but those of the vocabulary: its first kilobytes must reach that,
and no key of the architecture may stand after it. Those of a split file are right before the list.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING

from catalog.gguf.errors import GgufError
from catalog.gguf.file import GgufFile, Part
from catalog.gguf.header import Header, SkippedArray, TensorInfo, Value
from catalog.gguf.parse import NeedBytes, architecture_keys, parse_tensor_list
from catalog.gguf.preamble import MAX_TENSORS
from catalog.gguf.progress import aligned
from catalog.gguf.structure import check
from catalog.gguf.wire import ARRAY

if TYPE_CHECKING:
    from catalog.hub.listing import HubFile

BEGINNING_BYTES = 8 << 10
"""Holds the preamble and all keys before the vocabulary: 1 to 3 KB in files seen."""

SLACK_BYTES = 16 << 10
"""How much more or less another file may have before its list: an importance matrix adds some 300
bytes of keys, a corrected chat template a few kilobytes."""

_VOCABULARY = "tokenizer."
_TOKENS = "tokenizer.ggml.tokens"
_SPLIT_KEYS = ("split.no", "split.count", "split.tensors.count")
_FORMS = {2: struct.Struct("<H"), 5: struct.Struct("<i")}
"""By GGUF's numbers, the types in which `llama-gguf-split` writes them: `uint16`, `int32`."""

Read = Callable[[int, int], bytes]
"""Reads a stretch of the file, from one byte up to another."""


def header_by_tail(file: HubFile, beginning: bytes, known: Header, read: Read) -> Header | None:
    """A file's header, from its first kilobytes and the stretch around its list of tensors.

    Args:
        file: Whose header it is.
        beginning: Its first `BEGINNING_BYTES` or more.
        known: The header of another quant of the repository.
        read: Reads the stretch; called at most once.

    Returns:
        ``None`` where the two are not alike enough to be sure.
    """
    own = _own_keys(beginning, known)
    if own is None:
        return None
    version, count = struct.unpack_from("<IQ", beginning, 4)
    begin, end = _stretch(known, count, file.size_bytes)
    if not 0 < count <= MAX_TENSORS or begin >= end:
        return None
    stretch = read(begin, end)
    for position, tensors, after in _lists(stretch, known.tensors[0].name, count):
        header = Header(
            version=version,
            metadata=_with_vocabulary(own, known.metadata, stretch[:position]),
            tensors=tensors,
            alignment=known.alignment,
            tensors_offset=begin + position,
            data_offset=aligned(begin + after, known.alignment),
        )
        if lies_as_listed(file, header) and _has_all_keys(file, header, stretch[:position]):
            return header
    return None


def _own_keys(beginning: bytes, known: Header) -> Mapping[str, Value] | None:
    """The keys before the vocabulary; ``None`` where the file is unlike the known one."""
    try:
        own = architecture_keys(beginning)
    except GgufError:
        return None
    is_alike = (
        _reaches_vocabulary(own)
        and bool(known.tensors)
        and known.architecture is not None
        and own.get("general.architecture") == known.architecture
        and own.get("general.alignment") == known.metadata.get("general.alignment")
        and _has_same_vocabulary(beginning, own, known)
    )
    return own if is_alike else None


def _has_same_vocabulary(beginning: bytes, own: Mapping[str, Value], known: Header) -> bool:
    """Whether what a beginning shows of the vocabulary is as in the known file."""
    words = known.metadata.get(_TOKENS)
    shown = [key for key in own if key.startswith(_VOCABULARY)]
    if not isinstance(words, SkippedArray):
        return False
    array = struct.pack("<IIQ", ARRAY, words.element_type, words.count)
    return _named(_TOKENS) + array in beginning and all(
        own[key] == known.metadata.get(key) for key in shown
    )


def _named(key: str) -> bytes:
    """A name as the format writes it: its length, then its letters."""
    letters = key.encode()
    return struct.pack("<Q", len(letters)) + letters


def _reaches_vocabulary(keys: Mapping[str, Value]) -> bool:
    """Whether these keys of a file's beginning hold all that come before the vocabulary."""
    return any(key.startswith(_VOCABULARY) for key in keys)


def lies_as_listed(file: HubFile, header: Header) -> bool:
    """Whether the tensors fill the file to its last byte, in order, without gap or overlap."""
    part = Part(path=Path(file.name), size_bytes=file.size_bytes, header=header)
    try:
        return not check(GgufFile(parts=(part,)))
    except GgufError:
        return False


def _stretch(known: Header, count: int, size_bytes: int) -> tuple[int, int]:
    """From which byte of the file to which its list must be, if the two are alike."""
    listed = known.data_offset - known.tensors_offset
    expected = max(listed, listed * count // len(known.tensors))
    begin = max(0, known.tensors_offset - SLACK_BYTES)
    return begin, min(size_bytes, known.tensors_offset + expected + SLACK_BYTES)


def _lists(
    stretch: bytes, first_name: str, count: int
) -> Iterator[tuple[int, tuple[TensorInfo, ...], int]]:
    """Every list of so many tensors that begins with this name: position, tensors, end."""
    mark = _named(first_name)
    position = stretch.find(mark)
    while position >= 0:
        with suppress(GgufError):
            found = parse_tensor_list(stretch, position, count)
            if not isinstance(found, NeedBytes):
                yield position, *found
        position = stretch.find(mark, position + 1)


def _with_vocabulary(
    own: Mapping[str, Value], other: Mapping[str, Value], before_list: bytes
) -> Mapping[str, Value]:
    """A file's own keys, and the other's about the vocabulary, which quants share."""
    shared = {key: value for key, value in other.items() if key.startswith(_VOCABULARY)}
    return MappingProxyType({**shared, **own, **_split_keys(before_list)})


def _split_keys(before_list: bytes) -> dict[str, int]:
    """What a part says about the whole, right before its list of tensors."""
    found: dict[str, int] = {}
    for key in _SPLIT_KEYS:
        _, is_there, value = before_list.rpartition(_named(key))
        form = _FORMS.get(int.from_bytes(value[:4], "little"))
        if is_there and form is not None and len(value) >= 4 + form.size:
            (found[key],) = form.unpack_from(value, 4)
    return found


def _has_all_keys(file: HubFile, header: Header, before_list: bytes) -> bool:
    """Whether no key can be missing that stands after the vocabulary."""
    said = header.metadata.get("split.no"), header.metadata.get("split.count")
    expected = (file.part - 1, file.parts) if file.parts > 1 else (None, None)
    return said == expected and f"{header.architecture}.".encode() not in before_list
