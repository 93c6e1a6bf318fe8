"""NVIDIA's own systems on a chip (Jetson), as the kernel's device tree describes them.

Holds what can be said without NVML, which older systems (before JetPack 6) lack. A Jetson's GPU
has no memory of its own, and is on no bus.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from probes.accelerator import Accelerator, AcceleratorKind
from probes.finding import Finding, Severity
from probes.nvidia.bus import PROBE

if TYPE_CHECKING:
    from probes.ask import Asker

_PREFIX = "nvidia,tegra"


def tegra_gpu(asker: Asker) -> Accelerator | None:
    """The GPU of a Jetson, named after the board; ``None`` on other machines.

    The architecture is the chip: `tegra234` is Orin, `tegra264` is Thor.
    """
    chip = _chip(asker)
    if chip is None and not asker.exists("/etc/nv_tegra_release"):
        return None
    return Accelerator(
        name=asker.text("/proc/device-tree/model") or "NVIDIA Jetson",
        vendor="nvidia",
        kind=AcceleratorKind.UNIFIED,
        architecture=chip,
    )


def power_mode_finding(name: str) -> Finding:
    """The memory clock depends on the power mode, which only the administrator may read."""
    return Finding(
        probe=PROBE,
        code="nvidia-jetson-power-mode",
        severity=Severity.NOTE,
        sentence=f"{name} uses the system's memory, and is taken to run in its fastest power mode"
        " (MAXN)",
        hint="check the mode with `sudo nvpmodel -q`",
    )


def _chip(asker: Asker) -> str | None:
    """From the list of what the board is compatible with, most exact first."""
    compatible = (asker.text("/proc/device-tree/compatible") or "").split("\0")
    chips = [name.removeprefix("nvidia,") for name in compatible if name.startswith(_PREFIX)]
    return chips[0] if chips else None
