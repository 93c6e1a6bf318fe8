"""One model on disk: the parts of its file, of which most have one.

Holds the nouns that `read` and `parts` make; they know sizes and headers, and open nothing.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

    from catalog.gguf.header import Header, TensorInfo, Value


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """One file, of which the header was read."""

    path: Path
    size_bytes: int
    header: Header


@dataclass(frozen=True, slots=True, kw_only=True)
class GgufFile:
    """A model's file, whole or split."""

    parts: tuple[Part, ...]
    """In their order; the first one's metadata are the model's."""

    @property
    def path(self) -> Path:
        """What llama.cpp is given: the first part."""
        return self.parts[0].path

    @property
    def size_bytes(self) -> int:
        """All parts together."""
        return sum(part.size_bytes for part in self.parts)

    @property
    def metadata(self) -> Mapping[str, Value]:
        """The model's keys."""
        return self.parts[0].header.metadata

    @property
    def architecture(self) -> str | None:
        """llama.cpp's name of it; ``None`` where the key is missing."""
        return self.parts[0].header.architecture

    @property
    def tensors(self) -> tuple[TensorInfo, ...]:
        """Those of all parts; an offset counts from the beginning of its own part's data."""
        return tuple(info for part in self.parts for info in part.header.tensors)
