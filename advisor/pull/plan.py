"""What a download comes to: which files, what of them is here, and whether the disk has room."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

from advisor.pull.store import Store, free_bytes

if TYPE_CHECKING:
    from collections.abc import Sequence

    from catalog.hub.listing import HubFile

RESERVE_BYTES = 512 << 20
"""What is left free on the disk, so that the system's own files can still grow."""


class State(StrEnum):
    """What of a file is in the cache."""

    READY = "ready"
    """All of it, where programs find it."""

    UNLINKED = "unlinked"
    """All of its bytes; only the snapshot lacks it, as after a new commit."""

    PARTIAL = "partial"
    """What an earlier try left."""

    MISSING = "missing"


@dataclass(frozen=True, slots=True, kw_only=True)
class PlannedFile:
    """One file, and what of it is here."""

    file: HubFile
    state: State
    here_bytes: int

    @property
    def missing_bytes(self) -> int:
        """Still to fetch."""
        return self.file.size_bytes - self.here_bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """A download, before its first byte."""

    store: Store
    files: tuple[PlannedFile, ...]
    free_bytes: int | None
    """On the cache's disk; ``None`` when the system does not say."""

    reserve_bytes: int = RESERVE_BYTES

    @property
    def total_bytes(self) -> int:
        """Of all files."""
        return sum(one.file.size_bytes for one in self.files)

    @property
    def missing_bytes(self) -> int:
        """Still to fetch."""
        return sum(one.missing_bytes for one in self.files)

    @property
    def is_done(self) -> bool:
        """True when programs find every file already."""
        return all(one.state is State.READY for one in self.files)

    @property
    def has_room(self) -> bool:
        """False when the disk has less free than is missing and is to be left."""
        if self.free_bytes is None or not self.missing_bytes:
            return True
        return self.free_bytes >= self.missing_bytes + self.reserve_bytes


def plan(store: Store, files: Sequence[HubFile]) -> Plan:
    """What of these files is in the cache, and what is not.

    Raises:
        CatalogError: The listing has no checksum of a file, or its path leads elsewhere.
    """
    return Plan(
        store=store,
        files=tuple(_planned(store, file) for file in files),
        free_bytes=free_bytes(store.cache),
    )


def _planned(store: Store, file: HubFile) -> PlannedFile:
    partial_bytes = store.partial_bytes(file)
    if store.is_ready(file):
        return PlannedFile(file=file, state=State.READY, here_bytes=file.size_bytes)
    if store.has_blob(file):
        return PlannedFile(file=file, state=State.UNLINKED, here_bytes=file.size_bytes)
    state = State.PARTIAL if partial_bytes else State.MISSING
    return PlannedFile(file=file, state=state, here_bytes=partial_bytes)
