"""One GGUF file that exists: on this machine, or in a repository of the Hub.

Holds where it is and how large; what is in it is a `Header`, what it would measure
`catalog.container`.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelFile:
    """A file, or all parts of a split one."""

    name: str
    """Its path; with several parts, the first one's."""

    repository: str | None
    """Where on the Hub it is; ``None`` for a file of this machine."""

    size_bytes: int
    """All parts together."""

    parts: int

    source: str
    """Who said so: the file system, or a listing with its date."""
