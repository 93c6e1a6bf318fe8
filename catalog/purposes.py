"""What each model is made for: rows of `purposes.csv`.

Holds what makers say of their models (and, for coding, what a coding test says of a general one),
never how good a model is at it: that is `evidence.py`.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from catalog.errors import RowError
from catalog.load import FOLDER, csv_rows

if TYPE_CHECKING:
    from catalog.model import Model

PURPOSES = frozenset({"chat", "coding", "reasoning", "embedding", "base"})
"""Every word that `purposes.csv` may use. `base`: it continues text and follows no instructions."""


def purposes(model: Model) -> frozenset[str]:
    """What a model is made for: `chat`, `coding`, `reasoning`, `embedding`, or `base`.

    A base model is never one for chat. Of a model that is not in the catalog nothing is known,
    and the answer is empty.
    """
    return load_purposes().get(model.repository, frozenset())


def is_base(model: Model) -> bool:
    """True for a model that was never tuned to follow instructions."""
    return "base" in purposes(model)


@cache
def load_purposes() -> Mapping[str, frozenset[str]]:
    """Every row of `purposes.csv`, by repository.

    Raises:
        RowError: The file is unreadable, or a row uses a word that is none of `PURPOSES`.
    """
    return read_purposes(FOLDER)


def read_purposes(folder: Path) -> Mapping[str, frozenset[str]]:
    """The purposes of one folder of data, unread so far; see `load_purposes`."""
    found: dict[str, frozenset[str]] = {}
    for row in csv_rows("purposes.csv", folder=folder):
        words = frozenset(row["purposes"].split(";"))
        if not words <= PURPOSES:
            msg = f"`{row['repository']}` in `purposes.csv`: `{row['purposes']}` is no purpose"
            raise RowError(msg)
        found[row["repository"]] = words
    return found
