"""One NVIDIA GPU, asked through NVML: what it is, what memory it has and how fast that is.

Holds the whole card only; the slices it may be split into are in `mig`, and which cards CUDA
programs may see in `probes.visible`. Every field stays ``None`` where the driver does not
answer, and no figure comes from a table.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Protocol

from probes.accelerator import Accelerator, AcceleratorKind, AcceleratorState, PciIdentity, PciLink
from probes.finding import Finding, Severity
from probes.nvidia.bus import PROBE
from probes.nvidia.condition import ask_condition
from probes.nvidia.holders import memory_holders
from probes.nvidia.memory import DeviceMemory, device_memory
from probes.nvidia.mig import MigInstance, mig_instances
from probes.nvidia.nvml_errors import UNUSABLE, NvmlError, error_finding

if TYPE_CHECKING:
    from probes.ask import Asker
    from probes.nvidia.nvml import Nvml

_CLOCK_MEMORY = 2
_MIG_ENABLED = 1
_MODE_VGPU = 2
"""A guest's share of a card; a card passed through whole is 1."""

SLOWEST_BYTES_PER_S = 5e9
FASTEST_BYTES_PER_S = 20e12
"""Outside of these no GPU of the last fifteen years reads; a driver once said 2^64 - 1."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Gpu:
    """One GPU as NVML counts it, with the MIG instances it is split into."""

    whole: Accelerator

    instances: tuple[MigInstance, ...] = ()

    findings: tuple[Finding, ...] = ()

    @property
    def answers(self) -> bool:
        """False for a card that is counted but lost."""
        return self.whole.state is not AcceleratorState.LOST

    @property
    def devices(self) -> tuple[Accelerator, ...]:
        """The card, and then its instances."""
        return (self.whole, *(instance.accelerator for instance in self.instances))


class _PciInfo(Protocol):
    """What is read of the binding's structure."""

    busId: str  # noqa: N815 - NVML's own spelling


@dataclass(frozen=True, slots=True, kw_only=True)
class _Rates:
    """The memory's highest clock and its bus, and the read rate that follows from them."""

    clock_hz: int | None

    bus_bits: int | None

    bandwidth_bytes_per_s: float | None

    findings: tuple[Finding, ...] = ()


def lost_gpu(index: int) -> Accelerator:
    """What stands for a card that is counted but does not answer."""
    return Accelerator(
        name=f"NVIDIA GPU {index}",
        vendor="nvidia",
        kind=AcceleratorKind.DISCRETE,
        state=AcceleratorState.LOST,
    )


def ask_gpu(nvml: Nvml, index: int, asker: Asker, driver: str | None) -> Gpu:
    """Everything about the card that NVML counts at `index`.

    A card that cannot be opened becomes one in the state `LOST`, with the reason as a finding,
    so that it never hides the others.
    """
    opened = nvml.ask("nvmlDeviceGetHandleByIndex", index)
    if opened.error is not None:
        stub = lost_gpu(index)
        return Gpu(whole=stub, findings=(error_finding(opened.error, stub.name),))
    handle = opened.value
    name = nvml.text("nvmlDeviceGetName", handle) or f"NVIDIA GPU {index}"
    memory = device_memory(nvml, handle, name)
    rates = _rates(nvml, handle, name)
    whole = _described(nvml, handle, name, memory, rates)
    whole = replace(
        whole,
        driver=driver,
        holders=memory_holders(nvml, handle, asker, total_bytes=memory.total_bytes),
        condition=None if memory.error in UNUSABLE else ask_condition(nvml, handle),
    )
    findings = (*memory.findings, *rates.findings)
    is_split = nvml.numbers("nvmlDeviceGetMigMode", handle)[:1] == (_MIG_ENABLED,)
    if not is_split or whole.state is AcceleratorState.LOST:
        return Gpu(whole=whole, findings=(*findings, *_about(whole, memory)))
    whole = replace(whole, state=AcceleratorState.PARTITIONED)
    instances, mig_findings = mig_instances(nvml, handle, whole, asker)
    return Gpu(whole=whole, instances=instances, findings=(*findings, *mig_findings))


def memory_bandwidth_bytes_per_s(*, clock_hz: int, bus_bits: int) -> float:
    """Peak read rate of NVIDIA memory, from what its driver calls the clock.

    NVML counts half the data rate for every kind of memory (GDDR5 to GDDR7, HBM2 to HBM3e), so
    there are two transfers per clock: 10501 MHz x 2 x 384 / 8 is 1008.1 GB/s, an RTX 4090's.
    The factors 4, 8 and 16 that go with other people's clocks do not apply.

    Source: `nvidia-smi` clocks (Syllo/nvtop#441) against NVIDIA's data sheets for fifteen cards,
    GTX 1650 to B200: within 0.3 % for all but H200 and B200, for which NVIDIA prints 2.4 % less
    (4800 and 8000 GB/s). Checked 2026-11-23.
    """
    return clock_hz * 2 * bus_bits / 8


def _described(
    nvml: Nvml, handle: object, name: str, memory: DeviceMemory, rates: _Rates
) -> Accelerator:
    kind = _kind(nvml, handle, memory)
    is_lost = memory.error in UNUSABLE
    # A share of a card has a share of its rate, of which nobody says how large it is.
    is_shared = kind is AcceleratorKind.VGPU
    return Accelerator(
        name=name,
        vendor="nvidia",
        kind=kind,
        state=AcceleratorState.LOST if is_lost else AcceleratorState.READY,
        uuid=nvml.text("nvmlDeviceGetUUID", handle),
        pci=_pci(nvml, handle),
        memory_total_bytes=memory.total_bytes,
        memory_reserved_bytes=memory.reserved_bytes,
        memory_free_bytes=memory.free_bytes,
        memory_clock_hz=rates.clock_hz,
        memory_bus_bits=rates.bus_bits,
        memory_bandwidth_bytes_per_s=None if is_shared else rates.bandwidth_bytes_per_s,
        architecture=_compute_capability(nvml, handle),
        ecc=next((mode == 1 for mode in nvml.numbers("nvmlDeviceGetEccMode", handle)), None),
        link=None if kind is AcceleratorKind.UNIFIED else _link(nvml, handle),
        power_limit_watts=_watts(nvml, "nvmlDeviceGetEnforcedPowerLimit", handle),
        power_default_watts=_watts(nvml, "nvmlDeviceGetPowerManagementDefaultLimit", handle),
    )


def _kind(nvml: Nvml, handle: object, memory: DeviceMemory) -> AcceleratorKind:
    """Sharing an address space with the CPU (GH200) does not make a device unified; having no
    memory of its own does.
    """
    if nvml.number("nvmlDeviceGetVirtualizationMode", handle) == _MODE_VGPU:
        return AcceleratorKind.VGPU
    return AcceleratorKind.UNIFIED if memory.is_system_memory else AcceleratorKind.DISCRETE


def _rates(nvml: Nvml, handle: object, name: str) -> _Rates:
    clock_mhz = nvml.number("nvmlDeviceGetMaxClockInfo", handle, _CLOCK_MEMORY)
    clock_hz = clock_mhz * 1_000_000 if clock_mhz else None
    bus_bits = nvml.number("nvmlDeviceGetMemoryBusWidth", handle) or None
    if clock_hz is None or bus_bits is None:
        return _Rates(clock_hz=clock_hz, bus_bits=bus_bits, bandwidth_bytes_per_s=None)
    bandwidth = memory_bandwidth_bytes_per_s(clock_hz=clock_hz, bus_bits=bus_bits)
    if SLOWEST_BYTES_PER_S <= bandwidth <= FASTEST_BYTES_PER_S:
        return _Rates(clock_hz=clock_hz, bus_bits=bus_bits, bandwidth_bytes_per_s=bandwidth)
    finding = Finding(
        probe=PROBE,
        code="nvidia-implausible-bandwidth",
        severity=Severity.WARNING,
        sentence=f"{name} reports a memory clock of {clock_mhz} MHz on {bus_bits} bits, which"
        " cannot be and is left out",
        hint="compare with `nvidia-smi -q -d CLOCK`",
    )
    return _Rates(clock_hz=None, bus_bits=None, bandwidth_bytes_per_s=None, findings=(finding,))


def _pci(nvml: Nvml, handle: object) -> PciIdentity | None:
    """Both ids hold the device in the upper half and the vendor in the lower."""
    info = nvml.ask("nvmlDeviceGetPciInfo", handle).value
    if info is None or not info.pciDeviceId:
        return None
    subsystem = info.pciSubSystemId
    return PciIdentity(
        vendor=info.pciDeviceId & 0xFFFF,
        device=info.pciDeviceId >> 16,
        subsystem_vendor=subsystem & 0xFFFF if subsystem else None,
        subsystem_device=subsystem >> 16 if subsystem else None,
        address=_address(info),
    )


def _address(info: _PciInfo) -> str | None:
    """NVML's `00000000:01:00.0` as the kernel writes it, `0000:01:00.0`."""
    try:
        domain, _, place = info.busId.partition(":")
        return f"{int(domain, 16):04x}:{place.lower()}"
    except ValueError:  # no address, or no text at all
        return None


def _compute_capability(nvml: Nvml, handle: object) -> str | None:
    version = nvml.numbers("nvmlDeviceGetCudaComputeCapability", handle)
    return f"{version[0]}.{version[1]}" if len(version) == 2 else None


def _link(nvml: Nvml, handle: object) -> PciLink | None:
    """The current generation falls when the card idles, so the possible one is asked; the
    current width does not, and shows an x4 riser for what it is.
    """
    of_the_card = nvml.number("nvmlDeviceGetGpuMaxPcieLinkGeneration", handle) or None
    generations = (nvml.number("nvmlDeviceGetMaxPcieLinkGeneration", handle), of_the_card)
    width = nvml.number("nvmlDeviceGetCurrPcieLinkWidth", handle) or None
    generation = min((value for value in generations if value), default=None)
    if generation is None and width is None:
        return None
    return PciLink(
        generation=generation,
        width=width,
        width_max=nvml.number("nvmlDeviceGetMaxPcieLinkWidth", handle) or None,
        generation_max=of_the_card,
    )


def _watts(nvml: Nvml, question: str, handle: object) -> float | None:
    milliwatts = nvml.number(question, handle)
    return milliwatts / 1000 if milliwatts else None


def _about(whole: Accelerator, memory: DeviceMemory) -> tuple[Finding, ...]:
    """What has to be known about an unpartitioned device besides its figures."""
    if memory.error == NvmlError.NO_PERMISSION:
        return (error_finding(memory.error, f"the memory of {whole.name}"),)
    if whole.kind is not AcceleratorKind.VGPU:
        return ()
    finding = Finding(
        probe=PROBE,
        code="nvidia-vgpu",
        severity=Severity.NOTE,
        sentence=f"{whole.name} is a share of a card that other machines may use too, so how fast"
        " its memory is depends on them and is not known",
    )
    return (finding,)
