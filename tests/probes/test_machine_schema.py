"""The published schema of a recorded machine: it is the dataclasses', and recordings meet it."""

from __future__ import annotations

import dataclasses
import importlib.util
import json
from types import NoneType, UnionType
from typing import get_args, get_origin, get_type_hints

import jsonschema
import pytest

from probes.errors import RecordError
from probes.machine import Machine
from probes.record import from_json, shareable, to_json


@pytest.fixture(scope="module")
def tool(request):
    path = request.config.rootpath / "tools/machine_schema.py"
    spec = importlib.util.spec_from_file_location("machine_schema", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def schema(tool):
    return json.loads(tool.TARGET.read_text(encoding="utf-8"))


def filled(kind):
    """A value with every field known: 1 for numbers, one element in each tuple."""
    if get_origin(kind) is UnionType:
        return filled(next(each for each in get_args(kind) if each is not NoneType))
    if get_origin(kind) is tuple:
        return (filled(get_args(kind)[0]),)
    if dataclasses.is_dataclass(kind):
        types = get_type_hints(kind)
        return kind(**{name: filled(each) for name, each in types.items()})
    simple = {str: "text", int: 1, float: 1.0, bool: True}
    return simple[kind] if kind in simple else next(iter(kind))


def test_the_file_is_what_the_tool_writes(tool):
    assert tool.TARGET.read_text(encoding="utf-8") == tool.text(), (
        "run `python tools/machine_schema.py`"
    )


def test_a_machine_of_which_everything_is_known_meets_it(schema):
    machine = filled(Machine)
    jsonschema.validate(json.loads(to_json(machine)), schema)
    assert from_json(to_json(machine)) == machine


def test_a_shared_machine_meets_it(schema):
    jsonschema.validate(json.loads(to_json(shareable(filled(Machine)))), schema)


@pytest.mark.parametrize(
    "damage",
    [
        pytest.param({"schema": "advisor.machine/2"}, id="another version"),
        pytest.param({"colour": "red"}, id="an unknown part"),
        pytest.param({"memory": {"total_bytes": 1}}, id="a missing figure"),
        pytest.param({"memory": {"total_bytes": 1, "available_bytes": -1}}, id="a negative size"),
        pytest.param({"cpu": {"architecture": 64}}, id="a number for a text"),
    ],
)
def test_what_the_reader_refuses_the_schema_refuses(schema, damage):
    whole = json.loads(to_json(filled(Machine))) | damage
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(whole, schema)
    with pytest.raises(RecordError):
        from_json(json.dumps(whole))
