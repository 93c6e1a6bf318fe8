"""Reads the data files beside the code, and refuses a row that does not say where it is from.

Holds how a file becomes checked rows of text or JSON values; never what a row means, which is
the business of the module that owns the noun.
"""

from __future__ import annotations

import csv
import json
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from catalog.errors import RowError

FOLDER = Path(__file__).parent
"""Where the data files are: `devices/*.csv`, `models/*.json`, `quants.csv`, …"""

_DATE = re.compile(r"\d{4}-\d{2}-\d{2}")


def csv_rows(name: str, *, folder: Path = FOLDER) -> Iterator[dict[str, str]]:
    """The rows of a CSV file, each with its source and the day it was checked.

    Lines that begin with `#` are comments.

    Raises:
        RowError: The file is unreadable, or a row lacks its source, its date or a column.
    """
    try:
        with (folder / name).open(encoding="utf-8", newline="") as file:
            lines = (line for line in file if not line.startswith("#"))
            for number, row in enumerate(csv.DictReader(lines), start=1):
                if None in row or None in row.values():
                    msg = f"`{name}`, row {number}: it has not as many columns as the heading"
                    raise RowError(msg)
                require_source(row, f"`{name}`, row {number}")
                yield row
    except OSError as error:
        raise RowError(_unreadable(name, error), _REINSTALL) from error


def json_rows(name: str, *, folder: Path = FOLDER) -> list[dict[str, Any]]:
    """The objects of a JSON file that holds a list of them.

    Raises:
        RowError: The file is unreadable, or a row lacks its source or its date.
    """
    try:
        rows = json.loads((folder / name).read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise RowError(_unreadable(name, error), _REINSTALL) from error
    for number, row in enumerate(rows, start=1):
        require_source(row, f"`{name}`, row {number}")
    result: list[dict[str, Any]] = rows
    return result


_REINSTALL = "reinstall gguf-advisor; its data files are part of it"


def _unreadable(name: str, error: Exception) -> str:
    return f"`catalog/{name}` cannot be read: {error}"


def require_source(row: Mapping[str, Any], where: str) -> None:
    """Refuse a row without a source, or without the ISO date it was checked on."""
    if not (row.get("source") or row.get("sources")):
        msg = f"{where}: it has no source"
        raise RowError(msg)
    if not _DATE.fullmatch(str(row.get("checked") or "")):
        msg = f"{where}: `checked` is `{row.get('checked')}`, not a date such as 2026-11-23"
        raise RowError(msg)


def optional_int(text: str) -> int | None:
    """An integer, or ``None`` for an empty cell."""
    return int(text) if text else None


def optional_float(text: str) -> float | None:
    """A number, or ``None`` for an empty cell."""
    return float(text) if text else None
