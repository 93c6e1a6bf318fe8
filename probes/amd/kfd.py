"""AMD's compute nodes, as the kernel's `amdkfd` lists them.

Holds the node's own answers, which need neither root nor ROCm. A node whose file cannot be read (a
container's neighbours) is left out. Serial numbers, which the files hold too, are not read.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from probes.ask import Asker

NODES = "/sys/class/kfd/kfd/topology/nodes"

_FRAME_BUFFER_HEAPS = {1, 2}
"""Public and private; 0 is the system's memory."""


@dataclass(frozen=True, slots=True, kw_only=True)
class KfdNode:
    """One GPU, or one partition of one, that can compute."""

    address: str
    """PCI address, such as `0000:03:00.0`; partitions of one card share it."""

    gfx_target: str | None
    """`gfx1100`."""

    compute_units: int | None

    has_cpu_cores: bool
    """True for an APU's GPU on kernels that list it together with the CPU."""

    memory_bytes: int | None
    memory_bus_bits: int | None
    memory_clock_hz: int | None
    """As the driver counts it, which is no fixed part of the data rate."""


def gpu_nodes(asker: Asker) -> tuple[KfdNode, ...]:
    """All nodes with GPU cores, in the kernel's order."""
    numbers = sorted(int(name) for name in asker.names(NODES) if name.isdecimal())
    found = (_node(asker, f"{NODES}/{number}") for number in numbers)
    return tuple(node for node in found if node is not None)


def gfx_target(version: int) -> str | None:
    """`gfx90a` for 90010: two decimal digits each for major, minor and stepping.

    The name has the last two as one hexadecimal digit each.

    Source:
        Linux `kfd_device.c`; MI210 90010, MI300X 90402, Radeon 8060S 110501 (checked 2026-11-23).
    """
    major, minor, stepping = version // 10000, version // 100 % 100, version % 100
    if not major or minor > 15 or stepping > 15:
        return None
    return f"gfx{major}{minor:x}{stepping:x}"


def _node(asker: Asker, directory: str) -> KfdNode | None:
    says = _properties(asker, f"{directory}/properties")
    if not says.get("simd_count") or "location_id" not in says:
        return None
    # The top bits of a partition's location hold its number.
    location = says["location_id"] & 0xFFFF
    bus, device, function = location >> 8, location >> 3 & 0x1F, location & 7
    memory = _frame_buffer(asker, directory)
    return KfdNode(
        address=f"{says.get('domain', 0):04x}:{bus:02x}:{device:02x}.{function}",
        gfx_target=gfx_target(says.get("gfx_target_version", 0)),
        compute_units=_quotient(says["simd_count"], says.get("simd_per_cu", 0)),
        has_cpu_cores=says.get("cpu_cores_count", 0) > 0,
        memory_bytes=memory.get("size_in_bytes") or None,
        memory_bus_bits=_within(memory.get("width"), 32, 16384),
        memory_clock_hz=_hertz(_within(memory.get("mem_clk_max"), 100, 20000)),
    )


def _frame_buffer(asker: Asker, directory: str) -> dict[str, int]:
    for bank in asker.names(f"{directory}/mem_banks"):
        says = _properties(asker, f"{directory}/mem_banks/{bank}/properties")
        if says.get("heap_type") in _FRAME_BUFFER_HEAPS:
            return says
    return {}


def _properties(asker: Asker, path: str) -> dict[str, int]:
    """Lines of a name and a number; others are skipped."""
    words = (line.split() for line in (asker.text(path) or "").splitlines())
    return {pair[0]: int(pair[1]) for pair in words if len(pair) == 2 and pair[1].isdecimal()}


def _quotient(whole: int, part: int) -> int | None:
    return whole // part if part and whole % part == 0 else None


def _within(value: int | None, least: int, most: int) -> int | None:
    return value if value is not None and least <= value <= most else None


def _hertz(megahertz: int | None) -> int | None:
    return None if megahertz is None else megahertz * 1_000_000
