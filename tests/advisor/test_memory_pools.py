"""Whose memory is whose: cards, processors' own GPUs, what firmware and containers take."""

from __future__ import annotations

import pytest

from advisor.memory_pools import gpu_memory, host_capacity, system_reserve_bytes
from probes.accelerator import Accelerator, AcceleratorKind
from probes.machine import Cpu, Machine, Memory, System

GIB = 1 << 30


def machine(*, os="linux", total=28, available=20, limit=None):
    """A machine with so many GiB, of which so many are free."""
    return Machine(
        system=System(os=os),
        cpu=Cpu(name=None, architecture="x86_64"),
        memory=Memory(
            total_bytes=total * GIB,
            available_bytes=available * GIB,
            limit_bytes=None if limit is None else limit * GIB,
        ),
    )


def apu(*, vendor="amd", own=None, mapped=None, used=0):
    """A GPU in the processor with so many GiB set aside, and so many of the system's."""
    total = None if mapped is None else int(((own or 0) + mapped) * GIB)
    return Accelerator(
        name="APU",
        vendor=vendor,
        kind=AcceleratorKind.UNIFIED,
        memory_total_bytes=total,
        memory_free_bytes=None if total is None else total - used * GIB,
        memory_dedicated_bytes=None if own is None else own * GIB,
    )


def gib(figure):
    return figure.value / GIB


@pytest.mark.parametrize(
    ("gpu", "where", "capacity_gib", "available_gib", "is_the_hosts"),
    [
        pytest.param(
            apu(own=4, mapped=14),
            machine(),
            14,
            14,
            True,
            id="ROCm has what is mapped where that is more",
        ),
        pytest.param(
            apu(own=4, mapped=14, used=1),
            machine(),
            14,
            13,
            True,
            id="what is in use is taken off, wherever it is",
        ),
        pytest.param(
            apu(own=96, mapped=15.5),
            machine(total=31, available=27),
            96,
            96,
            False,
            id="96 GiB set aside are the GPU's alone, whatever the system has free",
        ),
        pytest.param(
            apu(own=96, mapped=15.5, used=2),
            machine(total=31, available=27),
            96,
            94,
            False,
            id="and less by what is in use",
        ),
        pytest.param(
            apu(own=96),
            machine(os="windows", total=31, available=27),
            96,
            96,
            False,
            id="on Windows too, where no total is known",
        ),
        pytest.param(
            apu(own=4),
            machine(os="windows"),
            4 + 14,
            4 + 14,
            True,
            id="Windows joins 4 GiB set aside with half of the system's",
        ),
        pytest.param(
            apu(own=4, mapped=14),
            machine(limit=8),
            8,
            8,
            True,
            id="a container of 8 GiB limits what is mapped",
        ),
        pytest.param(
            apu(own=4, mapped=14),
            machine(available=6),
            14,
            6,
            True,
            id="now there is no more than the system has free",
        ),
        pytest.param(
            apu(vendor="nvidia"),
            machine(total=120, available=113),
            118,
            113,
            True,
            id="a GB10 may have all but 2 GiB",
        ),
    ],
)
def test_a_gpu_in_the_processor(gpu, where, capacity_gib, available_gib, is_the_hosts):
    memory = gpu_memory(gpu, where)
    assert gib(memory.capacity_bytes) == capacity_gib
    assert gib(memory.available_bytes) == available_gib
    assert memory.is_the_hosts == is_the_hosts


def test_a_card_has_what_its_driver_does_not_keep():
    card = Accelerator(
        name="card",
        vendor="nvidia",
        kind=AcceleratorKind.DISCRETE,
        memory_total_bytes=24 * GIB,
        memory_reserved_bytes=1 * GIB,
        memory_free_bytes=20 * GIB,
    )
    memory = gpu_memory(card, machine())
    assert (gib(memory.capacity_bytes), gib(memory.available_bytes)) == (23, 20)
    assert not memory.is_the_hosts


def test_a_card_that_tells_nothing_is_unknown():
    card = Accelerator(name="card", vendor="intel", kind=AcceleratorKind.DISCRETE)
    memory = gpu_memory(card, machine())
    assert (memory.capacity_bytes, memory.available_bytes) == (None, None)


@pytest.mark.parametrize(
    ("total_gib", "reserve_gib"),
    [
        pytest.param(100, 2, id="at most 2 GiB"),
        pytest.param(25, 2, id="8 % of 25 GiB are 2"),
        pytest.param(12.5, 1, id="8 % of less"),
    ],
)
def test_an_operating_system_keeps_something(total_gib, reserve_gib):
    assert system_reserve_bytes(int(total_gib * GIB)) == reserve_gib * GIB


def test_a_container_leaves_its_limit():
    assert gib(host_capacity(machine(limit=2))) == 2


def test_an_idle_machine_has_what_is_free_where_that_is_more_than_the_assumption():
    assert gib(host_capacity(machine(total=100, available=99))) == 99
