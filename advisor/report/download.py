"""What has to be downloaded for a model in a quant: how many bytes, which file, from where.

Holds the choice between a file somebody published and one that is only predicted.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from advisor.figure import Figure, Origin
from catalog.published import expected_file, published_files, uses_imatrix

if TYPE_CHECKING:
    from advisor.estimate.subject import Subject
    from catalog.published import PublishedFile

PREFERRED_PUBLISHERS = ("bartowski", "unsloth", "ggml-org", "lmstudio-community")
"""Whose files are proposed first: they carry plain quants of most models, named alike."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Download:
    """One file (or its parts) to download."""

    size_bytes: Figure
    repository: str | None
    """Where it is; ``None`` when no repository is known."""

    file_name: str | None
    """Its path there; with several parts, the first one's."""

    is_certain: bool
    """True when exactly this file was seen in the repository."""


def download_of(subject: Subject) -> Download:
    """The file to get for a subject: one seen on the Hub, else the one its publisher would name."""
    model, quant = subject.model, subject.quant
    seen = [one for one in published_files(model) if one.quant_name == quant.name and one.parts]
    if seen:
        return _published(min(seen, key=lambda one: _preference(one.repository)))
    from catalog.container import file_bytes

    repository = min(model.gguf_repositories, key=_preference, default=None)
    has_imatrix = repository is not None and bool(uses_imatrix(repository))
    predicted = file_bytes(model, quant, has_imatrix=has_imatrix)
    size = Figure(
        value=predicted.bytes,
        low=predicted.low,
        high=predicted.high,
        origin=Origin.PUBLISHED,
        source=f"{predicted.basis} ({predicted.source})",
    )
    if repository is None:
        return Download(size_bytes=size, repository=None, file_name=None, is_certain=False)
    name, is_certain = expected_file(repository, quant.name)
    return Download(size_bytes=size, repository=repository, file_name=name, is_certain=is_certain)


def _published(one: PublishedFile) -> Download:
    if one.bytes is None:
        size = Figure(
            value=(one.bytes_low + one.bytes_high) / 2,
            low=one.bytes_low,
            high=one.bytes_high,
            origin=Origin.PUBLISHED,
            source=one.source,
        )
    else:
        size = Figure(value=one.bytes, origin=Origin.PUBLISHED, source=one.source)
    return Download(
        size_bytes=size, repository=one.repository, file_name=one.file_name, is_certain=True
    )


def _preference(repository: str) -> tuple[int, str]:
    owner = repository.partition("/")[0]
    known = owner in PREFERRED_PUBLISHERS
    place = PREFERRED_PUBLISHERS.index(owner) if known else len(PREFERRED_PUBLISHERS)
    return (place, repository)
