"""Which machine and which file: marks that hold as long as they should and no longer."""

from __future__ import annotations

from dataclasses import replace

import pytest

from advisor.measure.identity import END_BYTES, file_mark, machine_identity
from probes.accelerator import Accelerator, AcceleratorKind, AcceleratorState
from probes.machine import Cpu, Machine, Memory, System

GIB = 1 << 30
CARD = Accelerator(
    name="NVIDIA GeForce RTX 4090",
    vendor="nvidia",
    kind=AcceleratorKind.DISCRETE,
    memory_total_bytes=24 * GIB,
)
MACHINE = Machine(
    system=System(os="linux"),
    cpu=Cpu(name="AMD Ryzen 7 7700X", architecture="x86_64", physical_cores=8, logical_cores=16),
    memory=Memory(total_bytes=31 * GIB + GIB // 4, available_bytes=20 * GIB),
    accelerators=(CARD,),
)


def test_it_names_processor_memory_and_gpus():
    assert (
        machine_identity(MACHINE)
        == "AMD Ryzen 7 7700X, 8 cores | 31 GiB | NVIDIA GeForce RTX 4090, 24.0 GiB"
    )


@pytest.mark.parametrize(
    "same",
    [
        pytest.param(
            replace(MACHINE, memory=replace(MACHINE.memory, total_bytes=31 * GIB)),
            id="a kernel that counts memory a little differently",
        ),
        pytest.param(
            replace(MACHINE, memory=replace(MACHINE.memory, available_bytes=GIB)),
            id="less memory free",
        ),
        pytest.param(
            replace(MACHINE, accelerators=(replace(CARD, state=AcceleratorState.HIDDEN),)),
            id="a card that the environment hides",
        ),
        pytest.param(
            replace(MACHINE, accelerators=(replace(CARD, driver="580.1", memory_free_bytes=1),)),
            id="another driver",
        ),
        pytest.param(
            replace(MACHINE, cpu=replace(MACHINE.cpu, load_average=9.0)), id="a busy processor"
        ),
    ],
)
def test_a_machine_stays_the_same_machine(same):
    assert machine_identity(same) == machine_identity(MACHINE)


@pytest.mark.parametrize(
    "other",
    [
        pytest.param(replace(MACHINE, accelerators=()), id="without its card"),
        pytest.param(replace(MACHINE, accelerators=(CARD, CARD)), id="with a second card"),
        pytest.param(
            replace(MACHINE, accelerators=(replace(CARD, memory_total_bytes=12 * GIB),)),
            id="a card of the same name with less memory",
        ),
        pytest.param(
            replace(MACHINE, cpu=replace(MACHINE.cpu, physical_cores=6)), id="fewer cores"
        ),
        pytest.param(
            replace(MACHINE, memory=replace(MACHINE.memory, total_bytes=63 * GIB)),
            id="more memory",
        ),
    ],
)
def test_another_machine_is_another(other):
    assert machine_identity(other) != machine_identity(MACHINE)


def test_two_cards_are_the_same_two_in_any_order():
    small = replace(CARD, name="NVIDIA GeForce RTX 3060")
    there = replace(MACHINE, accelerators=(CARD, small))
    assert machine_identity(there) == machine_identity(replace(MACHINE, accelerators=(small, CARD)))


def a_file(path, *, first=b"a", last=b"z", size=3 * END_BYTES):
    """A file of these two ends."""
    path.write_bytes(first + b"\0" * (size - 2) + last)
    return path


def test_a_file_is_known_by_its_ends_and_its_size(tmp_path):
    mark = file_mark(a_file(tmp_path / "one"))
    assert file_mark(a_file(tmp_path / "the same elsewhere")) == mark
    others = [
        file_mark(a_file(tmp_path / "another beginning", first=b"b")),
        file_mark(a_file(tmp_path / "another end", last=b"y")),
        file_mark(a_file(tmp_path / "longer", size=3 * END_BYTES + 1)),
    ]
    assert len({mark, *others}) == 4


def test_a_file_shorter_than_its_ends_has_a_mark_too(tmp_path):
    assert len(file_mark(a_file(tmp_path / "short", size=2))) == 64
