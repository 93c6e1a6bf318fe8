"""Recordings of machines: what the probes saw, as a file that can be replayed anywhere.

Holds the file's form and what must not be in it: no serial or unique numbers, no user names, no
process numbers. What is *done* with a machine read from a recording is the same as with this one.
"""

from __future__ import annotations

import re
from dataclasses import fields, is_dataclass, replace
from enum import Enum
from typing import TYPE_CHECKING

from probes.accelerator import MemoryHolder
from probes.atomic import write_atomically
from probes.errors import RecordError
from probes.machine import Machine
from probes.plain import UNPRINTABLE, PlainError, from_plain, to_plain

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from probes.accelerator import Accelerator
    from probes.machine import ReadBandwidth

FORM = "advisor.machine"
VERSION = 1
SCHEMA = f"{FORM}/{VERSION}"

LARGEST_FILE_BYTES = 4 << 20
"""A machine with sixteen cards takes 30 KB."""

HOW_TO_WRITE_ONE = "write one with `advisor scan --save machine.json` on that machine"

_PRIVATE = (
    # A unique number: `GPU-8f6b9f5e-…`, a volume, a machine id.
    (re.compile(r"\b[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}\b"), "…"),
    # A home directory names its owner.
    (re.compile(r"(/home/|/Users/|\\Users\\)[^/\\\s'\"`]+"), r"\1…"),
    (re.compile(r"\b(pid|process) \d+\b", re.IGNORECASE), r"\1 …"),
)


def to_json(machine: Machine) -> str:
    """The machine as it is, private parts and all, as indented JSON with sorted keys."""
    import json

    plain = to_plain(machine)
    assert isinstance(plain, dict)
    whole = {"schema": SCHEMA, **plain}
    return json.dumps(whole, indent=2, sort_keys=True, ensure_ascii=False) + "\n"


def from_json(text: str | bytes, *, name: str = "the text") -> Machine:
    """The machine that a recording describes.

    Args:
        text: The recording; bytes may be UTF-8, UTF-16 or UTF-32, as Windows writes them.
        name: What messages call it.

    Raises:
        RecordError: It is not a recording, of another version, or says what cannot be.
    """
    whole = _object(text, name)
    _check_schema(whole.pop("schema", None), name)
    try:
        machine = from_plain(Machine, whole)
    except PlainError as error:
        raise _not_a_recording(name, str(error)) from error
    contradiction = _contradiction(machine)
    if contradiction is not None:
        raise _not_a_recording(name, contradiction)
    return machine


def read(path: Path) -> Machine:
    """The machine that a file describes.

    Raises:
        RecordError: The file cannot be read, or is not a recording.
    """
    try:
        with path.open("rb") as file:
            data = file.read(LARGEST_FILE_BYTES + 1)
    except (OSError, ValueError) as error:
        raise _unreadable(path, error) from error
    if len(data) > LARGEST_FILE_BYTES:
        raise _not_a_recording(str(path), f"it is larger than {LARGEST_FILE_BYTES >> 20} MiB")
    return from_json(data, name=str(path))


def write(path: Path, machine: Machine) -> None:
    """Save a machine without its private parts, whole or not at all.

    Raises:
        RecordError: The file cannot be written.
    """
    text = to_json(shareable(machine))
    try:
        write_atomically(path, text)
    except (OSError, ValueError) as error:
        msg = f"`{path}` cannot be written: {_reason(error)}"
        raise RecordError(msg, "choose a file in a folder that you may write to") from error


def shareable(machine: Machine) -> Machine:
    """The machine without what identifies it or its user.

    Unique numbers of cards go, and of each process that holds memory only the program's file
    name stays. In all texts, unique numbers, the owners of home directories and process numbers
    become `…`, and characters that cannot be shown a space.
    """
    clean = _each_text(machine, _without_private)
    assert isinstance(clean, Machine)
    return replace(clean, accelerators=tuple(map(_anonymous, clean.accelerators)))


def _anonymous(accelerator: Accelerator) -> Accelerator:
    holders = (
        MemoryHolder(name=_file_name(each.name), pid=None, memory_bytes=each.memory_bytes)
        for each in accelerator.holders
    )
    return replace(accelerator, uuid=None, holders=tuple(holders))


def _file_name(program: str | None) -> str | None:
    return None if program is None else re.split(r"[/\\]", program)[-1] or None


def _without_private(text: str) -> str:
    text = UNPRINTABLE.sub(" ", text)
    for pattern, instead in _PRIVATE:
        text = pattern.sub(instead, text)
    return text


def _each_text(value: object, change: Callable[[str], str]) -> object:
    """The same value with each text in it changed."""
    if isinstance(value, str) and not isinstance(value, Enum):
        return change(value)
    if isinstance(value, tuple):
        return tuple(_each_text(each, change) for each in value)
    if is_dataclass(value) and not isinstance(value, type):
        names = (field.name for field in fields(value))
        return replace(value, **{name: _each_text(getattr(value, name), change) for name in names})
    return value


def _object(text: str | bytes, name: str) -> dict[str, object]:
    import json

    try:
        whole = json.loads(text)
    except json.JSONDecodeError as error:
        place = f"(line {error.lineno}, column {error.colno})"
        raise _not_a_recording(name, f"it is not JSON {place}") from error
    except (ValueError, RecursionError) as error:
        raise _not_a_recording(name, "it is not JSON") from error
    if not isinstance(whole, dict):
        raise _not_a_recording(name, "it is JSON, but not an object")
    return whole


def _check_schema(schema: object, name: str) -> None:
    if schema == SCHEMA:
        return
    if not isinstance(schema, str):
        raise _not_a_recording(name, f"it has no `schema` of `{SCHEMA}`")
    form, _, version = schema.partition("/")
    if form == FORM and version.isdecimal() and len(version) < 6:
        msg = f"`{name}` is a machine recording of version {version}, not of version {VERSION}"
        raise RecordError(msg, "use the same version of `gguf-advisor` on both machines")
    shown = UNPRINTABLE.sub("?", schema[:40])
    raise _not_a_recording(name, f"its `schema` is `{shown}`, not `{SCHEMA}`")


def _contradiction(machine: Machine) -> str | None:
    """What a file says that no machine can be, beyond types and signs."""
    memory = machine.memory
    if memory.total_bytes == 0:
        return "`memory.total_bytes` is 0"
    if memory.available_bytes > memory.total_bytes:
        return "`memory.available_bytes` is more than `memory.total_bytes`"
    bandwidth = machine.read_bandwidth
    return None if bandwidth is None else bandwidth_contradiction(bandwidth)


def bandwidth_contradiction(bandwidth: ReadBandwidth) -> str | None:
    """What a kept measurement says that none can be."""
    if not 0 < bandwidth.lower_bytes_per_s <= bandwidth.upper_bytes_per_s:
        return "`read_bandwidth` has no lower rate above 0 and at most the upper one"
    if bandwidth.cpu_share > 1:
        return "`read_bandwidth.cpu_share` is more than 1"
    return None


def _unreadable(path: Path, error: Exception) -> RecordError:
    if isinstance(error, FileNotFoundError):
        return RecordError(f"`{path}` does not exist", HOW_TO_WRITE_ONE)
    if path.is_dir():
        return RecordError(f"`{path}` is a folder, not a machine recording", HOW_TO_WRITE_ONE)
    return RecordError(
        f"`{path}` cannot be read: {_reason(error)}", "check the file's name and permissions"
    )


def _reason(error: Exception) -> str:
    """What the system says, without the path that the message names already."""
    return getattr(error, "strerror", None) or str(error)


def _not_a_recording(name: str, why: str) -> RecordError:
    return RecordError(f"`{name}` is not a machine recording: {why}", HOW_TO_WRITE_ONE)
