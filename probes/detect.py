"""Asks every probe about this machine, and keeps what failed as a finding.

Holds the order of the probes and how their answers join. No probe can stop another: whatever one
raises becomes a sentence. Only a machine whose memory cannot be known is no answer at all.

The probes run one after the other. The slow one (NVIDIA's driver) limits itself, and the others
take 20 ms together, which is less than what two threads could gain.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, TypeVar

from probes.bandwidth.store import Measure as Measure  # noqa: PLC0414  (part of this module's interface)
from probes.errors import ProbeError
from probes.finding import Finding, Severity
from probes.machine import Cpu, Machine, System

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from probes.accelerator import Accelerator
    from probes.ask import Asker
    from probes.machine import Memory, ReadBandwidth

    Findings = tuple[Finding, ...]
    Accelerators = tuple[tuple[Accelerator, ...], Findings]
    Timed = tuple[ReadBandwidth | None, Findings]

T = TypeVar("T")

LONGEST_MESSAGE = 200


def detect(
    asker: Asker,
    *,
    measure: Measure = Measure.IF_NEEDED,
    progress: Callable[[], None] | None = None,
) -> Machine:
    """Everything the probes see on one machine.

    Args:
        asker: The live machine, or the file tree of another, which is never timed.
        measure: Whether to time the memory.
        progress: Called once if the memory is going to be timed, just before it is.

    Raises:
        ProbeError: The size of the memory cannot be known.
    """
    findings: list[Finding] = []
    seen = Machine(
        system=_system(asker, findings),
        cpu=_cpu(asker, findings),
        memory=_memory(asker, findings),
        accelerators=_accelerators(asker, findings),
    )
    bandwidth: ReadBandwidth | None = None
    if asker.is_live:
        unknown: Timed = (None, ())
        bandwidth, said = _isolated(
            "bandwidth",
            lambda: _read_bandwidth(asker, seen, measure=measure, progress=progress),
            unknown,
            findings,
        )
        findings += said
    return replace(seen, read_bandwidth=bandwidth, findings=tuple(findings))


def _system(asker: Asker, findings: list[Finding]) -> System:
    def ask() -> System:
        from probes.system import probe_system

        return probe_system(asker)

    return _isolated("system", ask, System(os=asker.os), findings)


def _cpu(asker: Asker, findings: list[Finding]) -> Cpu:
    def ask() -> tuple[Cpu, Findings]:
        from probes.cpu.probe import probe_cpu

        return probe_cpu(asker)

    unknown: tuple[Cpu, Findings] = (Cpu(name=None, architecture="unknown"), ())
    cpu, said = _isolated("cpu", ask, unknown, findings)
    findings += said
    return cpu


def _memory(asker: Asker, findings: list[Finding]) -> Memory:
    from probes.memory.probe import probe_memory

    try:
        memory, said = probe_memory(asker)
    except ProbeError:
        raise
    except Exception as error:
        msg = f"the size of the memory cannot be known: {_in_words(error)}"
        raise ProbeError(msg) from error
    findings += said
    return memory


def _accelerators(asker: Asker, findings: list[Finding]) -> tuple[Accelerator, ...]:
    def nvidia() -> Accelerators:
        from probes.nvidia.probe import probe_nvidia

        return probe_nvidia(asker)

    def amd() -> Accelerators:
        from probes.amd.probe import probe_amd

        return probe_amd(asker)

    def intel() -> Accelerators:
        from probes.intel import probe_intel

        return probe_intel(asker)

    def apple() -> Accelerators:
        from probes.apple import probe_apple

        return probe_apple(asker)

    def windows() -> Accelerators:
        from probes.windows import probe_windows

        return probe_windows(asker, nvidia_answered=bool(groups[0]))

    groups: list[tuple[Accelerator, ...]] = []
    for ask in (nvidia, amd, intel, apple, windows):
        nothing: Accelerators = ((), ())
        found, said = _isolated(ask.__name__, ask, nothing, findings)
        groups.append(found)
        findings += said
    return _joined(groups)


def _joined(groups: Iterable[Iterable[Accelerator]]) -> tuple[Accelerator, ...]:
    """All accelerators, those with memory of their own first, else in the order found.

    A card at a PCI address that an earlier probe described is the same card. Within one probe's
    answer an address may come again: the slices of a partitioned card have their parent's.
    """
    joined: list[Accelerator] = []
    for group in groups:
        known = {each.pci.address for each in joined if each.pci and each.pci.address}
        joined += [each for each in group if each.pci is None or each.pci.address not in known]
    return tuple(sorted(joined, key=lambda each: each.memory_is_shared))


def _read_bandwidth(
    asker: Asker, seen: Machine, *, measure: Measure, progress: Callable[[], None] | None
) -> Timed:
    from probes.bandwidth.store import kept_or_measured

    def time_it() -> Timed:
        from probes.bandwidth.probe import measure_read_bandwidth

        is_virtual = seen.system.virtual_machine is not None
        return measure_read_bandwidth(
            seen.cpu, seen.memory, is_virtual=is_virtual, progress=progress
        )

    return kept_or_measured(asker, seen.cpu, seen.memory, measure=measure, time_it=time_it)


def _isolated(probe: str, ask: Callable[[], T], otherwise: T, findings: list[Finding]) -> T:
    """What a probe answers; when it fails, the substitute and a finding that says so."""
    try:
        return ask()
    except Exception as error:  # noqa: BLE001  (one broken probe must not hide the others)
        findings.append(
            Finding(
                probe=probe,
                code=f"{probe}-failed",
                severity=Severity.WARNING,
                sentence=f"the probe `{probe}` failed: {_in_words(error)}",
                hint="report it, with what `advisor doctor` prints",
            )
        )
        return otherwise


def _in_words(error: Exception) -> str:
    words = " ".join(str(error).split())[:LONGEST_MESSAGE]
    return f"{type(error).__name__}: {words}" if words else type(error).__name__
