"""The words that schemas are made of: objects, arrays and values with a description.

Holds JSON Schema's vocabulary only; what the program's values mean is `parts` and `answers`'.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Any

Schema = dict[str, Any]


def text(description: str) -> Schema:
    """A string."""
    return {"type": "string", "description": description}


def flag(description: str) -> Schema:
    """True or false."""
    return {"type": "boolean", "description": description}


def whole(description: str, *, least: int = 0) -> Schema:
    """An integer."""
    return {"type": "integer", "minimum": least, "description": description}


def number(description: str) -> Schema:
    """A number that is not negative."""
    return {"type": "number", "minimum": 0, "description": description}


def one_of(values: type[StrEnum] | tuple[str, ...], description: str) -> Schema:
    """One of a few words."""
    return {"enum": [str(value) for value in values], "description": description}


def or_null(value: Schema) -> Schema:
    """The value, or null where it is not known."""
    if isinstance(value.get("type"), str):
        return {**value, "type": [value["type"], "null"]}
    kept = {"description": value["description"]} if "description" in value else {}
    inner = {name: part for name, part in value.items() if name != "description"}
    return {"anyOf": [inner, {"type": "null"}], **kept}


def many(item: Schema, description: str) -> Schema:
    """A list."""
    return {"type": "array", "items": item, "description": description}


def thing(description: str, **properties: Schema) -> Schema:
    """An object with exactly these keys."""
    return {
        "type": "object",
        "description": description,
        "properties": properties,
        "required": list(properties),
        "additionalProperties": False,
    }


def part(name: str, description: str | None = None) -> Schema:
    """A definition of the same file."""
    return {"$ref": f"#/$defs/{name}", **({"description": description} if description else {})}


def named_parts(schema: object) -> set[str]:
    """The names of the definitions that a schema refers to."""
    if isinstance(schema, dict):
        here = {str(schema["$ref"]).removeprefix("#/$defs/")} if "$ref" in schema else set()
        return here.union(*(named_parts(value) for value in schema.values()))
    if isinstance(schema, list):
        return set().union(*(named_parts(value) for value in schema))
    return set()
