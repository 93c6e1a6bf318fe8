"""The slices that an NVIDIA card is split into (Multi-Instance GPU).

Holds the instances as the devices that programs see, each with its own memory. The whole card's
80 GB are nobody's then: programs see instances, never their parent.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from probes.accelerator import Accelerator, AcceleratorKind, AcceleratorState
from probes.finding import Finding, Severity
from probes.nvidia.bus import PROBE
from probes.nvidia.holders import memory_holders
from probes.nvidia.memory import DeviceMemory, device_memory
from probes.nvidia.nvml_errors import NvmlError, error_finding

if TYPE_CHECKING:
    from probes.ask import Asker
    from probes.nvidia.nvml import Nvml

MEMORY_SLICES = 8
"""Into how many equal parts a card's memory is divided, whatever its number of compute slices."""

_SLICES_OF_SEVEN = {1: 1, 2: 2, 3: 4, 4: 4, 7: 8}
"""Eighths of the memory by compute slices, on cards with seven of them (A100, H100, B200)."""

_MIB = 1 << 20


@dataclass(frozen=True, slots=True, kw_only=True)
class MigInstance:
    """One compute instance of a card, which CUDA takes for a device."""

    accelerator: Accelerator

    gpu_instance: int | None
    """The GPU instance it belongs to, whose memory its siblings share."""

    compute_instance: int | None

    compute_slices: int | None = None
    """Of its GPU instance."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Attributes:
    """What the driver says an instance is made of."""

    multiprocessors: int | None = None

    compute_slices: int | None = None
    """Of its GPU instance."""

    memory_bytes: int | None = None


def mig_instances(
    nvml: Nvml, parent_handle: object, parent: Accelerator, asker: Asker
) -> tuple[tuple[MigInstance, ...], tuple[Finding, ...]]:
    """Every instance of a card in MIG mode; their numbers may have gaps."""
    most = nvml.number("nvmlDeviceGetMaxMigDeviceCount", parent_handle) or 0
    instances: list[MigInstance] = []
    findings: list[Finding] = []
    for number in range(most):
        opened = nvml.ask("nvmlDeviceGetMigDeviceHandleByIndex", parent_handle, number)
        if opened.error == NvmlError.NOT_FOUND:
            continue
        if opened.error is not None:
            subject = f"MIG instance {number} of {parent.name}"
            findings.append(error_finding(opened.error, subject))
            continue
        instance, problems = _instance(nvml, opened.value, parent, asker, most)
        instances.append(instance)
        findings += problems
    findings += _notes(parent, instances, most)
    return tuple(instances), tuple(findings)


def memory_slices(
    *,
    instance_bytes: int | None,
    parent_bytes: int | None,
    compute_slices: int | None,
    most_instances: int,
) -> int | None:
    """Eighths of the parent's memory, and so of its bandwidth, that an instance has.

    From the two sizes where both are known, rounded up because an instance keeps something for
    itself: 9984 MiB of 81559 are one eighth. Else from its compute slices: seven-slice cards
    give three and four slices half the memory, smaller ones (A30, RTX PRO 6000) share it evenly.

    Args:
        instance_bytes: Memory of the instance. [bytes]
        parent_bytes: Memory of the whole card; MIG hides it from users without privileges.
        compute_slices: Of the GPU instance. [count]
        most_instances: How many instances the card can be split into. [count]

    Returns:
        1 to 8; ``None`` when neither way is open.

    Source: NVIDIA Multi-Instance GPU User Guide, "Supported MIG Profiles"; rounding as
    NVIDIA/go-nvlib names profiles. Checked 2026-11-23.
    """
    if instance_bytes and parent_bytes:
        return min(-(-instance_bytes * MEMORY_SLICES // parent_bytes), MEMORY_SLICES)
    if not compute_slices:
        return None
    if most_instances == 7:
        return _SLICES_OF_SEVEN.get(compute_slices)
    if most_instances in {1, 2, 4, 8} and compute_slices <= most_instances:
        return compute_slices * MEMORY_SLICES // most_instances
    return None


def _instance(
    nvml: Nvml, handle: object, parent: Accelerator, asker: Asker, most: int
) -> tuple[MigInstance, tuple[Finding, ...]]:
    made_of = _attributes(nvml, handle)
    name = nvml.text("nvmlDeviceGetName", handle) or f"{parent.name} MIG"
    memory = device_memory(nvml, handle, name)
    total_bytes = memory.total_bytes or made_of.memory_bytes
    slices = memory_slices(
        instance_bytes=total_bytes,
        parent_bytes=parent.memory_total_bytes,
        compute_slices=made_of.compute_slices,
        most_instances=most,
    )
    accelerator = Accelerator(
        name=name,
        vendor="nvidia",
        kind=AcceleratorKind.MIG,
        state=AcceleratorState.READY,
        uuid=nvml.text("nvmlDeviceGetUUID", handle),
        pci=parent.pci,
        memory_total_bytes=total_bytes,
        memory_reserved_bytes=memory.reserved_bytes,
        memory_free_bytes=memory.free_bytes,
        memory_bandwidth_bytes_per_s=_share(parent.memory_bandwidth_bytes_per_s, slices),
        architecture=parent.architecture,
        core_count=made_of.multiprocessors,
        memory_slices=slices,
        parent_name=parent.name,
        parent_memory_bandwidth_bytes_per_s=parent.memory_bandwidth_bytes_per_s,
        driver=parent.driver,
        ecc=parent.ecc,
        link=parent.link,
        condition=parent.condition,
        holders=memory_holders(nvml, handle, asker, total_bytes=total_bytes),
    )
    instance = MigInstance(
        accelerator=accelerator,
        gpu_instance=nvml.number("nvmlDeviceGetGpuInstanceId", handle),
        compute_instance=nvml.number("nvmlDeviceGetComputeInstanceId", handle),
        compute_slices=made_of.compute_slices,
    )
    return instance, _memory_findings(memory, name)


def _attributes(nvml: Nvml, handle: object) -> _Attributes:
    value = nvml.ask("nvmlDeviceGetAttributes", handle).value
    if value is None:
        return _Attributes()
    return _Attributes(
        multiprocessors=value.multiprocessorCount or None,
        compute_slices=value.gpuInstanceSliceCount or None,
        memory_bytes=value.memorySizeMB * _MIB or None,
    )


def _share(bandwidth_bytes_per_s: float | None, slices: int | None) -> float | None:
    if bandwidth_bytes_per_s is None or slices is None:
        return None
    return bandwidth_bytes_per_s * slices / MEMORY_SLICES


def _memory_findings(memory: DeviceMemory, name: str) -> tuple[Finding, ...]:
    if memory.error == NvmlError.NO_PERMISSION:
        return (error_finding(memory.error, f"the memory of {name}"),)
    return memory.findings


def _notes(parent: Accelerator, instances: list[MigInstance], most: int) -> list[Finding]:
    if not instances:
        return [_no_instance(parent)]
    doubtful = most == 7 and any(instance.compute_slices == 1 for instance in instances)
    return [_share_assumed(parent)] if doubtful and parent.memory_total_bytes is None else []


def _no_instance(parent: Accelerator) -> Finding:
    return Finding(
        probe=PROBE,
        code="nvidia-mig-empty",
        severity=Severity.WARNING,
        sentence=f"{parent.name} is in MIG mode but has no instance that this user may open, so"
        " programs cannot use it",
        hint="create an instance with `sudo nvidia-smi mig -cgi`, or leave MIG mode with"
        " `sudo nvidia-smi -mig 0`",
    )


def _share_assumed(parent: Accelerator) -> Finding:
    """One compute slice comes with one eighth of the memory, or in one profile with two."""
    return Finding(
        probe=PROBE,
        code="nvidia-mig-share-assumed",
        severity=Severity.NOTE,
        sentence=f"{parent.name} tells its whole memory only to administrators, so the bandwidth"
        " of its smallest MIG instances is taken as an eighth (a profile with double memory, such"
        " as `1g.20gb`, has a quarter)",
    )
