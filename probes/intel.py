"""Intel's GPUs as Linux's `xe` and `i915` drivers show them in sysfs.

Holds what the drivers say, which is little: no name, no free memory (that takes a privilege), no
clock; and mainline `i915` does not even say how much memory an Arc has. The rest is for
`advisor.target` to look up by PCI identity.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from probes.accelerator import Accelerator, AcceleratorKind, AcceleratorState
from probes.finding import Finding, Severity
from probes.pci import (
    LARGEST_MEMORY_BYTES,
    VENDOR_INTEL,
    display_devices,
    is_reachable,
    pci_link,
    power_watts,
    unnamed,
)

if TYPE_CHECKING:
    from probes.ask import Asker
    from probes.pci import PciDisplay

DRIVERS = ("xe", "i915")

PROCESSORS_OWN = "0000:00:02.0"
"""Where every Intel processor has its GPU, and no card can be."""


def probe_intel(asker: Asker) -> tuple[tuple[Accelerator, ...], tuple[Finding, ...]]:
    """Intel's GPUs on this machine, and what is wrong with them."""
    devices = [d for d in display_devices(asker) if d.identity.vendor == VENDOR_INTEL]
    accelerators = tuple(_accelerator(asker, device) for device in devices)
    findings = (
        _finding(device, accelerator)
        for device, accelerator in zip(devices, accelerators, strict=True)
    )
    return accelerators, tuple(finding for finding in findings if finding is not None)


def _accelerator(asker: Asker, device: PciDisplay) -> Accelerator:
    memory_bytes = _own_memory(asker, device)
    is_unified = device.address == PROCESSORS_OWN and memory_bytes is None
    is_ready = device.driver in DRIVERS and is_reachable(asker, device)
    return Accelerator(
        name=unnamed(device, "Intel"),
        vendor="intel",
        kind=AcceleratorKind.UNIFIED if is_unified else AcceleratorKind.DISCRETE,
        state=AcceleratorState.READY if is_ready else AcceleratorState.NO_DRIVER,
        pci=device.identity,
        memory_total_bytes=memory_bytes,
        driver=device.driver,
        link=None if is_unified else pci_link(asker, device),
        power_limit_watts=power_watts(asker, device, "power1_max", "power1_cap"),
        power_default_watts=power_watts(asker, device, "power1_rated_max"),
    )


def _own_memory(asker: Asker, device: PciDisplay) -> int | None:
    """Memory of the card: `xe` says it tile by tile, Intel's own build of `i915` for the whole.

    Both say the chips' size; the driver keeps a little of it (stolen memory, page tables).

    Source:
        Linux `xe_tile_sysfs.c`; Intel's `i915` backports (`lmem_total_bytes` below the card's
        node, not in mainline), checked 2026-11-23.
    """
    tiles = [name for name in asker.names(device.directory) if name.startswith("tile")]
    cards = [name for name in asker.names(f"{device.directory}/drm") if name.startswith("card")]
    files = [f"{tile}/physical_vram_size_bytes" for tile in tiles]
    if device.driver != "xe":
        files = [f"drm/{card}/lmem_total_bytes" for card in cards]
    total = sum(asker.number(f"{device.directory}/{file}") or 0 for file in files)
    return total if 0 < total <= LARGEST_MEMORY_BYTES else None


def _finding(device: PciDisplay, accelerator: Accelerator) -> Finding | None:
    name = accelerator.name
    if device.driver not in DRIVERS:
        return _said(
            "no-driver",
            Severity.ERROR,
            f"`{name}` is on the bus, but neither `xe` nor `i915` runs it",
            None if device.driver else "install a newer kernel with its firmware",
        )
    if accelerator.state is not AcceleratorState.READY:
        return _said(
            "no-device-node",
            Severity.ERROR,
            f"`{name}` is on the bus, but its `/dev/dri` node is not there",
            "start the container with `--device /dev/dri`",
        )
    if accelerator.memory_total_bytes is None and not accelerator.memory_is_shared:
        return _said(
            "no-memory",
            Severity.NOTE,
            f"the driver `{device.driver}` does not say how much memory `{name}` has",
            None if device.driver == "xe" else "run it with the driver `xe`, which says it",
        )
    return None


def _said(code: str, severity: Severity, sentence: str, hint: str | None) -> Finding:
    return Finding(
        probe="intel", code=f"intel-{code}", severity=severity, sentence=sentence, hint=hint
    )
