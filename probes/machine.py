"""The facts a machine reports about itself, before anyone interprets them.

A probe fills in what the hardware, its driver or the kernel answered and leaves ``None`` where
it did not answer. Nothing in this package looks a number up in a table: a figure that has to be
looked up is not a fact about *this* machine, and `advisor.target` joins it in later.

Sizes are integers of bytes. Rates are per second. Ratios are 0 to 1.
"""

from __future__ import annotations

from dataclasses import dataclass

from probes.accelerator import Accelerator  # noqa: TC001  (recordings are read by the types)
from probes.finding import Finding  # noqa: TC001


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
