"""Recordings of machines: what they hold, what they leave out, and what is refused."""

from __future__ import annotations

import dataclasses
import json
import os
import stat
import sys
from types import NoneType, UnionType
from typing import get_args, get_origin, get_type_hints

import pytest
from hypothesis import given
from hypothesis import strategies as st

from probes.accelerator import (
    Accelerator,
    AcceleratorKind,
    AcceleratorState,
    Condition,
    MemoryHolder,
    PciIdentity,
    PciLink,
)
from probes.errors import RecordError
from probes.finding import Finding, Severity
from probes.machine import Cache, Cpu, Machine, Memory, ReadBandwidth, System
from probes.record import from_json, read, shareable, to_json, write

SMALLEST = Machine(
    system=System(os="linux"),
    cpu=Cpu(name=None, architecture="x86_64"),
    memory=Memory(total_bytes=1, available_bytes=0),
)

UUID = "GPU-8f6b9f5e-3c0a-4a5e-9a53-0123456789ab"

DESKTOP = Machine(
    system=System(os="linux", os_version="Debian GNU/Linux 12 (bookworm)", kernel="6.1.0-18-amd64"),
    cpu=Cpu(
        name="AMD Ryzen 9 7950X 16-Core Processor",
        architecture="x86_64",
        physical_cores=16,
        usable_cores=16,
        instruction_sets=("avx2", "avx512_vnni"),
        caches=(Cache(level=3, size_bytes=32 << 20, instances=2),),
        load_average=0.5,
    ),
    memory=Memory(total_bytes=64 << 30, available_bytes=60 << 30),
    accelerators=(
        Accelerator(
            name="NVIDIA GeForce RTX 4090",
            vendor="nvidia",
            kind=AcceleratorKind.DISCRETE,
            uuid=UUID,
            pci=PciIdentity(vendor=0x10DE, device=0x2684, address="0000:01:00.0"),
            memory_total_bytes=25_757_220_864,
            memory_bandwidth_bytes_per_s=1008.096e9,
            link=PciLink(generation=4, width=16, width_max=16),
            condition=Condition(slowdowns=(), temperature_celsius=41.0),
            holders=(
                MemoryHolder(name="/home/alice/bin/ollama", pid=4711, memory_bytes=5_000_000_000),
                MemoryHolder(name=None, pid=12, memory_bytes=None),
            ),
        ),
    ),
    read_bandwidth=ReadBandwidth(
        lower_bytes_per_s=60e9,
        upper_bytes_per_s=64e9,
        cpu_share=0.99,
        threads=8,
        buffer_bytes=256 << 20,
    ),
    findings=(
        Finding(
            probe="nvidia",
            code="nvidia-busy",
            severity=Severity.NOTE,
            sentence=f"process 4711 (`/home/alice/bin/ollama`) holds memory of `{UUID}`",
        ),
    ),
)


# --- what is written -------------------------------------------------------------------------


def test_a_recording_is_indented_sorted_and_ends_with_a_line_end():
    assert to_json(SMALLEST) == (
        "{\n"
        '  "cpu": {\n'
        '    "architecture": "x86_64"\n'
        "  },\n"
        '  "memory": {\n'
        '    "available_bytes": 0,\n'
        '    "swap_free_bytes": 0,\n'
        '    "swap_total_bytes": 0,\n'
        '    "total_bytes": 1\n'
        "  },\n"
        '  "schema": "advisor.machine/1",\n'
        '  "system": {\n'
        '    "os": "linux"\n'
        "  }\n"
        "}\n"
    )


def test_a_saved_machine_holds_nothing_private(tmp_path):
    path = tmp_path / "machine.json"
    write(path, DESKTOP)
    text = path.read_text(encoding="utf-8")
    for private in (UUID, UUID[4:], "alice", "4711", '"pid"', '"uuid"'):
        assert private not in text
    saved = read(path)
    assert saved.accelerators[0].holders == (
        MemoryHolder(name="ollama", pid=None, memory_bytes=5_000_000_000),
        MemoryHolder(name=None, pid=None, memory_bytes=None),
    )
    assert saved.findings[0].sentence == (
        "process … (`/home/…/bin/ollama`) holds memory of `GPU-…`"
    )


def test_a_saved_machine_keeps_every_fact(tmp_path):
    write(tmp_path / "machine.json", DESKTOP)
    saved = read(tmp_path / "machine.json")
    assert saved == shareable(DESKTOP)
    assert dataclasses.replace(saved, accelerators=(), findings=()) == dataclasses.replace(
        DESKTOP, accelerators=(), findings=()
    )
    (card,), (expected,) = saved.accelerators, DESKTOP.accelerators
    assert dataclasses.replace(card, holders=()) == dataclasses.replace(
        expected, holders=(), uuid=None
    )


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        pytest.param("/Users/bob/Library", "/Users/…/Library", id="a Mac's home"),
        pytest.param(r"C:\Users\bob\x.exe", r"C:\Users\…\x.exe", id="a home on Windows"),
        pytest.param("pid 17 has it", "pid … has it", id="a process number"),
        pytest.param("a\x1b[31mred\nline", "a [31mred line", id="what a terminal would obey"),
        pytest.param("16 GiB on 2 cards", "16 GiB on 2 cards", id="other numbers stay"),
    ],
)
def test_what_is_private_in_a_sentence_goes(text, expected):
    said = Finding(probe="cpu", code="x", severity=Severity.NOTE, sentence=text, hint=text)
    (finding,) = shareable(dataclasses.replace(SMALLEST, findings=(said,))).findings
    assert (finding.sentence, finding.hint) == (expected, expected)


def test_a_recording_replaces_an_older_one_whole(tmp_path):
    path = tmp_path / "machine.json"
    path.write_text("x" * 100_000)
    write(path, SMALLEST)
    assert path.read_text() == to_json(SMALLEST)
    assert [each.name for each in tmp_path.iterdir()] == ["machine.json"]


@pytest.mark.skipif(sys.platform == "win32", reason="links and devices of POSIX")
def test_a_link_is_followed_and_a_device_is_written_into(tmp_path):
    """As root, putting a file in the place of `/dev/stdout` would break the machine."""
    (tmp_path / "link.json").symlink_to("real.json")
    write(tmp_path / "link.json", SMALLEST)
    assert (tmp_path / "link.json").is_symlink()
    assert read(tmp_path / "real.json") == SMALLEST
    (tmp_path / "null").symlink_to("/dev/null")
    write(tmp_path / "null", SMALLEST)
    assert stat.S_ISCHR(os.stat("/dev/null").st_mode)  # noqa: PTH116


@pytest.mark.parametrize(
    ("place", "reason"),
    [
        pytest.param("missing/machine.json", "No such file or directory", id="no such folder"),
        pytest.param(".", "Is a directory", id="a folder"),
    ],
)
@pytest.mark.skipif(sys.platform == "win32", reason="POSIX's words")
def test_a_place_that_cannot_be_written_is_said(tmp_path, place, reason):
    path = tmp_path / place
    with pytest.raises(RecordError) as refused:
        write(path, SMALLEST)
    assert str(refused.value) == f"`{path}` cannot be written: {reason}"
    assert refused.value.hint == "choose a file in a folder that you may write to"


# --- what is read back -----------------------------------------------------------------------

TEXTS = st.text(st.characters(exclude_categories=("Cc", "Cs")), max_size=12)
WHOLE = st.integers(0, 2**63 - 1)
REAL = st.floats(0, 1e18)


def values_of(kind):
    """Any value that a field of this type may hold."""
    if get_origin(kind) is UnionType:
        (inner,) = (each for each in get_args(kind) if each is not NoneType)
        return st.none() | values_of(inner)
    if get_origin(kind) is tuple:
        return st.lists(values_of(get_args(kind)[0]), max_size=2).map(tuple)
    if dataclasses.is_dataclass(kind):
        names = get_type_hints(kind)
        return st.builds(kind, **{name: values_of(type_) for name, type_ in names.items()})
    simple = {str: TEXTS, int: WHOLE, float: REAL, bool: st.booleans()}
    return simple[kind] if kind in simple else st.sampled_from(kind)


def made_possible(machine):
    """The same machine with its few contradictions put right."""
    total = max(machine.memory.total_bytes, 1)
    available = min(machine.memory.available_bytes, total)
    memory = dataclasses.replace(machine.memory, total_bytes=total, available_bytes=available)
    rate = machine.read_bandwidth
    if rate is not None:
        lower = max(rate.lower_bytes_per_s, 1.0)
        rate = dataclasses.replace(
            rate,
            lower_bytes_per_s=lower,
            upper_bytes_per_s=lower + rate.upper_bytes_per_s,
            cpu_share=rate.cpu_share / 1e18,
        )
    return dataclasses.replace(machine, memory=memory, read_bandwidth=rate)


@given(values_of(Machine).map(made_possible))
def test_what_was_written_is_read_back(machine):
    assert from_json(to_json(machine)) == machine


@given(values_of(Machine).map(made_possible))
def test_sharing_twice_is_sharing_once(machine):
    once = shareable(machine)
    assert shareable(once) == once
    assert from_json(to_json(once)) == once


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-32"])
def test_what_windows_made_of_the_encoding_is_read(tmp_path, encoding):
    """`advisor scan --json > machine.json` in an older PowerShell writes UTF-16."""
    path = tmp_path / "machine.json"
    path.write_bytes(to_json(DESKTOP).encode(encoding))
    assert read(path) == DESKTOP


def test_a_whole_number_will_do_for_a_real_one():
    text = to_json(DESKTOP).replace('"load_average": 0.5', '"load_average": 1')
    load = from_json(text).cpu.load_average
    assert (load, type(load)) == (1.0, float)


# --- what is refused -------------------------------------------------------------------------


def changed(**changes):
    """The desktop's recording with some values replaced; a name is a path with `__` for `.`."""
    whole = json.loads(to_json(DESKTOP))
    for path, value in changes.items():
        *above, last = path.split("__")
        place = whole
        for name in above:
            place = place[int(name)] if name.isdecimal() else place[name]
        if value is ...:
            del place[last]
        else:
            place[last] = value
    return json.dumps(whole)


NOT_ONE = "`page.json` is not a machine recording: "


@pytest.mark.parametrize(
    ("text", "why"),
    [
        pytest.param("<!DOCTYPE html>", "it is not JSON (line 1, column 1)", id="a web page"),
        pytest.param("", "it is not JSON (line 1, column 1)", id="nothing"),
        pytest.param('{"a": 1,\n}', "it is not JSON (line 2, column 1)", id="broken JSON"),
        pytest.param(b"\xff\xfe\xff", "it is not JSON", id="no text"),
        pytest.param("[" * 100_000, "it is not JSON", id="nested beyond reason"),
        pytest.param("9" * 5000, "it is not JSON", id="a number beyond reason"),
        pytest.param("[]", "it is JSON, but not an object", id="a list"),
        pytest.param("{}", "it has no `schema` of `advisor.machine/1`", id="no schema"),
        pytest.param(
            changed(schema=1), "it has no `schema` of `advisor.machine/1`", id="a schema of 1"
        ),
        pytest.param(
            changed(schema="advisor.estimate/1"),
            "its `schema` is `advisor.estimate/1`, not `advisor.machine/1`",
            id="another command's answer",
        ),
        pytest.param(changed(memory=...), "`memory` is missing", id="no memory"),
        pytest.param(
            changed(memory__total_bytes=...), "`memory.total_bytes` is missing", id="no total"
        ),
        pytest.param(
            changed(memory__total_bytes="64 GB"),
            "`memory.total_bytes` is `64 GB`, not a whole number",
            id="a text for a number",
        ),
        pytest.param(
            changed(memory__total_bytes=6.5e10),
            "`memory.total_bytes` is 65000000000.0, not a whole number",
            id="a real number for bytes",
        ),
        pytest.param(
            changed(memory__total_bytes=True),
            "`memory.total_bytes` is true, not a whole number",
            id="true for a number",
        ),
        pytest.param(
            changed(memory__total_bytes=None),
            "`memory.total_bytes` is null, not a whole number",
            id="null for a number",
        ),
        pytest.param(
            changed(memory__total_bytes=-1),
            "`memory.total_bytes` is -1, which no machine has",
            id="a negative size",
        ),
        pytest.param(
            changed(memory__total_bytes=10**30),
            "`memory.total_bytes` is a number of more than 18 digits, which no machine has",
            id="a size beyond reason",
        ),
        pytest.param(
            changed(cpu__load_average=float("nan")),
            "`cpu.load_average` is nan, which no machine has",
            id="not a number",
        ),
        pytest.param(
            changed(cpu__load_average=float("inf")),
            "`cpu.load_average` is inf, which no machine has",
            id="endless",
        ),
        pytest.param(changed(cpu=[]), "`cpu` is a list, not an object", id="a list for an object"),
        pytest.param(
            changed(cpu__caches={}), "`cpu.caches` is an object, not a list", id="and back"
        ),
        pytest.param(
            changed(cpu__caches__0__level="L3"),
            "`cpu.caches[0].level` is `L3`, not a whole number",
            id="a place in a list",
        ),
        pytest.param(changed(cpu__name=5), "`cpu.name` is 5, not a text", id="a number for a text"),
        pytest.param(
            changed(cpu__name="\x1b[2J"),
            "`cpu.name` holds a character that cannot be shown",
            id="a text that would clear the screen",
        ),
        pytest.param(
            changed(cpu__name="\ud800"),
            "`cpu.name` holds a character that cannot be shown",
            id="half a character",
        ),
        pytest.param(
            changed(cpu__colour="red"), "nothing is known of `cpu.colour`", id="an unknown key"
        ),
        pytest.param(
            changed(**{"accelerators__0__\x1b[2J": 1}),
            "nothing is known of `accelerators[0].?[2J`",
            id="an unknown key that would clear the screen",
        ),
        pytest.param(
            changed(accelerators__0__kind="gpu"),
            "`accelerators[0].kind` is `gpu`, not one of `discrete`, `unified`, `mig`, `vgpu`",
            id="an unknown kind",
        ),
        pytest.param(
            changed(accelerators__0__ecc="yes"),
            "`accelerators[0].ecc` is `yes`, not true or false",
            id="a word for a truth value",
        ),
        pytest.param(
            changed(cpu__name="x" * 3), None, id="(what the changes start from is accepted)"
        ),
        pytest.param(
            changed(memory__total_bytes=0, memory__available_bytes=0),
            "`memory.total_bytes` is 0",
            id="no memory at all",
        ),
        pytest.param(
            changed(memory__available_bytes=65 << 30),
            "`memory.available_bytes` is more than `memory.total_bytes`",
            id="more available than there is",
        ),
        pytest.param(
            changed(read_bandwidth__lower_bytes_per_s=65e9),
            "`read_bandwidth` has no lower rate above 0 and at most the upper one",
            id="bounds the wrong way round",
        ),
        pytest.param(
            changed(read_bandwidth__cpu_share=1.01),
            "`read_bandwidth.cpu_share` is more than 1",
            id="more than all of the CPU",
        ),
    ],
)
def test_what_is_no_recording_is_refused_with_its_place(text, why):
    if why is None:
        assert from_json(text, name="page.json").cpu.name == "xxx"
        return
    with pytest.raises(RecordError) as refused:
        from_json(text, name="page.json")
    assert str(refused.value) == NOT_ONE + why
    assert refused.value.hint == (
        "write one with `advisor scan --save machine.json` on that machine"
    )


def test_a_recording_of_another_version_is_told_from_no_recording():
    with pytest.raises(RecordError) as refused:
        from_json(changed(schema="advisor.machine/2"), name="page.json")
    assert str(refused.value) == (
        "`page.json` is a machine recording of version 2, not of version 1"
    )
    assert refused.value.hint == "use the same version of `gguf-advisor` on both machines"


def test_a_file_that_is_not_there_is_said(tmp_path):
    path = tmp_path / "page.json"
    with pytest.raises(RecordError) as refused:
        read(path)
    assert str(refused.value) == f"`{path}` does not exist"


def test_a_folder_is_said(tmp_path):
    with pytest.raises(RecordError) as refused:
        read(tmp_path)
    assert str(refused.value) == f"`{tmp_path}` is a folder, not a machine recording"


def test_a_file_that_may_not_be_read_is_said(tmp_path, monkeypatch):
    """Root may read everything, so the refusal is made up."""

    def refuse(*_, **__):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr("pathlib.Path.open", refuse)
    with pytest.raises(RecordError) as refused:
        read(tmp_path / "page.json")
    assert str(refused.value) == f"`{tmp_path / 'page.json'}` cannot be read: Permission denied"
    assert refused.value.hint == "check the file's name and permissions"


def test_a_huge_file_is_not_read_whole(tmp_path):
    path = tmp_path / "page.json"
    with path.open("wb") as file:
        file.truncate(5 << 30)
    with pytest.raises(RecordError) as refused:
        read(path)
    assert str(refused.value) == f"`{path}` is not a machine recording: it is larger than 4 MiB"


def test_an_endless_file_is_not_read_to_its_end():
    if not os.path.exists("/dev/zero"):  # noqa: PTH110
        pytest.skip("no endless file here")
    from pathlib import Path

    with pytest.raises(RecordError, match="larger than 4 MiB"):
        read(Path("/dev/zero"))


def test_every_accelerator_state_survives():
    for state in AcceleratorState:
        card = dataclasses.replace(DESKTOP.accelerators[0], state=state)
        machine = dataclasses.replace(DESKTOP, accelerators=(card,))
        assert from_json(to_json(machine)).accelerators[0].state is state
