"""What has to be downloaded for a model in a quant or under a label: how many bytes, from where.

Holds the choice between a file somebody published and one that is only predicted.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from advisor.figure import Figure, Origin
from catalog.published import expected_file, preference, published_files

if TYPE_CHECKING:
    from advisor.estimate.subject import Subject
    from catalog.container import ByteEstimate
    from catalog.model import Model
    from catalog.model_file import ModelFile
    from catalog.published import PublishedFile


@dataclass(frozen=True, slots=True, kw_only=True)
class Download:
    """One file (or its parts) to download."""

    size_bytes: Figure
    repository: str | None
    """Where it is; ``None`` for a file of this machine, and where no repository is known."""

    file_name: str | None
    """Its path there; with several parts, the first one's."""

    is_certain: bool
    """True when exactly this file was seen in the repository."""


def download_of(subject: Subject) -> Download:
    """The file of a subject: its own, one seen on the Hub, or what a publisher would name."""
    if subject.file is not None:
        return _held(subject.file)
    model, quant = subject.model, subject.quant
    seen = [one for one in published_files(model) if one.quant_name == quant.name and one.parts]
    if seen:
        return _published(min(seen, key=lambda one: preference(one.repository)))
    from catalog.container import file_bytes

    repository = min(model.gguf_repositories, key=preference, default=None)
    predicted = file_bytes(model, quant, has_imatrix=quant.needs_imatrix, repository=repository)
    return _predicted(predicted, repository, quant.name)


def _held(file: ModelFile) -> Download:
    """A file that somebody looked at: here, or in a listing of the Hub."""
    size = Figure(value=file.size_bytes, origin=Origin.REPORTED, source=file.source)
    return Download(
        size_bytes=size, repository=file.repository, file_name=file.name, is_certain=True
    )


def download_of_label(model: Model, label: str) -> Download | None:
    """The file to get under a label of a publisher's own: `UD-Q4_K_XL`, `Q4_K_L`.

    Args:
        model: A model of the catalog.
        label: One of `catalog.variants.variant_labels`.

    Returns:
        ``None`` where no such file was seen, and none can be sized.
    """
    seen = [one for one in published_files(model) if one.quant_label == label and one.parts]
    if seen:
        return _published(min(seen, key=lambda one: preference(one.repository)))
    from catalog.labels import maker_of
    from catalog.variants import variant_size

    publisher = maker_of(label)
    repository = next(
        (one for one in model.gguf_repositories if one.partition("/")[0] == publisher), None
    )
    predicted = variant_size(model, label, repository)
    return None if predicted is None else _predicted(predicted, repository, label)


def _predicted(predicted: ByteEstimate, repository: str | None, label: str) -> Download:
    size = Figure(
        value=predicted.bytes,
        low=predicted.low,
        high=predicted.high,
        origin=Origin.PUBLISHED,
        source=f"{predicted.basis} ({predicted.source})",
    )
    if repository is None:
        return Download(size_bytes=size, repository=None, file_name=None, is_certain=False)
    name, is_certain = expected_file(repository, label)
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
