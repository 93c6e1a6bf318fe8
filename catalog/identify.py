"""Which row of the catalog a driver's facts describe.

In order: the PCI device and board, the driver's exact name, the chip; then the memory size where
rows share a name. Never by a part of a name, and never a row because it is the nearest: what is
not in the catalog is said not to be. The live figures of a driver beat those of its row, so a
card with another memory size than its row is still found, with a sentence that says so.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cache

from catalog.device import Device, DeviceKind
from catalog.device_names import driver_key
from catalog.hardware import device_named, load_devices
from catalog.pci_ids import PciName, amd_names, intel_names, nvidia_names

GIB = 1 << 30

SAME_BANDWIDTH = 0.03
"""How far a driver's bandwidth may be from its row's: sheets round, and clocks differ a little."""

OWN_MEMORY_SHARE = (0.90, 1.02)
"""What a driver reports of a card's label: ECC keeps a sixteenth, older drivers a little more."""

SYSTEM_MEMORY_SHARE = 1.02
"""A machine's memory is at most this of its label; firmware and carve-outs keep some of it."""

_VGPU = re.compile(r"^(?:NVIDIA |GRID ).*-\d+[QCAB]$")
"""A share of a card in a virtual machine: `NVIDIA A40-48Q`, `GRID T4-16Q`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Identification:
    """What was found, and what is doubtful about it."""

    device: Device | None
    """``None`` when the catalog does not have it."""

    problem: str | None = None
    """What the reader should know, one sentence; ``None`` when there is no doubt."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Facts:
    """What the driver and the bus said."""

    vendor: str
    name: str | None
    memory_bytes: int | None
    pci_device: int | None
    board: tuple[int, int] | None
    pci_revision: int | None
    architecture: str | None
    core_count: int | None
    bandwidth_bytes_per_s: float | None

    @property
    def shown(self) -> str:
        """What a sentence calls it."""
        if self.name:
            return self.name
        if self.pci_device is not None:
            return f"{self.vendor} device {self.pci_device:#06x}"
        return f"{self.vendor} GPU"


def identify(  # noqa: PLR0913  (all that drivers and buses say)
    *,
    vendor: str,
    name: str | None = None,
    memory_bytes: int | None = None,
    pci_device: int | None = None,
    pci_subsystem_vendor: int | None = None,
    pci_subsystem_device: int | None = None,
    pci_revision: int | None = None,
    architecture: str | None = None,
    core_count: int | None = None,
    bandwidth_bytes_per_s: float | None = None,
) -> Identification:
    """The row of the catalog that these facts describe.

    Args:
        vendor: `nvidia`, `amd`, `intel`, `apple`, `qualcomm`.
        name: As the driver spells it; for a MIG slice, the whole card's. A Jetson's is its board's.
        memory_bytes: What the driver reports in total; the whole machine's memory for a device
            that shares it. ``None`` when nobody said, or for a slice. [bytes]
        pci_device: PCI device id.
        pci_subsystem_vendor: Who made the board.
        pci_subsystem_device: The board's own id.
        pci_revision: AMD tells products of one device id apart by it.
        architecture: Chip (`M4 Max`) or gfx target (`gfx1151`), for what has no PCI id.
        core_count: GPU cores (Apple) or compute units (AMD); not of a MIG slice.
        bandwidth_bytes_per_s: Peak from the driver's memory clock, which tells variants of one name
            apart that have other memory chips. [bytes/s]

    Returns:
        The row, or none, with what is doubtful.
    """
    board = None
    if pci_subsystem_vendor is not None and pci_subsystem_device is not None:
        board = (pci_subsystem_vendor, pci_subsystem_device)
    facts = _Facts(
        vendor=vendor.lower(),
        name=name.split(" MIG ")[0].strip() if name else None,
        memory_bytes=memory_bytes,
        pci_device=pci_device,
        board=board,
        pci_revision=pci_revision,
        architecture=architecture,
        core_count=core_count,
        bandwidth_bytes_per_s=bandwidth_bytes_per_s,
    )
    if facts.name and _VGPU.search(facts.name):
        problem = f"`{facts.name}` is a share of a card: its bandwidth depends on who else uses it"
        return Identification(device=None, problem=problem)
    rows = _candidates(facts)
    if not rows:
        problem = f"`{facts.shown}` is not in the catalog"
        return Identification(device=None, problem=problem)
    return _settle(rows, facts)


def _candidates(facts: _Facts) -> tuple[Device, ...]:
    """The rows that the surest fact leaves: the PCI identity, else the driver's name, else chip."""
    by_name = _rows_named(facts.name, facts.vendor) if facts.name else ()
    by_pci = tuple(row for found in _pci_names(facts) for row in _rows_of(found, facts.vendor))
    both = tuple(row for row in by_pci if row in by_name)
    if by_pci and (both or not by_name):
        return _unique(both or by_pci)
    if by_name:
        return _unique(by_name)
    return _rows_of_chip(facts)


def _unique(rows: Iterable[Device]) -> tuple[Device, ...]:
    return tuple({row.name: row for row in rows}.values())


def _pci_names(facts: _Facts) -> tuple[PciName, ...]:
    if facts.pci_device is None:
        return ()
    if facts.vendor == "nvidia":
        return nvidia_names(facts.pci_device, facts.board)
    if facts.vendor == "amd":
        return amd_names(facts.pci_device, facts.pci_revision)
    return intel_names(facts.pci_device) if facts.vendor == "intel" else ()


def _rows_of(found: PciName, vendor: str) -> tuple[Device, ...]:
    if found.devices:
        return tuple(device_named(name) for name in found.devices)
    return _rows_named(found.driver_name, vendor)


def _rows_named(name: str, vendor: str) -> tuple[Device, ...]:
    """The rows with this driver name, letter for letter; else in another spelling of it."""
    exact, loose = _driver_names()
    rows = exact.get(name) or loose.get(driver_key(name), ())
    return tuple(row for row in rows if row.vendor.lower() == vendor)


@cache
def _driver_names() -> tuple[dict[str, tuple[Device, ...]], dict[str, tuple[Device, ...]]]:
    exact: dict[str, tuple[Device, ...]] = {}
    loose: dict[str, tuple[Device, ...]] = {}
    for row in load_devices():
        for name in row.driver_names:
            exact[name] = (*exact.get(name, ()), row)
            key = driver_key(name)
            loose[key] = (*loose.get(key, ()), row)
    return exact, {key: _unique(rows) for key, rows in loose.items()}


def _rows_of_chip(facts: _Facts) -> tuple[Device, ...]:
    """The machines with unified memory that have this chip or gfx target."""
    if facts.architecture is None:
        return ()
    return tuple(
        row
        for row in load_devices()
        if row.kind is DeviceKind.UNIFIED
        and row.vendor.lower() == facts.vendor
        and row.architecture == facts.architecture
        and facts.vendor in {"apple", "amd"}
    )


def _settle(rows: tuple[Device, ...], facts: _Facts) -> Identification:
    """Choose between rows that share an identity, by cores, by memory, then by bandwidth."""
    if facts.vendor != "nvidia" and facts.core_count is not None and len(rows) > 1:
        rows = tuple(row for row in rows if row.core_count == facts.core_count) or rows
    fits = _rows_of_size(rows, facts.memory_bytes)
    rows = fits or rows
    rows = tuple(row for row in rows if _has_bandwidth(row, facts.bandwidth_bytes_per_s)) or rows
    slowest = min(rows, key=_caution)
    problem = _size_problem(rows, facts) if not fits else None
    return Identification(device=slowest, problem=problem or _choice_problem(rows, slowest, facts))


def _has_bandwidth(row: Device, seen: float | None) -> bool:
    return seen is not None and abs(seen / row.bandwidth_bytes_per_s - 1) <= SAME_BANDWIDTH


def _caution(row: Device) -> tuple[float, int, float, int]:
    """Least bandwidth first, then least memory, then least arithmetic."""
    flops = row.fp16_flops_per_s or 0.0
    return row.bandwidth_bytes_per_s, row.memory_bytes, flops, row.core_count or 0


def _rows_of_size(rows: tuple[Device, ...], memory_bytes: int | None) -> tuple[Device, ...]:
    """Those of this memory size; empty when it is not known, or none has it."""
    if memory_bytes is None:
        return ()
    if rows[0].kind is DeviceKind.UNIFIED:
        large_enough = [
            row for row in rows if row.memory_bytes * SYSTEM_MEMORY_SHARE >= memory_bytes
        ]
        size = min((row.memory_bytes for row in large_enough), default=None)
        return tuple(row for row in large_enough if row.memory_bytes == size)
    low, high = OWN_MEMORY_SHARE
    return tuple(row for row in rows if low <= memory_bytes / row.memory_bytes <= high)


def _size_problem(rows: Sequence[Device], facts: _Facts) -> str | None:
    """A sentence for a card whose memory is no row's; ``None`` where the size is no identity."""
    if facts.memory_bytes is None or rows[0].kind is DeviceKind.UNIFIED:
        return None
    sizes = " or ".join(dict.fromkeys(f"{row.memory_bytes / GIB:g}" for row in rows))
    return (
        f"`{facts.shown}` has {facts.memory_bytes / GIB:.3g} GiB where the catalog has {sizes} GiB:"
        " another variant, or a modified card"
    )


def _choice_problem(rows: Sequence[Device], chosen: Device, facts: _Facts) -> str | None:
    """A sentence where rows are left that differ in a figure; ``None`` where they do not.

    The label's memory is no figure of a machine whose own memory is known.
    """
    size_counts = facts.memory_bytes is None or chosen.kind is not DeviceKind.UNIFIED
    figures = {
        (row.bandwidth_bytes_per_s, row.fp16_flops_per_s, size_counts and row.memory_bytes)
        for row in rows
    }
    if len(figures) == 1:
        return None
    others = ", ".join(row.name for row in rows if row is not chosen)
    return (
        f"`{facts.shown}` is taken for {chosen.name}, the slowest or smallest it can be ({others})"
    )
