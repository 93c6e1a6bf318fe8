"""A requirement from keys and values, whether a file or the command line gave them.

Holds the checks of one requirement. Every mistake is found, not only the first.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from difflib import get_close_matches
from typing import Any

from advisor.check.keys import BY_NAME, OF_REQUEST, READERS
from advisor.check.problem import Problem
from advisor.check.requirement import Place, Requirement
from advisor.check.values import shown, text
from advisor.errors import UsageError
from advisor.request import Request, request_from_mapping

FILE_KEYS = ("name", "where", "ignore")
"""What a table may have besides the keys that are options, too."""

_OF_A_MODEL = ("allow_partial", "min_decode", "min_prefill")
"""Keys that say something of the model."""

PlaceOf = Callable[[str], Place | None]


def requirement_from(
    given: Mapping[str, Any], *, name: str, place_of: PlaceOf
) -> tuple[Requirement | None, list[Problem]]:
    """The requirement that keys and values describe, and what is wrong with them.

    Args:
        given: What the file or the command line says.
        name: What to call it where it has no name and names no model.
        place_of: Where a key stands.

    Returns:
        The requirement is ``None`` where anything is wrong.
    """
    problems: list[Problem] = []
    fields: dict[str, Any] = {}
    for key, value in given.items():
        try:
            fields |= _field(key, value)
        except UnknownKeyError as error:
            problems.append(Problem(sentence=str(error), hint=error.hint, place=place_of(key)))
        except ValueError as error:
            problems.append(Problem(sentence=f"`{key}`: {error}", place=place_of(key)))
    request, wrong = _request(given, place_of)
    has_unknown = any(key not in BY_NAME and key not in FILE_KEYS for key in given)
    # A misspelt `model` is one mistake, not one for each key that says something of it.
    problems += wrong if "model" in given or not has_unknown else []
    if not problems and request is None and not (fields.keys() - {"name", "where", "ignore"}):
        problems.append(Problem(sentence=f"`{name}` asks for nothing", place=place_of("")))
    if problems:
        return None, problems
    places = ((key, place_of(key)) for key in ("", *given))
    fields["name"] = fields.get("name") or _name_of(request, name)
    return Requirement(
        **fields,
        request=request,
        places=tuple((key, place) for key, place in places if place is not None),
    ), []


class UnknownKeyError(ValueError):
    """A key that no requirement has."""

    def __init__(self, key: str) -> None:
        super().__init__(f"{shown(key)} is not a key of a requirement")
        near = get_close_matches(key, (*BY_NAME, *FILE_KEYS), n=1)
        self.hint = f"did you mean `{near[0]}`?" if near else "docs/ci.md lists the keys"


def _field(key: str, value: object) -> dict[str, object]:
    """The field that a key fills; none for a key of the model's request."""
    if key in {"name", "where"}:
        return {key: text(value)}
    if key == "ignore":
        return {key: rule_ids(value)}
    known = BY_NAME.get(key)
    if known is None:
        raise UnknownKeyError(key)
    return {} if known.field is None else {known.field: READERS[known.kind](value)}


def rule_ids(value: object) -> tuple[str, ...]:
    """A list of rules by their ids.

    Raises:
        ValueError: It is no list, or no rule has such an id.
    """
    from advisor.check.rules import RULES

    if not isinstance(value, (list, tuple)):
        msg = f'{shown(value)} is not a list of rules; write `["ADV202"]`'
        raise ValueError(msg)  # noqa: TRY004  (of the value's form, not of ours)
    known = {rule.id for rule in RULES}
    for one in value:
        if one not in known:
            msg = f"{shown(one)} is not a rule; docs/rules.md lists them"
            raise ValueError(msg)
    return tuple(value)


def _request(given: Mapping[str, Any], place_of: PlaceOf) -> tuple[Request | None, list[Problem]]:
    """The model and its workload, each key checked by itself so that it can be named."""
    asked = {key: given[key] for key in OF_REQUEST if key in given}
    if "model" not in asked:
        lonely = [key for key in given if key in asked or key in _OF_A_MODEL]
        return None, [
            Problem(
                sentence=f"`{key}` says something of a model, and there is no `model`",
                place=place_of(key),
            )
            for key in lonely
            if given[key] is not False
        ]
    problems: list[Problem] = []
    for key, value in asked.items():
        try:
            request_from_mapping({"model": "any", key: value})
        except UsageError as error:
            problems.append(Problem(sentence=str(error), hint=error.hint, place=place_of(key)))
    return (None, problems) if problems else (request_from_mapping(asked), [])


def _name_of(request: Request | None, otherwise: str) -> str:
    if request is None:
        return otherwise
    return request.model if request.quant is None else f"{request.model} {request.quant}"
