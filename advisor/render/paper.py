"""What text is laid out on: a sheet as wide as the terminal, with colour only where it is wanted.

Holds headings, wrapped sentences and tables; never what they say. Written by hand because a
library for it would take a sixth of a scan's time to import.
"""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from textwrap import wrap

NARROWEST = 40
USUAL_WIDTH = 80
"""Of a pipe or a file, where nobody says otherwise."""

WIDEST = 160

GAP = " "
"""Between the columns of a table."""

BOLD, DIM, PLAIN = "1", "2", ""
"""The styles there are, as the terminal's codes; colour adds nothing that the words lack."""

_BREAKS = re.compile(r"(?<=[-_/.,])")


@dataclass(frozen=True, slots=True, kw_only=True)
class Column:
    """One column of a table."""

    title: str
    """May have several lines."""

    right: bool = False
    """Aligned to the right, as numbers are."""

    folds: bool = False
    """Takes what width is left, and is broken over lines when that is too little."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One row of a table."""

    cells: tuple[str, ...]
    style: str = PLAIN


@dataclass(frozen=True, slots=True, kw_only=True)
class Section:
    """A line between rows that names those below it."""

    title: str


class Paper:
    """A sheet that headings, sentences and tables are written on, from the top down."""

    def __init__(self, width: int | None = None, *, colour: bool | None = None) -> None:
        self.width = width or sheet_width()
        self._colour = has_colour() if colour is None else colour
        self._lines: list[str] = []

    def heading(self, text: str) -> None:
        """A line that begins a part."""
        if self._lines:
            self.blank()
        self.say(text, style=BOLD)

    def blank(self) -> None:
        """An empty line."""
        self._lines.append("")

    def say(self, text: str, *, indent: int = 0, style: str = PLAIN) -> None:
        """A sentence, wrapped at the sheet's edge."""
        for line in _wrapped(text, self.width - indent):
            self._put(" " * indent + line, style)

    def verbatim(self, text: str, *, indent: int = 2) -> None:
        """A line that is copied into a shell, so that it is never wrapped."""
        self._put(" " * indent + text, PLAIN)

    def pairs(self, rows: Sequence[tuple[str, str]], *, indent: int = 2) -> None:
        """Names and what belongs to them, in two columns."""
        left = max((len(name) for name, _ in rows), default=0) + 2
        room = max(self.width - indent - left, 1)
        for name, text in rows:
            for number, line in enumerate(_wrapped(text, room)):
                label = self._styled(name.ljust(left), DIM) if number == 0 else " " * left
                self._put(" " * indent + label + line, PLAIN)

    def table(self, columns: Sequence[Column], rows: Sequence[Row | Section]) -> None:
        """A table without lines."""
        widths = self._widths(columns, rows)
        titles = [column.title.split("\n") for column in columns]
        depth = max(len(title) for title in titles)
        for number in range(depth):
            cells = [
                title[number - depth + len(title)] if number >= depth - len(title) else ""
                for title in titles
            ]
            self._put(_joined(cells, columns, widths), DIM)
        for row in rows:
            if isinstance(row, Section):
                self._put(row.title, DIM)
            else:
                self._put_row(row, columns, widths)

    def text(self) -> str:
        """All that was written."""
        return "\n".join(self._lines).strip("\n") + "\n"

    def _widths(self, columns: Sequence[Column], rows: Sequence[Row | Section]) -> list[int]:
        """Each column as wide as its widest cell; those that fold share what is left."""
        cells = [row.cells for row in rows if isinstance(row, Row)]
        widths = [
            max(
                [len(line) for line in column.title.split("\n")]
                + [len(row[place]) for row in cells]
            )
            for place, column in enumerate(columns)
        ]
        over = sum(widths) + len(GAP) * (len(columns) - 1) - self.width
        for place, column in enumerate(columns):
            if column.folds and over > 0:
                narrower = max(widths[place] - over, 8)
                over -= widths[place] - narrower
                widths[place] = narrower
        return widths

    def _put_row(self, row: Row, columns: Sequence[Column], widths: Sequence[int]) -> None:
        folded = [
            _folded(cell, width) if column.folds else [cell]
            for cell, column, width in zip(row.cells, columns, widths, strict=True)
        ]
        for number in range(max(len(lines) for lines in folded)):
            cells = [lines[number] if number < len(lines) else "" for lines in folded]
            self._put(_joined(cells, columns, widths), row.style)

    def _put(self, line: str, style: str) -> None:
        self._lines.append(self._styled(line.rstrip(), style))

    def _styled(self, text: str, style: str) -> str:
        if not (self._colour and style and text):
            return text
        return f"\x1b[{style}m{text}\x1b[0m"


def _wrapped(text: str, width: int) -> list[str]:
    """Broken between words only, so that a path or an address can still be copied."""
    lines = wrap(text, max(width, 1), break_on_hyphens=False, break_long_words=False)
    return lines or [""]


def _joined(cells: Sequence[str], columns: Sequence[Column], widths: Sequence[int]) -> str:
    return GAP.join(
        cell.rjust(width) if column.right else cell.ljust(width)
        for cell, column, width in zip(cells, columns, widths, strict=True)
    )


def _folded(text: str, width: int) -> list[str]:
    """Broken where a name may be broken: after a hyphen, a space, a slash."""
    lines = [""]
    for part in _BREAKS.split(text.replace(" ", " \0")):
        for word in part.split("\0"):
            if lines[-1] and len(lines[-1]) + len(word.rstrip()) > width:
                lines.append("")
            lines[-1] += word
    return [line.rstrip() for line in lines]


def sheet_width() -> int:
    """The terminal's width, within reason; 80 for a pipe, unless `COLUMNS` says otherwise."""
    columns = _asked_columns() or _terminal_columns() or USUAL_WIDTH
    return max(NARROWEST, min(columns, WIDEST))


def _asked_columns() -> int:
    """What `COLUMNS` says; 0 for nothing of use."""
    asked = os.environ.get("COLUMNS", "")
    return int(asked) if asked.isdecimal() else 0


def _terminal_columns() -> int:
    """The width of the terminal that stdout is; 0 for none.

    `shutil` would tell, and takes longer to import than a page takes to write.
    """
    try:
        return os.get_terminal_size(sys.stdout.fileno()).columns
    except (AttributeError, OSError, ValueError):
        return 0


def has_colour() -> bool:
    """Whether stdout is a terminal whose owner did not refuse colour."""
    if os.environ.get("NO_COLOR") or os.environ.get("TERM") == "dumb":
        return False
    try:
        return bool(sys.stdout and sys.stdout.isatty())
    except ValueError:
        return False
