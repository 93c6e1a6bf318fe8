"""What can be wrong with the catalog, or with a name somebody looked up in it."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence


class CatalogError(Exception):
    """Base of everything this package raises; the message is one sentence for the reader."""

    def __init__(self, message: str, hint: str | None = None) -> None:
        super().__init__(message)
        self.hint = hint


class RowError(CatalogError):
    """A row of a data file that contradicts itself, or lacks its source."""


class UnknownNameError(CatalogError):
    """A name that no row answers to; the hint carries the nearest ones."""


class AmbiguousNameError(CatalogError):
    """A name that several rows answer to."""

    def __init__(self, message: str, hint: str | None, candidates: Sequence[str]) -> None:
        super().__init__(message, hint)
        self.candidates = tuple(candidates)


class UnknownArchitectureError(CatalogError):
    """An architecture (or a part of one) whose tensors or cache are not understood here."""
