"""The processor, and how much of it this process may use.

Each operating system has a reader of its own words; this file chooses one, and says what about
the answer the reader of a report should know.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from probes.finding import Finding, Severity
from probes.machine import Cpu

if TYPE_CHECKING:
    from collections.abc import Iterator

    from probes.ask import Asker

BUSY_SHARE = 0.5
"""Of all cores kept busy by others, above which decoding was measured to stall.

On 2 cores at load 5, two threads decoded 4 to 8 times slower than one: one of them was always
waiting for a partner that did not run.
"""


def probe_cpu(asker: Asker) -> tuple[Cpu, tuple[Finding, ...]]:
    """The processor as its system describes it; what nobody says is None, with a finding."""
    translated: tuple[Finding, ...] = ()
    if asker.os == "linux":
        from probes.cpu import linux

        cpu = linux.read_cpu(asker)
    elif asker.os == "macos":
        from probes.cpu import macos

        cpu, is_translated = macos.read_cpu(asker)
        translated = (_TRANSLATED,) if is_translated else ()
    elif asker.os == "windows":
        from probes.cpu import windows

        cpu = windows.read_cpu(asker)
    else:
        cpu = _of_another_system(asker)
    return cpu, (*_findings(cpu), *translated)


def _of_another_system(asker: Asker) -> Cpu:
    """Of a system whose words we do not read: psutil counts, the last resort names."""
    from probes.cpu import last_resort, usable_cores
    from probes.cpu.core_counts import CoreCounts, count_cores

    counts = count_cores() if asker.is_live else CoreCounts()
    cpu = Cpu(
        name=None,
        architecture=(asker.command(["uname", "-m"]) or "unknown").strip(),
        physical_cores=counts.physical,
        logical_cores=counts.logical,
        allowed_cores=counts.allowed,
    )
    return usable_cores.filled_in(last_resort.fill_in(asker, cpu))


def _findings(cpu: Cpu) -> Iterator[Finding]:
    if cpu.name is None:
        yield _NAME_UNKNOWN
    if cpu.physical_cores is None:
        yield _CORES_UNKNOWN
    if not cpu.instruction_sets:
        yield _NO_INSTRUCTION_SETS
    elif cpu.architecture == "x86_64" and "avx2" not in cpu.instruction_sets:
        yield _NO_AVX2
    cores = cpu.physical_cores or cpu.logical_cores
    if cores and cpu.load_average is not None and cpu.load_average > BUSY_SHARE * cores:
        yield Finding(
            probe="cpu",
            code="cpu-busy",
            severity=Severity.WARNING,
            sentence=(
                f"Other programs keep the processor busy (load {cpu.load_average:.1f} on "
                f"{cores} {'core' if cores == 1 else 'cores'}), so models run slower on it than "
                "they could"
            ),
            hint="close other programs, or run with fewer threads (`--threads`)",
        )


_NAME_UNKNOWN = Finding(
    probe="cpu",
    code="cpu-name-unknown",
    severity=Severity.NOTE,
    sentence="The processor does not say its name",
)

_CORES_UNKNOWN = Finding(
    probe="cpu",
    code="cpu-cores-unknown",
    severity=Severity.NOTE,
    sentence="The processor's number of physical cores cannot be read",
)

_NO_INSTRUCTION_SETS = Finding(
    probe="cpu",
    code="cpu-no-instruction-sets",
    severity=Severity.NOTE,
    sentence="The processor shows no instruction set that llama.cpp has special code for",
)

_NO_AVX2 = Finding(
    probe="cpu",
    code="cpu-no-avx2",
    severity=Severity.WARNING,
    sentence="The processor shows no AVX2, for which llama.cpp has its fast code on x86",
    hint="if this is a virtual machine, give it the host's processor type",
)

_TRANSLATED = Finding(
    probe="cpu",
    code="cpu-translated",
    severity=Severity.WARNING,
    sentence=(
        "This Python is an Intel program that Rosetta translates, and programs it starts may be "
        "translated too"
    ),
    hint="install Python for Apple silicon (arm64)",
)
