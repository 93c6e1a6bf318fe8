"""Whether a GGUF file is whole: its header, the extent of every tensor, and its SHA-256 if given.

Holds what was found; a file of another kind, or one whose header nobody can read, is an error and
no report.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from catalog.errors import UnknownNameError
from catalog.gguf.errors import DamagedDataError, PartsError, TruncatedError
from catalog.gguf.parts import read_file
from catalog.gguf.read import sha256_of
from catalog.gguf.structure import check, tensor_sizes
from catalog.hub.address import parse_address

if TYPE_CHECKING:
    from collections.abc import Callable

    from catalog.gguf.errors import GgufError
    from catalog.gguf.file import GgufFile
    from catalog.hub.client import Hub
    from catalog.hub.listing import HubFile


@dataclass(frozen=True, slots=True, kw_only=True)
class Digest:
    """A file's SHA-256, and the one it should have."""

    expected: str
    found: str
    """Both in lower-case hexadecimal."""

    @property
    def matches(self) -> bool:
        """True when they are the same."""
        return self.expected == self.found


def listed_sha256(address: str, file: Path, hub: Hub) -> str:
    """The SHA-256 that the Hub lists for a file.

    Args:
        address: Of the file, or of its quant; of a split one, the part of the same name counts.
        file: The file of this machine.
        hub: Who is asked.

    Raises:
        HubError: It cannot be had.
        UnknownNameError: The address names no one file, or the Hub lists no value.
    """
    meant = parse_address(address)
    listing = hub.listing(meant.repository, meant.revision)
    files: tuple[HubFile, ...]
    if meant.path is not None:
        files = (listing.file(meant.path),)
    elif meant.quant_label is not None:
        files = listing.quant(meant.quant_label).files
    else:
        files = tuple(one for one in listing.files if one.name == file.name)
    named = [one for one in files if one.name == file.name] or list(files)
    if len(named) != 1:
        msg = f"`{address}` names {len(named)} files, where one is expected"
        raise UnknownNameError(msg, "name the file: `hf:owner/repo/file.gguf`")
    if named[0].sha256 is None:
        msg = f"the Hub lists no SHA-256 of `{named[0].path}`"
        raise UnknownNameError(msg, "leave `--sha256` out")
    return named[0].sha256


@dataclass(frozen=True, slots=True, kw_only=True)
class Contents:
    """What the header of a file says it is."""

    architecture: str | None
    name: str | None
    quant: str | None
    """The file type that the header names; ``None`` where it names none known here."""

    versions: tuple[int, ...]
    """Of GGUF, of each part."""

    tensors: int
    tensor_bytes: int
    """Without padding and headers."""

    file_bytes: int
    """All parts together."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Verification:
    """A file, and whether it is what it should be."""

    path: Path
    contents: Contents | None
    """``None`` where a header is cut off, a part is missing, or its tensors cannot be."""

    problem: str | None
    """Why it is not whole, a sentence; ``None`` when it is."""

    hint: str | None
    notes: tuple[str, ...]
    """What is odd and does no harm."""

    digest: Digest | None
    """``None`` where none was asked for, and where the file is not whole anyway."""

    @property
    def is_whole(self) -> bool:
        """True when nothing is missing and nothing contradicts itself."""
        return self.problem is None


def verify(
    path: Path,
    *,
    expected_sha256: str | None = None,
    progress: Callable[[int], object] | None = None,
) -> Verification:
    """Check a model's file, with all its parts whichever is named.

    Args:
        path: The file, or one part of it.
        expected_sha256: What this one file should have, in hexadecimal; hashed only when given.
        progress: Called while it is hashed with how many bytes were read since the last call.

    Raises:
        GgufError: It is no GGUF file, or its header cannot be read.
    """
    contents = None
    try:
        file = read_file(path)
        contents = _contents(file)
        findings = check(file)
    except (TruncatedError, DamagedDataError, PartsError) as error:
        return _not_whole(path, contents, error)
    digest = None
    if expected_sha256 is not None:
        found = sha256_of(path, progress=progress)
        digest = Digest(expected=expected_sha256.lower(), found=found)
    return Verification(
        path=path,
        contents=contents,
        problem=_mismatch(path, digest),
        hint="it is not the file that was meant: download it again" if _differs(digest) else None,
        notes=tuple(finding.sentence for finding in findings),
        digest=digest,
    )


def _not_whole(path: Path, contents: Contents | None, error: GgufError) -> Verification:
    return Verification(
        path=path,
        contents=contents,
        problem=str(error),
        hint=error.hint,
        notes=(),
        digest=None,
    )


def _differs(digest: Digest | None) -> bool:
    return digest is not None and not digest.matches


def _mismatch(path: Path, digest: Digest | None) -> str | None:
    if digest is None or digest.matches:
        return None
    return f"the SHA-256 of `{path.name}` is {digest.found}, where {digest.expected} is expected"


def _contents(file: GgufFile) -> Contents:
    name = file.metadata.get("general.name")
    return Contents(
        architecture=file.architecture,
        name=name if isinstance(name, str) else None,
        quant=_quant_name(file.metadata.get("general.file_type")),
        versions=tuple(part.header.version for part in file.parts),
        tensors=len(file.tensors),
        tensor_bytes=sum(sum(tensor_sizes(part)) for part in file.parts),
        file_bytes=file.size_bytes,
    )


def _quant_name(file_type: object) -> str | None:
    from catalog.gguf.file_type import GUESSED
    from catalog.quants import load_quants

    if not isinstance(file_type, int):
        return None
    number = file_type & ~GUESSED
    return next((quant.name for quant in load_quants() if quant.number == number), None)
