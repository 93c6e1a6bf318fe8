"""NVIDIA GPUs that the PCI bus has, but that NVML does not speak for.

Holds what is said about hardware without its driver: a nameless accelerator with its PCI ids,
and why it cannot be used.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from probes.accelerator import Accelerator, AcceleratorKind, AcceleratorState
from probes.finding import Finding, Severity
from probes.pci import VENDOR_NVIDIA, PciDisplay, display_devices

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from probes.ask import Asker


PROBE = "nvidia"
"""The name that this probe's findings bear."""


def is_container(asker: Asker) -> bool:
    """True inside a container of any kind, which may have been given some cards and not others."""
    from probes.system import probe_system

    return asker.os == "linux" and probe_system(asker).container is not None


def nvidia_on_bus(asker: Asker) -> tuple[PciDisplay, ...]:
    """NVIDIA's display devices, in order of address."""
    return tuple(
        device for device in display_devices(asker) if device.identity.vendor == VENDOR_NVIDIA
    )


def bus_gpus(devices: Sequence[PciDisplay], state: AcceleratorState) -> tuple[Accelerator, ...]:
    """What stands for GPUs of which only the bus knows."""
    return tuple(
        Accelerator(
            name=f"NVIDIA GPU (PCI {device.identity.vendor:04x}:{device.identity.device:04x})",
            vendor="nvidia",
            kind=AcceleratorKind.DISCRETE,
            state=state,
            pci=device.identity,
        )
        for device in devices
    )


def without(
    devices: Sequence[PciDisplay], known: Collection[Accelerator]
) -> tuple[PciDisplay, ...]:
    """The devices that none of the known accelerators is."""
    addresses = {gpu.pci.address for gpu in known if gpu.pci is not None}
    return tuple(device for device in devices if device.address not in addresses)


def no_library_finding(devices: Sequence[PciDisplay], asker: Asker) -> Finding:
    """The bus has GPUs, but no library of the driver opens."""
    if is_container(asker):
        return Finding(
            probe=PROBE,
            code="nvidia-not-in-container",
            severity=Severity.WARNING,
            sentence=f"{_named(devices)} is in this machine, but this container was not given"
            " NVIDIA's driver",
            hint="start the container with `--gpus all` (NVIDIA Container Toolkit)",
        )
    return Finding(
        probe=PROBE,
        code="nvidia-no-driver",
        severity=Severity.ERROR,
        sentence=f"{_named(devices)} is in this machine, but NVIDIA's driver (its library NVML)"
        " is not",
        hint="install NVIDIA's driver, and check it with `nvidia-smi`",
    )


def not_driven_finding(devices: Sequence[PciDisplay], asker: Asker) -> Finding:
    """The driver answers, but does not count these GPUs."""
    if is_container(asker):
        return Finding(
            probe=PROBE,
            code="nvidia-not-in-container",
            severity=Severity.NOTE,
            sentence=f"{_named(devices)} is in this machine, but was not given to this container",
        )
    return Finding(
        probe=PROBE,
        code="nvidia-not-driven",
        severity=Severity.WARNING,
        sentence=f"{_named(devices)} is in this machine, but NVIDIA's driver does not count it",
        hint="check which driver holds it with `lspci -k -d 10de:`",
    )


def _named(devices: Sequence[PciDisplay]) -> str:
    """`NVIDIA GPU 10de:2684 at 0000:01:00.0 (held by nouveau)`, for each."""
    return " and ".join(
        f"NVIDIA GPU {device.identity.vendor:04x}:{device.identity.device:04x} at"
        f" {device.address}" + (f" (held by `{device.driver}`)" if device.driver else "")
        for device in devices
    )
