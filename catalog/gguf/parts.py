"""Joins the parts of a split file, found from any one of them by name.

Holds what parts must agree on. A file is split when its header says so; its name says where the
others are, as `llama-gguf-split` writes it: `model-00001-of-00003.gguf`.

Source: llama.cpp, `llama_split_path` in src/llama.cpp and the constructor of
`llama_model_loader` in src/llama-model-loader.cpp, October 2026.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from catalog.file_names import part_of, stem_of
from catalog.gguf.errors import FileAccessError, PartsError
from catalog.gguf.file import GgufFile, Part
from catalog.gguf.legible import legible
from catalog.gguf.read import read_header

if TYPE_CHECKING:
    from catalog.gguf.header import Header

_COUNT = "split.count"
_NUMBER = "split.no"
_TENSORS = "split.tensors.count"


def read_file(path: Path | str) -> GgufFile:
    """The headers of a model's file: one, or those of all its parts, whichever is named.

    Raises:
        GgufError: One of them cannot be read, is missing, or does not belong to the others.
    """
    given = read_header(path)
    count = _whole(given.header, _COUNT)
    if count is None or count <= 1:
        return GgufFile(parts=(given,))
    parts = tuple(_parts(given, count))
    check_together(parts, count)
    return GgufFile(parts=parts)


def _parts(given: Part, count: int) -> list[Part]:
    mine = part_of(given.path.name)
    if mine is None or mine[1] != count or not 1 <= mine[0] <= count:
        raise PartsError(
            f"`{given.path.name}` is one of {count} parts, but its name does not end like "
            f"`-00001-of-{count:05d}.gguf`, by which the others are found",
            hint="give all parts the names that they were published under",
        )
    paths = [_sibling(given.path, number, count) for number in range(1, count + 1)]
    missing = [path for path in paths if not path.exists()]
    if missing:
        raise _missing(missing, given, count)
    return [
        given if number == mine[0] else _read_sibling(path)
        for number, path in enumerate(paths, start=1)
    ]


def _missing(missing: list[Path], given: Part, count: int) -> PartsError:
    beside = f"`{missing[0].name}` is missing beside `{given.path.name}`"
    others = len(missing) - 1
    tail = f"as {others} more of its {count} parts are" if others else f"one of {count} parts"
    return PartsError(f"{beside}, {tail}", hint="download all parts into one folder")


def _sibling(path: Path, number: int, count: int) -> Path:
    return path.with_name(f"{stem_of(path.name)}-{number:05d}-of-{count:05d}.gguf")


def _read_sibling(path: Path) -> Part:
    try:
        return read_header(path)
    except FileAccessError as error:
        raise PartsError(str(error), hint=error.hint) from error


def check_together(parts: tuple[Part, ...], count: int) -> None:
    """Make sure that parts are those of one file, all of them and in their order.

    Raises:
        PartsError: They are not.
    """
    for number, part in enumerate(parts):
        _check_key(part, _COUNT, count)
        _check_key(part, _NUMBER, number)
    _check_architectures(parts)
    _check_names(parts)
    promised = _whole(parts[0].header, _TENSORS)
    listed = sum(len(part.header.tensors) for part in parts)
    if promised is not None and promised != listed:
        raise PartsError(
            f"the parts of `{parts[0].path.name}` list {listed:,} tensors, where `{_TENSORS}` "
            f"promises {promised:,}",
            hint="the parts are of different files: download all of them again",
        )


def _check_key(part: Part, key: str, expected: int) -> None:
    found = part.header.metadata.get(key)
    if found != expected:
        says = "is missing" if found is None else f"is {legible(str(found))}"
        raise PartsError(
            f"`{part.path.name}` does not belong to the other parts: its `{key}` {says}, where "
            f"{expected} is expected",
            hint="download it again",
        )


def _check_architectures(parts: tuple[Part, ...]) -> None:
    """Only the first part has to name one; another's must be the same."""
    first = parts[0].header.architecture
    for part in parts[1:]:
        other = part.header.architecture
        if other not in {None, first}:
            raise PartsError(
                f"`{part.path.name}` does not belong to the other parts: its architecture is "
                f"`{legible(str(other))}`, where `{legible(str(first))}` is expected",
                hint="the parts are of different files: download all of them again",
            )


def _check_names(parts: tuple[Part, ...]) -> None:
    owners: dict[str, Part] = {}
    for part in parts:
        for info in part.header.tensors:
            if info.name in owners:
                raise PartsError(
                    f"`{part.path.name}` lists tensor `{legible(info.name)}`, which "
                    f"`{owners[info.name].path.name}` has already",
                    hint="the parts are of different files: download all of them again",
                )
            owners[info.name] = part


def _whole(header: Header, key: str) -> int | None:
    value = header.metadata.get(key)
    return value if isinstance(value, int) and not isinstance(value, bool) else None
