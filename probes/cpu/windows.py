"""The processor of a Windows machine: the registry, psutil, and what the kernel says it can do.

The registry alone answers for a recorded machine. Windows tells of fewer instruction sets than
there are (no FMA, F16C or VNNI), so a missing name means nothing here.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from probes import windows_registry
from probes.cpu import instructions, last_resort, usable_cores
from probes.cpu.core_counts import CoreCounts, count_cores
from probes.machine import Cpu

if TYPE_CHECKING:
    from probes.ask import Asker

PROCESSOR = r"HARDWARE\DESCRIPTION\System\CentralProcessor\0"
ENVIRONMENT = r"SYSTEM\CurrentControlSet\Control\Session Manager\Environment"

_ARCHITECTURES = {"AMD64": "x86_64", "ARM64": "aarch64", "X86": "i686"}


def read_cpu(asker: Asker) -> Cpu:
    """What Windows says of the processor."""
    name = windows_registry.reader(asker, PROCESSOR)("ProcessorNameString")
    architecture = _architecture(asker)
    counts = count_cores() if asker.is_live else CoreCounts()
    declared = asker.environ.get("NUMBER_OF_PROCESSORS", "")
    flags = _flags(architecture) if asker.is_live else set()
    cpu = Cpu(
        name=" ".join(name.split()) if name else None,
        architecture=architecture,
        physical_cores=counts.physical,
        logical_cores=counts.logical or (int(declared) if declared.isdecimal() else None),
        allowed_cores=counts.allowed,
        instruction_sets=instructions.from_flags(flags),
    )
    if cpu.name is None or not cpu.instruction_sets:
        cpu = last_resort.fill_in(asker, cpu)
    return usable_cores.filled_in(cpu)


def _architecture(asker: Asker) -> str:
    """The machine's own is in the registry; the environment has what this process runs as."""
    machine = windows_registry.reader(asker, ENVIRONMENT)("PROCESSOR_ARCHITECTURE")
    spelled = machine or asker.environ.get("PROCESSOR_ARCHITECTURE") or "unknown"
    return _ARCHITECTURES.get(spelled.upper(), spelled.lower())


def _flags(architecture: str) -> set[str]:
    """Flags of Linux for what `IsProcessorFeaturePresent` knows."""
    flags: set[str] = set()
    if sys.platform == "win32":
        import ctypes

        present = ctypes.windll.kernel32.IsProcessorFeaturePresent
        arm = architecture == "aarch64"
        known = instructions.WINDOWS_ARM if arm else instructions.WINDOWS_X86
        flags.update(*(spelled.split() for number, spelled in known.items() if present(number)))
    return flags
