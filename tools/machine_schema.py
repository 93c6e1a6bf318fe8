"""Writes `docs/schema/machine.schema.json`, the form of a recorded machine.

Everything in it comes from the dataclasses of `probes.machine`, `probes.accelerator` and
`probes.finding` and the docstrings under their fields, so that the schema says what `probes.record`
writes. Run it after changing them::

    python tools/machine_schema.py
"""

from __future__ import annotations

import ast
import inspect
import json
from dataclasses import MISSING, fields, is_dataclass
from enum import StrEnum
from pathlib import Path
from types import NoneType, UnionType
from typing import Any, get_args, get_origin, get_type_hints

from probes import accelerator, finding, machine
from probes.record import SCHEMA

TARGET = Path(__file__).parents[1] / "docs/schema/machine.schema.json"

SIMPLE = {
    str: {"type": "string"},
    bool: {"type": "boolean"},
    int: {"type": "integer", "minimum": 0},
    float: {"type": "number", "minimum": 0},
}


def schema() -> dict[str, Any]:
    """The schema as plain values."""
    modules = (finding, accelerator, machine)
    docs = {name: says for one in modules for name, says in _docs(Path(one.__file__)).items()}
    classes = {
        name: each
        for one in modules
        for name, each in vars(one).items()
        if isinstance(each, type) and (is_dataclass(each) or issubclass(each, StrEnum))
        if each is not StrEnum
    }
    definitions = {name: _definition(each, docs) for name, each in sorted(classes.items())}
    whole = definitions.pop("Machine")
    whole["properties"] = {"schema": {"const": SCHEMA}, **whole["properties"]}
    whole["required"] = ["schema", *whole["required"]]
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": SCHEMA,
        **whole,
        "$defs": definitions,
    }


def _definition(kind: type, docs: dict[str, dict[str, str]]) -> dict[str, Any]:
    says = docs[kind.__name__]
    if issubclass(kind, StrEnum):
        choices = [
            {"const": choice.value, **_description(says.get(choice.name))} for choice in kind
        ]
        return {**_description(says.get("")), "oneOf": choices}
    types = get_type_hints(kind)
    return {
        **_description(says.get("")),
        "type": "object",
        "properties": {
            field.name: {**_value(types[field.name]), **_description(says.get(field.name))}
            for field in fields(kind)
        },
        "required": [
            field.name
            for field in fields(kind)
            if field.default is MISSING and get_origin(types[field.name]) is not UnionType
        ],
        "additionalProperties": False,
    }


def _value(kind: object) -> dict[str, Any]:
    """Unknown values are left out of a recording, so ``None`` has no place here."""
    if get_origin(kind) is UnionType:
        return _value(next(each for each in get_args(kind) if each is not NoneType))
    if get_origin(kind) is tuple:
        return {"type": "array", "items": _value(get_args(kind)[0])}
    return dict(SIMPLE[kind]) if kind in SIMPLE else {"$ref": f"#/$defs/{kind.__name__}"}


def _description(text: str | None) -> dict[str, str]:
    return {} if text is None else {"description": " ".join(text.split())}


def _docs(path: Path) -> dict[str, dict[str, str]]:
    """Docstrings of classes (under the empty name) and of their fields."""
    found: dict[str, dict[str, str]] = {}
    for statement in ast.parse(path.read_text(encoding="utf-8")).body:
        if isinstance(statement, ast.ClassDef):
            found[statement.name] = {"": ast.get_docstring(statement) or ""}
            for first, second in zip(statement.body, statement.body[1:], strict=False):
                if isinstance(second, ast.Expr) and isinstance(second.value, ast.Constant):
                    for name in _names(first):
                        found[statement.name][name] = inspect.cleandoc(second.value.value)
    return found


def _names(statement: ast.stmt) -> list[str]:
    if isinstance(statement, ast.AnnAssign) and isinstance(statement.target, ast.Name):
        return [statement.target.id]
    if isinstance(statement, ast.Assign):
        return [each.id for each in statement.targets if isinstance(each, ast.Name)]
    return []


def text() -> str:
    """The schema as the file holds it."""
    return json.dumps(schema(), indent=2, ensure_ascii=False) + "\n"


if __name__ == "__main__":
    TARGET.parent.mkdir(parents=True, exist_ok=True)
    TARGET.write_text(text(), encoding="utf-8")
