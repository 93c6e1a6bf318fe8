"""The operating system, the product it runs on, and the container or virtual machine around it.

Holds names only. No host name, serial number, UUID or asset tag is read: what stands here goes
into bug reports.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from probes import sysctl, windows_registry
from probes.hypervisor import virtual_machine
from probes.machine import System

if TYPE_CHECKING:
    from probes.ask import Asker

_DMI = "/sys/class/dmi/id"

_PLACEHOLDERS = re.compile(
    r"(?i)to be filled by o\.?e\.?m\.?|system product name|system version|default string|"
    r"not specified|not applicable|none|unknown|product name|o\.?e\.?m\.?|invalid|"
    r"type1productconfigid"
)
"""What firmware says when nobody filled in the name."""

_CONTAINER_FILES = {
    "/run/.containerenv": "podman",
    "/.singularity.d": "apptainer",
    "/.flatpak-info": "flatpak",
    "/dev/lxd/sock": "lxc",
}

_CONTAINER_VARIABLES = {
    "KUBERNETES_SERVICE_HOST": "kubernetes",
    "APPTAINER_CONTAINER": "apptainer",
    "SINGULARITY_CONTAINER": "apptainer",
}

_CONTAINER_GROUPS = {
    "kubepods": "kubernetes",
    "libpod": "podman",
    "docker": "docker",
    "lxc": "lxc",
    "nspawn": "systemd-nspawn",
}
"""Parts of the names that container programs give their control groups."""


def probe_system(asker: Asker) -> System:
    """What the operating system says it is. Nothing here fails: an unanswered question is None."""
    readers = {"linux": _linux, "macos": _macos, "windows": _windows}
    reader = readers.get(asker.os)
    return reader(asker) if reader else System(os=asker.os)


def _linux(asker: Asker) -> System:
    return System(
        os="linux",
        os_version=_os_release(asker),
        kernel=asker.text("/proc/sys/kernel/osrelease"),
        container=_container(asker),
        virtual_machine=virtual_machine(asker),
        model=_product(asker),
    )


def _macos(asker: Asker) -> System:
    values = sysctl.read(asker)
    return System(
        os="macos",
        os_version=values.get("kern.osproductversion"),
        kernel=values.get("kern.osrelease"),
        virtual_machine="hypervisor" if values.get("kern.hv_vmm_present") == "1" else None,
        model=values.get("hw.model"),
    )


def _windows(asker: Asker) -> System:
    """The build says what Windows 11 is: its ProductName still reads `Windows 10 Pro`."""
    value = windows_registry.reader(asker, r"SOFTWARE\Microsoft\Windows NT\CurrentVersion")
    build, release = value("CurrentBuildNumber"), value("DisplayVersion")
    name = value("ProductName")
    if name and build and build.isdecimal() and int(build) >= 22000:
        name = name.replace("Windows 10", "Windows 11")
    bios = windows_registry.reader(asker, r"HARDWARE\DESCRIPTION\System\BIOS")
    return System(
        os="windows",
        os_version=" ".join(part for part in (name, release) if part) or None,
        kernel=f"10.0.{build}" if build else None,
        model=_first_name(bios("SystemProductName"), bios("BaseBoardProduct")),
    )


def _os_release(asker: Asker) -> str | None:
    text = asker.text("/etc/os-release") or asker.text("/usr/lib/os-release") or ""
    name = re.search(r"^PRETTY_NAME=[\"']?([^\"'\n]+)", text, re.MULTILINE)
    return name[1].strip() if name else None


def _product(asker: Asker) -> str | None:
    """The product's name, from the firmware's tables or the device tree.

    Lenovo keeps a part number in the name and the name in the version.
    """
    names = [asker.text(f"{_DMI}/{field}") for field in ("product_name", "board_name")]
    if (asker.text(f"{_DMI}/sys_vendor") or "").upper() == "LENOVO":
        names.insert(0, asker.text(f"{_DMI}/product_version"))
    return _first_name(*names, asker.text("/proc/device-tree/model"))


def _first_name(*names: str | None) -> str | None:
    return next((name for name in names if name and not _PLACEHOLDERS.fullmatch(name)), None)


def _container(asker: Asker) -> str | None:
    """What kind of container this is, by what the program that made it leaves behind.

    Kubernetes comes first because its containers also carry the marks of the program below it.
    """
    for variable, kind in _CONTAINER_VARIABLES.items():
        if asker.environ.get(variable):
            return kind
    for path, kind in _CONTAINER_FILES.items():
        if asker.exists(path):
            return kind
    declared = asker.environ.get("container") or asker.text("/run/systemd/container")
    if declared and declared != "wsl":
        return declared
    if asker.exists("/.dockerenv") and not _root_is_a_disk(asker):
        return "docker"
    return _container_by_group(asker)


def _container_by_group(asker: Asker) -> str | None:
    """By the control group of process 1, which names its container unless it is hidden."""
    groups = asker.text("/proc/1/cgroup") or ""
    for part, kind in _CONTAINER_GROUPS.items():
        if re.search(rf"[/:.-]{part}", groups):
            return kind
    mounts = asker.text("/proc/self/mountinfo") or ""
    return "lxc" if re.search(r" /proc/\w+ .* - fuse\.lxcfs ", mounts) else None


def _root_is_a_disk(asker: Asker) -> bool:
    """True when a whole disk is mounted as the root directory.

    Then a micro virtual machine (Firecracker and its kin) was started from a container's image,
    in which `/.dockerenv` stayed behind; no container is around us.
    """
    for line in (asker.text("/proc/self/mountinfo") or "").splitlines():
        fields = line.split(" ")
        if len(fields) > 5 and fields[3:5] == ["/", "/"]:
            source = line.partition(" - ")[2].split(" ")[1:2]
            return re.fullmatch(r"/dev/(vd|sd|xvd|nvme|pmem)\w+", "".join(source)) is not None
    return False
