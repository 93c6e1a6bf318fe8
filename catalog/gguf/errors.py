"""What can be wrong with a GGUF file, each kind with the words that introduce it.

The parser knows a position and not a file's name: its message says what is wrong at which byte.
`of_file` puts the name before it.
"""

from __future__ import annotations

from typing import ClassVar, Self

from catalog.errors import CatalogError


class GgufError(CatalogError):
    """Base of all of them: a sentence, and where in the file it applies."""

    verdict: ClassVar[str] = "cannot be read"
    """What it says about a file, before the details."""

    usual_hint: ClassVar[str | None] = None
    """What to do where nothing better is known."""

    def __init__(self, message: str, *, offset: int | None = None, hint: str | None = None) -> None:
        super().__init__(message, hint or self.usual_hint)
        self.offset = offset
        """Where in the file the trouble begins; ``None`` for all of it. [bytes]"""

    def of_file(self, name: str) -> Self:
        """The same error, said of a file."""
        return type(self)(f"`{name}` {self.verdict}: {self}", offset=self.offset, hint=self.hint)


class FileAccessError(GgufError):
    """A file that cannot be opened, or is none."""


class NotGgufError(GgufError):
    """A file of another kind."""

    verdict = "is not a GGUF file"


class UnsupportedError(GgufError):
    """A GGUF file of a version or byte order that is not read."""

    usual_hint = "a newer release of this program may read it"


class DamagedHeaderError(GgufError):
    """A header that contradicts itself, or claims what cannot be."""

    verdict = "has a damaged header"
    usual_hint = "download it again, or another file of the model"


class TruncatedError(GgufError):
    """A file that ends before its header or its data does."""

    verdict = "is cut off"
    usual_hint = "a download that broke off; download it again, or go on with it"


def too_early(missing_bytes: int) -> str:
    """How much a file lacks, in words that end a sentence about where it ends."""
    return f"{missing_bytes:,} {'byte' if missing_bytes == 1 else 'bytes'} too early"


class DamagedDataError(GgufError):
    """A list of tensors that cannot lie in the file as it says."""

    verdict = "is damaged"
    usual_hint = "llama.cpp refuses such a file; download it again, or another of the model"


class PartsError(GgufError):
    """Parts of a split file that are missing, or do not belong together."""

    verdict = "is not whole"
