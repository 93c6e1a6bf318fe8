"""The GGUF files of a repository at one commit, and the quants they make up.

Holds nouns and the reading of names; asking the Hub is `client`. Which files are models, and not
something beside one, is decided as llama.cpp's `-hf` does.

Source: `get_split_files` in llama.cpp's common/download.cpp, October
2026.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from catalog.file_names import names_model, part_of, quant_label, stem_of
from catalog.hub.errors import MissingFileError, SeveralFilesError
from catalog.quants import known_quant

if TYPE_CHECKING:
    from collections.abc import Iterable

_SHOWN = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class HubFile:
    """One GGUF file, as the repository lists it."""

    path: str

    size_bytes: int
    """Exact, as the Hub stores it."""

    sha256: str | None
    """Of its bytes, in 64 hexadecimal digits; ``None`` for a file kept outside of LFS."""

    @property
    def name(self) -> str:
        """Without its folders."""
        return self.path.rpartition("/")[2]

    @property
    def quant_label(self) -> str | None:
        """What its name, or else its folder's, says: `Q4_K_M`, `UD-Q4_K_XL`."""
        folder = self.path.rpartition("/")[0].rpartition("/")[2]
        return quant_label(self.name) or quant_label(folder)

    @property
    def part(self) -> int:
        """Which part of a split file it is; 1 for a whole one."""
        return (part_of(self.name) or (1, 1))[0]

    @property
    def parts(self) -> int:
        """How many parts its file has; 1 for a whole one."""
        return (part_of(self.name) or (1, 1))[1]

    @property
    def is_model(self) -> bool:
        """Whether it holds a model, and not a projector, a draft head or statistics."""
        return names_model(self.name)


@dataclass(frozen=True, slots=True, kw_only=True)
class HubQuant:
    """A model's file in one quant: one file, or all its parts in their order."""

    label: str | None
    """What its name says; ``None`` for a name that says nothing."""

    files: tuple[HubFile, ...]

    @property
    def quant_name(self) -> str | None:
        """The file type that the label means; ``None`` for a publisher's own recipe."""
        quant = None if self.label is None else known_quant(self.label)
        return None if quant is None else quant.name

    @property
    def size_bytes(self) -> int:
        """All parts together."""
        return sum(file.size_bytes for file in self.files)

    @property
    def path(self) -> str:
        """What llama.cpp is given: the file, or its first part."""
        return self.files[0].path


@dataclass(frozen=True, slots=True, kw_only=True)
class Listing:
    """The GGUF files of a repository, as it was at a commit."""

    repository: str
    """Its name on the Hub today, which may not be the one that was asked for."""

    commit: str
    """40 hexadecimal digits; what the Hub has under it never changes."""

    files: tuple[HubFile, ...]
    """Every `.gguf`, by path; at least one."""

    fetched_at: float
    """When the Hub said so. [s since 1970]"""

    notes: tuple[str, ...] = ()
    """What the reader should know: another name, why it is old. Sentences without full stop."""

    def file(self, path: str) -> HubFile:
        """The file at a path.

        Raises:
            MissingFileError: There is none; the hint names the nearest.
        """
        found = next((file for file in self.files if file.path == path), None)
        if found is None:
            paths = [file.path for file in self.files]
            raise MissingFileError(self.repository, path, _nearest(path, paths))
        return found

    def quant(self, label: str) -> HubQuant:
        """The one model's file of this label, in any case of letters.

        Raises:
            MissingFileError: There is none; the hint names labels that there are.
            SeveralFilesError: There are several.
        """
        every = quants(self)
        found = [one for one in every if one.label == label.upper()] or [
            one for one in every if one.quant_name == _file_type(label)
        ]
        if len(found) > 1:
            raise SeveralFilesError(self.repository, label, (one.path for one in found))
        if not found:
            labels = list(dict.fromkeys(one.label for one in every if one.label))
            raise MissingFileError(self.repository, label, _nearest(label.upper(), labels))
        return found[0]

    def quant_at(self, path: str) -> HubQuant:
        """The whole file that a path belongs to, be it any part of it.

        Raises:
            MissingFileError: There is none, or parts of it are missing.
        """
        file = self.file(path)
        for one in (*quants(self), *_joined(other for other in self.files if not other.is_model)):
            if file in one.files:
                return one
        raise MissingFileError(self.repository, f"every part of {path}", ())


def is_path(text: object) -> bool:
    """Whether a text can be the path of a file in a repository, and leads to nowhere else."""
    return (
        isinstance(text, str)
        and text.isprintable()
        and "\\" not in text
        and not {"", ".", ".."} & set(text.split("/"))
    )


def quants(listing: Listing) -> tuple[HubQuant, ...]:
    """The models' files, the largest first; split files of which parts are missing are left out."""
    found = _joined(file for file in listing.files if file.is_model)
    return tuple(sorted(found, key=lambda one: (-one.size_bytes, one.path)))


def _joined(files: Iterable[HubFile]) -> list[HubQuant]:
    groups: dict[tuple[str, int], list[HubFile]] = {}
    for file in files:
        stem = file.path if part_of(file.name) is None else stem_of(file.path)
        groups.setdefault((stem, file.parts), []).append(file)
    found = []
    for (_, parts), group in groups.items():
        group.sort(key=lambda file: file.part)
        if [file.part for file in group] == list(range(1, parts + 1)):
            found.append(HubQuant(label=group[0].quant_label, files=tuple(group)))
    return found


def _file_type(label: str) -> str:
    """The file type that a label means; the label itself where it means none."""
    quant = known_quant(label)
    return label.upper() if quant is None else quant.name


def _nearest(wanted: str, names: list[str]) -> list[str]:
    import difflib

    return difflib.get_close_matches(wanted, names, n=_SHOWN, cutoff=0.5) or names[:_SHOWN]
