"""A GPU, a machine with unified memory, or a whole system, as its maker describes it."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class DeviceKind(StrEnum):
    """What one row stands for."""

    DESKTOP = "desktop"
    """A card for desktops and workstations."""

    LAPTOP = "laptop"
    """A GPU built into laptops and embedded boards, under whatever name it is sold."""

    DATACENTER = "datacenter"
    """A card or module for servers; also a superchip whose GPU has memory of its own."""

    UNIFIED = "unified"
    """A chip or machine whose GPU shares the system's memory."""

    SYSTEM = "system"
    """Several equal devices in one box, or on one board."""


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
    """What its driver reports in total, where that is known; with ECC on for server cards."""

    memory_bus_bits: int | None
    memory_rate_bits_per_s: float | None
    """Data rate of one pin; bandwidth = rate × bus / 8, checked by the loader."""

    memory_rate_varies: bool
    """True where whoever builds the machine chooses its memory; the rate here is the fastest usual.

    The bandwidth of such a machine is bus × rate / 8 with the rate of its own modules.
    """

    bandwidth_bytes_per_s: float
    """Peak. Of one unit, for a system."""

    fp16_flops_per_s: float | None
    """Dense matrix FP16 with FP32 accumulation, of one unit; ``None`` without a sound figure.

    GPUs without matrix units: the faster of the FP32 and FP16 vector rates that their kernels
    can use (FP32 up to Pascal, except for the P100).
    """

    core_count: int | None
    """GPU cores (Apple), compute units (AMD), multiprocessors (NVIDIA), Xe cores (Intel)."""

    core_clock_hz: float | None
    """Boost clock under matrix work."""

    fp16_flops_per_core_and_clock: int | None
    """FP16 rate = cores × this × clock, checked by the loader."""

    architecture: str
    """Compute capability (`8.9`), gfx target (`gfx1100`), chip (`M4 Max`) or family."""

    year: int

    unit_count: int
    """Devices in a system; 1 for everything else."""

    unit_name: str | None
    """The row one unit of a system is."""

    driver_names: tuple[str, ...]
    """Exact names under which drivers report it."""

    aliases: tuple[str, ...]
    """Other names people type: `DGX Spark`, `Strix Halo`."""

    note: str | None
    source: str
    checked: str

    @property
    def full_name(self) -> str:
        """With its maker, as a report shows it."""
        return self.name if self.name.startswith(self.vendor) else f"{self.vendor} {self.name}"
