"""Opens a GGUF file and reads its header; the only module of this package that opens one.

It reads forward in pieces, and never the data. What the bytes mean is `parse`.
"""

from __future__ import annotations

import os
import stat
from pathlib import Path
from typing import TYPE_CHECKING

from catalog.gguf.errors import FileAccessError, GgufError, NotGgufError
from catalog.gguf.file import Part
from catalog.gguf.foreign import BEGINNING_BYTES, is_unfinished, what_it_is
from catalog.gguf.parse import HeaderParser, NeedBytes
from catalog.gguf.preamble import MAGIC

if TYPE_CHECKING:
    from collections.abc import Callable
    from io import FileIO

    from catalog.gguf.header import Header

CHUNK_BYTES = 1 << 18
"""Large enough that a header of 16 MB takes 60 reads, small enough to waste little."""

BLOCK_BYTES = 1 << 20
"""What is hashed at a time."""


def read_header(path: Path | str) -> Part:
    """The header of one file, which may be a part of a split one.

    Raises:
        FileAccessError: There is no such file, or it may not be read.
        NotGgufError: It is a file of another kind.
        GgufError: Its header is damaged, cut off, or of a version that is not read.
    """
    path = Path(path)
    if "\0" in str(path):
        raise FileAccessError("a name with a zero byte names no file", hint="leave the byte out")
    try:
        with _opened(path) as stream:
            size_bytes = os.fstat(stream.fileno()).st_size
            return Part(path=path, size_bytes=size_bytes, header=_header(stream, size_bytes, path))
    except OSError as error:
        raise _no_access(path, error) from error


def sha256_of(path: Path, *, progress: Callable[[int], object] | None = None) -> str:
    """The SHA-256 of a whole file, in hexadecimal.

    Args:
        path: The file.
        progress: Called with how many bytes were read since it was last called.

    Raises:
        FileAccessError: The file cannot be read.
    """
    from hashlib import sha256

    digest = sha256()
    block = memoryview(bytearray(BLOCK_BYTES))
    try:
        with _opened(path) as stream:
            while length := stream.readinto(block):
                digest.update(block[:length])
                if progress is not None:
                    progress(length)
    except OSError as error:
        raise _no_access(path, error) from error
    return digest.hexdigest()


def _opened(path: Path) -> FileIO:
    """The file, once it is known to be one: opening a pipe would wait for its writer."""
    if not stat.S_ISREG(path.stat().st_mode):
        kind = "a folder" if path.is_dir() else "a device or a pipe"
        hint = "name one of the files in it" if path.is_dir() else "name a file on a disk"
        raise FileAccessError(f"`{path}` is {kind}, not a file", hint=hint)
    return path.open("rb", buffering=0)


def _header(stream: FileIO, size_bytes: int, path: Path) -> Header:
    chunk = stream.read(CHUNK_BYTES)
    if not chunk.startswith(MAGIC):
        _refuse_foreign(chunk[:BEGINNING_BYTES], path)
    parser = HeaderParser(size_bytes=size_bytes)
    try:
        while isinstance(answer := parser.feed(chunk), NeedBytes):
            chunk = stream.read(CHUNK_BYTES)
            if not chunk:
                msg = "it became shorter while it was read"
                raise FileAccessError(msg, hint="try again when nothing writes to it")
    except GgufError as error:
        raise _about(path, error) from None
    return answer


def _about(path: Path, error: GgufError) -> GgufError:
    """The parser's error with the file's name, and what the name says about it."""
    if is_unfinished(path):
        error.hint = (
            f"`{path.suffix}` is what a download is called until it is whole: go on with it"
        )
    return error.of_file(path.name)


def _refuse_foreign(beginning: bytes, path: Path) -> None:
    """Say what a file is that does not begin like a GGUF file, if that can be told."""
    if not beginning:
        raise NotGgufError(
            f"`{path.name}` is empty, not a GGUF file", offset=0, hint="download it again"
        )
    known = what_it_is(beginning)
    if known is not None:
        sentence, hint = known
        raise NotGgufError(f"`{path.name}` {sentence}", offset=0, hint=hint)


def _no_access(path: Path, error: OSError) -> FileAccessError:
    if isinstance(error, FileNotFoundError):
        if path.is_symlink():
            target = path.readlink()
            msg = f"`{path}` points to `{target}`, which does not exist"
            return FileAccessError(msg, hint="download it again: its contents were removed")
        return FileAccessError(f"`{path}` does not exist", hint="look at how it is spelt")
    reason = (error.strerror or str(error)).lower()
    return FileAccessError(
        f"`{path}` cannot be read: {reason}", hint="look at its rights and at the disk"
    )
