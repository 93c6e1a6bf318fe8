"""Which GGUF files people have published, how large they are, and what a repository calls them.

Holds the known files of `published.csv`, and a guess at the name of one that is not in it. What a
file of a given quant *would* measure is `catalog.container`; asking the Hub is nobody's business
here.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, NamedTuple

from catalog.file_names import label_span, part_of
from catalog.load import csv_rows, optional_float, optional_int
from catalog.quants import known_quant

if TYPE_CHECKING:
    from catalog.model import Model

PREFERRED_PUBLISHERS = ("bartowski", "unsloth", "ggml-org", "lmstudio-community")
"""Whose files are proposed first: they carry plain quants of most models, named alike."""

_PLAIN = frozenset({"F32", "F16", "BF16"})


@dataclass(frozen=True, slots=True, kw_only=True)
class PublishedFile:
    """One file on the Hub, or all parts of a split one."""

    repository: str

    file_name: str
    """As the repository has it; of a split file the first part. Where `parts` is ``None``, what it
    would be called in one piece."""

    quant_label: str
    """What its name says: `Q4_K_M`, or a publisher's own recipe such as `UD-Q4_K_XL`."""

    model_name: str | None
    """The catalog's model; ``None`` for a model that is not in it."""

    bytes: int | None
    """Exact size, all parts together; ``None`` where only a rounded one is known."""

    bytes_low: int
    """The least that a rounded size may stand for; `bytes` where that is known."""

    bytes_high: int
    """The most that a rounded size may stand for; `bytes` where that is known."""

    parts: int | None
    """How many files it is split into, 1 for a whole one; ``None`` where that is not known."""

    source: str
    checked: str

    @property
    def quant_name(self) -> str | None:
        """The file type its label means; ``None`` for a publisher's own recipe."""
        return _file_type(self.quant_label)


@cache
def _file_type(label: str) -> str | None:
    quant = known_quant(label)
    return None if quant is None else quant.name


class _Rule(NamedTuple):
    """How one publisher names its files."""

    publisher: str
    begins_with: str
    pattern: str
    quant_is_upper: bool
    plain_is_upper: bool
    has_imatrix: bool | None
    own_mixes_from: str | None
    mix_spread: float | None


@cache
def load_published() -> tuple[PublishedFile, ...]:
    """Every known file, by repository and name.

    Raises:
        RowError: A row is not whole, or lacks its source.
    """
    return tuple(
        PublishedFile(
            repository=row["repository"],
            file_name=row["file"],
            quant_label=row["quant"],
            model_name=row["model"] or None,
            bytes=optional_int(row["bytes"]),
            bytes_low=int(row["bytes"] or row["bytes_low"]),
            bytes_high=int(row["bytes"] or row["bytes_high"]),
            parts=optional_int(row["parts"]),
            source=row["source"],
            checked=row["checked"],
        )
        for row in csv_rows("published.csv")
    )


@cache
def _by_model() -> dict[str, tuple[PublishedFile, ...]]:
    found: dict[str, list[PublishedFile]] = {}
    for file in load_published():
        if file.model_name is not None:
            found.setdefault(file.model_name, []).append(file)
    return {name: tuple(files) for name, files in found.items()}


@cache
def _by_repository() -> dict[str, tuple[PublishedFile, ...]]:
    found: dict[str, list[PublishedFile]] = {}
    for file in load_published():
        found.setdefault(file.repository.lower(), []).append(file)
    return {name: tuple(files) for name, files in found.items()}


def published_files(model: Model) -> tuple[PublishedFile, ...]:
    """The known files of a model, in the order of its repositories, largest first."""
    order = [name.lower() for name in model.gguf_repositories]

    def place(file: PublishedFile) -> tuple[int, str, int]:
        repository = file.repository.lower()
        known = order.index(repository) if repository in order else len(order)
        return known, repository, -file.bytes_high

    return tuple(sorted(_by_model().get(model.name, ()), key=place))


def preference(repository: str) -> tuple[int, str]:
    """The place of a repository among those of one model: least first."""
    owner = repository.partition("/")[0]
    known = owner in PREFERRED_PUBLISHERS
    place = PREFERRED_PUBLISHERS.index(owner) if known else len(PREFERRED_PUBLISHERS)
    return (place, repository)


def expected_file(repository: str, quant: str) -> tuple[str, bool]:
    """What a repository calls its file of a quant.

    Args:
        repository: `bartowski/Llama-3.2-1B-Instruct-GGUF`.
        quant: A label as in file names: `Q4_K_M`, `UD-Q4_K_XL`.

    Returns:
        The file's name (of a split one its first part), and whether that is certain: only where
        the file is in `published.csv` under its real name. Otherwise it is made after another file
        of the repository, or by the publisher's habit, and may not exist.
    """
    files = _by_repository().get(repository.lower(), ())
    habit = _by_habit(repository, quant)
    known = [file for file in files if file.quant_label == quant.upper()]
    if known:
        best = min(known, key=lambda file: (file.parts is None, file.file_name != habit))
        return best.file_name, best.parts is not None
    whole = next((file for file in files if part_of(file.file_name) is None), None)
    return (habit if whole is None else _renamed(whole, quant)), False


def _renamed(file: PublishedFile, quant: str) -> str:
    """The name of another file of the repository, with this quant in place of its own."""
    start, end = label_span(file.file_name) or (0, 0)
    spelt = _spelt(_rule(file.repository), quant)
    return f"{file.file_name[:start]}{spelt}{file.file_name[end:]}"


def _by_habit(repository: str, quant: str) -> str:
    rule = _rule(repository)
    base = re.sub(r"[-_.]gguf$", "", repository.partition("/")[2], flags=re.IGNORECASE)
    own = re.search(r"-(?:I?Q[1-8]_\w+|BF16|F16)$", base, flags=re.IGNORECASE)
    if own:  # made by the Hub's converter, whose repositories hold one file
        return f"{base[: own.start()]}-{quant}.gguf".lower()
    if base.endswith("-i1"):
        return f"{base.removesuffix('-i1')}.i1-{quant.upper()}.gguf"
    return rule.pattern.format(base=base, lower=base.lower(), quant=_spelt(rule, quant))


def _spelt(rule: _Rule, quant: str) -> str:
    is_upper = rule.plain_is_upper if quant.upper() in _PLAIN else rule.quant_is_upper
    return quant.upper() if is_upper else quant.lower()


def uses_imatrix(repository: str) -> bool | None:
    """Whether the publisher quantizes with an importance matrix; ``None`` where nobody knows."""
    if repository.lower().endswith("-i1-gguf"):
        return True
    return _rule(repository).has_imatrix


def spread_of_own_mixes(model: Model, repository: str) -> float | None:
    """How far a publisher's files under plain names are apart from what is known of them.

    Returns:
        A share of the size; ``None`` where plain names mean llama-quantize's own recipes.
    """
    rule = _rule(repository)
    if rule.own_mixes_from is None or model.release_date < rule.own_mixes_from:
        return None
    return rule.mix_spread


@cache
def _rules() -> tuple[_Rule, ...]:
    known = {"yes": True, "no": False, "": None}
    return tuple(
        _Rule(
            publisher=row["publisher"],
            begins_with=row["begins_with"],
            pattern=row["pattern"],
            quant_is_upper=row["quant_case"] == "upper",
            plain_is_upper=row["plain_case"] == "upper",
            has_imatrix=known[row["has_imatrix"]],
            own_mixes_from=row["own_mixes_from"] or None,
            mix_spread=optional_float(row["mix_spread"]),
        )
        for row in csv_rows("publishers.csv")
    )


def _rule(repository: str) -> _Rule:
    publisher, _, name = repository.partition("/")
    return next(
        rule
        for rule in _rules()
        if rule.publisher in {publisher, "*"} and name.startswith(rule.begins_with)
    )
