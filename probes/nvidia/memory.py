"""How much memory an NVIDIA device has, keeps for itself and has free, as NVML answers.

Holds the checks that keep an impossible size from being shown. Who holds the memory is asked in
`probes.nvidia.holders`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from probes.finding import Finding, Severity
from probes.nvidia.bus import PROBE
from probes.nvidia.nvml_errors import NvmlError, error_finding

if TYPE_CHECKING:
    from probes.nvidia.nvml import Nvml

LARGEST_BYTES = 2 * 10**12
"""No GPU has 2 TB; NVML's "not available" is 2^64 - 1."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DeviceMemory:
    """The memory of one device, as far as the driver says."""

    total_bytes: int | None = None

    reserved_bytes: int | None = None
    """``None`` from drivers before R510, which count it as used."""

    free_bytes: int | None = None

    is_system_memory: bool = False
    """True when the device has none of its own (GB10, Jetson): the driver declines to say, or
    says 0."""

    error: int | None = None
    """Why there is no answer."""

    findings: tuple[Finding, ...] = ()


def device_memory(nvml: Nvml, handle: object, name: str) -> DeviceMemory:
    """The memory of a whole GPU or of a MIG instance.

    Source: GB10 answers NOT_SUPPORTED to both forms of the question (leptonai/gpud#1170,
    XuehaiPan/nvitop#208), some drivers 0 bytes (ollama/ollama#14357). Checked 2026-11-23.
    """
    answer = nvml.memory(handle)
    if answer.error == NvmlError.NOT_SUPPORTED:
        return DeviceMemory(is_system_memory=True)
    if answer.error is not None:
        return DeviceMemory(error=answer.error, findings=_unanswered(answer.error, name))
    if answer.value.total == 0:
        return DeviceMemory(is_system_memory=True)
    return plausible_memory(
        name,
        total_bytes=int(answer.value.total),
        reserved_bytes=getattr(answer.value, "reserved", None),
        free_bytes=int(answer.value.free),
    )


def plausible_memory(
    name: str, *, total_bytes: int, reserved_bytes: int | None, free_bytes: int
) -> DeviceMemory:
    """What the driver said, without what cannot be."""
    if total_bytes > LARGEST_BYTES:
        return DeviceMemory(findings=(_implausible(name, f"{total_bytes} bytes of memory"),))
    findings: list[Finding] = []
    reserved: int | None = reserved_bytes
    free: int | None = free_bytes
    if reserved is not None and reserved >= total_bytes:
        said = f"{reserved} bytes of memory in reserve, of {total_bytes} in all"
        findings.append(_implausible(name, said))
        reserved = None
    if free_bytes > total_bytes:
        said = f"{free_bytes} bytes of memory free, of {total_bytes} in all"
        findings.append(_implausible(name, said))
        free = None
    return DeviceMemory(
        total_bytes=total_bytes,
        reserved_bytes=reserved,
        free_bytes=free,
        findings=tuple(findings),
    )


def _implausible(name: str, said: str) -> Finding:
    return Finding(
        probe=PROBE,
        code="nvidia-implausible-memory",
        severity=Severity.WARNING,
        sentence=f"{name} reports {said}, which cannot be and is left out",
        hint="compare with `nvidia-smi`",
    )


def _unanswered(error: int, name: str) -> tuple[Finding, ...]:
    """Without permission, MIG's whole card stays silent by design: its caller decides."""
    if error == NvmlError.NO_PERMISSION:
        return ()
    return (error_finding(error, name),)
