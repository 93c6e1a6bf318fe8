"""The bytes of one file that have come so far, and their hash.

Every byte is written at its own place, never appended: should two programs write at once (where a
file system's locks do not hold), they write the same bytes to the same places.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Self

BLOCK_BYTES = 1 << 20
"""Read and hashed at once."""


class Partial:
    """A file that grows at its end, and is hashed while it does."""

    def __init__(self, path: Path, size_bytes: int) -> None:
        """Open or make the file.

        Args:
            path: Where it is; its folder exists.
            size_bytes: Of the whole file. More than that is of no use, and thrown away.

        Raises:
            OSError: It cannot be opened.
        """
        from hashlib import sha256

        self.path, self.size_bytes = path, size_bytes
        self.position = 0
        """Bytes that are here and hashed."""

        self._hash = sha256()
        number = os.open(path, os.O_RDWR | os.O_CREAT | getattr(os, "O_BINARY", 0), 0o666)
        self._file = os.fdopen(number, "r+b", buffering=0)
        if os.fstat(number).st_size > size_bytes:
            self._file.truncate(0)

    def __enter__(self) -> Self:
        """Itself."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Close the file; what is in it stays."""
        self._file.close()

    @property
    def missing_bytes(self) -> int:
        """Still to come."""
        return self.size_bytes - self.position

    def take_up(self, told: Callable[[int], None]) -> None:
        """Hash what an earlier try left.

        Args:
            told: Called with the bytes of every block.

        Raises:
            OSError: It cannot be read.
        """
        self._file.seek(0)
        while block := self._file.read(min(BLOCK_BYTES, self.missing_bytes)):
            self._hash.update(block)
            self.position += len(block)
            told(len(block))

    def add(self, block: bytes) -> None:
        """Write a block behind the last one; of what is too much, nothing.

        Raises:
            OSError: The disk is full, or fails. What was written before stays.
        """
        rest = memoryview(block)[: self.missing_bytes]
        self._file.seek(self.position)
        while rest:
            written = self._file.write(rest) or 0
            self._hash.update(rest[:written])
            self.position += written
            rest = rest[written:]

    def sync(self) -> str:
        """Have everything written to the disk, and say the hash of it.

        Raises:
            OSError: The disk fails.
        """
        os.fsync(self._file.fileno())
        return self._hash.hexdigest()

    def discard(self) -> None:
        """Delete the file, which is worth nothing.

        Raises:
            OSError: It cannot be deleted.
        """
        self._file.truncate(0)
        self._file.close()
        self.path.unlink(missing_ok=True)
