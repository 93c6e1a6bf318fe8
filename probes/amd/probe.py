"""AMD's GPUs as Linux's `amdgpu` driver shows them in sysfs: no root, no ROCm, no library.

Holds what the driver says. Marketing names and peak rates are not among it (the driver's memory
clock is a different part of the data rate for every kind of memory), so they stay ``None`` for
`advisor.target` to look up by PCI identity.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from probes.accelerator import Accelerator, AcceleratorKind, AcceleratorState
from probes.amd.kfd import gpu_nodes
from probes.finding import Finding, Severity
from probes.pci import (
    DEVICES,
    LARGEST_MEMORY_BYTES,
    VENDOR_AMD,
    VENDOR_AMD_CPU,
    display_devices,
    is_reachable,
    pci_link,
    power_watts,
    unnamed,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

    from probes.amd.kfd import KfdNode
    from probes.ask import Asker
    from probes.pci import PciDisplay

    Probed = tuple[tuple[Accelerator, ...], tuple[Finding, ...]]

DRIVER = "amdgpu"
OLD_DRIVER = "radeon"
"""Drives the chips before 2012 and servers' ES1000, none of which computes anything."""

MASKS = ("ROCR_VISIBLE_DEVICES", "HIP_VISIBLE_DEVICES", "GPU_DEVICE_ORDINAL")


def probe_amd(asker: Asker) -> Probed:
    """AMD's GPUs on this machine, one per PCI address, and what is wrong with them."""
    devices = [
        device
        for device in display_devices(asker)
        if device.identity.vendor == VENDOR_AMD and device.driver != OLD_DRIVER
    ]
    nodes = gpu_nodes(asker) if devices else ()
    accelerators: list[Accelerator] = []
    findings: list[Finding] = []
    for device in devices:
        found, said = _probe(asker, device, [n for n in nodes if n.address == device.address])
        accelerators += found
        findings += said
    if devices:
        findings += _masks(asker)
    return tuple(accelerators), tuple(findings)


def _probe(asker: Asker, device: PciDisplay, nodes: Sequence[KfdNode]) -> Probed:
    name = asker.text(f"{device.directory}/product_name") or unnamed(device, "AMD")
    if device.driver != DRIVER:
        return (_without_driver(asker, device, name),), (_no_driver(device, name),)
    accelerator = _described(asker, device, name, nodes)
    if not (is_reachable(asker, device) or asker.exists("/dev/kfd")):
        return (replace(accelerator, state=AcceleratorState.NO_DRIVER),), (_no_node(name),)
    if accelerator.memory_total_bytes is None:
        return (accelerator,), (_no_memory(name),)
    if len(nodes) > 1:
        return _partitions(accelerator, nodes)
    return (accelerator,), ()


def _described(
    asker: Asker, device: PciDisplay, name: str, nodes: Sequence[KfdNode]
) -> Accelerator:
    node = nodes[0] if nodes else None
    is_apu = _is_apu(asker, device, nodes)
    own_total, own_used = _pool(asker, device, "vram")
    total, used = own_total, own_used
    if is_apu and own_total is not None:
        system_total, system_used = _pool(asker, device, "gtt")
        total = own_total + (system_total or 0)
        used = None if own_used is None or system_used is None else own_used + system_used
    version = asker.text("/sys/module/amdgpu/version")
    return Accelerator(
        name=name,
        vendor="amd",
        kind=AcceleratorKind.UNIFIED if is_apu else AcceleratorKind.DISCRETE,
        pci=device.identity,
        memory_total_bytes=total,
        memory_dedicated_bytes=own_total if is_apu else None,
        memory_free_bytes=None if total is None or used is None else max(total - used, 0),
        memory_clock_hz=None if node is None else node.memory_clock_hz,
        memory_bus_bits=None if node is None else node.memory_bus_bits,
        architecture=None if node is None else node.gfx_target,
        core_count=None if node is None else node.compute_units,
        driver=DRIVER if version is None else f"{DRIVER} {version}",
        link=None if is_apu else pci_link(asker, device),
        power_limit_watts=power_watts(asker, device, "power1_cap"),
        power_default_watts=power_watts(asker, device, "power1_cap_default"),
    )


def _is_apu(asker: Asker, device: PciDisplay, nodes: Sequence[KfdNode]) -> bool:
    """Whether the GPU is part of a processor, by either of three signs.

    Its PCI device has functions of AMD's processor division beside the GPU's (a security
    processor, USB); the driver has a sensor for the north bridge's voltage, which it shows for
    APUs alone; or the kernel lists GPU and CPU cores as one node. An MI300A shows none of them
    and is taken for a card.

    Source:
        Linux `amdgpu_pm.c` (`in1_label`), `kfd_topology.c` (`cpu_cores_count`); `lspci` listings
        of Raphael, Phoenix and Strix machines (checked 2026-11-23).
    """
    slot = device.address.rpartition(".")[0]
    functions = (name for name in asker.names(DEVICES) if name.lower().startswith(f"{slot}."))
    if any(asker.number(f"{DEVICES}/{name}/vendor") == VENDOR_AMD_CPU for name in functions):
        return True
    sensors = asker.names(f"{device.directory}/hwmon")
    return any(node.has_cpu_cores for node in nodes) or any(
        asker.text(f"{device.directory}/hwmon/{sensor}/in1_label") == "vddnb" for sensor in sensors
    )


def _pool(asker: Asker, device: PciDisplay, pool: str) -> tuple[int | None, int | None]:
    """Total and used bytes of the card's own memory (`vram`) or of the system's it maps (`gtt`)."""
    total = asker.number(f"{device.directory}/mem_info_{pool}_total")
    used = asker.number(f"{device.directory}/mem_info_{pool}_used")
    if total is None or not 0 < total <= LARGEST_MEMORY_BYTES:
        return None, None
    return total, used if used is not None and 0 <= used <= total else None


def _partitions(card: Accelerator, nodes: Sequence[KfdNode]) -> Probed:
    """A card that was split up (CPX, DPX): its parts, each with the memory the kernel gives it."""
    total = card.memory_total_bytes or 0
    parts = [
        replace(
            card,
            name=f"{card.name} partition {number}",
            kind=AcceleratorKind.MIG,
            memory_total_bytes=node.memory_bytes,
            memory_free_bytes=None,
            memory_slices=round(8 * node.memory_bytes / total) or 1 if node.memory_bytes else None,
            core_count=node.compute_units,
            parent_name=card.name,
        )
        for number, node in enumerate(nodes)
    ]
    whole = replace(card, state=AcceleratorState.PARTITIONED)
    return (whole, *parts), (_partitioned(card.name, len(parts)),)


def _without_driver(asker: Asker, device: PciDisplay, name: str) -> Accelerator:
    is_apu = _is_apu(asker, device, ())
    return Accelerator(
        name=name,
        vendor="amd",
        kind=AcceleratorKind.UNIFIED if is_apu else AcceleratorKind.DISCRETE,
        state=AcceleratorState.NO_DRIVER,
        pci=device.identity,
        driver=device.driver,
    )


def _masks(asker: Asker) -> list[Finding]:
    """What the environment hides from ROCm. Its numbers are an order that only ROCm knows."""
    return [
        Finding(
            probe="amd",
            code="amd-visible-devices",
            severity=Severity.NOTE,
            sentence=f"`{mask}` is `{asker.environ[mask]}`: ROCm programs see only those AMD GPUs,"
            " and all are listed here",
        )
        for mask in MASKS
        if mask in asker.environ
    ]


def _no_driver(device: PciDisplay, name: str) -> Finding:
    if device.driver == "vfio-pci":
        why, hint = "is handed to a virtual machine", None
    else:
        why = "is on the bus, but the driver `amdgpu` does not run it"
        hint = "load it with `modprobe amdgpu`, or install a newer kernel"
    return _finding("no-driver", Severity.ERROR, f"`{name}` {why}", hint)


def _no_node(name: str) -> Finding:
    return _finding(
        "no-device-node",
        Severity.ERROR,
        f"`{name}` is on the bus, but there is neither its `/dev/dri` node nor `/dev/kfd`",
        "start the container with `--device /dev/kfd --device /dev/dri`",
    )


def _no_memory(name: str) -> Finding:
    return _finding(
        "no-memory",
        Severity.WARNING,
        f"the driver of `{name}` does not say how much memory it has",
        "look for errors of `amdgpu` in `dmesg`",
    )


def _partitioned(name: str, count: int) -> Finding:
    return _finding(
        "partitioned",
        Severity.NOTE,
        f"`{name}` is split into {count} partitions, which are listed in its place",
        "join them with `amd-smi set --compute-partition SPX`",
    )


def _finding(code: str, severity: Severity, sentence: str, hint: str | None) -> Finding:
    return Finding(probe="amd", code=f"amd-{code}", severity=severity, sentence=sentence, hint=hint)
