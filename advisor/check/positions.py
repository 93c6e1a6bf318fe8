"""Where the keys of a TOML text stand, so that an error can name its line.

The text was read by `tomllib` before, so it is valid: the scanner only has to find its way. Every
`_take_*` method begins at the scanner's position and ends behind what it took. Nothing here
decides what a value is.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

Path = tuple[str | int, ...]
"""Keys and places in arrays: `("require", 0, "model")`."""

_BLANK = re.compile(r"(?:[ \t\r\n]|#[^\n]*)*")
_SPACE = re.compile(r"[ \t]*")
_BARE_KEY = re.compile(r"[A-Za-z0-9_-]+")
_STRING = re.compile(
    r'"""(?:[^\\]|\\.)*?"""{1,3}(?!")|\'\'\'.*?\'\'\'{1,3}(?!\')'
    r'|"(?:[^"\\\n]|\\.)*"|\'[^\'\n]*\'',
    re.DOTALL,
)
_BARE_VALUE = re.compile(r"[^,\]}\n#]+")


def positions(text: str) -> Mapping[Path, tuple[int, int]]:
    """Line and column of every key, table and element; the first of each is 1.

    Args:
        text: Valid TOML, with a line feed as line end.
    """
    scanner = _Scanner(text)
    scanner.take_document()
    return {path: _line_and_column(text, offset) for path, offset in scanner.found.items()}


def _line_and_column(text: str, offset: int) -> tuple[int, int]:
    begin = text.rfind("\n", 0, offset) + 1
    return text.count("\n", 0, offset) + 1, offset - begin + 1


class _Scanner:
    def __init__(self, text: str) -> None:
        self.found: dict[Path, int] = {}
        self._text = text
        self._at = 0
        self._tables: dict[Path, int] = {}
        """How many tables each array of tables has so far."""

    def take_document(self) -> None:
        """All statements, each below the table that the last header opened."""
        table: Path = ()
        self._skip(_BLANK)
        while self._at < len(self._text):
            if self._text[self._at] == "[":
                table = self._take_header()
            else:
                self._take_pair(table)
            self._skip(_BLANK)

    def _take_header(self) -> Path:
        begin = self._at
        is_array = self._text.startswith("[[", begin)
        self._at += 2 if is_array else 1
        keys = self._take_key()
        self._at += 2 if is_array else 1
        table = self._current(keys[:-1])
        table = (*table, keys[-1])
        if is_array:
            self._tables[table] = self._tables.get(table, 0) + 1
            self.found.setdefault(table, begin)
        table = self._current_of(table)
        self.found.setdefault(table, begin)
        return table

    def _current(self, keys: tuple[str, ...]) -> Path:
        """The table that keys lead to; of an array of tables the last one so far."""
        table: Path = ()
        for key in keys:
            table = self._current_of((*table, key))
        return table

    def _current_of(self, table: Path) -> Path:
        count = self._tables.get(table)
        return table if count is None else (*table, count - 1)

    def _take_pair(self, table: Path) -> None:
        begin = self._at
        keys = self._take_key()
        for depth in range(1, len(keys) + 1):
            self.found.setdefault((*table, *keys[:depth]), begin)
        self._skip(_SPACE)
        self._at += 1  # the equals sign
        self._skip(_SPACE)
        self._take_value((*table, *keys))

    def _take_key(self) -> tuple[str, ...]:
        """A key with its dots, such as `a."b.c"`."""
        keys: list[str] = []
        while True:
            self._skip(_SPACE)
            bare = _BARE_KEY.match(self._text, self._at)
            keys.append(bare[0] if bare else self._quoted())
            self._at += len(bare[0]) if bare else 0
            self._skip(_SPACE)
            if self._at >= len(self._text) or self._text[self._at] != ".":
                return tuple(keys)
            self._at += 1

    def _quoted(self) -> str:
        import tomllib

        begin = self._at
        self._skip(_STRING)
        return str(tomllib.loads(f"key = {self._text[begin : self._at]}")["key"])

    def _take_value(self, path: Path) -> None:
        self.found.setdefault(path, self._at)
        first = self._text[self._at]
        if first == "[":
            self._take_array(path)
        elif first == "{":
            self._take_inline_table(path)
        else:
            self._skip(_STRING if first in "\"'" else _BARE_VALUE)

    def _take_array(self, path: Path) -> None:
        self._at += 1
        index = 0
        while self._goes_on("]"):
            self._take_value((*path, index))
            index += 1

    def _take_inline_table(self, path: Path) -> None:
        self._at += 1
        while self._goes_on("}"):
            self._take_pair(path)

    def _goes_on(self, end: str) -> bool:
        """Skips to the next element; false behind the end."""
        self._skip(_BLANK)
        if self._text[self._at] == ",":
            self._at += 1
            self._skip(_BLANK)
        if self._text[self._at] != end:
            return True
        self._at += 1
        return False

    def _skip(self, pattern: re.Pattern[str]) -> None:
        found = pattern.match(self._text, self._at)
        self._at = found.end() if found else self._at
