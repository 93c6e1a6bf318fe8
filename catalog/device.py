"""A GPU, a machine with unified memory, or a whole system, as its maker describes it."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class DeviceKind(StrEnum):
    """What one row stands for."""

    DESKTOP = "desktop"
    """A card for desktops and workstations."""

    LAPTOP = "laptop"
    DATACENTER = "datacenter"
    UNIFIED = "unified"
    """A chip or machine whose GPU shares the system's memory."""

    SYSTEM = "system"
    """Several equal devices in one box."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Device:
    """One row of `catalog/devices/*.csv`."""

    name: str
    """As its maker spells it, without the maker: `GeForce RTX 4090`, `Jetson AGX Orin 64GB`."""

    vendor: str
    """`NVIDIA`, `AMD`, `Intel`, `Apple`, `Qualcomm`, …"""

    kind: DeviceKind

    memory_bytes: int
    """What the label says, in GiB units (24 GB is 24 × 2^30). Of one unit, for a system."""

    driver_memory_bytes: int | None
    """What its driver reports in total, where that is known."""

    memory_bus_bits: int | None
    memory_rate_bits_per_s: float | None
    """Data rate of one pin; bandwidth = rate × bus / 8, checked by the loader."""

    bandwidth_bytes_per_s: float
    """Peak. Of one unit, for a system."""

    fp16_flops_per_s: float | None
    """Dense matrix FP16 with FP32 accumulation, of one unit; ``None`` without a sound figure."""

    architecture: str
    """Compute capability (`8.9`), gfx target (`gfx1100`), chip (`M4 Max`) or family."""

    core_count: int | None
    """GPU cores (Apple), compute units (AMD), multiprocessors (NVIDIA)."""

    year: int

    unit_count: int
    """Devices in a system; 1 for everything else."""

    unit_name: str | None
    """The row one unit of a system is."""

    driver_names: tuple[str, ...]
    """Exact names under which drivers report it."""

    note: str | None
    source: str
    checked: str

    @property
    def full_name(self) -> str:
        """With its maker, as a report shows it."""
        return self.name if self.name.startswith(self.vendor) else f"{self.vendor} {self.name}"
