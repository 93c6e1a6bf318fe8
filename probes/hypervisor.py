"""Which virtual machine monitor runs this Linux, if any does.

Asked in order of how much the answer names: the kernel of WSL, the firmware's tables, the device
tree, the kernel's own clock drivers, and last the processor's flag, which says that there is a
hypervisor and not which.

Source: the strings are those systemd's `src/basic/virt.c` compares with; the clocks are those of
Linux `arch/x86/kernel/kvmclock.c`, `drivers/clocksource/hyperv_timer.c`, `arch/x86/xen/time.c`.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from probes.ask import Asker

UNNAMED = "hypervisor"
"""There is one, and nothing says which."""

QEMU = "qemu"

_FIRMWARE = {
    "KVM": "kvm",
    "OpenStack": "kvm",
    "KubeVirt": "kvm",
    "Amazon EC2": "amazon",
    "QEMU": QEMU,
    "VMware": "vmware",
    "VMW": "vmware",
    "innotek GmbH": "virtualbox",
    "VirtualBox": "virtualbox",
    "Xen": "xen",
    "Bochs": "bochs",
    "Parallels": "parallels",
    "BHYVE": "bhyve",
    "Apple Virtualization": "apple",
    "Google Compute Engine": "google",
}
"""Beginnings of what a monitor writes into the firmware's tables (SMBIOS)."""

_FIRMWARE_FIELDS = ("product_name", "sys_vendor", "board_vendor", "bios_vendor", "product_version")

_CLOCKS = {"kvm-clock": "kvm", "hyperv_clocksource": "hyperv", "xen": "xen"}

_CLOCK_SOURCES = "/sys/devices/system/clocksource/clocksource0/available_clocksource"


def is_wsl(asker: Asker) -> bool:
    """True inside the Windows Subsystem for Linux, whose kernel says so."""
    return "microsoft" in (asker.text("/proc/sys/kernel/osrelease") or "").lower()


def virtual_machine(asker: Asker) -> str | None:
    """The monitor's short name (`kvm`, `wsl`, …); ``None`` on bare metal."""
    if is_wsl(asker):
        return "wsl"
    kernel = _by_device_tree(asker) or _by_clock(asker)
    firmware = _by_firmware(asker)
    if firmware == QEMU:
        return kernel or QEMU  # QEMU may emulate every instruction; KVM runs them
    if firmware or kernel:
        return firmware or kernel
    flags = re.search(
        r"^flags\s*:.*\bhypervisor\b", asker.text("/proc/cpuinfo") or "", re.MULTILINE
    )
    return UNNAMED if flags else None


def _by_firmware(asker: Asker) -> str | None:
    fields = {name: asker.text(f"/sys/class/dmi/id/{name}") or "" for name in _FIRMWARE_FIELDS}
    if ".metal" in fields["product_name"]:
        return None  # a whole machine of a cloud whose other products are virtual
    if (fields["sys_vendor"], fields["product_name"]) == (
        "Microsoft Corporation",
        "Virtual Machine",
    ):
        return "hyperv"
    for text in fields.values():
        for beginning, name in _FIRMWARE.items():
            if text.startswith(beginning):
                return name
    return None


def _by_device_tree(asker: Asker) -> str | None:
    compatible = asker.text("/proc/device-tree/hypervisor/compatible") or ""
    if compatible.startswith("linux,kvm"):
        return "kvm"
    if compatible.startswith("xen"):
        return "xen"
    model = asker.text("/proc/device-tree/compatible") or ""
    return QEMU if "linux,dummy-virt" in model else None


def _by_clock(asker: Asker) -> str | None:
    """By the clock a monitor offers its guests; Xen's first guest is the machine itself."""
    if "control_d" in (asker.text("/proc/xen/capabilities") or ""):
        return None
    clocks = asker.text(_CLOCK_SOURCES) or ""
    for clock in clocks.split():
        for beginning, name in _CLOCKS.items():
            if clock.startswith(beginning):
                return name
    return None
