"""What a model could run on: the only place where a machine's facts meet the catalog's rows.

A `Target` is made from what the probes saw, or from catalog rows that stand in for them. Each
figure says where it came from: the driver's own word beats the catalog's, and what neither says
is ``None`` or a default with its reason.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from advisor.figure import Figure, Origin
from advisor.gpu_choice import chosen_gpus
from advisor.memory_pools import (
    gpu_memory,
    host_available,
    host_capacity,
    share_origin,
    system_reserve_bytes,
)
from catalog.device import Device, DeviceKind
from catalog.hardware import device_named
from catalog.share import gpu_share
from probes.accelerator import Accelerator, AcceleratorKind

if TYPE_CHECKING:
    from advisor.measurement import Measurement
    from catalog.lookup import Found
    from probes.machine import Machine

DRIVER_RESERVE_SHARE = 0.02
"""Memory a driver keeps of a card that is not at hand.

An RTX 4090's driver keeps 465 of 24,564 MiB; others are assumed to keep the same share.
"""

DESKTOP_SHEET_BYTES_PER_S = (51.2e9, 83.2e9, 128e9)
"""Peak of a desktop's memory that nobody measured: two channels of DDR4-3200, DDR5-5200, -8000."""

HOST_ONLY_VENDORS = frozenset({"Raspberry Pi", "Rockchip", "Qualcomm"})
"""Unified devices whose models run on the CPU: llama.cpp's builds for them use no GPU."""

BACKENDS = {"nvidia": "cuda", "amd": "rocm", "intel": "vulkan", "apple": "metal"}
"""The backend people run on a vendor's GPUs."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Gpu:
    """One GPU a model can be put on."""

    name: str
    vendor: str
    """In lower case: `nvidia`, `amd`, `intel`, `apple`."""

    architecture: str | None
    backend: str
    kind: str
    """`desktop`, `laptop`, `datacenter` or `unified`, from the catalog; else as the probe says."""

    capacity_bytes: Figure | None
    """Memory a model can have when nothing else runs."""

    available_bytes: Figure | None
    """Memory a model can have now."""

    bandwidth_bytes_per_s: Figure | None
    fp16_flops_per_s: Figure | None
    shares_host_memory: bool
    row_name: str | None
    """The catalog row it was found to be."""

    problem: str | None = None
    """Why its row, or a figure, is not known."""

    cuda_index: int | None = None

    seen: Accelerator | None = None
    """What the probes saw of it; ``None`` for a row of the catalog."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Host:
    """The processor and the system's memory."""

    name: str
    capacity_bytes: Figure | None
    """``None`` for a machine that is only imagined: it is then not a limit."""

    available_bytes: Figure | None
    read_bytes_per_s: Figure | None
    cores: int | None
    instruction_sets: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """GPUs in the order of use (fastest first), and the host beside them."""

    name: str
    gpus: tuple[Gpu, ...]
    host: Host
    is_imagined: bool
    """True when catalog rows stand in for the probes."""

    notes: tuple[str, ...] = ()
    """What was left out or assumed, one sentence each."""

    measured: tuple[Measurement, ...] = field(default=(), repr=False)
    """What `advisor bench` timed on this very machine; nothing for any other."""


def target_of_machine(machine: Machine, *, use_gpus: bool = True) -> Target:
    """What the machine's own answers, joined with the catalog, amount to."""
    chosen, notes = chosen_gpus(machine.accelerators if use_gpus else ())
    gpus = tuple(sorted((gpu_of(one, machine) for one in chosen), key=_speed_order))
    host = _host(machine)
    return Target(
        name=_machine_name(gpus, host),
        gpus=gpus,
        host=host,
        is_imagined=False,
        notes=tuple(notes) + tuple(gpu.problem for gpu in gpus if gpu.problem),
    )


def target_of_devices(found: Sequence[Found]) -> Target:
    """What catalog rows, standing in for the probes, amount to."""
    gpus: list[Gpu] = []
    notes = [one.note for one in found if one.note]
    host = _imagined_host()
    for one in found:
        unit = device_named(one.device.unit_name) if one.device.unit_name else one.device
        if unit.kind is DeviceKind.UNIFIED:
            host = _host_of_row(unit)
        if unit.vendor not in HOST_ONLY_VENDORS:
            gpus.extend([_gpu_of_row(unit)] * (one.count * one.device.unit_count))
    gpus.sort(key=_speed_order)
    return Target(
        name=" + ".join(_counted(one) for one in found),
        gpus=tuple(gpus),
        host=host,
        is_imagined=True,
        notes=tuple(notes),
    )


def _counted(found: Found) -> str:
    name = found.device.full_name
    return name if found.count == 1 else f"{found.count}x {name}"


def _machine_name(gpus: Sequence[Gpu], host: Host) -> str:
    if not gpus:
        return host.name
    names = [gpu.name for gpu in gpus]
    counts = {name: names.count(name) for name in names}
    return " + ".join(name if n == 1 else f"{n}x {name}" for name, n in counts.items())


def _speed_order(gpu: Gpu) -> tuple[float, float]:
    """Fastest first, then largest."""
    rate = gpu.bandwidth_bytes_per_s
    size = gpu.capacity_bytes
    return (-(rate.value if rate else 0.0), -(size.value if size else 0.0))


def gpu_of(seen: Accelerator, machine: Machine) -> Gpu:
    """Join one accelerator with its catalog row."""
    from catalog.identify import identify  # a machine without a GPU needs no PCI ids

    pci = seen.pci
    identity = identify(
        vendor=seen.vendor,
        name=seen.parent_name or seen.name,
        memory_bytes=None if seen.parent_name else _identifying_memory(seen, machine),
        pci_device=pci.device if pci else None,
        pci_subsystem_vendor=pci.subsystem_vendor if pci else None,
        pci_subsystem_device=pci.subsystem_device if pci else None,
        pci_revision=pci.revision if pci else None,
        architecture=seen.architecture,
        core_count=seen.core_count,
        bandwidth_bytes_per_s=seen.parent_memory_bandwidth_bytes_per_s
        or seen.memory_bandwidth_bytes_per_s,
    )
    row = identity.device
    memory = gpu_memory(seen, machine)
    return Gpu(
        name=seen.name if row is None or not seen.name.endswith(")") else row.full_name,
        vendor=seen.vendor,
        architecture=seen.architecture or (row.architecture if row else None),
        backend=BACKENDS.get(seen.vendor, "vulkan"),
        kind=row.kind.value if row else seen.kind.value,
        capacity_bytes=memory.capacity_bytes,
        available_bytes=memory.available_bytes,
        bandwidth_bytes_per_s=_bandwidth(seen, row, machine),
        fp16_flops_per_s=_published_flops(row, share=_slice_share(seen)),
        shares_host_memory=memory.is_the_hosts,
        row_name=row.full_name if row else None,
        problem=identity.problem,
        cuda_index=seen.cuda_index,
        seen=seen,
    )


def _identifying_memory(seen: Accelerator, machine: Machine) -> int | None:
    """The size that tells rows of one name apart: the card's, or the whole machine's.

    Memory that the firmware set aside for the GPU is not among the system's.
    """
    if not seen.memory_is_shared:
        return seen.memory_total_bytes
    return machine.memory.total_bytes + (seen.memory_dedicated_bytes or 0)


def _slice_share(seen: Accelerator) -> float:
    return seen.memory_slices / 8 if seen.memory_slices else 1.0


def _bandwidth(seen: Accelerator, row: Device | None, machine: Machine) -> Figure | None:
    """The driver's figure, else the catalog's; none for a share whose part of it is not known."""
    live = seen.memory_bandwidth_bytes_per_s
    if live is not None:
        part = f" × {seen.memory_slices}/8 of the card" if seen.memory_slices else ""
        return Figure(
            value=live,
            origin=Origin.REPORTED,
            source=f"the driver: memory clock × bus width{part}",
        )
    if row is None or seen.kind is AcceleratorKind.VGPU:
        return None
    fitted = machine.memory.module_rate_transfers_per_s
    if row.memory_rate_varies and row.memory_bus_bits and fitted:
        return Figure(
            value=row.memory_bus_bits / 8 * fitted,
            origin=Origin.REPORTED,
            source="the fitted modules' rate × the chip's bus width",
        )
    share = _slice_share(seen)
    text = row.source if share == 1.0 else f"{share:g} of: {row.source}"
    return Figure(value=row.bandwidth_bytes_per_s * share, origin=Origin.PUBLISHED, source=text)


def _published_flops(row: Device | None, *, share: float = 1.0) -> Figure | None:
    if row is None or row.fp16_flops_per_s is None:
        return None
    return Figure(value=row.fp16_flops_per_s * share, origin=Origin.PUBLISHED, source=row.source)


def _host(machine: Machine) -> Host:
    cpu = machine.cpu
    seen = machine.read_bandwidth
    rate = None
    if seen is not None:
        rate = Figure(
            value=(seen.lower_bytes_per_s * seen.upper_bytes_per_s) ** 0.5,
            low=seen.lower_bytes_per_s,
            high=seen.upper_bytes_per_s,
            origin=Origin.MEASURED,
            source=f"read with {seen.threads} threads, {seen.cpu_share:.0%} of the CPU",
        )
    return Host(
        name=cpu.name or cpu.architecture,
        capacity_bytes=host_capacity(machine),
        available_bytes=host_available(machine),
        read_bytes_per_s=rate,
        cores=cpu.usable_cores,
        instruction_sets=cpu.instruction_sets,
    )


def _imagined_host() -> Host:
    low, value, high = DESKTOP_SHEET_BYTES_PER_S
    return Host(
        name="host",
        capacity_bytes=None,
        available_bytes=None,
        read_bytes_per_s=Figure(
            value=value,
            low=low,
            high=high,
            origin=Origin.ASSUMED,
            source="two channels of DDR5-5200, as desktops have; the memory was not measured",
        ),
        cores=None,
        instruction_sets=(),
    )


def _host_of_row(row: Device) -> Host:
    return Host(
        name=row.full_name,
        capacity_bytes=_label_memory(row),
        available_bytes=_label_memory(row),
        read_bytes_per_s=Figure(
            value=row.bandwidth_bytes_per_s, origin=Origin.PUBLISHED, source=row.source
        ),
        cores=None,
        instruction_sets=(),
    )


def _label_memory(row: Device) -> Figure:
    return Figure(
        value=row.memory_bytes - system_reserve_bytes(row.memory_bytes),
        origin=Origin.ASSUMED,
        source="the label's size less what an operating system keeps (8 %, at most 2 GiB)",
    )


def _gpu_of_row(row: Device) -> Gpu:
    shared = row.kind is DeviceKind.UNIFIED
    memory = _row_share(row) if shared else _row_memory(row)
    vendor = row.vendor.lower()
    return Gpu(
        name=row.full_name,
        vendor=vendor,
        architecture=row.architecture,
        backend=BACKENDS.get(vendor, "vulkan"),
        kind=row.kind.value,
        capacity_bytes=memory,
        available_bytes=memory,
        bandwidth_bytes_per_s=Figure(
            value=row.bandwidth_bytes_per_s, origin=Origin.PUBLISHED, source=row.source
        ),
        fp16_flops_per_s=_published_flops(row),
        shares_host_memory=shared,
        row_name=row.full_name,
    )


def _row_memory(row: Device) -> Figure:
    total = row.driver_memory_bytes or row.memory_bytes
    said = "what its driver reports" if row.driver_memory_bytes else "its label's size"
    return Figure(
        value=int(total * (1 - DRIVER_RESERVE_SHARE)),
        origin=Origin.ASSUMED,
        source=f"{said}, less 2 % that its driver is assumed to keep",
    )


def _row_share(row: Device) -> Figure:
    system = {"apple": "macos"}.get(row.vendor.lower(), "linux")
    share = gpu_share(
        vendor=row.vendor.lower(), os=system, os_version=None, memory_bytes=row.memory_bytes
    )
    return Figure(
        value=int(row.memory_bytes * share.fraction),
        origin=share_origin(share),
        source=share.source,
    )
