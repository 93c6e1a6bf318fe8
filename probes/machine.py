"""The facts a machine reports about itself, before anyone interprets them.

A probe fills in what the hardware, its driver or the kernel answered and leaves ``None`` where
it did not answer. Nothing in this package looks a number up in a table: a figure that has to be
looked up is not a fact about *this* machine, and `advisor.target` joins it in later.

Sizes are integers of bytes. Rates are per second. Ratios are 0 to 1.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Severity(StrEnum):
    """How much a finding costs the reader."""

    ERROR = "error"
    """Hardware that is present cannot be used."""

    WARNING = "warning"
    """It can be used, but something about it is worse than it should be."""

    NOTE = "note"
    """Worth knowing; nothing to do."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One thing a probe has to say besides the facts: what failed, and what to do about it."""

    probe: str
    """The probe that found it: `nvidia`, `memory`, `cpu`, `bandwidth`, `amd`, `intel`, `apple`."""

    code: str
    """A stable name in kebab case, such as `nvidia-driver-mismatch`."""

    severity: Severity

    sentence: str
    """One sentence without a full stop; the subject comes first."""

    hint: str | None = None
    """The next action, imperative, without a full stop."""


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


@dataclass(frozen=True, slots=True, kw_only=True)
class Memory:
    """The system's memory, and how much of it this process may really have."""

    total_bytes: int
    """What the kernel manages (MemTotal), whatever a container allows."""

    available_bytes: int
    """What a new program can have now without swapping, after every limit."""

    limit_bytes: int | None = None
    """The tightest limit of a container or control group, or what huge pages set aside leave.

    ``None`` when a program could have all there is.
    """

    limit_source: str | None = None
    """Where that limit stands, such as `cgroup v2 memory.max`."""

    reclaimable_cache_bytes: int | None = None
    """Page cache and ZFS ARC that were counted as available."""

    hugepages_free_bytes: int | None = None
    """Free memory set aside as huge pages, which ordinary programs cannot have."""

    swap_total_bytes: int = 0

    swap_free_bytes: int = 0

    module_rate_transfers_per_s: float | None = None
    """Configured rate of the memory modules (5600e6 for DDR5-5600)."""

    module_count: int | None = None

    @property
    def capacity_bytes(self) -> int:
        """What a program could have with nothing else running: the limit, or all of it."""
        return (
            self.total_bytes
            if self.limit_bytes is None
            else min(self.total_bytes, self.limit_bytes)
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Cache:
    """One level of the CPU's data caches."""

    level: int

    size_bytes: int
    """Of one instance."""

    instances: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Cpu:
    """The processor, and how much of it this process may use."""

    name: str | None

    architecture: str
    """`x86_64`, `aarch64`, …: the hardware's own, also for a translated process."""

    physical_cores: int | None = None

    logical_cores: int | None = None

    performance_cores: int | None = None
    """Physical performance cores of a hybrid design; ``None`` where all cores are alike."""

    efficiency_cores: int | None = None

    allowed_cores: int | None = None
    """Logical cores that the scheduler lets this process run on."""

    quota_cores: float | None = None
    """CPU time per wall time that a control group allows; ``None`` without a quota."""

    usable_cores: int | None = None
    """Physical (performance) cores this process can keep busy: llama.cpp's thread count."""

    instruction_sets: tuple[str, ...] = ()
    """Those ggml has kernels for, in its spelling: `avx2`, `avx512_vnni`, `amx_int8`, `dotprod`."""

    caches: tuple[Cache, ...] = ()

    numa_nodes: int | None = None

    load_average: float | None = None
    """Runnable threads over the last minute."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ReadBandwidth:
    """How fast this machine's memory was read, timed here.

    The truth lies between the two rates: `lower` is bytes by wall time (too low when other
    programs took the CPU), or the slowest burst's where that is less; `upper` is bytes by CPU
    time in the fastest burst (too high when they left the memory bus to us alone). On virtual
    cores, which may be half as many real ones, `lower` is what half of the threads achieved.
    """

    lower_bytes_per_s: float

    upper_bytes_per_s: float

    cpu_share: float
    """CPU time that the timed threads got, over the wall time they wanted. 0 to 1."""

    threads: int

    buffer_bytes: int
    """Memory swept by all threads together."""

    caveat: str | None = None
    """Why the figure may be off (a cache larger than the buffer, a slow C library)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class System:
    """The operating system, and what it runs inside of."""

    os: str
    """`linux`, `macos` or `windows`."""

    os_version: str | None = None

    kernel: str | None = None

    container: str | None = None
    """`docker`, `podman`, `lxc`, `kubernetes`, … when inside one."""

    virtual_machine: str | None = None
    """`wsl`, `kvm`, … when inside one."""

    model: str | None = None
    """The product's name (`NVIDIA Jetson AGX Orin Developer Kit`, `Mac16,6`)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Machine:
    """Everything the probes saw."""

    system: System

    cpu: Cpu

    memory: Memory

    accelerators: tuple[Accelerator, ...] = ()

    read_bandwidth: ReadBandwidth | None = None

    findings: tuple[Finding, ...] = ()
