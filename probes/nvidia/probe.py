"""The NVIDIA GPUs of this machine.

Holds the first question, whether NVML's library opens, and what is said where it does not. What
it answers is in `probes.nvidia.report`, which is imported only then.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from probes.accelerator import Accelerator, AcceleratorState
from probes.finding import Finding
from probes.nvidia.bus import bus_gpus, no_library_finding, nvidia_on_bus
from probes.nvidia.library import library_candidates, open_library
from probes.nvidia.tegra import power_mode_finding, tegra_gpu

if TYPE_CHECKING:
    from collections.abc import Sequence

    from probes.ask import Asker
    from probes.pci import PciDisplay

Result = tuple[tuple[Accelerator, ...], tuple[Finding, ...]]


def probe_nvidia(asker: Asker, *, timeout_s: float = 3.0) -> Result:
    """Every NVIDIA GPU, usable or not, and what is the matter with it.

    NVML is asked wherever its library opens, whatever the bus shows (WSL has no such bus). Of a
    recorded machine without a library only the files speak.

    Args:
        asker: Answers questions about the machine.
        timeout_s: How long a driver that hangs may hold up the answer. [s]

    Returns:
        Accelerators in NVML's order, each card before its MIG instances, and then those that
        only the bus knows; and the findings.
    """
    on_bus = nvidia_on_bus(asker)
    library = open_library(_libraries(asker))
    if library is None:
        return _without_library(asker, on_bus)
    from probes.nvidia.report import report

    return report(library, asker, on_bus, timeout_s=timeout_s)


def _libraries(asker: Asker) -> tuple[str, ...]:
    """Where to look for NVML: a recorded machine names its own, or has none."""
    if asker.is_live:
        return library_candidates(asker)
    return () if asker.nvml is None else (asker.nvml,)


def _without_library(asker: Asker, on_bus: Sequence[PciDisplay]) -> Result:
    found = bus_gpus(on_bus, AcceleratorState.NO_DRIVER)
    findings = (no_library_finding(on_bus, asker),) if on_bus else ()
    tegra = tegra_gpu(asker)
    if tegra is None:
        return found, findings
    return (tegra, *found), (power_mode_finding(tegra.name), *findings)
