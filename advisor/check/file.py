"""The requirement file `advisor.toml`: a table `[check]`, and one `[[require]]` a requirement.

Holds the form of the file; what a requirement may say is `read`'s business.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path
from typing import Any

from advisor.check.positions import positions
from advisor.check.problem import Problem, RequirementError
from advisor.check.read import requirement_from, rule_ids
from advisor.check.requirement import Place, Requirement
from advisor.check.values import flag, shown
from advisor.errors import UsageError
from probes.finding import Severity

LARGEST_FILE_BYTES = 1 << 20

TABLES = ("check", "require")
SETTINGS = ("strict", "fail_on", "ignore")
FAIL_ON = (Severity.ERROR, Severity.WARNING)

_AT = re.compile(r" \(at (?:line (?P<line>\d+), column (?P<column>\d+)|end of document)\)$")


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckFile:
    """What a file says."""

    requirements: tuple[Requirement, ...]
    strict: bool = False
    fail_on: Severity = Severity.ERROR
    ignore: tuple[str, ...] = ()


def read_file(path: str) -> CheckFile:
    """The requirements of a file.

    Raises:
        UsageError: It cannot be read.
        RequirementError: It is not TOML, or says what cannot be; every mistake with its place.
    """
    try:
        with Path(path).open("rb") as file:
            data = file.read(LARGEST_FILE_BYTES + 1)
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        msg = f"the requirement file `{path}` cannot be read: {reason}"
        raise UsageError(msg, "docs/ci.md shows how to write one") from error
    if len(data) > LARGEST_FILE_BYTES:
        msg = f"the requirement file `{path}` is larger than 1 MiB"
        raise UsageError(msg, "docs/ci.md shows how to write one")
    return parse(data, path)


def parse(data: bytes, name: str) -> CheckFile:
    """The same from its bytes.

    Args:
        data: TOML in UTF-8.
        name: What errors call the file.
    """
    try:
        text = data.decode("utf-8-sig").replace("\r\n", "\n")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        column = error.start - (data.rfind(b"\n", 0, error.start) + 1) + 1
        place = Place(file=name, line=line, column=column)
        raise RequirementError([Problem(sentence="it is not UTF-8", place=place)]) from error
    return _Reader(name, text).read()


def _toml(text: str, name: str) -> dict[str, Any]:
    import tomllib

    try:
        return tomllib.loads(text)
    except (tomllib.TOMLDecodeError, RecursionError) as error:
        found = _AT.search(str(error))
        lines = text.split("\n")
        place = Place(
            file=name,
            line=int(found["line"]) if found and found["line"] else len(lines),
            column=int(found["column"]) if found and found["column"] else len(lines[-1]) + 1,
        )
        said = _AT.sub("", str(error))
        sentence = f"it is not TOML: {said[:1].lower()}{said[1:]}"
        raise RequirementError([Problem(sentence=sentence, place=place)]) from error


class _Reader:
    """Reads one file, and gathers what is wrong with it."""

    def __init__(self, name: str, text: str) -> None:
        self._name = name
        self._whole = _toml(text, name)
        self._places = positions(text)
        self._problems: list[Problem] = []

    def read(self) -> CheckFile:
        for key in self._whole:
            if key not in TABLES:
                near = get_close_matches(key, TABLES, n=1)
                hint = f"did you mean `{near[0]}`?" if near else "write `[[require]]` above keys"
                sentence = f"{shown(key)} is not a table of a requirement file"
                self._wrong(sentence, hint, (key,))
        settings = self._settings()
        requirements = self._requirements()
        if self._problems:
            raise RequirementError(
                sorted(self._problems, key=lambda one: one.place.line if one.place else 0)
            )
        return CheckFile(requirements=requirements, **settings)

    def _settings(self) -> dict[str, Any]:
        table = self._whole.get("check", {})
        if not isinstance(table, Mapping):
            self._wrong("`check` is not a table", "write `[check]`", ("check",))
            return {}
        found: dict[str, Any] = {}
        for key, value in table.items():
            try:
                found[key] = _setting(key, value)
            except ValueError as error:
                self._wrong(str(error), None, ("check", key))
        return found

    def _requirements(self) -> tuple[Requirement, ...]:
        tables = self._whole.get("require", [])
        if not isinstance(tables, list):
            self._wrong("`require` is one table", "write `[[require]]`", ("require",))
            return ()
        if not tables:
            place = Place(file=self._name, line=1, column=1)
            sentence = "it has no `[[require]]` table"
            self._problems.append(Problem(sentence=sentence, place=place))
        read = [self._requirement(number, table) for number, table in enumerate(tables)]
        return tuple(one for one in read if one is not None)

    def _requirement(self, number: int, table: object) -> Requirement | None:
        whole = ("require", number)
        if not isinstance(table, Mapping):
            self._wrong(f"{shown(table)} is not a table", "write `[[require]]`", whole)
            return None
        found, problems = requirement_from(
            table,
            name=f"requirement {number + 1}",
            place_of=lambda key: self._place((*whole, key) if key else whole),
        )
        self._problems += problems
        return found

    def _wrong(self, sentence: str, hint: str | None, path: tuple[str | int, ...]) -> None:
        self._problems.append(Problem(sentence=sentence, hint=hint, place=self._place(path)))

    def _place(self, path: tuple[str | int, ...]) -> Place:
        line, column = self._places.get(path, (1, 1))
        return Place(file=self._name, line=line, column=column)


def _setting(key: str, value: object) -> object:
    if key == "strict":
        return flag(value)
    if key == "ignore":
        return rule_ids(value)
    if key == "fail_on":
        if value not in FAIL_ON:
            msg = f"`fail_on`: {shown(value)} is neither `error` nor `warning`"
            raise ValueError(msg)
        return Severity(str(value))
    near = get_close_matches(key, SETTINGS, n=1)
    hint = f"; did you mean `{near[0]}`?" if near else f"; the keys are {', '.join(SETTINGS)}"
    msg = f"{shown(key)} is not a key of `[check]`{hint}"
    raise ValueError(msg)
