"""The heading of a report: what it says of a machine in a few lines."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest

from advisor.render.machine import cpu_line, memory_line, write_target
from advisor.render.paper import Paper
from advisor.target import target_of_machine
from probes.accelerator import Accelerator, AcceleratorKind, AcceleratorState, PciIdentity
from probes.machine import Cpu, Memory
from probes.record import read

GIB = 1 << 30


def accelerator(name, *, vendor="nvidia", state=AcceleratorState.READY, **more):
    return Accelerator(
        name=name,
        vendor=vendor,
        kind=more.pop("kind", AcceleratorKind.DISCRETE),
        state=state,
        memory_total_bytes=24 * GIB,
        memory_free_bytes=24 * GIB,
        **more,
    )


@pytest.fixture
def machine(desktop):
    """A machine with these accelerators."""

    def of(*accelerators):
        return dataclasses.replace(read(Path(desktop)), accelerators=accelerators)

    return of


def gpu_lines(machine):
    paper = Paper(width=160, colour=False)
    write_target(paper, target_of_machine(machine), machine)
    return [
        line.removeprefix("  GPU").strip()
        for line in paper.text().splitlines()
        if line.startswith("  GPU")
    ]


def test_no_gpu_is_said(machine):
    assert gpu_lines(machine()) == ["none found"]


def test_equal_cards_have_a_line_each(machine):
    card = accelerator("NVIDIA GeForce RTX 3090")
    lines = gpu_lines(machine(card, card))
    assert len(lines) == 2
    assert lines[0] == lines[1]
    assert lines[0].startswith("NVIDIA GeForce RTX 3090, 24.0 GiB, 936 GB/s (published), cuda")


def test_a_card_of_another_maker_is_not_used(machine):
    lines = gpu_lines(
        machine(
            accelerator("NVIDIA GeForce RTX 3090"),
            accelerator("AMD Radeon RX 570", vendor="amd"),
            accelerator("NVIDIA GeForce RTX 3090"),
        )
    )
    assert [line for line in lines if "not used" in line] == ["AMD Radeon RX 570: not used"]
    assert len(lines) == 3


def test_a_card_that_the_catalog_names_better_is_listed_once(machine):
    ids = PciIdentity(vendor=0x1002, device=0x744C, revision=0xC8)
    seen = accelerator("AMD GPU (PCI 1002:744c)", vendor="amd", pci=ids)
    lines = gpu_lines(machine(seen))
    assert len(lines) == 1
    assert lines[0].startswith("AMD Radeon RX 7900 XTX, 24.0 GiB")


@pytest.mark.parametrize(
    ("state", "words"),
    [
        (AcceleratorState.LOST, "does not answer"),
        (AcceleratorState.NO_DRIVER, "no driver answers for it"),
        (AcceleratorState.HIDDEN, "hidden from programs"),
        (AcceleratorState.PARTITIONED, "split into slices"),
    ],
)
def test_a_card_that_cannot_be_used_says_why(machine, state, words):
    lines = gpu_lines(machine(accelerator("NVIDIA GeForce RTX 3090", state=state)))
    assert lines == [f"NVIDIA GeForce RTX 3090: {words}, 24.0 GiB"]


@pytest.mark.parametrize(
    ("physical", "usable", "words"),
    [(8, 8, "8 cores"), (1, 1, "1 core"), (12, 1, "1 usable of 12 cores"), (None, 4, "4 cores")],
)
def test_cores_are_counted_in_words(physical, usable, words):
    cpu = Cpu(architecture="x86_64", name="CPU", physical_cores=physical, usable_cores=usable)
    assert cpu_line(cpu) == f"CPU, {words}"


def test_a_limit_names_itself_and_what_it_is_a_part_of():
    memory = Memory(
        total_bytes=64 * GIB,
        available_bytes=2 * GIB,
        limit_bytes=2 * GIB,
        limit_source="cgroup v2 memory.max",
    )
    assert memory_line(memory) == ("2.0 GiB (cgroup v2 memory.max) of 64.0 GiB, 2.0 GiB available")
