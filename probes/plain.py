"""Frozen dataclasses as plain JSON values, and back, by the types of their fields.

Knows text, whole and real numbers, truth values, enumerations of texts, tuples of one type,
optional values and dataclasses of these; nothing about any one class. Reading is strict: what
the fields do not say is refused with its place, never dropped or guessed.

Unknown values (``None``) are left out of what is written, and so are empty tuples where that is
what the field says when nothing is given, so that a recording shows what is known.
"""

from __future__ import annotations

import re
from dataclasses import MISSING, Field, fields, is_dataclass
from enum import StrEnum
from functools import cache
from types import NoneType, UnionType
from typing import TYPE_CHECKING, TypeVar, Union, get_args, get_origin, get_type_hints

from probes.errors import ProbeError

if TYPE_CHECKING:
    from collections.abc import Mapping

T = TypeVar("T")

LARGEST_WHOLE_NUMBER = 2**63 - 1

UNPRINTABLE = re.compile("[\x00-\x1f\x7f-\x9f\ud800-\udfff]")
"""Control characters and halves of characters: no name has them, and a terminal obeys some."""

_KINDS = {str: "a text", int: "a whole number", float: "a number", bool: "true or false"}


class PlainError(ProbeError):
    """A value that is not what its place holds; the message names the place."""


def to_plain(value: object) -> object:
    """The value as JSON has it: objects, lists, texts, numbers, true and false."""
    if is_dataclass(value):
        values = ((field, getattr(value, field.name)) for field in fields(value))
        return {
            field.name: to_plain(each)
            for field, each in values
            if each is not None and not (each == () == field.default)
        }
    if isinstance(value, tuple):
        return [to_plain(each) for each in value]
    return value.value if isinstance(value, StrEnum) else value


def from_plain(kind: type[T], value: object) -> T:
    """Build a dataclass from plain values.

    No figure of a machine is negative, endless or larger than 2**63, so none is let in.

    Raises:
        PlainError: A value is missing, unknown to the class, of another type or out of range.
    """
    made = _of(kind, value, "")
    assert isinstance(made, kind)
    return made


def _of(kind: object, value: object, where: str) -> object:
    if get_origin(kind) in {UnionType, Union}:
        inner = next(each for each in get_args(kind) if each is not NoneType)
        return None if value is None else _of(inner, value, where)
    if get_origin(kind) is tuple:
        return _tuple(get_args(kind)[0], value, where)
    assert isinstance(kind, type)
    if is_dataclass(kind):
        return _object(kind, value, where)
    if issubclass(kind, StrEnum):
        return _choice(kind, value, where)
    return _number(kind, value, where) if kind in {int, float} else _exactly(kind, value, where)


def _tuple(kind: object, value: object, where: str) -> tuple[object, ...]:
    if not isinstance(value, list):
        raise _wrong(where, value, "a list")
    return tuple(_of(kind, each, f"{where}[{index}]") for index, each in enumerate(value))


def _object(kind: type, value: object, where: str) -> object:
    if not isinstance(value, dict):
        raise _wrong(where, value, "an object")
    named = {field.name: field for field in fields(kind)}
    unknown = sorted(str(name) for name in value.keys() - named.keys())
    if unknown:
        msg = f"nothing is known of `{_below(where, _short(unknown[0]))}`"
        raise PlainError(msg)
    types = _types(kind)
    return kind(
        **{
            name: _of(types[name], value[name], _below(where, name))
            if name in value
            else _absent(field, types[name], _below(where, name))
            for name, field in named.items()
        }
    )


def _absent(field: Field[object], kind: object, where: str) -> object:
    """What a field holds when nothing is given."""
    if field.default is not MISSING:
        return field.default
    if get_origin(kind) in {UnionType, Union}:
        return None
    msg = f"`{where}` is missing"
    raise PlainError(msg)


def _choice(kind: type[StrEnum], value: object, where: str) -> StrEnum:
    choices = {choice.value: choice for choice in kind}
    if not isinstance(value, str) or value not in choices:
        raise _wrong(where, value, "one of " + ", ".join(f"`{name}`" for name in choices))
    return choices[value]


def _number(kind: type, value: object, where: str) -> int | float:
    allowed = (int,) if kind is int else (int, float)
    if isinstance(value, bool) or not isinstance(value, allowed):
        raise _wrong(where, value, _KINDS[kind])
    if not 0 <= value <= LARGEST_WHOLE_NUMBER:
        msg = f"`{where}` is {_shown(value)}, which no machine has"
        raise PlainError(msg)
    return value if kind is int else float(value)


def _exactly(kind: type, value: object, where: str) -> object:
    if not isinstance(value, kind):
        raise _wrong(where, value, _KINDS[kind])
    if isinstance(value, str) and UNPRINTABLE.search(value):
        msg = f"`{where}` holds a character that cannot be shown"
        raise PlainError(msg)
    return value


def _wrong(where: str, value: object, expected: str) -> PlainError:
    place = f"`{where}`" if where else "the whole"
    return PlainError(f"{place} is {_shown(value)}, not {expected}")


def _shown(value: object) -> str:
    """A value short and harmless enough for a message."""
    if isinstance(value, dict):
        return "an object"
    if isinstance(value, list):
        return "a list"
    return f"`{_short(value)}`" if isinstance(value, str) else _short(_json_word(value))


def _short(text: str) -> str:
    text = UNPRINTABLE.sub("?", text)
    return text if len(text) <= 40 else f"{text[:40]}…"


def _json_word(value: object) -> str:
    if value is None or isinstance(value, bool):
        return {None: "null", True: "true", False: "false"}[value]
    if isinstance(value, int) and abs(value) > LARGEST_WHOLE_NUMBER:
        return "a number of more than 18 digits"
    return str(value)


def _below(where: str, name: str) -> str:
    return f"{where}.{name}" if where else name


@cache
def _types(kind: type) -> Mapping[str, object]:
    return get_type_hints(kind)
