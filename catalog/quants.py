"""Finds a storage type or a file type by the names people give it.

Holds the reading of `ggml_types.csv` and `quants.csv` and the lookups over them. What a file type
does to the tensors of a model is `catalog.recipes`; what it costs in quality, `catalog.quality`.
"""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING

from catalog.errors import RowError, UnknownNameError
from catalog.load import csv_rows
from catalog.quant import GgmlType, Quant

if TYPE_CHECKING:
    from collections.abc import Mapping


@cache
def load_types() -> tuple[GgmlType, ...]:
    """Every storage type of ggml, in the order of its numbers.

    Raises:
        RowError: A row contradicts another, or lacks its source.
    """
    types = tuple(
        GgmlType(
            name=row["name"],
            number=int(row["number"]),
            block_weights=int(row["block_weights"]),
            block_bytes=int(row["block_bytes"]),
        )
        for row in csv_rows("ggml_types.csv")
    )
    _require_unique("ggml_types.csv", [type_.name for type_ in types])
    _require_unique("ggml_types.csv", [str(type_.number) for type_ in types])
    return types


@cache
def _types_by_key() -> dict[str | int, GgmlType]:
    keyed: dict[str | int, GgmlType] = {type_.number: type_ for type_ in load_types()}
    for type_ in load_types():
        keyed[type_.name] = keyed[type_.name.lower()] = type_
    return keyed


def ggml_type(name_or_number: str | int) -> GgmlType:
    """The storage type of this name (in any case) or of this number in a GGUF header.

    Raises:
        UnknownNameError: ggml has no such type, or removed it.
    """
    found = _types_by_key().get(name_or_number)
    if found is None and isinstance(name_or_number, str):
        found = _types_by_key().get(name_or_number.lower())
    if found is None:
        msg = f"`{name_or_number}` is not a storage type of ggml"
        names = ", ".join(type_.name for type_ in load_types())
        raise UnknownNameError(msg, f"the types are {names}")
    return found


@cache
def _rows() -> tuple[tuple[Quant, tuple[str, ...]], ...]:
    """Every file type with its other names."""
    return tuple(
        (
            Quant(
                name=row["name"],
                number=int(row["number"]),
                base_type=ggml_type(row["base_type"]).name,
                nominal_bits=float(row["nominal_bits"]),
                needs_imatrix=_yes(row, "needs_imatrix"),
                is_common=_yes(row, "is_common"),
                note=row["note"] or None,
                source=row["source"],
                checked=row["checked"],
            ),
            tuple(row["aliases"].split()),
        )
        for row in csv_rows("quants.csv")
    )


@cache
def load_quants() -> tuple[Quant, ...]:
    """Every file type that people publish, from the most bits to the fewest.

    Raises:
        RowError: A row contradicts another, or lacks its source.
    """
    quants = tuple(quant for quant, _ in _rows())
    _require_unique("quants.csv", [str(quant.number) for quant in quants])
    _require_unique("quants.csv", [plain(name) for names in _all_names() for name in names])
    return quants


def _all_names() -> list[tuple[str, ...]]:
    return [(quant.name, *aliases) for quant, aliases in _rows()]


def plain(text: str) -> str:
    """A name without case and punctuation, by which `q4km` is `Q4_K_M`."""
    return "".join(letter for letter in text.upper() if letter.isalnum())


@cache
def _quants_by_name() -> dict[str, Quant]:
    keyed: dict[str, Quant] = {}
    for quant, names in zip(load_quants(), _all_names(), strict=True):
        keyed.update((plain(name), quant) for name in names)
    return keyed


def known_quant(text: str) -> Quant | None:
    """The file type of this name, however it is spelt; ``None`` for a name that none has."""
    return _quants_by_name().get(plain(text))


def find_quant(text: str) -> Quant:
    """The file type that somebody means: `Q4_K_M`, `q4_k_m`, `q4km`, `Q4_K`, `fp16`.

    Raises:
        UnknownNameError: No file type has this name; the hint carries the nearest ones.
    """
    found = known_quant(text)
    if found is not None:
        return found
    if plain(text).startswith("UD") and plain(text)[2:]:
        msg = f"`{text}` is a recipe of its publisher's own, not a file type of llama.cpp"
        raise UnknownNameError(msg, "name the plain type, such as `Q4_K_M`")
    msg = f"`{text}` is not a quantization known here"
    raise UnknownNameError(msg, _suggestion(text))


def _suggestion(text: str) -> str:
    from difflib import get_close_matches

    beginning = [key for key in _quants_by_name() if plain(text) and key.startswith(plain(text))]
    near = beginning or get_close_matches(plain(text), _quants_by_name(), n=4, cutoff=0.6)
    names = list(dict.fromkeys(_quants_by_name()[key].name for key in near))
    if not names:
        names = [quant.name for quant in load_quants() if quant.is_common]
        return f"the usual ones are {', '.join(names)}"
    return f"did you mean {' or '.join(f'`{name}`' for name in names[:6])}?"


def _yes(row: Mapping[str, str], column: str) -> bool:
    if row[column] not in {"yes", "no"}:
        msg = f"`quants.csv`: {column} of `{row['name']}` is `{row[column]}`, not `yes` or `no`"
        raise RowError(msg)
    return row[column] == "yes"


def _require_unique(file: str, names: list[str]) -> None:
    seen: set[str] = set()
    for name in names:
        if name in seen:
            msg = f"`{file}`: `{name}` is there twice"
            raise RowError(msg)
        seen.add(name)
