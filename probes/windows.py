r"""Display adapters as Windows keeps them in its registry.

Holds the adapters that are plugged in now, with the size of their own memory as 64 bits.
(``Win32_VideoController.AdapterRAM``, which most programs ask, ends at 4 GiB.) Free memory, clocks
and the share of the system's memory that a GPU may use are not among it.

NVIDIA's cards are NVML's to describe (`probes.nvidia`): they are listed here only where NVML did
not answer, as evidence that they are there.
"""

from __future__ import annotations

import re
import sys
from typing import TYPE_CHECKING, NamedTuple

from probes.accelerator import Accelerator, AcceleratorKind, AcceleratorState, PciIdentity
from probes.finding import Finding, Severity
from probes.pci import (
    LARGEST_MEMORY_BYTES,
    VENDOR_AMD,
    VENDOR_AMD_CPU,
    VENDOR_INTEL,
    VENDOR_NVIDIA,
)
from probes.windows_registry import reader

if TYPE_CHECKING:
    from probes.ask import Asker

DISPLAY_CLASS = "{4d36e968-e325-11ce-bfc1-08002be10318}"
CLASSES = r"SYSTEM\CurrentControlSet\Control\Class"
DEVICES = r"SYSTEM\CurrentControlSet\Enum"

MAKERS = {VENDOR_NVIDIA: "NVIDIA", VENDOR_AMD: "AMD", VENDOR_INTEL: "Intel"}

_PRESENT, _OF_ENUMERATOR = 0x100, 0x1
"""Flags of `CM_Get_Device_ID_List`, from cfgmgr32.h."""


class _Device(NamedTuple):
    """One device on the PCI bus: its numbers, and where its driver's key is."""

    pci: PciIdentity
    class_name: str | None
    driver_key: str | None


def probe_windows(
    asker: Asker, *, nvidia_answered: bool
) -> tuple[tuple[Accelerator, ...], tuple[Finding, ...]]:
    """The display adapters on the PCI bus; nothing on another system than Windows.

    Args:
        asker: The machine.
        nvidia_answered: Whether NVML described NVIDIA's cards already.
    """
    if asker.os != "windows":
        return (), ()
    everything = [_device(asker, instance) for instance in _present(asker)]
    devices = [device for device in everything if device is not None]
    adapters = tuple(
        _accelerator(asker, device, devices)
        for device in devices
        if device.class_name == DISPLAY_CLASS
        and device.pci.vendor in MAKERS
        and not (nvidia_answered and device.pci.vendor == VENDOR_NVIDIA)
    )
    idle = [each for each in adapters if each.state is AcceleratorState.NO_DRIVER]
    return adapters, tuple(_no_driver(each) for each in idle)


def _accelerator(asker: Asker, device: _Device, devices: list[_Device]) -> Accelerator:
    value = reader(asker, rf"{CLASSES}\{device.driver_key}")
    # The driver that Windows brings along matches by class, and computes nothing.
    is_generic = (value("MatchingDeviceId") or r"pci\cc_").lower().startswith(r"pci\cc_")
    memory_bytes = memory_size(value("HardwareInformation.qwMemorySize"))
    is_unified = _is_part_of_processor(device, devices)
    maker = MAKERS[device.pci.vendor]
    is_ready = not is_generic and device.pci.vendor != VENDOR_NVIDIA
    return Accelerator(
        name=(None if is_generic else value("DriverDesc"))
        or f"{maker} GPU (PCI {device.pci.vendor:04x}:{device.pci.device:04x})",
        vendor=maker.lower(),
        kind=AcceleratorKind.UNIFIED if is_unified else AcceleratorKind.DISCRETE,
        state=AcceleratorState.READY if is_ready else AcceleratorState.NO_DRIVER,
        pci=device.pci,
        memory_total_bytes=None if is_unified else memory_bytes,
        memory_dedicated_bytes=memory_bytes if is_unified else None,
        driver=value("DriverVersion"),
    )


def memory_size(text: str | None) -> int | None:
    """Bytes from a 64-bit number, or from 8 bytes in hexadecimal as some drivers store it.

    The forms cannot be confused: sixteen decimal digits would be a petabyte.
    """
    if text is None or not re.fullmatch("[0-9A-Fa-f]+", text):
        return None
    if len(text) == 16:
        size = int.from_bytes(bytes.fromhex(text), "little")
    else:
        size = int(text) if text.isdecimal() else 0
    return size if 0 < size <= LARGEST_MEMORY_BYTES else None


def _is_part_of_processor(device: _Device, devices: list[_Device]) -> bool:
    """Intel's stands at 00:02.0; AMD's has functions of the processor division beside it."""
    address = device.pci.address
    if address is None:
        return False
    if device.pci.vendor == VENDOR_INTEL:
        return address == "0000:00:02.0"
    slot = address.rpartition(".")[0]
    return any(
        other.pci.vendor == VENDOR_AMD_CPU and (other.pci.address or "").startswith(f"{slot}.")
        for other in devices
    )


def _device(asker: Asker, instance: str) -> _Device | None:
    r"""Read `PCI\VEN_1002&DEV_744C&SUBSYS_0E3B1002&REV_C8\6&…` and what is stored below it."""
    numbers = re.match(
        r"PCI\\VEN_([0-9A-F]{4})&DEV_([0-9A-F]{4})"
        r"(?:&SUBSYS_([0-9A-F]{4})([0-9A-F]{4}))?(?:&REV_([0-9A-F]{2}))?",
        instance,
        re.IGNORECASE,
    )
    if numbers is None:
        return None
    vendor, device, subsystem_device, subsystem_vendor, revision = (
        None if digits is None else int(digits, 16) for digits in numbers.groups()
    )
    assert vendor is not None
    assert device is not None
    value = reader(asker, rf"{DEVICES}\{instance}")
    class_name = value("ClassGUID")
    return _Device(
        pci=PciIdentity(
            vendor=vendor,
            device=device,
            subsystem_vendor=subsystem_vendor,
            subsystem_device=subsystem_device,
            revision=revision,
            address=_address(value("LocationInformation")),
        ),
        class_name=None if class_name is None else class_name.lower(),
        driver_key=value("Driver"),
    )


def _address(location: str | None) -> str | None:
    """Bus, device and function are the last three numbers, whatever language stands around."""
    numbers = [int(digits) for digits in re.findall(r"\d+", location or "")[-3:]]
    if len(numbers) < 3 or numbers[0] > 0xFF or numbers[1] > 0x1F or numbers[2] > 7:
        return None
    return f"0000:{numbers[0]:02x}:{numbers[1]:02x}.{numbers[2]}"


def _present(asker: Asker) -> list[str]:
    """Instance names of the PCI devices that are plugged in; the registry keeps others for ever.

    A recorded machine answers with what `pnputil` printed.
    """
    if asker.is_live:
        return _present_live()
    printed = asker.command(["pnputil", "/enum-devices", "/connected"]) or ""
    return re.findall(r"PCI\\VEN_\S+", printed)


def _present_live() -> list[str]:
    found: list[str] = []
    if sys.platform == "win32":
        import ctypes

        manager = ctypes.WinDLL("cfgmgr32")
        size = ctypes.c_ulong()
        flags = _PRESENT | _OF_ENUMERATOR
        if manager.CM_Get_Device_ID_List_SizeW(ctypes.byref(size), "PCI", flags) == 0:
            names = ctypes.create_unicode_buffer(size.value)
            if manager.CM_Get_Device_ID_ListW("PCI", names, size, flags) == 0:
                found = "".join(names[: size.value]).split("\0")
    return [name for name in found if name]


def _no_driver(adapter: Accelerator) -> Finding:
    return Finding(
        probe="windows",
        code="windows-no-driver",
        severity=Severity.ERROR,
        sentence=f"`{adapter.name}` is plugged in, but its maker's driver does not answer",
        hint="install the driver from the maker's page",
    )
