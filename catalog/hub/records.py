"""Headers and listings as plain JSON and back; what does not fit is not a record.

Holds the two forms and their checks. Vocabularies are not in them: a `Header` passes them over.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from catalog.gguf.header import Header, Scalar, SkippedArray, TensorInfo, Value
from catalog.hub.listing import HubFile, Listing, is_path

Record = dict[str, Any]
_Line = list[Any]

_COMMIT = re.compile(r"[0-9a-f]{40}")
_SHA256 = re.compile(r"[0-9a-f]{64}")


def is_commit(text: object) -> bool:
    """Whether a revision is a whole commit, which never means anything else."""
    return isinstance(text, str) and _COMMIT.fullmatch(text) is not None


def is_sha256(text: object) -> bool:
    """Whether a text is such a hash."""
    return isinstance(text, str) and _SHA256.fullmatch(text) is not None


def header_record(header: Header) -> Record:
    """A header as JSON."""
    return {
        "version": header.version,
        "alignment": header.alignment,
        "tensors_offset": header.tensors_offset,
        "data_offset": header.data_offset,
        "metadata": {key: _plain(value) for key, value in header.metadata.items()},
        "tensors": [
            [info.name, list(info.shape), info.type_id, info.offset] for info in header.tensors
        ],
    }


def header_of(record: Record) -> Header | None:
    """The header that a record holds; ``None`` where it is not whole."""
    try:
        return Header(
            version=_whole(record["version"]),
            metadata=MappingProxyType(
                {str(key): _value(value) for key, value in record["metadata"].items()}
            ),
            tensors=tuple(_tensor(line) for line in record["tensors"]),
            alignment=_whole(record["alignment"]),
            tensors_offset=_whole(record["tensors_offset"]),
            data_offset=_whole(record["data_offset"]),
        )
    except (KeyError, TypeError, ValueError, AttributeError):
        return None


def listing_record(listing: Listing) -> Record:
    """A listing as JSON; what was only true when it was asked for is left out."""
    return {
        "repository": listing.repository,
        "commit": listing.commit,
        "fetched_at": listing.fetched_at,
        "files": [[file.path, file.size_bytes, file.sha256] for file in listing.files],
    }


def listing_of(record: Record) -> Listing | None:
    """The listing that a record holds; ``None`` where it is not whole."""
    try:
        if not is_commit(record["commit"]) or not record["files"]:
            return None
        return Listing(
            repository=_text(record["repository"]),
            commit=record["commit"],
            files=tuple(_file(line) for line in record["files"]),
            fetched_at=float(record["fetched_at"]),
        )
    except (KeyError, TypeError, ValueError):
        return None


def _plain(value: Value) -> object:
    if isinstance(value, SkippedArray):
        return {"element_type": value.element_type, "count": value.count}
    return list(value) if isinstance(value, tuple) else value


def _value(plain: object) -> Value:
    if isinstance(plain, Mapping):
        return SkippedArray(
            element_type=_whole(plain["element_type"]), count=_whole(plain["count"])
        )
    if isinstance(plain, list):
        return tuple(_scalar(one) for one in plain)
    return _scalar(plain)


def _scalar(plain: object) -> Scalar:
    if isinstance(plain, (bool, int, float, str)):
        return plain
    msg = f"`{plain}` is not a value of a header"
    raise TypeError(msg)


def _tensor(line: _Line) -> TensorInfo:
    name, shape, type_id, offset = line
    return TensorInfo(
        name=_text(name),
        shape=tuple(_whole(size) for size in shape),
        type_id=_whole(type_id),
        offset=_whole(offset),
    )


def _file(line: _Line) -> HubFile:
    path, size_bytes, sha256 = line
    if sha256 is not None and not is_sha256(sha256):
        msg = f"`{sha256}` is not a hash"
        raise ValueError(msg)
    if not is_path(path):
        msg = f"`{path}` is not a path"
        raise ValueError(msg)
    return HubFile(path=_text(path), size_bytes=_whole(size_bytes), sha256=sha256)


def _text(plain: object) -> str:
    if isinstance(plain, str) and plain:
        return plain
    msg = f"`{plain}` is not a name"
    raise TypeError(msg)


def _whole(plain: object) -> int:
    if isinstance(plain, int) and not isinstance(plain, bool) and plain >= 0:
        return plain
    msg = f"`{plain}` is not a count"
    raise TypeError(msg)
