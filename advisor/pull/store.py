"""The Hub's cache on this machine's disk, in the layout that other programs share.

huggingface_hub and llama.cpp's `-hf` find a file by three steps: `refs/main` holds a commit,
`snapshots/<commit>/<path>` is a link, and `blobs/<sha256>` the bytes. A file is in place only
once all of it is on the disk and was checked; what is half there has a name that neither reads.

Source: huggingface_hub 2.4 `file_download.py`; llama.cpp `common/hf-cache.cpp` (October 2026).
"""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING

from catalog.errors import CatalogError

if TYPE_CHECKING:
    from catalog.hub.listing import HubFile

PARTIAL_SUFFIX = ".advisor-partial"
"""Of what is half there; huggingface_hub's own is `.incomplete`, llama.cpp's
`.downloadInProgress`."""

TAG_NAME = "CACHEDIR.TAG"
TAG = "Signature: 8a477f597d28d172789f06886806bc55\n# See https://bford.info/cachedir/\n"
"""Tells programs that make backups to leave a folder out (Cache Directory Tagging 1.0)."""

_COMMIT = re.compile(r"[0-9a-f]{40}")
_SHA256 = re.compile(r"[0-9a-f]{64}")


def hub_cache() -> Path:
    """The cache's folder, by the Hub's own rules (`HF_HUB_CACHE`, `HF_HOME`)."""
    from huggingface_hub.constants import HF_HUB_CACHE

    return Path(HF_HUB_CACHE)


@dataclass(frozen=True, slots=True, kw_only=True)
class Stray:
    """What is left of the download of a file that its repository no longer has."""

    path: Path
    size_bytes: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Store:
    """The part of a cache that belongs to one repository at one commit."""

    cache: Path
    repository: str
    commit: str

    def __post_init__(self) -> None:
        """Refuse what would be a path elsewhere."""
        if not _COMMIT.fullmatch(self.commit) or not re.fullmatch(
            r"[\w-][\w.-]*/[\w-][\w.-]*", self.repository
        ):
            msg = f"`{self.repository}` at `{self.commit}` is no repository and commit of the Hub"
            raise CatalogError(msg)

    @property
    def folder(self) -> Path:
        """Of the repository."""
        return self.cache / f"models--{self.repository.replace('/', '--')}"

    def blob(self, file: HubFile) -> Path:
        """Where the bytes of a file are."""
        return self.folder / "blobs" / _sha256(file)

    def partial(self, file: HubFile) -> Path:
        """Where its bytes are while they arrive."""
        return self.folder / "blobs" / (_sha256(file) + PARTIAL_SUFFIX)

    def lock(self, file: HubFile) -> Path:
        """The lock that huggingface_hub holds, too, while it downloads the file."""
        return self.cache / ".locks" / self.folder.name / f"{_sha256(file)}.lock"

    def pointer(self, file: HubFile) -> Path:
        """The path under which programs open the file.

        Raises:
            CatalogError: The listing's path leads out of the cache.
        """
        return self.folder.joinpath("snapshots", self.commit, *_inside(file.path))

    def is_ready(self, file: HubFile) -> bool:
        """True when programs find all of the file."""
        return _size_of(self.pointer(file)) == file.size_bytes

    def has_blob(self, file: HubFile) -> bool:
        """True when all of its bytes are here, linked or not."""
        return _size_of(self.blob(file)) == file.size_bytes

    def partial_bytes(self, file: HubFile) -> int:
        """Bytes of an earlier try."""
        found = _size_of(self.partial(file)) or 0
        return found if found <= file.size_bytes else 0

    def strays(self, files: Sequence[HubFile]) -> tuple[Stray, ...]:
        """Partial files that belong to none of these, so that nothing goes on with them."""
        known = {f"{file.sha256}{PARTIAL_SUFFIX}" for file in files}
        found = sorted((self.folder / "blobs").glob(f"*{PARTIAL_SUFFIX}"))
        return tuple(
            Stray(path=path, size_bytes=_size_of(path) or 0)
            for path in found
            if path.name not in known
        )

    def prepare(self) -> None:
        """Make the folders, so that other programs see a sound cache at any moment.

        Raises:
            OSError: They cannot be made.
        """
        for name in ("blobs", "snapshots"):
            (self.folder / name).mkdir(parents=True, exist_ok=True)
        with suppress(OSError), (self.cache / TAG_NAME).open("x", encoding="utf-8") as tag:
            tag.write(TAG)

    def settle(self, file: HubFile) -> None:
        """Give a whole and checked partial file its place.

        Raises:
            OSError: It cannot be moved.
        """
        blob = self.blob(file)
        try:
            self.partial(file).replace(blob)
        except FileNotFoundError:
            # Another program did the same where locks do not hold (some network file systems).
            if _size_of(blob) != file.size_bytes:
                raise
        _sync_folder(blob.parent)

    def link(self, file: HubFile) -> None:
        """Make the file appear in the snapshot.

        A link where the file system has them, of either kind; else the bytes themselves move
        there, as with the two other programs, so that they are never there twice.

        Raises:
            OSError: It cannot be linked.
        """
        blob, pointer = self.blob(file), self.pointer(file)
        pointer.parent.mkdir(parents=True, exist_ok=True)
        beside = self._beside()
        target = os.path.relpath(blob, pointer.parent)
        try:
            beside.symlink_to(target)
        except (OSError, NotImplementedError):
            try:
                os.link(blob, beside)
            except (OSError, NotImplementedError):
                blob.replace(pointer)
                return
        try:
            beside.replace(pointer)
        except OSError:
            beside.unlink(missing_ok=True)
            raise

    def name_commit(self, revision: str) -> None:
        """Let a branch or tag mean this commit; nothing for a commit's own name.

        Raises:
            CatalogError: Its name leads out of the cache.
            OSError: It cannot be written.
        """
        if _COMMIT.fullmatch(revision):
            return
        ref = self.folder.joinpath("refs", *_inside(revision))
        with suppress(OSError, ValueError):
            if ref.read_text(encoding="utf-8") == self.commit:
                return
        ref.parent.mkdir(parents=True, exist_ok=True)
        beside = self._beside()
        try:
            beside.write_text(self.commit, encoding="utf-8")
            beside.replace(ref)
        except OSError:
            beside.unlink(missing_ok=True)
            raise

    def _beside(self) -> Path:
        """A name for what is being made, where no program looks: it may be killed meanwhile."""
        return self.folder / f".{os.urandom(4).hex()}.tmp"


def free_bytes(folder: Path) -> int | None:
    """Free space where a folder is, or would be made; ``None`` when the system does not say."""
    for place in (folder, *folder.absolute().parents):
        try:
            return shutil.disk_usage(place).free
        except (FileNotFoundError, NotADirectoryError):
            continue
        except OSError:
            return None
    return None


def _inside(path: str) -> tuple[str, ...]:
    """The parts of a path that leads down and nowhere else."""
    parts = PurePosixPath(path).parts
    if not parts or "\\" in path or ":" in path or {"..", "/"} & set(parts):
        msg = f"`{path}` is not the path of a file in a repository"
        raise CatalogError(msg)
    return parts


def _sha256(file: HubFile) -> str:
    if file.sha256 is None or not _SHA256.fullmatch(file.sha256):
        msg = f"the Hub lists no SHA-256 of `{file.path}`, so that it could not be checked"
        raise CatalogError(msg, "`hf download` fetches it unchecked")
    return file.sha256


def _size_of(path: Path) -> int | None:
    """Bytes of a file, links followed; ``None`` where there is none."""
    try:
        return path.stat().st_size if path.is_file() else None
    except OSError:
        return None


def _sync_folder(folder: Path) -> None:
    """Write a folder's entries to the disk, where the system has a way to."""
    with suppress(OSError):
        number = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(number)
        finally:
            os.close(number)
