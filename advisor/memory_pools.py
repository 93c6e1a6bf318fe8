"""How much memory a model can have on a machine: of the system's, and of each GPU's.

Holds which part of the memory is whose: what a container leaves, what the firmware set aside for a
GPU in the processor, what such a GPU may map of the system's. Never a model's need.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from advisor.figure import Figure, Origin
from catalog.share import gpu_share

if TYPE_CHECKING:
    from catalog.share import UnifiedShare
    from probes.accelerator import Accelerator
    from probes.machine import Machine

GIB = 1 << 30

SYSTEM_RESERVE_BYTES = 2 * GIB
SYSTEM_RESERVE_SHARE = 0.08
"""What an operating system keeps when nothing else runs: the smaller of the two."""


@dataclass(frozen=True, slots=True, kw_only=True)
class GpuMemory:
    """The memory that a model can have on one GPU."""

    capacity_bytes: Figure | None
    """When nothing else runs; ``None`` where nobody says it."""

    available_bytes: Figure | None
    """Now."""

    is_the_hosts: bool
    """True when it is part of what the host can have, so that it counts once."""


def gpu_memory(seen: Accelerator, machine: Machine) -> GpuMemory:
    """What a model can have of one GPU's memory, or of the system's through it."""
    if not seen.memory_is_shared:
        capacity, available = _own_memory(seen)
    elif _is_set_apart(seen, machine):
        capacity, available = _set_apart(seen)
    else:
        capacity, available = _shared_memory(seen, machine)
        return GpuMemory(capacity_bytes=capacity, available_bytes=available, is_the_hosts=True)
    return GpuMemory(capacity_bytes=capacity, available_bytes=available, is_the_hosts=False)


def system_reserve_bytes(memory_bytes: int) -> int:
    """What an operating system is assumed to keep of so much memory."""
    return min(SYSTEM_RESERVE_BYTES, int(SYSTEM_RESERVE_SHARE * memory_bytes))


def share_origin(share: UnifiedShare) -> Origin:
    """Where the share of a unified GPU comes from."""
    return Origin.ASSUMED if share.is_assumed else Origin.PUBLISHED


def host_capacity(machine: Machine) -> Figure:
    """What a model can have of the system's memory when nothing else runs."""
    memory = machine.memory
    if memory.limit_bytes is not None and memory.limit_bytes < memory.total_bytes:
        return Figure(
            value=memory.limit_bytes,
            origin=Origin.REPORTED,
            source=memory.limit_source or "the container's limit",
        )
    reserve = system_reserve_bytes(memory.total_bytes)
    if memory.available_bytes >= memory.total_bytes - reserve:
        return host_available(machine)
    return Figure(
        value=memory.total_bytes - reserve,
        origin=Origin.ASSUMED,
        source="the kernel's total less what an operating system keeps (8 %, at most 2 GiB)",
    )


def host_available(machine: Machine) -> Figure:
    """What a model can have of the system's memory now."""
    return Figure(
        value=machine.memory.available_bytes,
        origin=Origin.REPORTED,
        source="the kernel: available now, within every limit",
    )


def _own_memory(seen: Accelerator) -> tuple[Figure | None, Figure | None]:
    usable = seen.memory_usable_bytes
    if usable is None:
        return None, None
    capacity = Figure(
        value=usable, origin=Origin.REPORTED, source="the driver: total less reserved"
    )
    if seen.memory_free_bytes is None:
        return capacity, capacity
    free = Figure(
        value=min(seen.memory_free_bytes, usable), origin=Origin.REPORTED, source="the driver: free"
    )
    return capacity, free


def _is_set_apart(seen: Accelerator, machine: Machine) -> bool:
    """True for a unified GPU whose own part of the memory is larger than what it maps of the rest.

    It then works with its own part, like a card: 96 of 128 GiB that the firmware took from the
    system are no part of what the kernel calls available.
    """
    dedicated = seen.memory_dedicated_bytes
    return dedicated is not None and dedicated >= _mapped(seen, machine).value


def _set_apart(seen: Accelerator) -> tuple[Figure, Figure]:
    """The part that the firmware set aside for a unified GPU, and what is free of it.

    Memory in use may be of either part; all of it is taken off this one.
    """
    dedicated = seen.memory_dedicated_bytes or 0
    capacity = Figure(
        value=dedicated,
        origin=Origin.REPORTED,
        source="the driver: memory that the firmware set aside for it",
    )
    if seen.memory_free_bytes is None or seen.memory_total_bytes is None:
        return capacity, capacity
    used = seen.memory_total_bytes - seen.memory_free_bytes
    free = Figure(
        value=max(dedicated - used, 0), origin=Origin.REPORTED, source="the driver: free of that"
    )
    return capacity, free


def _shared_memory(seen: Accelerator, machine: Machine) -> tuple[Figure, Figure]:
    """The part of the system's memory that a unified GPU may use, at most and now."""
    mapped = _mapped(seen, machine)
    dedicated = seen.memory_dedicated_bytes or 0
    own = dedicated if _uses_both(seen, machine) else 0
    system = host_capacity(machine)
    base = mapped if mapped.value <= system.value else system
    capacity = Figure(value=base.value + own, origin=base.origin, source=base.source)
    now = min(capacity.value, machine.memory.available_bytes + own)
    if seen.memory_free_bytes is not None:
        now = min(now, max(seen.memory_free_bytes - (dedicated - own), 0))
    return capacity, Figure(value=now, origin=Origin.REPORTED, source="the kernel: available now")


def _uses_both(seen: Accelerator, machine: Machine) -> bool:
    """False where programs get either the memory that was set aside or the system's, never both.

    Source: Linux `amdgpu_ttm_init` (`apu_prefer_gtt`): ROCm's allocations go to the system's memory
    where the driver maps more of it than was set aside, else to what was set aside. Seen with 4 GiB
    beside 96 (noamsto/nix-amd-ai issue 42) and 96 GiB beside 15.5 (ollama/ollama issue 16462).
    """
    return not (seen.vendor == "amd" and machine.system.os == "linux")


def _mapped(seen: Accelerator, machine: Machine) -> Figure:
    """What a unified GPU may use of the system's own memory.

    The driver's word, else its maker's usual share.
    """
    if seen.memory_total_bytes is not None:
        return Figure(
            value=seen.memory_total_bytes - (seen.memory_dedicated_bytes or 0),
            origin=Origin.REPORTED,
            source="the driver: memory it may use of the system's",
        )
    share = gpu_share(
        vendor=seen.vendor,
        os=machine.system.os,
        os_version=machine.system.os_version,
        memory_bytes=machine.memory.total_bytes,
    )
    value = int(machine.memory.total_bytes * share.fraction)
    return Figure(value=value, origin=share_origin(share), source=share.source)
