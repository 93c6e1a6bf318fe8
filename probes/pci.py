"""The display devices on the PCI bus, and the link each one has, as Linux shows them in sysfs.

Holds what the bus says about any vendor's device. What a vendor's driver says about its own
(memory, clocks) belongs to that vendor's probe. Names are never looked up here.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from probes.accelerator import PciIdentity, PciLink

if TYPE_CHECKING:
    from collections.abc import Iterable

    from probes.ask import Asker

VENDOR_NVIDIA = 0x10DE
VENDOR_AMD = 0x1002
"""AMD's graphics; its processors and chipsets answer with 0x1022."""
VENDOR_AMD_CPU = 0x1022
VENDOR_INTEL = 0x8086

DEVICES = "/sys/bus/pci/devices"

LARGEST_MEMORY_BYTES = 2 << 40
"""No device on a bus has more: a larger figure is a driver's mistake."""

_DISPLAY = 0x03
_PROCESSING_ACCELERATOR = 0x12

_ADDRESS = re.compile(r"[0-9a-f]{4,}:[0-9a-f]{2}:[0-9a-f]{2}\.[0-7]")

_GENERATIONS = {"2.5": 1, "5": 2, "5.0": 2, "8": 3, "8.0": 3, "16.0": 4, "32.0": 5, "64.0": 6}
"""PCI Express generation by its rate per lane in GT/s, as the kernel spells it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PciDisplay:
    """One device that can compute or draw pictures."""

    identity: PciIdentity

    address: str
    """Domain, bus, device and function in lower case, such as `0000:01:00.0`."""

    directory: str
    """Where its files are: `/sys/bus/pci/devices/0000:01:00.0`."""

    driver: str | None
    """The kernel driver bound to it (`nvidia`, `amdgpu`, `xe`, `vfio-pci`); ``None`` for none."""


def display_devices(asker: Asker) -> tuple[PciDisplay, ...]:
    """Every display device on the bus, in order of address; empty where there is no bus.

    AMD's newest Instincts call themselves processing accelerators and are included; other
    vendors' devices of that class are NPUs, and are not. Virtual functions are left out where
    the physical device is listed too (on the host), so that a card counts once.
    """
    found = (_device(asker, name) for name in asker.names(DEVICES))
    return tuple(device for device in found if device is not None)


def pci_link(asker: Asker, device: PciDisplay) -> PciLink | None:
    """The link between the card and its slot; ``None`` when the kernel does not know it.

    Many cards hold a PCI Express switch of their own. The link that the GPU itself names then
    ends at that switch, inside the card (Arc says x1 there, Radeon always x16), so the switch's
    upper port is asked. The current rate is ignored: it falls when the card idles.

    Source:
        Linux `pci-sysfs.c` (`max_link_speed`, `current_link_width`), checked 2026-11-23.
    """
    path = _path_to(asker, device.address)
    end = len(path) - 1
    if end >= 3 and all(
        asker.number(f"{DEVICES}/{port}/vendor") == device.identity.vendor
        for port in path[end - 2 : end]
    ):
        end -= 2
    ends = path[max(end - 1, 0) : end + 1]
    width = _lanes(asker.number(f"{DEVICES}/{path[end]}/current_link_width"))
    speeds = [_generation(asker.text(f"{DEVICES}/{at}/max_link_speed")) for at in ends]
    generation = _least(speeds)
    width_max = _least(_lanes(asker.number(f"{DEVICES}/{at}/max_link_width")) for at in ends)
    if generation is None and width is None:
        return None
    return PciLink(
        generation=generation, width=width, width_max=width_max, generation_max=speeds[-1]
    )


def is_reachable(asker: Asker, device: PciDisplay) -> bool:
    """False when the device's render node is not there to be opened.

    A container sees the host's bus, but only the device nodes it was given.
    """
    nodes = [name for name in asker.names(f"{device.directory}/drm") if name.startswith("renderD")]
    return not nodes or any(asker.exists(f"/dev/dri/{name}") for name in nodes)


def power_watts(asker: Asker, device: PciDisplay, *names: str) -> float | None:
    """The first of these files that the device's sensors have, from microwatts."""
    for sensor in asker.names(f"{device.directory}/hwmon"):
        for name in names:
            microwatts = asker.number(f"{device.directory}/hwmon/{sensor}/{name}")
            if microwatts:
                return microwatts / 1e6
    return None


def unnamed(device: PciDisplay, maker: str) -> str:
    """What to call a device whose driver gives no name: `AMD GPU (PCI 1002:744c)`."""
    identity = device.identity
    return f"{maker} GPU (PCI {identity.vendor:04x}:{identity.device:04x})"


def _device(asker: Asker, address: str) -> PciDisplay | None:
    directory = f"{DEVICES}/{address}"
    class_code = asker.number(f"{directory}/class")
    vendor = asker.number(f"{directory}/vendor")
    device = asker.number(f"{directory}/device")
    if class_code is None or vendor is None or device is None:
        return None
    if not _is_display(class_code, vendor) or asker.link_target(f"{directory}/physfn"):
        return None
    driver = asker.link_target(f"{directory}/driver")
    return PciDisplay(
        identity=PciIdentity(
            vendor=vendor,
            device=device,
            subsystem_vendor=asker.number(f"{directory}/subsystem_vendor"),
            subsystem_device=asker.number(f"{directory}/subsystem_device"),
            revision=asker.number(f"{directory}/revision"),
            address=address.lower(),
        ),
        address=address.lower(),
        directory=directory,
        driver=None if driver is None else driver.rpartition("/")[2],
    )


def _is_display(class_code: int, vendor: int) -> bool:
    """0x030000 VGA, 0x030200 3D, 0x038000 other display; 0x120000 an accelerator of AMD's."""
    base = class_code >> 16
    return base == _DISPLAY or (base == _PROCESSING_ACCELERATOR and vendor == VENDOR_AMD)


def _path_to(asker: Asker, address: str) -> list[str]:
    """The devices from the root port down to this one, which is last."""
    path = _ADDRESS.findall(asker.link_target(f"{DEVICES}/{address}") or "")
    return path if path and path[-1] == address else [address]


def _generation(speed: str | None) -> int | None:
    """Of `16.0 GT/s PCIe`; ``None`` for `Unknown`."""
    return None if speed is None else _GENERATIONS.get(speed.partition(" ")[0])


def _lanes(width: int | None) -> int | None:
    """0, 63 and 255 are what ports without a link answer."""
    return width if width in {1, 2, 4, 8, 12, 16, 32} else None


def _least(values: Iterable[int | None]) -> int | None:
    return min((value for value in values if value is not None), default=None)
