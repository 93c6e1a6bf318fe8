"""The facts a driver or a bus reports about one accelerator; see `probes.machine`."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class AcceleratorKind(StrEnum):
    """What sort of device an accelerator is, as far as its memory goes."""

    DISCRETE = "discrete"
    """A card with memory of its own."""

    UNIFIED = "unified"
    """A GPU that shares the system's memory (Apple silicon, APUs, GB10, Jetson)."""

    MIG = "mig"
    """A slice of a partitioned card (NVIDIA MIG)."""

    VGPU = "vgpu"
    """A share of a card handed to a virtual machine."""


class AcceleratorState(StrEnum):
    """Whether a program started now could use the accelerator."""

    READY = "ready"

    LOST = "lost"
    """It is counted but does not answer (fell off the bus, needs a reset, no power)."""

    NO_DRIVER = "no-driver"
    """The bus has it, but no driver answers for it."""

    HIDDEN = "hidden"
    """It works, but the environment hides it from programs (`CUDA_VISIBLE_DEVICES`)."""

    PARTITIONED = "partitioned"
    """It is split into MIG slices, which are listed in its place."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MemoryHolder:
    """A process that holds memory of an accelerator."""

    name: str | None
    """The program's file name without its path; ``None`` when the process cannot be seen."""

    pid: int | None

    memory_bytes: int | None
    """``None`` where the driver does not say (WDDM, containers)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PciIdentity:
    """The numbers the PCI bus identifies a device by."""

    vendor: int
    """0x10de NVIDIA, 0x1002 AMD, 0x8086 Intel."""

    device: int

    subsystem_vendor: int | None = None

    subsystem_device: int | None = None

    revision: int | None = None

    address: str | None = None
    """Domain, bus, device and function in lower case, such as `0000:01:00.0`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PciLink:
    """The PCI Express link between a card and the machine."""

    generation: int | None
    """The highest generation that card and slot agree on."""

    width: int | None
    """Lanes in use now (4 in many risers, where the card could do 16)."""

    width_max: int | None
    """Lanes that card and slot could use."""

    generation_max: int | None = None
    """The highest generation of the card alone, whatever the slot offers."""


class Slowdown(StrEnum):
    """Why an accelerator runs below the clocks it could have."""

    POWER_CAP = "power-cap"
    """It draws as much as its power limit allows."""

    HARDWARE = "hardware"
    """The card halves its clocks or worse, to protect itself."""

    SOFTWARE_THERMAL = "software-thermal"
    """The driver lowers the clocks, since it gets too hot."""

    HARDWARE_THERMAL = "hardware-thermal"
    """The card lowers the clocks, since it is too hot."""

    POWER_BRAKE = "power-brake"
    """The machine's power supply asked for less."""

    SYNC_BOOST = "sync-boost"
    """It waits for the slowest card of its group."""

    CLOCK_SETTING = "clock-setting"
    """Somebody set its clocks, or the driver's default does."""


class ComputeMode(StrEnum):
    """Which programs may compute on an accelerator."""

    SHARED = "shared"

    EXCLUSIVE = "exclusive"
    """One program at a time."""

    PROHIBITED = "prohibited"
    """None."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Condition:
    """How an accelerator was when it was asked."""

    slowdowns: tuple[Slowdown, ...] | None = None
    """Why its clocks are lowered now; empty for none, ``None`` when it does not say."""

    temperature_celsius: float | None = None

    slowdown_celsius: float | None = None
    """The temperature at which it lowers its clocks by itself."""

    uncorrected_errors: int | None = None
    """Errors of its memory that could not be corrected, since its driver was loaded."""

    repair_pending: bool | None = None
    """True when bad memory is to be put out of use at the next reset."""

    repair_failed: bool | None = None
    """True when bad memory could not be put out of use."""

    compute_mode: ComputeMode | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Accelerator:
    """One GPU, or one slice of one, as its driver describes it."""

    name: str
    """The marketing name exactly as the driver spells it; half of the key into the catalog."""

    vendor: str
    """`nvidia`, `amd`, `intel`, `apple` or `qualcomm`."""

    kind: AcceleratorKind

    state: AcceleratorState = AcceleratorState.READY

    uuid: str | None = None
    """What `CUDA_VISIBLE_DEVICES` pins it by. Never saved in a recording."""

    pci: PciIdentity | None = None

    memory_total_bytes: int | None = None
    """Memory the driver reports in total. Not what is free, and not the sheet's round number.

    For a unified device, the part of the system's memory that its driver lets it use, where the
    driver says so (Metal's working set, VRAM + GTT); ``None`` where only the system knows.
    """

    memory_dedicated_bytes: int | None = None
    """Memory that the firmware set aside for a unified device (an APU's VRAM).

    It is in the device's total, where that is known, and not in the system's memory. ``None``
    where the device has nothing but the system's.
    """

    memory_reserved_bytes: int | None = None
    """Memory the driver keeps for itself; usable is total less this."""

    memory_free_bytes: int | None = None

    memory_clock_hz: int | None = None
    """Highest memory clock as the driver counts it (NVIDIA: half the data rate)."""

    memory_bus_bits: int | None = None

    memory_bandwidth_bytes_per_s: float | None = None
    """Peak read rate from the driver's clock and bus width; ``None`` when it gives neither."""

    architecture: str | None = None
    """Compute capability (`8.9`), gfx target (`gfx1100`) or chip (`M4 Max`)."""

    core_count: int | None = None
    """GPU cores (Apple), compute units (AMD) or multiprocessors of a MIG slice."""

    memory_slices: int | None = None
    """Eighths of the parent's memory that a MIG slice has; bandwidth follows them."""

    parent_name: str | None = None
    """The whole card's name, for a MIG slice."""

    parent_memory_bandwidth_bytes_per_s: float | None = None
    """The whole card's peak read rate, for a MIG slice."""

    driver: str | None = None

    ecc: bool | None = None

    link: PciLink | None = None

    power_limit_watts: float | None = None

    power_default_watts: float | None = None

    condition: Condition | None = None
    """``None`` where the driver says nothing of it."""

    holders: tuple[MemoryHolder, ...] = ()
    """Who holds its memory now."""

    cuda_index: int | None = None
    """Its ordinal for CUDA programs, where that is certain."""

    @property
    def memory_is_shared(self) -> bool:
        """True when its memory is the system's own, so that it counts once."""
        return self.kind is AcceleratorKind.UNIFIED

    @property
    def memory_usable_bytes(self) -> int | None:
        """What programs can have of it when nothing else runs."""
        if self.memory_total_bytes is None:
            return None
        return self.memory_total_bytes - (self.memory_reserved_bytes or 0)
